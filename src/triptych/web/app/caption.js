// @ts-check
/** Under a tile and beside a row: who drew it, which prompt it was, how long it took and what it cost. */
import { useSignal } from '@preact/signals';
import { LANES, count, letter, money, price, seconds, ticking } from './format.js';
import { isKey } from './keyvisual.js';
import * as s from './state.js';
import { elapsed } from './status.js';
import { h, html, later, styled } from './ui.js';
/** @import { Row, Tile } from './types' */

/** Words with their commas off, and settings whole. @param {string} text */
const words = text => text.split(/\s+/).map(w => w.replace(/^[,.;:]+|[,.;:]+$/g, '')).filter(Boolean);

/** What sets this tile's prompt and shape apart from the others of its row: "red · 1:1", or ''. @param {Tile} t */
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
  const cost = hidden ? '' : t.state === 'done' ? price(t.cost ?? t.estimate, !t.cost) : live && price(t.estimate, true);
  const time = hidden ? '' : live ? t.started_ms && h(Elapsed, { t }) : t.state === 'done' && t.started_ms && t.ended_ms ? seconds((t.ended_ms - t.started_ms) / 1000) : '';
  return html`<div class="cap"><p><span class="num">${letter(index)}</span><b>${t.name}</b><span class="num facts">${time && html`<span>${time}</span>`}${cost && html`<span>${cost}</span>`}</span></p>
    ${own && html`<p class="own" title=${t.prompt}>${own}</p>`}
    <p class="sub" title=${title}>${hidden ? 'Hidden until one is picked: open Compare' : html`${t.maker}${lane && ` · ${lane}`}${model?.is_ai === false ? ' · procedural, not an AI model' : ''}`}</p>
    ${(t.draft != null || t.final) && html`<p class="own" title=${t.draft ?? 'Made from a draft, as it was asked for there'}>${t.final ? 'Final of a draft' : `Draft: ${t.draft}`}</p>`}
    ${t.images.some(i => isKey(i.id)) && html`<p class="own">◆ Key visual</p>`}
    ${tries.length > 0 && html`<button type="button" class="fitted tries" tabindex=${tab} title="What happened before, in the inspector" onClick=${() => { s.inspecting.value = tries[0].id; }}>${count(tries.length, 'earlier try', 'earlier tries')}</button>`}
    ${fitted.length > 0 && html`<button type="button" class="fitted" tabindex=${tab} title="Open the inspector" onClick=${() => { s.inspecting.value = t.id; }}>≈ ${fitted[0].detail}${fitted.length > 1 ? ` · ${fitted.length - 1} more` : ''}</button>`}
  </div>`;
}

const Caps = later(() => Promise.all([import('./caps.js'), styled('views')]).then(([m]) => m), 'Caps');

/** What is known, and up to what with estimates in place of the charges that nobody could tell.
 * @param {number} micro @param {number} guessed of it @param {number | boolean} unknown charges */
export function spent(micro, guessed, unknown) {
  const sure = micro - guessed;
  return !unknown ? money(micro) : !guessed ? sure ? `${money(sure)} and unknown` : 'unknown' : `${sure ? `${money(sure)}, ` : ''}up to ${money(micro)}`;
}

/** Spent today against the cap. */
export function Spend() {
  const open = useSignal(false);
  if (!s.spend.value) return null;
  const { today, caps } = s.spend.value, said = spent(today.amount_micro_usd, today.guessed_micro_usd ?? 0, today.unknown), cap = caps.day === null ? 'no cap' : `of ${money(caps.day)}`;
  return html`<button type="button" class="spend num" title=${`Spent today: ${said}. What is under way counts with its estimate. Change the caps.`} onClick=${() => { open.value = true; }}><span>today</span><b>${said}</b><span>${cap}</span></button>${open.value && h(Caps, { close: () => { open.value = false; } })}`;
}

/** @param {{ t: Tile }} props */
const Elapsed = ({ t }) => ticking(elapsed(t));

/** @param {{ row: Row, tiles: import('./types').TileSignal[] }} props */
export function Money({ row, tiles }) {
  if (s.veiled(row.id)) return html`<span>cost hidden</span>`;
  const all = row.tiles.value.map(t => t.value), guess = all.filter(t => t.billed === 'unknown' || (t.state === 'done' && t.cost?.source === 'unknown')), live = all.filter(t => !s.FINAL.has(t.state));
  const sum = (/** @type {Tile[]} */ of, /** @type {'cost' | 'estimate'} */ field) => of.reduce((n, t) => n + (t[field]?.amount_micro_usd ?? 0) + (t[s.FINAL.has(t.state) ? 'fee_micro_usd' : 'fee_estimate_micro_usd'] ?? 0), 0), rest = all.filter(t => !guess.includes(t) && !live.includes(t));
  const guessed = sum(guess, 'estimate'), micro = sum(rest, 'cost') + sum(live, 'estimate') + guessed, costs = [...rest.map(t => t.cost), ...live.map(t => t.estimate)].filter(Boolean);
  const free = !guess.length && costs.length > 0 && costs.every(c => c?.source === 'free');
  return html`<span title=${guess.length ? 'Cost of this row: what is known, and with estimates in place of what nobody could tell' : 'Cost of this row'}>${free ? 'free' : guess.length && !micro ? 'cost unknown' : `${live.length && micro > guessed ? 'about ' : ''}${spent(micro, guessed, guess.length)}`}</span>`;
}

/** A tile of a blind row before a pick: the server does not tell whose it is, and it needs a name.
 * @param {Tile} t @param {number} index @returns {Tile} */
export function veil(t, index) {
  return { ...t, name: `Picture ${letter(index)}` };
}
