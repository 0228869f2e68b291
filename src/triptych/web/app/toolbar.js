// @ts-check
/** What can be done with a picture, on hover and focus; always there on touch. */
import { deed } from './actions.js';
import * as s from './state.js';
import { Icon, Menu, Tool, h, html } from './ui.js';
/** @import { Picture, Tile, TileSignal } from './types' */

/** @param {{ tile: TileSignal, t: Tile, image: Picture, marked: boolean, tab: number }} props */
export function Toolbar({ tile, t, image, marked, tab }) {
  const act = (icon, label, key, onClick, more = {}) => h(Tool, { icon, label, title: `${label} (${key})`, tabindex: tab, onClick, ...more });
  return html`<div class="acts" role="toolbar" aria-label=${`What to do with ${t.name}`}>
    ${act('columns-2', 'Compare', 'C', () => deed('mark', tile, image.id), { 'aria-pressed': marked })}
    ${act('image-plus', 'Use as reference', 'R', () => deed('useImage', image, t, 'subject'))}
    ${act('pencil', 'Edit with this', 'E', () => deed('useImage', image, t, 'edit'))}
    ${!s.veiled(t.run) && html`<a class="tool" href=${`${image.url}?download=1`} download=${image.filename} tabindex=${tab} aria-label="Download" title="Download (D)">${h(Icon, { name: 'download' })}</a>`}
    ${t.maker && act('panel-right', 'Inspector', 'I', () => { s.inspecting.value = s.inspecting.peek() === t.id ? '' : t.id; })}
    ${h(Menu, { label: 'More', icon: 'ellipsis', tabindex: tab, items: () => deed('tileMenu', tile, image) })}</div>`;
}
