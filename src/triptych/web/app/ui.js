// @ts-check
import { h } from 'preact';
import { signal } from '@preact/signals';
import htm from 'htm';
/** @import { Item } from './types' */

export { h };
export const html = htm.bind(h);
/** The page's texts in another language than English, which is the key; `words.js` fills it before the first drawing. */
export const words = /** @type {Record<string, any>} */ ({});
/** A text in the page's language; `{0}`, `{1}` are the parts. A sentence of the server comes whole, without parts: `heard.js` reads it.
 * @param {string} text @param {...any} parts @returns {string} */
export const say = (text, ...parts) => (words[text] ?? words[' ']?.(text) ?? text).replace(/\{(\d)\}/g, (_, n) => parts[n] ?? _);
export const file = (/** @type {string} */ path) => new URL(`../${path}`, import.meta.url).pathname;
/** `sprite.js` brings them into the page. */
export const icons = { at: `${file('icons.svg')}#` };
const sheets = /** @type {Record<string, Promise<unknown>>} */ ({});
/** A style sheet that comes when first needed, before what it is for is drawn. One that cannot be had holds nothing up, and is
 * asked for again. @param {string} name */
export const styled = name => sheets[name] ??= new Promise(done => {
  document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: file(`style/${name}.css`), onload: done, onerror: () => { delete sheets[name]; done(0); } }));
});

/** @param {{ name: string }} props */
export const Icon = ({ name }) => html`<svg class="i" aria-hidden="true"><use href=${icons.at + name} /></svg>`;

/** A button that shows an icon and says its name.
 * @param {{ icon: string, label: string, title?: string, class?: string, [rest: string]: unknown }} props */
export const Tool = ({ icon, label, title, class: extra = '', ...rest }) =>
  html`<button type="button" class=${`tool ${extra}`} aria-label=${label} title=${title ?? label} ...${rest}>${Icon({ name: icon })}</button>`;

/** A button with a menu; the menu itself comes with its first opening.
 * @param {{ label: string, icon?: string, text?: string, class?: string, heading?: string, tabindex?: number, items: () => Item[] | Promise<Item[]> }} props */
export function Menu({ label, icon, text, class: look = 'tool', heading, tabindex, items }) {
  const open = ({ currentTarget: by }) => import('./menu.js').then(async m => m.openMenu(by, label, await items(), heading));
  return html`<button type="button" class=${look} aria-label=${label} title=${label} aria-haspopup="menu" tabindex=${tabindex} onClick=${open}
    onKeyDown=${e => { if (e.key === 'ArrowDown' && !e.altKey) { e.preventDefault(); e.stopPropagation(); open(e); } }}>${icon && Icon({ name: icon })}${text}</button>`;
}

/** What went wrong, or a note on how something was read, beside the place it is about.
 * @param {{ of?: { message: string, hint?: string, kind?: string } | null }} props */
export const Remark = ({ of }) => of ? html`<p class=${`remark ${of.kind ? of.kind !== 'info' && 'warn' : 'bad'}`} role=${of.kind ? null : 'alert'}>
  ${h(Icon, { name: of.kind === 'info' ? 'check' : 'triangle-alert' })}<span>${say(of.message)} ${say(of.hint ?? '')}</span></p>` : null;

/** A part that comes when first needed. A module of an older release is gone: only a reload helps.
 * @param {() => Promise<any>} load @param {string} name */
export function later(load, name) {
  const part = signal(/** @type {any} */ (null)), lost = signal(false);
  let asked = false;
  return (/** @type {any} */ props) => {
    if (!asked) { asked = true; load().then(m => { part.value = m[name]; }, () => { lost.value = true; }); }
    if (lost.value) return html`<p class="remark bad" role="alert">${say('A part of this page did not load.')} <a href="">${say('Reload the page')}</a></p>`;
    return part.value ? h(part.value, props) : null;
  };
}

/** A short word at the edge of the page, with a way back where there is one.
 * @param {string} text @param {{ name: string, run: () => void }} [action] */
export const toast = (text, action) => import('./toast.js').then(m => m.show(text, action));
