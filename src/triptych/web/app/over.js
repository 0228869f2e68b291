// @ts-check
/** What opens over a view: pictures side by side, and the sheets that a command opens by name (`s.over`). */
import * as s from './state.js';
import { h, html, later, styled } from './ui.js';

/** @param {() => Promise<any>} load @param {string} name @param {...string} sheets */
const part = (load, name, ...sheets) => later(() => Promise.all([load(), ...['views', ...sheets].map(styled)]).then(([m]) => m), name);

const Compare = part(() => import('./compare.js'), 'Compare', 'compare');
const OVER = /** @type {Record<string, any>} */ ({
  help: part(() => import('./help.js'), 'Help', 'everywhere'),
  grid: part(() => import('./grid.js'), 'Grid', 'grid'),
  pictures: part(() => import('./picker.js'), 'Picker', 'refs'),
  palette: part(() => import('./palette.js'), 'Palette', 'everywhere'),
  cull: part(() => import('./cull.js'), 'CullRow', 'gallery'),
  alt: part(() => import('./alt.js'), 'AltSheet', 'everywhere'),
  notices: part(() => import('./notices.js'), 'Notices', 'notices'),
  settings: part(() => import('./settings.js'), 'Settings', 'everywhere'),
});
const closer = (/** @type {string} */ name) => () => { if (s.over.peek() === name) s.over.value = ''; };  // its own end may be heard after the next one opened

export function Over() {
  const name = s.over.value, found = OVER[name];
  return html`${s.comparing.value.length > 0 && h(Compare, null)}${found && h(found, { key: name, close: closer(name) })}`;
}
