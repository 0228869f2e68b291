// @ts-check
/** In the inspector: the pictures that a tile was made from, each with what it was for, and the source beside the result. */
import { useSignal } from '@preact/signals';
import { roleOf } from './features.js';
import { look } from './look.js';
import { h, html, say, styled } from './ui.js';
/** @import { Picture, Row, Tile } from './types' */

await styled('source');

/** What the tile's own request says; before that is here, what its row asked for. @param {{ tile: Tile, row?: Row, request?: any }} props */
export function Inputs({ tile, row, request }) {
  const from = request ?? (tile.task ? {} : row?.settings ?? {}), images = /** @type {{ sha256: string, role: string }[]} */ (from.images ?? []);
  const source = images.find(i => i.role === 'edit'), mask = from.mask?.sha256 ?? from.mask, parent = tile.parent ?? row?.settings?.parent, at = (/** @type {string} */ sha256) => `/api/uploads/${sha256}`;
  if (!images.length) return null;
  const open = (/** @type {string} */ name, /** @type {string} */ sha256, more = {}) => () => look({ title: name, url: at(sha256), ...more });
  const one = (/** @type {string} */ name, /** @type {string} */ sign, /** @type {any} */ shot, /** @type {() => void} */ onClick) => html`<li key=${sign}><button type="button" aria-label=${say('{0}: open it', `${sign} ${name}`.trim())} onClick=${onClick}>${shot}</button><span>${sign && html`<span class="num">${sign}</span> `}${name}</span></li>`;
  const small = (/** @type {string} */ sha256) => html`<img src=${`${at(sha256)}/thumb`} alt="" loading="lazy" />`;
  return html`<h3>${say('Made from')}</h3>
    <ul class="given">${images.map((i, n) => { const name = roleOf(i.role); return one(name, images.length > 1 ? `@img${n + 1}` : '', small(i.sha256), open(name, i.sha256, i === source ? { parent: parent?.tile } : {})); })}
      ${source && mask && one(say('Mask'), '', html`${small(source.sha256)}<img class="kept" src=${at(mask)} alt="" loading="lazy" />`, open(say('Mask'), source.sha256, { over: at(mask), words: say('What is bright was to be changed.') }))}</ul>
    ${source && tile.images[0] && h(Before, { key: tile.images[0].id, before: at(source.sha256), image: tile.images[0], parent: parent?.tile })}`;
}

/** The result, and the source as long as it is held down: with the pointer, or with Space or Enter on the button.
 * @param {{ before: string, image: Picture, parent?: string }} props */
function Before({ before, image, parent }) {
  const held = useSignal(false), release = () => { held.value = false; };
  const hold = (/** @type {any} */ e) => { if (e.button === 0) { e.currentTarget.setPointerCapture(e.pointerId); held.value = true; } };
  const key = (/** @type {KeyboardEvent} */ e) => { if (e.key === ' ' || e.key === 'Enter') { e.preventDefault(); held.value = e.type === 'keydown'; } };
  return html`<figure class="before" data-held=${held.value} onContextMenu=${(/** @type {any} */ e) => { if (held.peek()) e.preventDefault(); }}>
      <div style=${`aspect-ratio:${image.width}/${image.height}`} onPointerDown=${hold} onLostPointerCapture=${release}><img src=${image.url} alt=${say('Result')} draggable=${false} /><img src=${before} alt=${say('Source')} draggable=${false} hidden=${!held.value} /></div>
      <figcaption class="num"><span role="status">${held.value ? say('Source') : say('Result')}</span></figcaption></figure>
    <div class="next"><button type="button" class="btn small" aria-pressed=${held.value} onPointerDown=${hold} onLostPointerCapture=${release} onKeyDown=${key} onKeyUp=${key} onBlur=${release}>${say('Hold to see the source')}</button>
      <button type="button" class="btn small" onClick=${() => look({ title: say('Before and after'), url: before, after: image.url, parent })}>${say('Before and after')}</button></div>`;
}
