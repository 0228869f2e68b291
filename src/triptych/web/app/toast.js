// @ts-check
/** Toasts, newest below, three at most. One with a way back stays for twenty seconds, another for nine, and none goes while the
 * pointer or the focus is on one of them. What went by stands in the list of notices (`notices.js`), with its way back. */
import { render } from 'preact';
import { signal } from '@preact/signals';
import { Tool, h, html, say } from './ui.js';
/** @import { Action } from './types' */

const PLAIN_MS = 9000, OFFER_MS = 20_000, AFTER_MS = 5000;  // `AFTER`: once the pointer or the focus has left
const MOST = 50;                                       // as many as can be taken back, in `undo.js`
/** `used` once its action was taken, here or elsewhere. @typedef {{ id: number, at: number, text: string, action?: Action, used?: boolean }} Notice */

/** What this page has said, the latest first. */
export const notices = signal(/** @type {Notice[]} */ ([]));
let list = /** @type {Notice[]} */ ([]);
let counter = 0;

/** Puts it on the list alone, for what is seen where it happens. @param {string} text @param {Action} [action]
 * @returns {() => void} says that the action is no longer offered */
export function note(text, action) {
  const id = ++counter;
  notices.value = [{ id, at: Date.now(), text, action }, ...notices.peek()].slice(0, MOST);
  return () => {
    notices.value = notices.peek().map(n => n.id === id ? { ...n, used: true } : n);
    drop(id);
  };
}

/** @param {string} text @param {Action} [action] @returns {() => void} as of `note` */
export function show(text, action) {
  const over = note(text, action), one = notices.peek()[0];
  const end = () => { if (document.querySelector('.toasts:is(:hover, :focus-within)')) setTimeout(end, AFTER_MS); else drop(one.id); };
  list = [...list.slice(-2), one];
  draw();
  setTimeout(end, action ? OFFER_MS : PLAIN_MS);
  return over;
}

const drop = (/** @type {number} */ id) => { if (list.some(t => t.id === id)) { list = list.filter(t => t.id !== id); draw(); } };

const draw = () => render(list.map(t => html`<p key=${t.id} class="toast"><span>${t.text}</span>
  ${t.action && html`<button type="button" class="btn small" onClick=${() => { drop(t.id); t.action?.run(); }}>${t.action.name}</button>`}
  ${h(Tool, { icon: 'x', label: say('Dismiss'), onClick: () => drop(t.id) })}</p>`), /** @type {HTMLElement} */ (document.querySelector('.toasts')));
