// @ts-check
/** One picture after the other, or four at a time, on the whole screen: rated, kept or rejected with one key each, until a shortlist
 * is left. */
import { batch, useSignal } from '@preact/signals';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { early, heard, signOf } from './commands.js';
import { pictures } from './deeds.js';
import { count } from './format.js';
import { marks } from './marks.js';
import * as s from './state.js';
import { Tool, h, html, say } from './ui.js';
import '../elements/zoom-stage.js';

const GOOD = 3;                                        // stars with which a picture comes into the next round
const show = (/** @type {string} */ id) => `/api/images/${id}`;

/** How things stood before a decision, or before another round; `before` brings the marks back.
 * @typedef {{ list: string[], n: number, round: number, kept: string[], before: any }} Step */

/** `close` is told what is kept, and when all that was said is.
 * @param {{ ids: string[], close: (kept: string[], said: Promise<unknown>) => void }} props */
export function Cull({ ids, close }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null)), list = useSignal(ids), n = useSignal(0), round = useSignal(1);
  const kept = useSignal(/** @type {string[]} */ ([])), said = useRef(/** @type {Promise<unknown>} */ (Promise.resolve())), past = useSignal(/** @type {Step[]} */ ([])), four = useSignal(s.local['cull.four'] === 'on');
  const zoom = useRef(/** @type {Zoom | null} */ (null));
  useLayoutEffect(() => { box.current?.showModal(); box.current?.focus(); for (const e of early.keys.splice(0)) means(e)?.(); }, []);
  const id = list.value[n.value], now = () => list.peek()[n.peek()], left = list.value.length - n.value;
  const remember = (/** @type {any} */ before) => { past.value = [...past.peek(), { list: list.peek(), n: n.peek(), round: round.peek(), kept: kept.peek(), before }]; };
  /** One after the other, so that what is said last holds. @param {() => unknown} work */
  const inTurn = work => { const go = () => trying('toast', async () => work()); return said.current = said.current.then(go, go); };
  const next = (/** @type {any} */ change, /** @type {boolean} */ good) => {
    const of = now();                                  // two keys may come before it is drawn anew
    if (!of) return;
    remember(change && inTurn(() => call('PATCH', '/api/gallery', { pictures: [of], ...change })));
    if (good) kept.value = [...kept.peek(), of];
    n.value++;
  };
  const back = () => {
    const step = past.peek().at(-1);
    if (!step) return;
    batch(() => { past.value = past.peek().slice(0, -1); list.value = step.list; n.value = step.n; round.value = step.round; kept.value = step.kept; });
    box.current?.focus();
    inTurn(async () => { const done = await step.before; if (done) await call('POST', '/api/gallery/undo', { before: done.before }); });
  };
  const again = () => { remember(null); batch(() => { list.value = kept.peek(); kept.value = []; n.value = 0; round.value++; }); box.current?.focus(); };
  const fours = () => { four.value = !four.peek(); s.local['cull.four'] = four.peek() ? 'on' : 'off'; };
  /** What a key means here, if anything. @param {KeyboardEvent} e @returns {(() => void) | undefined} */
  const means = e => zoom.current?.pan(e.key) ? () => {} : { keep: () => next({ verdict: 'kept' }, true), reject: () => next({ verdict: 'rejected' }, false), skip: () => next(null, false), back, zoom: () => zoom.current?.turn(), four: fours }[heard('cull', e)?.id.slice(5) ?? '']
    ?? (/^[1-5]$/.test(e.key) ? () => next({ stars: Number(e.key) }, Number(e.key) >= GOOD) : undefined);
  const key = (/** @type {KeyboardEvent} */ e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || (e.key === ' ' && (!now() || e.target instanceof HTMLButtonElement))) return;
    const done = means(e);
    if (!done) return;
    done();
    e.preventDefault();
  };
  const cancel = (/** @type {Event} */ e) => { e.preventDefault(); if (!zoom.current?.fit()) close(kept.peek(), said.current); };
  const from = four.value ? n.value - n.value % 4 : n.value, shown = list.value.slice(from, from + (four.value ? 4 : 1));
  return html`<dialog class="cull" tabindex="-1" ref=${box} aria-label=${say('Cull')} onKeyDown=${key} onCancel=${cancel}>
    <header><h2>${say('Round {0}', round.value)}</h2><p class="num" role="status">${id ? say('{0} left', left.toLocaleString(document.documentElement.lang)) : say('{0} on the shortlist', count(kept.value.length, 'picture'))}</p>${h(Tool, { icon: 'x', label: say('Stop culling'), onClick: () => close(kept.peek(), said.current) })}</header>
    ${id ? html`${h(Stage, { key: shown.join(), shown, id, kept: kept.value, zoom })}${list.value.slice(from + shown.length, from + 2 * shown.length).map(later => html`<link key=${later} rel="prefetch" as="image" href=${show(later)} />`)}
      <div class="bar" role="toolbar" aria-label=${say('Decide')} onMouseDown=${e => e.preventDefault()}><button type="button" class="btn small" disabled=${!past.value.length} onClick=${back}>${say('Back')} <kbd>${signOf('cull-back')}</kbd></button><button type="button" class="btn small" onClick=${() => next({ verdict: 'rejected' }, false)}>${say('Reject')} <kbd>${signOf('cull-reject')}</kbd></button>
        <span class="rate" role="group" aria-label=${say('Stars')}>${[1, 2, 3, 4, 5].map(v => html`<button type="button" key=${v} class="tool" aria-label=${count(v, 'star')} title=${`${count(v, 'star')} (${v})`} onClick=${() => next({ stars: v }, v >= GOOD)}>${v}★</button>`)}</span>
        <button type="button" class="btn small" onClick=${() => next(null, false)}>${say('Skip')} <kbd>${signOf('cull-skip')}</kbd></button><button type="button" class="btn small go" onClick=${() => next({ verdict: 'kept' }, true)}>${say('Keep')} <kbd>${signOf('cull-keep')}</kbd></button>
        <button type="button" class="btn small" onClick=${() => zoom.current?.turn()}>${say('Real size')} <kbd>${signOf('cull-zoom')}</kbd></button><button type="button" class="btn small" aria-pressed=${four.value} onClick=${fours}>${say('Four at a time')} <kbd>${signOf('cull-four')}</kbd></button></div>`
    : html`<div class="short">${kept.value.length ? html`<ul aria-label=${say('Shortlist')}>${kept.value.map(k => html`<li key=${k}><img src=${`${show(k)}/thumb`} alt="" /></li>`)}</ul>` : html`<p>${say('Nothing was kept. {0} keeps; {1} stars or more do, too.', signOf('cull-keep'), GOOD)}</p>`}
        <div class="bar">${past.value.length > 0 && html`<button type="button" class="btn" onClick=${back}>${say('Back')}</button>`}<button type="button" class="btn" onClick=${() => close(kept.peek(), said.current)}>${say('Done')}</button>${kept.value.length > 1 && html`<button type="button" class="btn go" onClick=${again}>${say('Round {0}', round.value + 1)}</button>`}</div></div>`}
  </dialog>`;
}

/** `turn` goes to one picture pixel on one screen pixel at the pointer, or back; `pan` and `fit` say whether they did anything.
 * @typedef {{ turn: (e?: MouseEvent) => void, fit: () => boolean, pan: (key: string) => boolean }} Zoom */
const PAN = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }), STEP = 25, SLIP = 4;

/** The picture to decide on, or four of which the next one has a frame: all of them show the same part.
 * @param {{ shown: string[], id: string, kept: string[], zoom: { current: Zoom | null } }} props */
function Stage({ shown, id, kept, zoom }) {
  const stage = useRef(/** @type {any} */ (null)), over = useRef(/** @type {MouseEvent | null} */ (null)), down = useRef(/** @type {MouseEvent | null} */ (null));
  const ratios = useSignal(/** @type {Record<string, number>} */ ({}));
  useLayoutEffect(() => {
    const el = stage.current, scale = (/** @type {Element} */ pic) => (pic.querySelector('img')?.getBoundingClientRect().width ?? 0) / pic.getBoundingClientRect().width;
    zoom.current = {
      turn: (e = over.current ?? undefined) => {
        const plate = /** @type {Element | null | undefined} */ (e?.target)?.closest('.plate'), here = plate?.isConnected && e, pic = (here ? plate : el.querySelector('[data-on="true"]')).querySelector('.pic');
        el.actual(pic);
        const k = scale(pic), box = pic.getBoundingClientRect(), from = (/** @type {number} */ v, /** @type {number} */ start, /** @type {number} */ long) => -((v - start) / long - .5) * 100 * (k - 1);
        if (here && k > 1) el.pan(from(here.clientX, box.left, box.width), from(here.clientY, box.top, box.height), pic);  // what is under the pointer stays there
      },
      fit: () => { const was = el.hasAttribute('zoomed'); if (was) el.fit(); return was; },
      pan: name => {
        const to = PAN[name], large = [...el.querySelectorAll('.pic')].find(pic => scale(pic) > 1.001);
        if (to && large) el.pan(to[0] * STEP, to[1] * STEP, large);
        return Boolean(to && large);
      },
    };
    return () => { zoom.current = null; };
  }, []);
  const click = (/** @type {MouseEvent} */ e) => { const d = down.current; if (d && Math.hypot(e.clientX - d.clientX, e.clientY - d.clientY) < SLIP) zoom.current?.turn(e); };
  return html`<zoom-stage class="one" ref=${stage} style=${{ '--cols': shown.length > 1 ? 2 : 1 }} onPointerDown=${e => { down.current = e; }} onPointerMove=${e => { over.current = e; }} onClick=${click}>
    ${shown.map(each => html`<div key=${each} class="plate" data-on=${each === id} data-done=${shown.indexOf(each) < shown.indexOf(id)}><div class="pic" data-of=${each} style=${{ '--ar': ratios.value[each] ?? 1 }}>
      <img src=${show(each)} alt=${each === id ? say('The picture to decide on') : ''} draggable=${false} onLoad=${e => { const i = e.currentTarget; ratios.value = { ...ratios.peek(), [each]: i.naturalWidth / i.naturalHeight }; }} /></div>
      ${shown.indexOf(each) < shown.indexOf(id) && html`<p class="sub">${kept.includes(each) ? say('on the shortlist') : say('not on the shortlist')}</p>`}</div>`)}
  </zoom-stage>`;
}

/** The same for the row that the keyboard stands in, without what is in the trash; a shortlist is put side by side.
 * @param {{ close: () => void }} props */
export function CullRow({ close }) {
  const all = useMemo(() => { const row = s.findRow(s.findTile(s.active.peek())?.peek().run ?? ''); return row ? pictures(row).filter(m => !marks.peek()[m.image]?.trashed_ms) : []; }, []);
  const end = (/** @type {string[]} */ kept) => {
    close();
    if (kept.length > 1) s.marks.value = all.filter(m => kept.includes(m.image)).slice(0, 6);
    requestAnimationFrame(() => document.getElementById(s.active.peek())?.focus());
  };
  return h(Cull, { ids: all.map(m => m.image), close: end });
}
