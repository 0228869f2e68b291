// @ts-check
/** In the head of an edited row: the picture that it is made from, which opens. */
import { useSignal } from '@preact/signals';
import { look } from './look.js';
import { Icon, h, html, say } from './ui.js';
/** @import { Row } from './types' */

/** @param {{ row: Row }} props */
export function Source({ row }) {
  const gone = useSignal(false), { images, parent } = row.settings, { sha256 } = images.find((/** @type {{ role: string }} */ i) => i.role === 'edit');
  return html`<button type="button" class="source" aria-label=${say('Source of the row: {0}', row.text.slice(0, 60))} title=${say('What this row is made from: open it')}
    onClick=${() => look({ title: say('Source'), words: row.text, url: `/api/uploads/${sha256}`, parent: parent?.tile })}>${gone.value ? h(Icon, { name: 'image' }) : html`<img src=${`/api/uploads/${sha256}/thumb`} alt="" onError=${() => { gone.value = true; }} />`}</button>`;
}
