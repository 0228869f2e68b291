// @ts-check
/** Variations of a picture: an edit whose text the studio proposes and the person sees, changes and sends. */
import { useSignal } from '@preact/signals';
import { Ask, during, openBench, send, useAsk, useProposed } from './bench.js';
import * as s from './state.js';
import { Tool, h, html, say } from './ui.js';
/** @import { Picture, Tile } from './types' */

const HOW = [['vary_subtle', 'Subtle'], ['vary_strong', 'Strong']];

/** @param {Picture} image @param {Tile} tile */
export const openVary = (image, tile) => openBench(Vary, image, tile, '[aria-pressed=true]');

/** @param {import('./bench.js').BenchProps} props */
function Vary({ image, tile, close }) {
  const how = useSignal('vary_subtle'), many = useSignal(2), ask = useAsk(tile, true);
  useProposed(ask.text, how.value);
  const launch = () => during(ask, async () => {
    if (await send(ask, image, tile, { images: [{ sha256: image.sha256, role: 'edit' }], n: many.peek() })) close(false);
  });
  return html`<div class="bench">
    <header><h2 id="edit-h">${s.veiled(tile.run) ? say('Vary a picture') : say('Vary {0}’s picture', tile.name)}</h2><span class="sub">${say('The text below is all that is sent beside the picture.')}</span>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => close(false) })}</header>
    <div class="tools" role="toolbar" aria-label=${say('Variation')}>
      <div class="seg" role="group" aria-label=${say('How far')}>${HOW.map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${how.value === id} onClick=${() => { how.value = id; }}>${say(name)}</button>`)}</div>
      <label>${say('Pictures per model')} <select value=${many.value} onChange=${(/** @type {any} */ e) => { many.value = Number(e.currentTarget.value); }}>${[1, 2, 3, 4].map(n => html`<option key=${n} value=${n} selected=${n === many.value}>${n}</option>`)}</select></label>
    </div>
    <div class="placing still"><img src=${image.url} alt=${tile.prompt.slice(0, 120)} /></div>
    ${h(Ask, { ask, label: say('How it should vary'), hint: say('How should it vary?'), button: say('Make variations'), icon: 'images', count: many.value, launch })}</div>`;
}
