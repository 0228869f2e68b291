// @ts-check
/** What was really sent, what was fitted, why it went where it went, and what it cost. Looking never touches the prompt bar. */
import { signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { deed } from './actions.js';
import { ApiError, call } from './api.js';
import { pickedFor } from './chosen.js';
import { stay } from './composer.js';
import { reuse, seedless } from './deeds.js';
import { feature } from './features.js';
import { price, seconds } from './amounts.js';
import { LANES, money } from './format.js';
import { AltText } from './alt.js';
import { Headline, quotes } from './headline.js';
import * as s from './state.js';
import { wasBilled } from './status.js';
import { Tool, h, html, later, say, styled } from './ui.js';

/** @import { Row, Tile } from './types' */

const Restored = later(() => Promise.all([import('./restored.js'), styled('edit')]).then(([m]) => m), 'Restored');
const Rewrite = later(() => import('./rewrite.js'), 'Rewrite');
const Inputs = later(() => import('./inputs.js'), 'Inputs');
const Origin = later(() => import('./origin.js'), 'Origin');
const Route = later(() => import('./route.js'), 'Route');
await styled('router');                                  // its gaps and bars stand before it shows
const KINDS = /** @type {Record<string, string>} */ ({ native: 'as asked', emulated: 'done another way', adjusted: 'changed to fit', unsupported: 'not possible there' });

const ENDED = /** @type {Record<string, string>} */ ({ done: 'picture', blocked: 'refused', failed: 'failed', cancelled: 'stopped', lost: 'lost' });

/** Every try of this tile, the first one first. @param {Tile} tile */
function chain(tile) {
  const all = s.findRow(tile.run)?.tiles.value.map(t => t.value) ?? [], first = s.earlier(tile).at(-1) ?? tile;
  return all.filter(t => t.id === first.id || s.earlier(t).at(-1)?.id === first.id);
}

const TABS = /** @type {[string, string][]} */ ([['picture', 'Picture'], ['route', 'Route'], ['sent', 'Sent request']]);
const tab = signal('picture');                             // stays from picture to picture

/** One of the three is shown; arrows go from one to the next, as everywhere. */
function Tabs() {
  const turn = (/** @type {KeyboardEvent} */ e) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!by) return;
    e.preventDefault(); e.stopPropagation();
    tab.value = TABS[(TABS.findIndex(([id]) => id === tab.value) + by + TABS.length) % TABS.length][0];
    document.getElementById(`tab-${tab.value}`)?.focus();
  };
  return html`<div class="seg" role="tablist" aria-label=${say('About this picture')} onKeyDown=${turn}>${TABS.map(([id, name]) => html`<button type="button" role="tab" id=${`tab-${id}`} aria-selected=${tab.value === id} aria-controls="inspected" tabindex=${tab.value === id ? 0 : -1} onClick=${() => { tab.value = id; }}>${say(name)}</button>`)}</div>`;
}

export function Inspector() {
  const id = s.inspecting.value, tile = s.findTile(id)?.value, data = useSignal(/** @type {any} */ (null)), problem = useSignal('');
  useEffect(() => {
    const cut = new AbortController();
    if (data.peek()?.tile.id !== id) data.value = null;
    problem.value = '';
    call('GET', `/api/tiles/${id}`, undefined, cut.signal).then(d => { data.value = d; }, e => { if (!cut.signal.aborted) problem.value = e instanceof ApiError ? `${e.message} ${e.hint}` : String(e); });
    return () => cut.abort();
  }, [id, tile?.state]);
  const hidden = tile && s.veiled(tile.run);
  const row = tile ? s.findRow(tile.run) : undefined;
  const tries = tile ? chain(tile) : [], place = tries.find(t => document.getElementById(t.id))?.id ?? id;
  const close = () => { s.inspecting.value = ''; document.getElementById(place)?.focus(); };
  return html`<aside class="inspector" aria-label=${say('Inspector')} onKeyDown=${e => { if (e.key === 'Escape') { e.stopPropagation(); close(); } }}>
    <header><h2>${hidden ? say('Inspector') : tile?.name ?? say('Inspector')}</h2>${h(Tool, { icon: 'x', label: say('Close the inspector'), onClick: close })}</header>
    ${hidden ? html`<p class="sub">${say('Hidden until one of this row is picked in Compare.')}</p>` : html`${tries.length > 1 && html`<div class="seg" role="group" aria-label=${say('Tries')}>${tries.map((t, n) => html`<button type="button" key=${t.id} aria-pressed=${t.id === id} onClick=${() => { s.inspecting.value = t.id; }}>${say('Try {0}: {1}', n + 1, say(ENDED[t.state] ?? 'under way'))}</button>`)}</div>`}
    ${problem.value && html`<p class="remark bad" role="alert">${problem}</p>`}
    ${h(Tabs, null)}
    <div class="tabpanel" role="tabpanel" id="inspected" aria-labelledby=${`tab-${tab.value}`}>
    ${tab.value === 'picture' && tile && html`${tile.error && html`<section><h3>${say('What happened')}</h3><p class="remark bad">${say(tile.error.message)}</p>${tile.error.upstream && html`<p class="sub">“${tile.error.upstream}”</p>`}<p class="sub">${!/\bbilled\b/i.test(tile.error.message) && wasBilled(tile.error.billed, tile.cost)} ${tile.error.hint}</p></section>`}
      ${tile.doubt && html`<section><h3>${say('In doubt')}</h3><p class="remark warn">${say(tile.doubt.message)}</p><p class="sub">${say(tile.doubt.hint)} <a href="/network" onClick=${stay}>${say('Network')}</a></p></section>`}
      ${h(Recipe, { tile, row, request: data.value?.tile.id === id ? data.value.request : null })}${tile.imported ? h(Origin, { of: tile.imported }) : html`${h(Fitted, { tile, detail: data.value?.tile.id === id ? data.value : null })}${tile.images.some(x => x.restored) && h(Restored, { tile })}${h(Costs, { tile })}`}`}
    ${tab.value === 'route' && tile && data.value && h(Route, { data: data.value, tile })}
    ${tab.value === 'sent' && data.value && h(Sent, { attempts: data.value.attempts ?? [], request: data.value.request })}</div>`}
  </aside>`;
}

/** @param {{ tile: Tile, row: Row | undefined, request: any }} props */
function Recipe({ tile, row, request }) {
  const image = tile.images[0];
  return html`<section><h3>${say('Recipe')}</h3><p class="prompt">${tile.prompt}</p>
    ${[...new Set(tile.images.map(i => i.revised_prompt))].map(to => to && to !== tile.prompt && h(Rewrite, { key: to, from: tile.prompt, to }))}
    ${h(Inputs, { tile, row, request })}
    <dl>${[['Model', tile.endpoint ?? tile.model], ['Privacy', say(LANES[tile.lane ?? '']?.[1] ?? '')], ['Size', image && `${image.width} × ${image.height}`], ['Picked', image && pickedFor(image.id)], ['Seed', image && (image.seed ?? say('not told by the provider'))], ['File', image && `${image.media_type}, ${(image.bytes / 1024).toFixed(0)} KB`], ['SHA-256', image?.sha256]]
      .filter(([, v]) => v).map(([k, v]) => html`<div><dt>${say(String(k))}</dt><dd class=${k === 'SHA-256' ? 'num hash' : ''}>${v}</dd></div>`)}</dl>
    ${quotes(tile.prompt) && tile.images.map(i => h(Headline, { key: i.id, of: `/api/images/${i.id}` }))}${tile.images.map(i => h(AltText, { key: i.id, tile, image: i }))}${row && h(Reuse, { tile, row })}</section>`;
}

/** What can go into the prompt bar again: all of it, or one part, the rest of the bar left as it is. @param {{ tile: Tile, row: Row }} props */
function Reuse({ tile, row }) {
  const pictures = Boolean(row.settings?.images?.length || row.settings?.mask), seeded = seedless(row.text) !== row.text.trim();
  const part = (/** @type {string} */ name, /** @type {Parameters<typeof reuse>[1]} */ which, /** @type {string | false} */ none = false) => html`<button type="button" class="btn small" disabled=${Boolean(none)} title=${none || null} onClick=${() => reuse(row, which)}>${name}</button>`;
  return html`<div class="next">${part(say('Use all'), true)}${part(say('Prompt only'), false)}${part(say('Refs only'), 'pictures', !pictures && say('No picture went along.'))}${part(say('All but seed'), 'seedless', !seeded && say('No seed was asked for.'))}<a class="btn small" href=${`/lineage/${tile.id}`} onClick=${stay}>${say('Lineage')}</a></div>`;
}

/** Only its own answer says, too, what went as asked. @param {{ tile: Tile, detail: { tile: Tile, amounts?: { words: string }[] } | null }} props */
function Fitted({ tile, detail }) {
  const { adjustments } = detail?.tile ?? tile, amounts = detail?.amounts ?? [];
  const list = adjustments.filter(a => a.kind !== 'native'), same = adjustments.filter(a => a.kind === 'native').map(a => feature(a.feature));
  return html`<section><h3>${say('Adjusted')}</h3>${list.length ? html`<ul class="list">${list.map(a => html`<li><p><b>${feature(a.feature)}</b><span class="num">${say(KINDS[a.kind])}</span></p><p class="sub">${say(a.detail)}</p></li>`)}</ul>` : amounts.length ? null : html`<p class="sub">${say('Nothing: everything went as asked.')}</p>`}
    ${amounts.length > 0 && html`<h3>${say('By how much')}</h3><ul class="list">${amounts.map(a => html`<li><p>${say(a.words)}</p></li>`)}</ul>`}
    ${same.length > 0 && html`<p class="sub">${say('As asked: {0}.', same.join(', '))}</p>`}</section>`;
}

/** @param {{ tile: Tile }} props */
function Costs({ tile }) {
  const source = /** @type {Record<string, string>} */ ({ provider: 'as the provider charged', usage: 'from the usage the provider reported', table: 'from the price table', free: '', unknown: '' })[tile.cost?.source ?? ''];
  return html`<section><h3>${say('Cost')}</h3><dl><div><dt>${say('Before')}</dt><dd class="num">${price(tile.estimate, true)}</dd></div><div><dt>${say('After')}</dt><dd><span class="num">${tile.cost ? price(tile.cost) : s.FINAL.has(tile.state) ? tile.billed === 'no' ? say('nothing') : say('not known') : say('not yet known')}</span> ${say(source ?? '')}</dd></div>
    ${tile.fee_micro_usd + tile.fee_estimate_micro_usd > 0 && html`<div><dt>${say('Fee')}</dt><dd><span class="num">${money(s.FINAL.has(tile.state) ? tile.fee_micro_usd : tile.fee_estimate_micro_usd)}</span> ${say(!s.FINAL.has(tile.state) ? 'on top, if it costs that' : tile.billed === 'unknown' ? 'on top: nobody knows the bill, so this follows the estimate' : 'on top, for the operator of this router')}</dd></div>`}
    <div><dt>${say('Billed')}</dt><dd>${s.FINAL.has(tile.state) ? wasBilled(tile.billed) : say('Not yet.')}</dd></div>${tile.started_ms && tile.ended_ms && html`<div><dt>${say('Time')}</dt><dd class="num">${seconds((tile.ended_ms - tile.started_ms) / 1000)}</dd></div>`}</dl></section>`;
}

/** @param {{ attempts: any[], request: any }} props */
function Sent({ attempts, request }) {
  const words = /** @type {Record<string, string>} */ ({ running: 'under way', done: 'brought the picture', failed: 'failed' });
  return html`<section><h3>${say('Sent request')}</h3>${attempts.length === 0 && html`<p class="sub">${say('Nothing has left this machine.')}</p>`}
    ${attempts.map(a => html`<div class="attempt"><p><b>${say('Attempt {0}', a.number)}</b> <span class="num">${a.endpoint}</span> ${say(a.error?.failure === 'blocked' ? 'refused' : words[a.outcome] ?? a.outcome)}${a.ended_ms ? ` ${say('after {0}', seconds((a.ended_ms - a.started_ms) / 1000))}` : ''}</p>
      ${a.error && html`<p class="sub">${say(a.error.message)} ${wasBilled(a.billed)}</p>`}
      ${(a.wires ?? []).map((/** @type {any} */ w) => h(Wire, { wire: w }))}</div>`)}
    ${request && html`<details><summary>${say('The request before it was translated')}</summary>${h(Code, { text: pretty(request) })}</details>`}</section>`;
}

/** @param {any} value */
const pretty = value => { try { return JSON.stringify(typeof value === 'string' ? JSON.parse(value) : value, null, 2); } catch { return String(value); } };

/** @param {{ wire: any }} props */
function Wire({ wire: w }) {
  const headers = Object.entries(w.headers ?? {}).map(([k, v]) => `${k}: ${v}`).join('\n');
  return html`<details open><summary><span class="num">${w.method} ${w.url}</span></summary>${h(Code, { text: `${headers}${headers && '\n\n'}${w.body === null ? '' : pretty(w.body)}` })}<p class="sub num hash">${say('SHA-256 of the body')} ${w.body_sha256}</p>${answered(w) && html`<p class="sub num">${answered(w)}</p>`}</details>`;
}

/** How a call was answered, in words. @param {any} w */
const answered = w => w.ms == null ? '' : `${say('{0} after {1}', w.status ? say('HTTP {0}', w.status) : say('No answer'), seconds(w.ms / 1000))}${w.calls > 1 ? say(' in {0} calls', w.calls) : ''}${w.request_id ? say(', {0} there', w.request_id) : ''}`;

/** @param {{ text: string }} props */
function Code({ text }) {
  return html`<div class="code"><pre tabindex="0">${text}</pre>${h(Tool, { icon: 'copy', label: say('Copy'), class: 'small', onClick: () => deed('copyText', text) })}</div>`;
}
