// @ts-check
/** Variations of a picture: an edit whose text the studio proposes and the person sees, changes and sends. */
import { useSignal } from '@preact/signals';
import { Ask, during, openBench, send, useAsk, useProposed } from './bench.js';
import * as s from './state.js';
import { Tool, h, html } from './ui.js';
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
    <header><h2 id="edit-h">Vary ${s.veiled(tile.run) ? 'a picture' : `${tile.name}’s picture`}</h2><span class="sub">The text below is all that is sent beside the picture.</span>${h(Tool, { icon: 'x', label: 'Close', onClick: () => close(false) })}</header>
    <div class="tools" role="toolbar" aria-label="Variation">
      <div class="seg" role="group" aria-label="How far">${HOW.map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${how.value === id} onClick=${() => { how.value = id; }}>${name}</button>`)}</div>
      <label>Pictures per model <select value=${many.value} onChange=${(/** @type {any} */ e) => { many.value = Number(e.currentTarget.value); }}>${[1, 2, 3, 4].map(n => html`<option key=${n} value=${n} selected=${n === many.value}>${n}</option>`)}</select></label>
    </div>
    <div class="placing still"><img src=${image.url} alt=${tile.prompt.slice(0, 120)} /></div>
    ${h(Ask, { ask, label: 'How it should vary', hint: 'How should it vary?', button: 'Make variations', icon: 'images', count: many.value, launch })}</div>`;
}
