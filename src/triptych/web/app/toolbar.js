// @ts-check
/** What can be done with a picture, on hover and focus; always there on touch. */
import { deed } from './actions.js';
import { keyed } from './commands.js';
import * as s from './state.js';
import { Icon, Menu, Tool, h, html, say } from './ui.js';
/** @import { Picture, Tile, TileSignal } from './types' */

/** @param {{ tile: TileSignal, t: Tile, image: Picture, marked: boolean, tab: number }} props */
export function Toolbar({ tile, t, image, marked, tab }) {
  const act = (icon, label, id, onClick, more = {}) => h(Tool, { icon, label: say(label), title: keyed(say(label), id), tabindex: tab, onClick, ...more });
  return html`<div class="acts" role="toolbar" aria-label=${say('What to do with {0}', t.name)}>
    ${act('columns-2', 'Compare', 'compare', () => deed('mark', tile, image.id), { 'aria-pressed': marked })}
    ${act('image-plus', 'Use as reference', 'reference', () => deed('useImage', image, t, 'subject'))}
    ${act('pencil', 'Edit with this', 'edit', () => deed('useImage', image, t, 'edit'))}
    ${!s.veiled(t.run) && html`<a class="tool" href=${`${image.url}?download=1`} download=${image.filename} tabindex=${tab} aria-label=${say('Download')} title=${keyed(say('Download'), 'download')}>${h(Icon, { name: 'download' })}</a>`}
    ${t.maker && act('panel-right', 'Inspector', 'inspector', () => { s.inspecting.value = s.inspecting.peek() === t.id ? '' : t.id; })}
    ${h(Menu, { label: say('More'), icon: 'ellipsis', tabindex: tab, items: () => deed('tileMenu', tile, image) })}</div>`;
}
