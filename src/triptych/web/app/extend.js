// @ts-check
/** A picture laid into a larger frame of another shape; models draw what is new. The picture is moved by pointer and by arrows.
 * The server makes the frame and its mask; a model that takes no mask gets the picture whole, and its pixels are put back. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Ask, during, openBench, proposals, send, useAsk, useProposed } from './bench.js';
import { call } from './api.js';
import * as s from './state.js';
import { Tool, h, html, say } from './ui.js';
/** @import { Model, Picture, Tile } from './types' */

const STEP = .02, LEAST = 20;

/** @param {Picture} image @param {Tile} tile */
export const openExtend = (image, tile) => openBench(Extend, image, tile, '.placing');

/** Width / height of a shape as it is written, or 0. @param {string} shape */
function ratioOf(shape) {
  const [, w, high] = /^\s*(\d{1,5})\s*:\s*(\d{1,5})\s*$/.exec(shape) ?? [], ratio = Number(w) / Number(high);
  return ratio >= 1 / 16 && ratio <= 16 ? ratio : 0;
}

/** How wide and high the picture lies in a frame, in parts of it. @param {number} own @param {number} ratio @param {number} share */
const lying = (own, ratio, share) => ({ wide: share * Math.min(1, own / ratio), high: share * Math.min(1, ratio / own) });

/** @param {import('./bench.js').BenchProps} props */
function Extend({ image, tile, close }) {
  const formats = useSignal(/** @type {Record<string, string>} */ ({})), shape = useSignal(''), own = useSignal(''), share = useSignal(100), x = useSignal(.5), y = useSignal(.5), exact = useSignal(true);
  const ask = useAsk(tile, true), stage = useRef(/** @type {any} */ (null)), held = useRef(/** @type {{ x: number, y: number } | null} */ (null));
  const asked = shape.value === 'own' ? own.value : formats.value[shape.value] ?? '', ratio = ratioOf(asked), is = image.width / image.height;
  const { wide, high } = ratio ? lying(is, ratio, share.value / 100) : { wide: 1, high: 1 }, fresh = Math.round(100 * (1 - wide * high));
  useProposed(ask.text, 'extend');
  useEffect(() => { proposals().then(all => { formats.value = all.formats; shape.value ||= Object.entries(all.formats).find(([, r]) => Math.abs(ratioOf(r) / is - 1) > .02)?.[0] ?? '1:1'; }, () => {}); }, []);
  const within = (/** @type {number} */ n) => Math.min(1, Math.max(0, n));
  const keys = (/** @type {KeyboardEvent} */ e) => {
    const [dx, dy] = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] })[e.key] ?? [0, 0], by = STEP * (e.shiftKey ? 5 : 1);
    if (dx || dy) { x.value = within(x.peek() + dx * by); y.value = within(y.peek() + dy * by); }
    else if (e.key === '+' || e.key === '-') share.value = Math.min(100, Math.max(LEAST, share.peek() + (e.key === '+' ? 5 : -5)));
    else if (e.key === '0') { x.value = y.value = .5; share.value = 100; }
    else return;
    e.preventDefault();
  };
  const move = (/** @type {PointerEvent} */ e) => {
    if (!held.current) return;
    const box = stage.current.querySelector('.new').getBoundingClientRect(), free = { x: box.width * (1 - wide), y: box.height * (1 - high) };
    if (free.x > 1) x.value = within(x.peek() + (e.clientX - held.current.x) / free.x);
    if (free.y > 1) y.value = within(y.peek() + (e.clientY - held.current.y) / free.y);
    held.current = { x: e.clientX, y: e.clientY };
  };
  const launch = () => during(ask, async () => {
    const made = await call('POST', '/api/outpaint', { sha256: image.sha256, ratio: asked.replace(/\s/g, ''), x: x.peek(), y: y.peek(), share: share.peek() / 100 });
    const words = ask.text.peek().trim(), text = /(--|[—–])(ar|aspect)\b/i.test(words) ? words : `${words} --ar ${made.ratio}`;
    if (await send(ask, image, tile, { text, images: [{ sha256: made.image.sha256, role: 'edit' }], mask: made.mask.sha256, restore: exact.peek() })) close(false);
  });
  const percent = (/** @type {number} */ n) => `${(100 * n).toFixed(3)}%`, why = !shape.value ? say('The shapes are on their way.') : !ratio ? say('Write a shape like 3:2, up to 16:1.') : fresh < 1 ? say('The picture fills this shape: choose another, or make the picture smaller in it.') : '';
  const aside = ask.chosen.some(m => m.capabilities.mask) && html`<label class="switch" title=${say('Also for a model that takes the mask: what it changes of the picture itself is put back')}><input type="checkbox" role="switch" checked=${exact.value} onChange=${(/** @type {any} */ e) => { exact.value = e.currentTarget.checked; }} />${say('Keep the picture exactly')}</label>`;
  return html`<div class="bench">
    <header><h2 id="edit-h">${s.veiled(tile.run) ? say('Extend a picture') : say('Extend {0}’s picture', tile.name)}</h2><span class="sub num" role="status">${ratio ? say('{0} % is new, sent with --ar {1}', fresh, asked) : ''}</span>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => close(false) })}</header>
    <div class="tools" role="toolbar" aria-label=${say('Frame')}>
      <div class="seg" role="group" aria-label=${say('Shape')}>${[...Object.keys(formats.value), 'own'].map(name => html`<button type="button" key=${name} aria-pressed=${shape.value === name} onClick=${() => { shape.value = name; }}>${name === 'own' ? say('Own') : name}</button>`)}</div>
      ${shape.value === 'own' && html`<label>${say('Shape')} <input class="short" type="text" placeholder="3:2" value=${own.value} onInput=${(/** @type {any} */ e) => { own.value = e.currentTarget.value; }} /></label>`}
      <label>${say('Picture')} <input type="range" min=${LEAST} max="100" value=${share.value} title=${say('How much of the frame the picture takes: + and −')} aria-label=${say('Share of the frame')} onInput=${(/** @type {any} */ e) => { share.value = Number(e.currentTarget.value); }} /><span class="num">${share.value} %</span></label>
      <span class="set"><button type="button" class="btn small" title="0" onClick=${() => { x.value = y.value = .5; share.value = 100; }}>${say('Centre')}</button></span>
    </div>
    <div class="placing" ref=${stage} tabindex="0" role="application" aria-label=${say('Frame. Arrows move the picture, Shift moves it further, plus and minus size it, 0 puts it back.')} onKeyDown=${keys}
      onPointerDown=${(/** @type {any} */ e) => { e.currentTarget.setPointerCapture(e.pointerId); held.current = { x: e.clientX, y: e.clientY }; }} onPointerMove=${move} onPointerUp=${() => { held.current = null; }} onPointerCancel=${() => { held.current = null; }}>
      <div class="new" style=${`--ratio:${ratio || is}`}><img src=${image.url} alt=${tile.prompt.slice(0, 120)} draggable=${false} style=${`left:${percent(x.value * (1 - wide))};top:${percent(y.value * (1 - high))};width:${percent(wide)};height:${percent(high)}`} /></div></div>
    ${h(Ask, { ask, label: say('What should be drawn'), hint: say('What belongs into the new area?'), button: say('Extend'), icon: 'scan', why, aside, note: (/** @type {Model} */ m) => m.capabilities.mask ? '' : say('restored after'), launch })}</div>`;
}
