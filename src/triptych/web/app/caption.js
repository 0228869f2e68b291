// @ts-check
/** Under a tile and beside a row: who drew it, which prompt it was, how long it took and what it cost. */
import { useSignal } from '@preact/signals';
import { alt, marks, takeBack } from './marks.js';
import { LANES, count, letter, money, price, seconds, ticking } from './format.js';
import { isKey } from './keyvisual.js';
import * as s from './state.js';
import { elapsed } from './status.js';
import { h, html, later, say, styled } from './ui.js';
/** @import { Row, Tile } from './types' */

/** Words with their commas off, and settings whole. @param {string} text */
const words = text => text.split(/\s+/).map(w => w.replace(/^[,.;:]+|[,.;:]+$/g, '')).filter(Boolean);

/** What sets this tile's prompt and shape apart from the others of its row: "red · 1:1", or ''. @param {Tile} t */
export { alt };
/** Under a row on a small screen. */
export const Film = later(() => import('./phone.js'), 'Film');
if (matchMedia('(pointer: coarse)').matches) import('./phone.js');
export function apart(t) {
  const all = (s.findRow(t.run)?.tiles.value ?? []).map(x => x.value), prompts = [...new Set(all.map(x => x.prompt))];
  const parts = [];
  if (prompts.length > 1) {
    const others = prompts.map(p => new Set(words(p)));
    const own = words(t.prompt).filter(w => !others.every(o => o.has(w))).join(' ');
    parts.push(own || t.prompt.slice(0, 40));
  }
  if (new Set(all.map(x => x.ratio)).size > 1) parts.push(shape(t.ratio));
  return parts.join(' · ').slice(0, 80);
}

/** A ratio as people write it. @param {number} ratio */
function shape(ratio) {
  for (let high = 1; high <= 21; high++) {
    const wide = Math.round(ratio * high);
    if (wide && Math.abs(wide / high / ratio - 1) < .004) return `${wide}:${high}`;
  }
  return ratio.toFixed(2);
}

/** As on a print proof: who, then how long and for how much. @param {{ t: Tile, index: number, live: boolean, tab: number }} props */
export function Caption({ t, index, live, tab }) {
  const tries = s.earlier(t).filter(e => e.state !== 'done'), model = s.byId.value.get(t.endpoint ?? '') ?? s.byId.value.get(t.model), [lane, title] = LANES[t.lane ?? model?.lane ?? ''] ?? ['', ''], fitted = t.adjustments.filter(a => a.kind !== 'native');
  const own = apart(t), hidden = s.veiled(t.run);
  const cost = hidden || t.imported ? '' : t.state === 'done' ? price(t.cost ?? t.estimate, !t.cost) : live && price(t.estimate, true);
  const time = hidden ? '' : live ? t.started_ms && h(Elapsed, { t }) : t.state === 'done' && t.started_ms && t.ended_ms ? seconds((t.ended_ms - t.started_ms) / 1000) : '';
  return html`<div class="cap"><p><span class="num">${letter(index)}</span><b>${t.name}</b><span class="num facts">${time && html`<span>${time}</span>`}${cost && html`<span>${cost}</span>`}</span></p>
    ${own && html`<p class="own" title=${t.prompt}>${own}</p>`}
    <p class="sub" title=${say(title)}>${hidden ? say('Hidden until one is picked: open Compare') : html`${t.maker}${lane && ` · ${say(lane)}`}${model?.is_ai === false ? ` · ${say('procedural, not an AI model')}` : ''}`}</p>
    ${(t.draft != null || t.final) && html`<p class="own" title=${t.draft ?? say('Made from a draft, as it was asked for there')}>${t.final ? say('Final of a draft') : say('Draft: {0}', t.draft)}</p>`}
    ${t.imported && html`<p class="own" title=${say('What its file says of its maker; nobody has checked it')}>${say('imported, not made here: no receipt')}</p>`}
    ${t.images.filter(i => marks.value[i.id]?.trashed_ms).map(i => html`<p class="own binned" key=${i.id}>${say('In the trash')} <button type="button" class="btn small" tabindex=${tab} onClick=${() => takeBack(i.id)}>${say('Take back')}</button></p>`)}
    ${t.images.some(i => isKey(i.id)) && html`<p class="own">${say('◆ Key visual')}</p>`}
    ${tries.length > 0 && html`<button type="button" class="fitted tries" tabindex=${tab} title=${say('What happened before, in the inspector')} onClick=${() => { s.inspecting.value = tries[0].id; }}>${count(tries.length, 'earlier try', 'earlier tries')}</button>`}
    ${fitted.length > 0 && html`<button type="button" class="fitted" tabindex=${tab} title=${say('Open the inspector')} onClick=${() => { s.inspecting.value = t.id; }}>≈ ${fitted[0].detail}${fitted.length > 1 ? ` · ${say('{0} more', fitted.length - 1)}` : ''}</button>`}
  </div>`;
}

const Caps = later(() => Promise.all([import('./caps.js'), styled('views')]).then(([m]) => m), 'Caps');

/** What is known, and up to what with estimates in place of the charges that nobody could tell.
 * @param {number} micro @param {number} guessed of it @param {number | boolean} unknown charges */
export function spent(micro, guessed, unknown) {
  const sure = micro - guessed;
  return !unknown ? money(micro) : !guessed ? sure ? say('{0} and unknown', money(sure)) : say('unknown') : `${sure ? `${money(sure)}, ` : ''}${say('up to {0}', money(micro))}`;
}

/** Spent today against the cap. */
export function Spend() {
  const open = useSignal(false);
  if (!s.spend.value) return null;
  const { today, caps } = s.spend.value, said = spent(today.amount_micro_usd, today.guessed_micro_usd ?? 0, today.unknown), cap = caps.day === null ? say('no cap') : say('of {0}', money(caps.day));
  return html`<button type="button" class="spend num" title=${say('Spent today: {0}. What is under way counts with its estimate. Change the caps.', said)} onClick=${() => { open.value = true; }}><span>${say('today')}</span><b>${said}</b><span>${cap}</span></button>${open.value && h(Caps, { close: () => { open.value = false; } })}`;
}

/** @param {{ t: Tile }} props */
const Elapsed = ({ t }) => ticking(elapsed(t));

/** @param {{ row: Row, tiles: import('./types').TileSignal[] }} props */
export function Money({ row, tiles }) {
  if (s.veiled(row.id)) return html`<span>${say('cost hidden')}</span>`;
  const all = row.tiles.value.map(t => t.value), guess = all.filter(t => t.billed === 'unknown' || (t.state === 'done' && t.cost?.source === 'unknown')), live = all.filter(t => !s.FINAL.has(t.state));
  const sum = (/** @type {Tile[]} */ of, /** @type {'cost' | 'estimate'} */ field) => of.reduce((n, t) => n + (t[field]?.amount_micro_usd ?? 0) + (t[s.FINAL.has(t.state) ? 'fee_micro_usd' : 'fee_estimate_micro_usd'] ?? 0), 0), rest = all.filter(t => !guess.includes(t) && !live.includes(t));
  const guessed = sum(guess, 'estimate'), micro = sum(rest, 'cost') + sum(live, 'estimate') + guessed, costs = [...rest.map(t => t.cost), ...live.map(t => t.estimate)].filter(Boolean);
  const free = !guess.length && costs.length > 0 && costs.every(c => c?.source === 'free');
  return html`<span title=${guess.length ? say('Cost of this row: what is known, and with estimates in place of what nobody could tell') : say('Cost of this row')}>${free ? say('free') : guess.length && !micro ? say('cost unknown') : live.length && micro > guessed ? say('about {0}', spent(micro, guessed, guess.length)) : spent(micro, guessed, guess.length)}</span>`;
}

/** A tile of a blind row before a pick: the server does not tell whose it is, and it needs a name.
 * @param {Tile} t @param {number} index @returns {Tile} */
export function veil(t, index) {
  return { ...t, name: say('Picture {0}', letter(index)) };
}
