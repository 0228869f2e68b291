// @ts-check
/** The pictures side by side as they are looked at: each on its plate, or two over each other, all showing the same part. */
import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import '../elements/compare-slider.js';
import '../elements/zoom-stage.js';
import { alt } from './marks.js';
import { Tag } from './platetools.js';
import { called, mixed } from './sides.js';
import { h, html, say } from './ui.js';
/** @typedef {import('./sides.js').Side} Side */
/** @typedef {import('../elements/zoom-stage.js').ZoomStage} ZoomStage */
/** @typedef {import('./compare.js').View} View */

/** Ways of looking, and whether each is for two only. */
export const WAYS = /** @type {[string, string, boolean][]} */ ([['grid', 'Grid', false], ['slider', 'Slider', true], ['overlay', 'Overlay', true], ['difference', 'Difference', true], ['flicker', 'Flicker', false]]);
const PRESS_MS = 300, SLIP_PX = 8;                     // a long press of a finger, and how far it may slip

/** How many columns show the most of pictures of these ratios in a box: what is left of each cell goes to its caption.
 * @param {number[]} ratios @param {number} width @param {number} height */
export function columns(ratios, width, height, gap = 12, caption = innerWidth > 640 ? 34 : 76) {
  const shown = ratios.map((_, i) => i + 1).map(cols => {
    const lines = Math.ceil(ratios.length / cols), w = (width - gap * (cols - 1)) / cols, h = (height - gap * (lines - 1)) / lines - caption;
    return { cols, area: ratios.reduce((sum, r) => sum + Math.min(Math.max(w, 0), Math.max(h, 0) * r) ** 2 / r, 0) };
  });
  return shown.reduce((best, x) => x.area > best.area * 1.01 ? x : best).cols;
}

/** As large as they can be: in this window, with these shapes. @param {View} view @param {Side[]} all @param {string} how */
function useFit({ stage }, all, how) {
  useLayoutEffect(() => {
    const el = stage.current;
    if (!el) return undefined;
    const fit = () => {
      el.style.setProperty('--cols', how === 'grid' ? String(columns(all.map(a => a.image.width / a.image.height), el.clientWidth - 24, el.clientHeight - 24)) : '1');
      el.settle();                                     // in other columns they have another size
    };
    const size = new ResizeObserver(fit);
    size.observe(el);
    fit();
    return () => size.disconnect();
  }, [how, all.length]);
}
/** How large each picture is shown, in percent of its own pixels, and whether that is the same for all of them by wish. */
const percents = signal(/** @type {Record<string, number>} */ ({}));
export const real = signal(false);

/** @param {View} view */
function useZoom({ stage, k }) {
  useLayoutEffect(() => {                                // before the first key
    const el = stage.current, told = e => {
      const of = Object.fromEntries(Object.entries(e.detail.of).map(([id, percent]) => [id, Math.round(percent)]));
      k.value = e.detail.k; real.value = e.detail.real;
      if (JSON.stringify(of) !== JSON.stringify(percents.peek())) percents.value = of;
    };
    el?.addEventListener('zoom', told);
    return () => el?.removeEventListener('zoom', told);
  }, []);
  useLayoutEffect(() => stage.current?.settle());        // pictures may be new, or have changed places
}

/** How large the pictures are shown: one number where it is the same for all, else from the least to the most. */
export function Scale() {
  const all = Object.values(percents.value), least = Math.min(...all), most = Math.max(...all);
  return html`<output class="num" title=${say('100 %: one pixel of a picture on one of the screen')}>${!all.length ? '…' : least === most ? `${most} %` : `${least}–${most} %`}</output>`;
}
/** That of one picture, where others have another. @param {{ side: Side }} props */
function Percent({ side }) {
  const own = percents.value[side.image.id];
  return own && Object.values(percents.value).some(other => other !== own) ? html`<span class="percent num">${own} %</span>` : null;
}

/** A long press is the Space bar of a phone. @param {View} view @param {boolean} several */
function useFinger({ held }, several) {
  const timer = useRef(0), from = useRef([0, 0]);
  const finger = (/** @type {PointerEvent} */ e) => {
    clearTimeout(timer.current);
    if (e.type !== 'pointerdown') { held.value = false; return; }
    if (e.pointerType !== 'touch' || !e.isPrimary || !several) return;
    from.current = [e.clientX, e.clientY];
    timer.current = setTimeout(() => { held.value = true; }, PRESS_MS);
  };
  return {
    onPointerDown: finger, onPointerUp: finger, onPointerCancel: finger,
    onPointerMove: e => { if (!held.peek() && Math.hypot(e.clientX - from.current[0], e.clientY - from.current[1]) > SLIP_PX) clearTimeout(timer.current); },
    onContextMenu: e => { if (held.peek() || e.pointerType === 'touch') e.preventDefault(); },
  };
}

/** The pictures that had the focus, by id, the last one first. */
const looked = signal(/** @type {string[]} */ ([]));
/** The two that change places: the one with the focus and the one that had it before, else the one before it; of two the second
 * and the first. @param {Side[]} all */
export function swapped(all) {
  if (all.length < 3) return [all[all.length - 1], all[0]];
  const [one = all[0], other = all[all.indexOf(one) - 1] ?? all[1]] = looked.value.flatMap(id => all.find(side => side.image.id === id) ?? []);
  return [one, other];
}
/** Shows another in place of the one that flickers. @param {Side[]} all @param {number} by */
export function turn(all, by) {
  const [one] = swapped(all), next = all[(all.indexOf(one) + by + all.length) % all.length];
  looked.value = [next.image.id, one.image.id];
}

/** @param {{ view: View, all: Side[], how: string }} props */
export function Panes({ view, all, how }) {
  useFit(view, all, how);
  useZoom(view);
  const finger = useFinger(view, all.length > 1), over = how === 'overlay' || how === 'difference';
  const focus = (/** @type {any} */ e) => {
    const id = e.target.closest('[data-image]')?.dataset.image;
    if (id && how === 'grid' && !view.held.peek()) looked.value = [id, ...looked.peek().filter(was => was !== id)].slice(0, 6);
  };
  return html`<zoom-stage ref=${view.stage} data-how=${how} onFocusIn=${focus} ...${finger}>
    ${how === 'grid' && h(Table, { view, all })}
    ${how === 'flicker' && h(Plate, { key: 'flicker', view, all, side: swapped(all)[view.held.value ? 1 : 0] })}
    ${over && h(Pile, { key: how, view, all, how })}
    ${how === 'slider' && h(Slider, { key: 'slider', view, all })}
  </zoom-stage>`;
}

/** Each beside the others; two change places while that is held, in sight only: a node that is moved would lose the focus.
 * @param {{ view: View, all: Side[] }} props */
function Table({ view, all }) {
  const [one, other] = view.held.value && all.length > 1 ? swapped(all) : [], place = (/** @type {Side} */ side) => all.indexOf(side === one ? other : side === other ? one : side);
  return all.map(side => h(Plate, { key: side.image.id, view, all, side, place: one ? place(side) : -1, out: view.answers.rejected(side.image.id) }));
}

/** @param {{ view: View, all: Side[], side: Side, out?: boolean, place?: number }} props */
const Plate = ({ view, all, side, out = false, place = -1 }) => html`<figure class="plate" tabindex="0" data-image=${side.image.id} data-out=${out} aria-label=${`${side.letter}, ${called(side)}${out ? `, ${say('rejected')}` : ''}`} style=${`${shape(side)}${place < 0 ? '' : `;order:${place}`}`}>
  <div class="window">${h(Pic, { side })}</div><figcaption class="tag">${h(Tag, { view, all, side })}${h(Percent, { side })}</figcaption></figure>`;

/** @param {Side[]} all */
const pair = ([a, b]) => say('{0} and {1}', called(a), b ? called(b) : '');

/** Two over each other, or what is left of them. @param {{ view: View, all: Side[], how: string }} props */
function Pile({ view, all, how }) {
  const { mix } = view;
  return html`<figure class="plate" tabindex="0" aria-label=${`${pair(all)}: ${how}`}><div class="window pile" style=${`--mix:${mix.value}`}>${all.map(side => html`<div class="layer" key=${side.image.id}>${h(Pic, { side })}</div>`)}</div>
    <figcaption class="tag two"><span>${h(Tag, { view, all, side: all[0] })}${h(Percent, { side: all[0] })}</span><input type="range" min="0" max="100" value=${mix.value} aria-label=${how === 'overlay' ? say('How much of {0} shows over {1}', called(all[1]), called(all[0])) : say('How strongly the difference shows')} onInput=${e => { mix.value = e.currentTarget.value; }} /><span>${h(Tag, { view, all, side: all[1] })}${h(Percent, { side: all[1] })}</span></figcaption></figure>`;
}

/** @param {{ view: View, all: Side[] }} props */
const Slider = ({ view, all }) => html`<figure class="plate" tabindex="0" aria-label=${pair(all)}><div class="window"><compare-slider label=${say('Reveal {0} over {1}', called(all[1]), called(all[0]))}>
  ${all.map(side => html`<div class="layer">${h(Pic, { side })}</div>`)}<span class="handle"></span></compare-slider></div>
  <figcaption class="tag two">${all.map(side => html`<span>${h(Tag, { view, all, side })}${h(Percent, { side })}</span>`)}</figcaption></figure>`;

/** @param {Side} side */
const shape = ({ image }) => `--ar:${image.width / image.height}`;
/** @param {{ side: Side }} props */
const Pic = ({ side, side: { image, t } }) => html`<div class="pic" data-of=${image.id} style=${shape(side)}><img src=${image.url} alt=${mixed.value.length ? side.letter : t.maker ? alt(t, image) : t.name} draggable=${false} decoding="async" /></div>`;
