// @ts-check
/** Under pictures side by side: only the settings that differ by somebody's choice, each with its reason. */
import { called, Name } from './sides.js';
import { price } from './amounts.js';
import { feature, roleOf } from './features.js';
import { LANES, count } from './format.js';
import * as s from './state.js';
import { Icon, h, html, say } from './ui.js';
/** @typedef {import('./sides.js').Side} Side */

const SHAPE = ['aspect_ratio', 'size', 'resolution'], OWN = [...SHAPE, 'seed', 'images', 'roles', 'mask', 'turns', 'restore', 'options'];
const KINDS = /** @type {Record<string, string>} */ ({ emulated: 'done another way', adjusted: 'changed to fit', unsupported: 'not possible there' });
const SOURCES = /** @type {Record<string, string>} */ ({ provider: 'as the provider charged', usage: 'from the usage it reported', table: 'from the price table', free: 'this model costs nothing', unknown: 'nobody has told it yet' });

/** What was fitted of these settings, and why. @param {Side} x @param {string[]} of */
const fitted = (x, of) => x.t.adjustments.filter(a => a.kind !== 'native' && of.includes(a.feature));
/** @param {Side} x @param {string[]} of */
const why = (x, of) => fitted(x, of).map(a => say(a.detail)).join('; ');

/** @param {Side} x */
const sized = x => why(x, SHAPE) || (x.t.asked.size === `${x.image.width}x${x.image.height}` ? say('as asked') : x.t.parent || x.t.task ? say('follows the picture that it is made from') : say('the size that this model makes of this shape'));
/** @param {Side} x */
const seeded = x => {
  const { seed } = x.t.asked, fit = why(x, ['seed']), known = x.image.seed !== null;
  const told = fit || (!known ? say('the provider does not tell it') : seed === undefined ? say('the model’s own: none was asked for') : say('as asked'));
  return seed !== undefined && (fit || !known) ? `${told}; ${say('asked for: {0}', seed)}` : told;
};

/** What was asked of a setting and what became of it: as two cells. @param {string} f @param {Side[]} all @returns {[string, (x: Side) => string, (x: Side) => string]} */
function setting(f, all) {
  const open = all.some(x => f in x.t.asked), name = feature(f), kind = (/** @type {Side} */ x) => say(KINDS[fitted(x, [f])[0]?.kind ?? ''] ?? 'as asked');
  const written = (/** @type {any} */ v) => v === true ? say('yes') : v === false ? say('no') : String(v);
  return [name[0].toUpperCase() + name.slice(1), x => f in x.t.asked ? written(x.t.asked[f]) : open ? say('not set') : kind(x),
    x => f in x.t.asked ? [kind(x), why(x, [f])].filter(Boolean).join(': ') : why(x, [f]) || (open ? say('not asked for') : '')];
}

/** An option as it was typed, for one provider alone. @param {string} provider @param {string} name @returns {[string, (x: Side) => string, (x: Side) => string]} */
function option(provider, name) {
  const called = s.providers.value.find(p => p.id === provider)?.name ?? provider, of = (/** @type {Side} */ x) => x.t.asked.options?.[provider]?.[name];
  const written = (/** @type {unknown} */ v) => { const text = typeof v === 'string' ? v : JSON.stringify(v); return text.length > 300 ? `${text.slice(0, 200)} … ${text.slice(-50)} (${count(text.length, 'letter')})` : text; };
  return [`${called}: ${name}`, x => of(x) === undefined ? say('not set') : written(of(x)),
    x => of(x) === undefined ? say('not asked for') : (x.t.endpoint ?? x.t.model).split('/')[0] === provider ? say('passed on as it is') : say('not sent: it is for {0} alone', called)];
}

/** What stands outside of the mask, and why. @param {Side} x */
const outside = ({ image: { restored: r }, t }) => r ? say(r.state === 'restored' && !r.unrestored ? 'restored' : 'as it came') : t.asked.mask ? say('as it came') : say('no mask');
/** @param {Side} x */
const because = ({ image: { restored: r }, t }) => r ? [r.unrestored && say('chosen in the inspector'), say(r.words)].filter(Boolean).join(': ') : t.asked.mask ? say('the model takes masks itself') : say('not asked for');

/** The pictures that went along, each by its number among those of all. @param {Side} x @param {string[]} all */
const given = (x, all) => x.t.asked.images?.map(i => `${say('Picture {0}', all.indexOf(i.sha256) + 1)} (${roleOf(i.role)})`).join(', ');

/** Each setting that somebody chose, the user or the provider: its name, what it was, and why. Who made it and how long it took stand
 * below each picture. @param {Side[]} all @returns {[string, (x: Side) => string, (x: Side) => string][]} */
function settings(all) {
  const others = [...new Set(all.flatMap(x => [...Object.keys(x.t.asked), ...x.t.adjustments.filter(a => a.kind !== 'native').map(a => a.feature)]))].filter(f => !OWN.includes(f));
  const pictures = [...new Set(all.flatMap(x => x.t.asked.images?.map(i => i.sha256) ?? []))], masks = [...new Set(all.flatMap(x => x.t.asked.mask ?? []))];
  const options = new Map(all.flatMap(x => Object.entries(x.t.asked.options ?? {})).flatMap(([provider, set]) => Object.keys(set).map(name => [`${provider} ${name}`, option(provider, name)])));
  const rewritten = (/** @type {Side} */ x) => x.image.revised_prompt && x.image.revised_prompt !== x.t.prompt ? x.image.revised_prompt : '';
  return [
    ['Prompt', x => x.t.prompt, () => say('as asked')],
    ['Size', x => `${x.image.width}×${x.image.height}`, sized],
    ['Seed', x => x.image.seed === null ? say('not told') : String(x.image.seed), seeded],
    ['Rewritten', x => rewritten(x) ? say('by the provider') : say('no'), x => rewritten(x) || say('your words as they are')],
    ['Draft or final', x => x.t.draft === null ? say('Final') : say('Draft'), x => x.t.draft === null ? say('as asked') : say(x.t.draft)],
    ['Made from', x => given(x, pictures) ?? say('no picture'), x => why(x, ['images', 'roles']) || (x.t.asked.images ? say('as asked') : say('not asked for'))],
    ['Mask', x => !x.t.asked.mask ? say('no') : masks.length > 1 ? say('Mask {0}', masks.indexOf(x.t.asked.mask) + 1) : say('yes'), x => why(x, ['mask']) || (x.t.asked.mask ? say('as asked') : say('not asked for'))],
    ['Outside the mask', outside, because],
    ['Conversation', x => x.t.asked.turns?.map((turn, i) => `${i + 1}. ${turn.prompt}`).join(' ') ?? say('no earlier turn'), x => why(x, ['turns']) || (x.t.asked.turns ? say('as asked') : say('not asked for'))],
    ...others.map(f => setting(f, all)),
    ...options.values(),
    ['Lane', x => say(LANES[x.t.lane ?? '']?.[0] ?? ''), x => say(LANES[x.t.lane ?? '']?.[1] ?? '')],
    ['Cost', x => price(x.t.cost), x => [say(SOURCES[x.t.cost?.source ?? ''] ?? ''), s.earlier(x.t).length && say('of the last try')].filter(Boolean).join(', ')],
  ];
}

/** Open or shut as it was left; `hidden` while nobody is to know the makers. `over` once that was so: the pictures keep their
 * places when it ends, so the strip has its line from the start, begins shut and opens over them.
 * @param {{ all: Side[], strip: import('@preact/signals').Signal<string>, hidden: boolean, over: boolean }} props */
export function Differences({ all, strip, hidden, over }) {
  const rows = settings(all).filter(([name]) => !hidden || name === 'Prompt').map(([name, of, because]) => ({ name, cells: all.map(x => [of(x), because(x)]) }))
    .filter(({ cells }) => new Set(cells.map(c => c.join('\n'))).size > 1);
  if (over) return html`<div class="reveal">${rows.length > 0 && h(Strip, { all, rows })}${!rows.length && !hidden && html`<p class="differences same">${say('Every setting is the same.')}</p>`}</div>`;
  if (!rows.length) return html`<p class="differences same">${say('Every setting is the same.')}</p>`;
  return h(Strip, { all, rows, strip });
}

/** @param {{ all: Side[], rows: { name: string, cells: string[][] }[], strip?: import('@preact/signals').Signal<string> }} props */
const Strip = ({ all, rows, strip }) => html`<details class="differences" open=${strip?.value === 'open'} onToggle=${e => { if (strip) strip.value = s.local.differences = e.currentTarget.open ? 'open' : 'shut'; }}><summary>${h(Icon, { name: 'chevron-down' })}${say('What differs')}</summary><div class="wide" tabindex="0" role="region" aria-label=${say('What differs')}><table><thead><tr><th scope="col"><span class="vh">${say('Setting')}</span></th>${all.map(x => html`<th scope="col" title=${called(x)}>${h(Name, { side: x })}</th>`)}</tr></thead>
    <tbody>${rows.map(({ name, cells }) => html`<tr key=${name}><th scope="row">${say(name)}</th>${cells.map(([value, because]) => html`<td>${value}${because && html`<span class="why">${because}</span>`}</td>`)}</tr>`)}</tbody></table></div></details>`;
