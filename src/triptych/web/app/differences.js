// @ts-check
/** Under pictures side by side: only the settings that differ, each with its reason. */
import { called, Name } from './compare.js';
import { LANES, price, seconds } from './format.js';
import * as s from './state.js';
import { Icon, h, html, say } from './ui.js';
/** @typedef {import('./compare.js').Side} Side */

const SHAPE = ['aspect_ratio', 'size', 'resolution'], KINDS = /** @type {Record<string, string>} */ ({ emulated: 'done another way', adjusted: 'changed to fit', unsupported: 'not possible there' });
const SOURCES = /** @type {Record<string, string>} */ ({ provider: 'as the provider charged', usage: 'from the usage it reported', table: 'from the price table' });

/** What was fitted of these settings, and why. @param {Side} x @param {string[]} of */
const fitted = (x, of) => x.t.adjustments.filter(a => a.kind !== 'native' && of.includes(a.feature));
/** @param {Side} x @param {string[]} of */
const why = (x, of) => fitted(x, of).map(a => a.detail).join('; ');

/** Each setting: its name, what it was, and why. @param {Side[]} all @returns {[string, (x: Side) => string, ((x: Side) => string)?][]} */
function settings(all) {
  const others = [...new Set(all.flatMap(x => x.t.adjustments.filter(a => a.kind !== 'native').map(a => a.feature)))].filter(f => ![...SHAPE, 'seed'].includes(f));
  const rewritten = (/** @type {Side} */ x) => x.image.revised_prompt && x.image.revised_prompt !== x.t.prompt ? x.image.revised_prompt : '';
  return [
    ['Model', x => x.t.endpoint ?? x.t.model],
    ['Prompt', x => x.t.prompt],
    ['Size', x => `${x.image.width}×${x.image.height}`, x => why(x, SHAPE)],
    ['Seed', x => x.image.seed === null ? say('not told') : String(x.image.seed), x => why(x, ['seed'])],
    ['Rewritten', x => rewritten(x) ? say('by the provider') : say('no'), rewritten],
    ...others.map(f => /** @type {[string, (x: Side) => string, (x: Side) => string]} */ ([f[0].toUpperCase() + f.slice(1).replaceAll('_', ' '), x => say(KINDS[fitted(x, [f])[0]?.kind ?? ''] ?? 'as asked'), x => why(x, [f])])),
    ['Lane', x => say(LANES[x.t.lane ?? '']?.[0] ?? ''), x => say(LANES[x.t.lane ?? '']?.[1] ?? '')],
    ['Time', x => x.t.started_ms && x.t.ended_ms ? seconds((x.t.ended_ms - x.t.started_ms) / 1000) : '', x => s.earlier(x.t).length ? say('of the last try') : ''],
    ['Cost', x => price(x.t.cost), x => say(SOURCES[x.t.cost?.source ?? ''] ?? '')],
  ];
}

/** Open or shut as it was left. @param {{ all: Side[], strip: import('@preact/signals').Signal<string> }} props */
export function Differences({ all, strip }) {
  const hidden = all.some(x => s.veiled(x.t.run));
  const rows = settings(all).filter(([name]) => !hidden || name === 'Prompt').map(([name, of, because]) => ({ name, cells: all.map(x => [of(x), because?.(x) ?? '']) }))
    .filter(({ cells }) => new Set(cells.map(c => c.join('\n'))).size > 1);
  if (!rows.length) return hidden ? null : html`<p class="differences same">${say('Every setting is the same.')}</p>`;
  return html`<details class="differences" open=${strip.value === 'open'} onToggle=${e => { strip.value = s.local.differences = e.currentTarget.open ? 'open' : 'shut'; }}><summary>${h(Icon, { name: 'chevron-down' })}${say('What differs')}</summary><div class="wide" tabindex="0" role="region" aria-label=${say('What differs')}><table><thead><tr><th scope="col"><span class="vh">${say('Setting')}</span></th>${all.map(x => html`<th scope="col" title=${called(x)}>${h(Name, { side: x })}</th>`)}</tr></thead>
    <tbody>${rows.map(({ name, cells }) => html`<tr key=${name}><th scope="row">${say(name)}</th>${cells.map(([value, because]) => html`<td>${value}${because && html`<span class="why">${because}</span>`}</td>`)}</tr>`)}</tbody></table></div></details>`;
}
