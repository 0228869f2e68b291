// @ts-check
/** Under a tile and beside a row: who drew it, which prompt it was, how long it took and what it cost. */
import { computed, useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { alt, marks, takeBack, trashTile } from './marks.js';
import { price, seconds, ticking } from './amounts.js';
import { progress } from './curtain.js';
import { LANES, clock, count, letter, money, number } from './format.js';
import { isKey } from './keyvisual.js';
import { openKit } from './kitopen.js';
import { project } from './project.js';
import * as s from './state.js';
import { elapsed, Preview, status } from './status.js';
import { h, html, later, say, styled } from './ui.js';
/** @import { Row, Tile, TileSignal } from './types' */

styled('alpha');                                       // what is behind a picture without a background
setTimeout(() => { clock(Date.now()); number(.5, 1); });  // the first of their kind take milliseconds, which the first row should not wait for

/** Where a toolbar takes no place of its own, it waits until its tile comes near. */
export const waits = matchMedia('(hover)').matches && 'oncontentvisibilityautostatechange' in document;

/** Words with their commas off, and settings whole. @param {string} text */
const words = text => text.split(/\s+/).map(w => w.replace(/^[,.;:]+|[,.;:]+$/g, '')).filter(Boolean);

export { alt, Preview, status };
/** Under a row on a small screen. */
export const Film = later(() => import('./phone.js'), 'Film');
if (matchMedia('(pointer: coarse)').matches) import('./phone.js');

const parted = /** @type {WeakMap<Row, import('@preact/signals').ReadonlySignal<{ own: Map<string, string>, shapes: number }>>} */ (new WeakMap());
/** What sets the prompts of a row apart, each for itself, and how many shapes there are: worked out once for all its tiles.
 * @param {Row} row */
function parts(row) {
  let found = parted.get(row);
  if (!found) {
    const kinds = s.steady(() => row.tiles.value.flatMap(({ still: { value: t } }) => t.task ? [] : [t.prompt, t.ratio]));
    parted.set(row, found = computed(() => {
      const prompts = [...new Set(kinds.value.filter((_, i) => i % 2 === 0).map(String))], sets = prompts.map(p => new Set(words(p)));
      const own = prompts.map(p => /** @type {[string, string]} */ ([p, words(p).filter(w => !sets.every(o => o.has(w))).join(' ') || p.slice(0, 40)]));
      return { own: new Map(own), shapes: new Set(kinds.value.filter((_, i) => i % 2)).size };
    }));
  }
  return found.value;
}

/** The row that a tile stands in, which does not change. @param {Tile} t */
const rowOf = t => s.rows.peek().find(r => r.id === t.run);

/** What sets this tile's prompt and shape apart from the others of its row: "red · 1:1", or ''. @param {Tile} t */
export function apart(t) {
  if (t.task) return [t.task === 'upscale' ? say('Enlarged') : say('Cut out'), t.images[0] && `${t.images[0].width} × ${t.images[0].height}`].filter(Boolean).join(' · ');
  const row = rowOf(t);
  if (!row) return '';
  const { own, shapes } = parts(row);
  return [own.size > 1 && own.get(t.prompt), shapes > 1 && shape(t.ratio)].filter(Boolean).join(' · ').slice(0, 80);
}

const SPOKEN = /** @type {Record<string, string>} */ ({ waiting: 'waiting to try again', blocked: 'refused', cancelled: 'stopped' });
/** What is said of a tile after its name. @param {Tile} t */
export const spoken = t => [apart(t), say(SPOKEN[t.state] ?? t.state)].filter(Boolean).join(', ');

/** More than one picture of a tile, to choose the one that is shown. @param {{ t: Tile, image: import('./types').Picture, tab: number, at: import('@preact/signals').Signal<number> }} props */
export const Strip = ({ t, image, tab, at }) => html`<div class="strip" role="group" aria-label=${say('Pictures of this tile')}>${t.images.map((i, n) => html`<button type="button" key=${i.id} class="thumb" tabindex=${tab} aria-pressed=${i.id === image.id} aria-label=${say('Picture {0} of {1}', n + 1, t.images.length)} onClick=${() => { at.value = n; }}><img src=${i.thumb} alt="" loading="lazy" /></button>`)}</div>`;

/** A ratio as people write it. @param {number} ratio */
export function shape(ratio) {
  for (let high = 1; high <= 21; high++) {
    const wide = Math.round(ratio * high);
    if (wide && Math.abs(wide / high / ratio - 1) < .004) return `${wide}:${high}`;
  }
  return ratio.toFixed(2);
}

/** As on a print proof: who, then how long and for how much. @param {{ t: Tile, tile: TileSignal, index: number, live: boolean, tab: number }} props */
export function Caption({ t, tile, index, live, tab }) {
  const tries = s.earlier(t).filter(e => e.state !== 'done'), model = s.byId.value.get(t.endpoint ?? '') ?? s.byId.value.get(t.model), [lane, title] = LANES[t.lane ?? model?.lane ?? ''] ?? ['', ''], fitted = t.adjustments.filter(a => a.kind !== 'native');
  const own = apart(t), hidden = s.veiled(t.run), one = rowOf(t)?.settings?.blind ? 'one' : '';   // a blind row has the same lines before and after
  const cost = hidden || t.imported ? '' : t.state === 'done' ? price(t.cost ?? t.estimate, !t.cost) : live && price(t.estimate, true);
  const time = hidden ? '' : live ? t.started_ms && h(Elapsed, { tile }) : t.state === 'done' && t.started_ms && t.ended_ms ? seconds((t.ended_ms - t.started_ms) / 1000) : '';
  return html`<div class="cap" data-task=${t.task}><p><span class="num">${letter(index)}</span><b>${t.name}</b><span class="num facts">${time && (live ? time : html`<span key=${time}>${time}</span>`)}${cost && html`<span class="cost" key=${cost}>${cost}</span>`}</span></p>
    ${own && html`<p class="own" title=${t.prompt}>${own}</p>`}
    <p class=${`sub ${one}`} title=${hidden ? say('Hidden until one is picked: open Compare') : say(title)}>${hidden ? say('Hidden until one is picked: open Compare') : html`${t.maker}${lane && ` · ${say(lane)}`}${model?.is_ai === false ? ` · ${say('procedural, not an AI model')}` : ''}`}</p>
    ${(t.draft != null || t.final) && html`<p class="own" title=${t.draft ?? say('Made from a draft, as it was asked for there')}>${t.final ? say('Final of a draft') : say('Draft: {0}', t.draft)}</p>`}
    ${t.imported && html`<p class="own" title=${say('What its file says of its maker; nobody has checked it')}>${say('imported, not made here: no receipt')}</p>`}
    ${t.images.filter(i => marks.value[i.id]?.trashed_ms).map(i => html`<p class="own binned" key=${i.id}>${say('In the trash')} <button type="button" class="btn small" tabindex=${tab} onClick=${() => takeBack(i.id)}>${say('Take back')}</button></p>`)}
    ${t.trashed_ms && h(Thrown, { t, tab })}
    ${t.images.some(i => isKey(i.id)) && html`<p class="own">${say('◆ Key visual')} ${!hidden && html`<button type="button" class="btn small" tabindex=${tab} onClick=${() => openKit(/** @type {string} */ (t.images.find(i => isKey(i.id))?.id))}>${say('Make the kit')}</button>`}</p>`}
    ${t.doubt && html`<button type="button" class="fitted" tabindex=${tab} title=${say('Open the inspector')} onClick=${() => { s.inspecting.value = t.id; }}>${say('In doubt: {0}', say(t.doubt.message))}</button>`}
    ${tries.length > 0 && html`<button type="button" class="fitted tries" tabindex=${tab} title=${say('What happened before, in the inspector')} onClick=${() => { s.inspecting.value = tries[0].id; }}>${count(tries.length, 'earlier try', 'earlier tries')}</button>`}
    ${!fitted.length ? one && html`<p class="fitted" />` : html`<button type="button" class=${`fitted ${one}`} tabindex=${tab} title=${say('Open the inspector')} onClick=${() => { s.inspecting.value = t.id; }}>≈ ${say(fitted[0].detail)}${fitted.length > 1 ? ` · ${say('{0} more', fitted.length - 1)}` : ''}</button>`}
  </div>`;
}

const Thrown = later(() => styled('everywhere').then(() => ({ Thrown: (/** @type {{ t: Tile, tab: number }} */ { t, tab }) => html`<p class="own binned">${say('In the trash')} <button type="button" class="btn small" tabindex=${tab} onClick=${() => trashTile(t)}>${say('Take back')}</button></p>` })), 'Thrown');

const Caps = later(() => Promise.all([import('./caps.js'), styled('views')]).then(([m]) => m), 'Caps');

/** What is known, and up to what with estimates in place of the charges that nobody could tell.
 * @param {number} micro @param {number} guessed of it @param {number | boolean} unknown charges */
export function spent(micro, guessed, unknown) {
  const sure = micro - guessed;
  return !unknown ? money(micro) : !guessed ? sure ? say('{0} and unknown', money(sure)) : say('unknown') : `${sure ? `${money(sure)}, ` : ''}${say('up to {0}', money(micro))}`;
}

/** Spent today against the cap, and the project that what is made belongs to. */
export function Spend() {
  const open = useSignal(false);
  if (!s.spend.value) return null;
  const { today, caps } = s.spend.value, said = spent(today.amount_micro_usd, today.guessed_micro_usd ?? 0, today.unknown), cap = caps.day === null ? say('no cap') : say('of {0}', money(caps.day));
  return html`<button type="button" class="spend num" title=${say('Spent today: {0}. What is under way counts with its estimate. Change the caps or the project.', said)} onClick=${() => { open.value = true; }}>${project.value && html`<span class="for">${project}</span>`}<span>${say('today')}</span><b>${said}</b><span>${cap}</span></button>${open.value && h(Caps, { close: () => { open.value = false; } })}`;
}

/** Ticks without being drawn anew, each time in a box of its own: the one that was there would move. @param {{ tile: TileSignal }} props */
function Elapsed({ tile }) {
  const text = useComputed(() => ticking(elapsed(tile.still.value))), first = useMemo(() => text.peek(), []), at = useRef(/** @type {HTMLElement | null} */ (null));
  useSignalEffect(() => { if (text.value !== at.current?.textContent) at.current?.replaceChildren(Object.assign(document.createElement('span'), { textContent: text.value })); });
  return html`<span class="facts" ref=${at}><span>${first}</span></span>`;
}

const Source = later(() => Promise.all([import('./source.js'), styled('source')]).then(([m]) => m), 'Source');

/** What stands in a row's head: what it is made from, when it is an edit, and what it costs.
 * @param {{ row: Row, tiles: import('./types').TileSignal[] }} props */
export const Facts = ({ row, tiles }) => html`${h(Money, { row, tiles })}${row.settings?.images?.some((/** @type {{ role: string }} */ i) => i.role === 'edit') && h(Source, { row })}`;

/** @param {{ row: Row, tiles: import('./types').TileSignal[] }} props */
function Money({ row, tiles }) {
  const bill = useMemo(() => s.steady(() => row.tiles.value.flatMap(({ still: { value: t } }) => [t.billed, t.state === 'done' || s.FINAL.has(t.state) && (t.state === 'blocked' ? 'refused' : 'ended'), t.cost, t.estimate])), [row]);
  if (s.veiled(row.id)) {
    const known = row.tiles.value.some(t => !s.FINAL.has(t.still.value.state)) ? progress(row) : null;
    return html`<span>${known ? say('{0} of {1} are over', known.over, known.of) : say('cost hidden')}</span>`;
  }
  const all = bill.value && row.tiles.peek().map(t => t.peek()), guess = all.filter(t => t.billed === 'unknown' || (t.state === 'done' && t.cost?.source === 'unknown')), live = all.filter(t => !s.FINAL.has(t.state));
  const sum = (/** @type {Tile[]} */ of, /** @type {'cost' | 'estimate'} */ field) => of.reduce((n, t) => n + (t[field]?.amount_micro_usd ?? 0) + (t[s.FINAL.has(t.state) ? 'fee_micro_usd' : 'fee_estimate_micro_usd'] ?? 0), 0), rest = all.filter(t => !guess.includes(t) && !live.includes(t));
  const guessed = sum(guess, 'estimate'), micro = sum(rest, 'cost') + sum(live, 'estimate') + guessed, costs = [...rest.map(t => t.cost), ...live.map(t => t.estimate)].filter(Boolean);
  const free = !guess.length && costs.length > 0 && costs.every(c => c?.source === 'free');
  const text = free ? say('free') : guess.length && !micro ? say('cost unknown') : live.length && micro > guessed ? say('about {0}', spent(micro, guessed, guess.length)) : spent(micro, guessed, guess.length);
  const seen = live.length ? [] : s.shown(row).map(t => t.peek()), refused = seen.filter(t => t.state === 'blocked'), by = new Set(refused.map(t => t.name));
  return html`<span key=${text + refused.length}>${refused.length > 0 && html`<span title=${say('Refused by {0}: the reason is in its tile', [...by].join(', '))}>${say('{0} of {1} accepted', seen.length - refused.length, seen.length)}</span> · `}<span title=${guess.length ? say('Cost of this row: what is known, and with estimates in place of what nobody could tell') : say('Cost of this row')}>${text}</span></span>`;
}

/** A tile of a blind row before a pick: the server does not tell whose it is, and it needs a name.
 * @param {Tile} t @param {number} index @returns {Tile} */
export function veil(t, index) {
  return { ...t, name: say('Picture {0}', letter(index)) };
}
