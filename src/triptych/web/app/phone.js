// @ts-check
/** What only a phone has: the strip of small pictures under a row that is swiped, and the prompt bar above the keyboard where the
 * browser lays its keyboard over the page. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { letter } from './format.js';
import * as s from './state.js';
import { html, say } from './ui.js';
/** @import { TileSignal } from './types' */

const KEYBOARD = 120;                                  // pixels that a keyboard takes at least

visualViewport?.addEventListener('resize', () => {
  const view = /** @type {VisualViewport} */ (visualViewport), over = innerHeight - view.height > KEYBOARD && view.scale < 1.05;
  document.body.style.height = over ? `${view.height}px` : '';
  if (over) scrollTo(0, 0);
});

/** Small pictures of a row; the one in sight is marked, a tap brings another. @param {{ tiles: TileSignal[] }} props */
export function Film({ tiles }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null)), at = useSignal(0);
  useEffect(() => {
    const deck = /** @type {HTMLElement | null | undefined} */ (box.current?.closest('.row')?.querySelector('.tiles'));
    const look = () => {
      const places = [...deck?.children ?? []].map(e => Math.abs(e.getBoundingClientRect().left - 16));
      at.value = places.indexOf(Math.min(...places));
    };
    deck?.addEventListener('scroll', look, { passive: true });
    look();
    return () => deck?.removeEventListener('scroll', look);
  }, [tiles.length]);
  const go = (/** @type {number} */ i) => box.current?.closest('.row')?.querySelector('.tiles')?.children[i]?.scrollIntoView({ block: 'nearest', inline: 'start' });
  return html`<div class="film" ref=${box} role="group" aria-label=${say('Tiles of this row')}>${tiles.map((tile, i) => {
    const t = s.open(tile.still.value, i), image = t.images[0];
    return html`<button type="button" key=${t.id} class="thumb" aria-current=${at.value === i ? 'true' : null} aria-label=${`${letter(i)}, ${t.name}`} onClick=${() => go(i)}>${image ? html`<img src=${image.thumb} alt="" loading="lazy" />` : letter(i)}</button>`;
  })}</div>`;
}
