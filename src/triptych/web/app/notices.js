// @ts-check
/** What the page has said, in a sheet: whoever missed a toast reads it here, and takes back from here what can be taken back. */
import { clock } from './format.js';
import { signOf } from './commands.js';
import { useSheet } from './sheet.js';
import { notices } from './toast.js';
import { Tool, h, html, say } from './ui.js';

/** @param {{ close: () => void }} props */
export function Notices({ close }) {
  const box = useSheet(close), all = notices.value, sign = signOf('undo'), first = all.find(n => n.action && !n.used);
  return html`<dialog class="sheet notices" ref=${box} aria-labelledby="notices-h" onClick=${e => { if (e.target === box.current) box.current?.close(); }}>
    <header><h2 id="notices-h">${say('Notices')}</h2>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => box.current?.close() })}</header>
    <p class="sub">${all.length ? say('What this page has said since it was opened, the latest first.') : say('Nothing was said yet.')} ${sign && html`<span class="keys">${say('{0} takes back what was done last.', sign)}</span>`}</p>
    ${all.length > 0 && html`<ol>${all.map(n => html`<li key=${n.id}><time class="num" dateTime=${new Date(n.at).toISOString()}>${clock(n.at)}</time><span>${n.text}</span>${n.action && h(Way, { n, first: n === first, shut: () => box.current?.close() })}</li>`)}</ol>`}
  </dialog>`;
}

/** It stays when it was taken, and says so, so that the focus stays too.
 * @param {{ n: import('./toast.js').Notice, first: boolean, shut: () => void }} props */
function Way({ n, first, shut }) {
  const act = () => {
    if (n.used) return;
    if (!n.action?.undo) shut();
    n.action?.run();
  };
  const name = n.used && n.action?.undo ? say('Taken back') : n.action?.name;
  return html`<button type="button" class="btn small" autofocus=${first} aria-label=${`${name}: ${n.text}`} aria-disabled=${Boolean(n.used)} onClick=${act}>${name}</button>`;
}
