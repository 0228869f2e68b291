// @ts-check
/** Toasts, newest below, three at most: they go after nine seconds, but not while the pointer or the focus is on one. */
import { render } from 'preact';
import { Tool, h, html, say } from './ui.js';

/** @type {{ id: number, text: string, action?: { name: string, run: () => void } }[]} */
let list = [];
let counter = 0;

/** @param {string} text @param {{ name: string, run: () => void }} [action] */
export function show(text, action) {
  const id = ++counter;
  const end = () => { if (document.querySelector('.toasts:is(:hover, :focus-within)')) setTimeout(end, 3000); else drop(id); };
  list = [...list.slice(-2), { id, text, action }];
  draw();
  setTimeout(end, 9000);
}

const drop = (/** @type {number} */ id) => { list = list.filter(t => t.id !== id); draw(); };

const draw = () => render(list.map(t => html`<p key=${t.id} class="toast"><span>${t.text}</span>
  ${t.action && html`<button type="button" class="btn small" onClick=${() => { drop(t.id); t.action?.run(); }}>${t.action.name}</button>`}
  ${h(Tool, { icon: 'x', label: say('Dismiss'), onClick: () => drop(t.id) })}</p>`), /** @type {HTMLElement} */ (document.querySelector('.toasts')));
