// @ts-check
/** What can be done with a picture, on hover and focus; always there on touch. And what was said of it, in its corner. */
import { useComputed } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { deed } from './actions.js';
import { shape } from './caption.js';
import { pickedFor } from './chosen.js';
import { keyed } from './commands.js';
import { count } from './format.js';
import { judge, marks } from './marks.js';
import * as s from './state.js';
import { Icon, Menu, Tool, h, html, say, styled } from './ui.js';
/** @import { Picture, Tile, TileSignal } from './types' */

await styled('marks');                               // before it is drawn: nothing moves afterwards

/** @param {{ tile: TileSignal, t: Tile, image: Picture, marked: boolean, tab: number }} props */
export function Toolbar({ tile, t, image, marked, tab }) {
  const act = (icon, label, id, onClick, more = {}) => Tool({ icon, label: say(label), title: keyed(say(label), id), tabindex: tab, onClick, ...more });
  /** What would tell who made it has its place already, so that the others stay where they are when it can be used. @param {string} icon @param {string} label */
  const later = (icon, label) => Tool({ icon, label: say(label), title: say('Pick one of this row first.'), tabindex: tab, 'aria-disabled': true });
  return html`${Asked({ t, image })}${h(Corner, { key: image.id, id: image.id })}<div class="acts" role="toolbar" aria-label=${say('What to do with {0}', t.name)}>
    ${h(Keep, { key: image.id, id: image.id, tab })}
    ${act('columns-2', 'Compare', 'compare', () => deed('mark', tile, image.id), { 'aria-pressed': marked })}
    ${act('image-plus', 'Use as reference', 'reference', () => deed('useImage', image, t, 'subject'))}
    ${act('pencil', 'Edit with this', 'edit', () => deed('useImage', image, t, 'edit'))}
    ${act('images', 'Vary', 'vary', () => deed('bench', 'vary', image, t))}
    ${s.veiled(t.run) ? later('download', 'Download') : html`<a class="tool" href=${`${image.url}?download=1`} download=${image.filename} tabindex=${tab} aria-label=${say('Download')} title=${keyed(say('Download'), 'download')}>${Icon({ name: 'download' })}</a>`}
    ${s.veiled(t.run) ? later('panel-right', 'Inspector') : t.maker && act('panel-right', 'Inspector', 'inspector', () => { s.inspecting.value = s.inspecting.peek() === t.id ? '' : t.id; })}
    ${Menu({ label: say('More'), icon: 'ellipsis', tabindex: tab, items: () => deed('tileMenu', tile, image) })}</div>`;
}

const NEAR = .02, ROOM = .08;                          // of a ratio; and of a side, for a line of words beside a picture
/** Beside a picture of another shape than was asked for: which one came. The box stays as it was asked, so that nothing moves.
 * @param {{ t: import('./types').Tile, image: import('./types').Picture }} props */
function Asked({ t, image }) {
  const wide = image.width / image.height / t.ratio, bar = (1 - Math.min(wide, 1 / wide)) / 2;
  if (t.task || Math.abs(wide - 1) <= NEAR) return null;
  const came = shape(image.width / image.height), said = say('{0}, not {1}', came.includes(':') ? came : `${image.width}×${image.height}`, shape(t.ratio));
  return html`<p class="asked num" style=${`aspect-ratio:${t.ratio}`} data-bars=${wide > 1 ? 'rows' : 'columns'}>${bar >= ROOM && said}</p>`;
}

/** @param {{ id: string, tab: number }} props */
function Keep({ id, tab }) {
  const kept = useComputed(() => marks.value[id]?.verdict === 'kept').value;
  return html`<button type="button" class="tool keep" aria-label=${say('Keep')} title=${keyed(say('Keep'), 'keep')} aria-pressed=${kept} tabindex=${tab} onClick=${() => judge(id, 'kept')}><span aria-hidden="true">${kept ? '★' : '☆'}</span></button>`;
}

/** Picked, kept, rejected, stars: to be seen, and heard with the tile. @param {{ id: string }} props */
function Corner({ id }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null)), verdict = useComputed(() => marks.value[id]?.verdict ?? 'open').value, stars = useComputed(() => marks.value[id]?.stars ?? 0).value, picked = useComputed(() => pickedFor(id)).value;
  const said = [picked && say('Picked: {0}', picked), verdict === 'kept' ? say('Kept') : verdict === 'rejected' && say('Rejected'), stars > 0 && count(stars, 'star')].filter(Boolean).join(', ');
  useLayoutEffect(() => {
    const frame = box.current?.closest('.frame');
    frame?.setAttribute('aria-describedby', `said-${id}`);
    return () => frame?.removeAttribute('aria-describedby');
  }, [Boolean(said)]);
  return said ? html`<span id=${`said-${id}`} class="corner" role="img" ref=${box} aria-label=${said} title=${said} data-verdict=${verdict}>${picked && html`${h(Icon, { name: 'check' })}<span>${say('picked')}</span>`}${verdict === 'kept' ? '★' : verdict === 'rejected' && h(Icon, { name: 'x' })}${stars > 0 && html`<span class="num">${stars}/5</span>`}</span>` : null;
}
