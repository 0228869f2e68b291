// @ts-check
/** The box over the prompt: parameters after `--`, models and pictures after `@`. The text box keeps the focus. */
import { signal } from '@preact/signals';
import * as act from './actions.js';
import { money } from './format.js';
import * as s from './state.js';
import { html, say } from './ui.js';

/** Name, an example of a value, what it does. What a model does with it is said by the plan. */
const PARAMETERS = [
  ['ar', '4:5', 'shape, width to height'], ['n', '2', 'images per model'], ['seed', '7', 'the same again, where a model can'],
  ['no', 'text, hands', 'keep out of the picture'], ['size', '2k', 'size, or pixels like 1536x1024'], ['draft', '', 'fast and cheap'],
  ['quality', '2', 'how much care'], ['repeat', '3', 'run it several times'], ['format', 'webp', 'file format'], ['bg', 'transparent', 'background'],
  ['budget', '0.50', 'most to spend, in dollars'], ['m', '', 'models by name, in place of the chips'], ['stylize', '250', 'how free the style is, 0 to 1000'], ['chaos', '20', 'how different the results are, 0 to 100'],
  ['weird', '200', 'how odd, 0 to 3000'], ['raw', '', 'without the house style'], ['tile', '', 'repeats without a seam'],
  ['iw', '1.5', 'weight of the pictures, 0 to 3'], ['sref', '@img1', 'take the style of a picture'], ['sw', '200', 'weight of that style'], ['oref', '@img1', 'take the subject of a picture'], ['ow', '200', 'weight of that subject'],
  ['edit', '@img1', 'change this picture'],
];

/** @import { Item } from './types' */
/** @typedef {{ name: string, note: string, take: () => void }} Offer */
const offers = signal(/** @type {Offer[]} */ ([]));
const at = signal(0);
let box = /** @type {HTMLTextAreaElement | null} */ (null), looked = '';

export function shut() { looked = ''; offers.value = []; }

/** Looks at the word before the caret. @param {HTMLTextAreaElement} el */
export function look(el) {
  box = el;
  const found = /(?:^|\s)(--|@)([\w-]*)$/.exec(el.value.slice(0, el.selectionStart));
  if (!found) return shut();
  const [, sign, word] = found, list = (sign === '--' ? parameters : things)(word.toLowerCase(), sign.length + word.length);
  // What was typed before this module was here looks several times, also after an arrow was pressed.
  at.value = looked === sign + word ? Math.max(0, Math.min(at.peek(), list.length - 1)) : 0;
  looked = sign + word;
  offers.value = list;
}

/** @param {string} word @param {number} length @returns {Offer[]} */
const parameters = (word, length) => PARAMETERS.filter(([name]) => name.startsWith(word)).map(([name, value, note]) => ({
  name: `--${name}${value && ` ${value}`}`, note, take: () => put(length, `--${name}${value ? ' ' : ''}`),
}));

/** A text that may name models. The word that is being written is no name yet, also where the plan has read it as one. */
const NAMES = /(--|—|–)m|(^|\s)@(?!img\d)\w/i;

/** @param {string} word @param {number} length @returns {Offer[]} */
function things(word, length) {
  const pictures = s.refs.value.map((_, i) => `@img${i + 1}`).filter(n => n.slice(1).startsWith(word))
    .map(name => ({ name, note: say('a picture that goes along'), take: () => put(length, name) }));
  const end = box?.selectionStart ?? 0, by = NAMES.test(`${box?.value.slice(0, end - length)}${box?.value.slice(end)}`) ? s.chosen.value : s.selected.value;
  const models = s.models.value.filter(m => ['ready', 'limited'].includes(m.state) && `${m.id} ${m.name} ${m.maker}`.toLowerCase().includes(word)).map(m => {
    const on = by.some(name => s.meant(name) === m);
    return { name: m.name, note: `${on ? say('take out') : say('add')} · ${m.free ? say('free') : m.price_micro_usd === null ? say('price unknown') : money(m.price_micro_usd)}`, take: () => { put(length, ''); if (!NAMES.test(s.text.peek())) s.named.value = null; act.pick(m.id, !on); } };
  });
  return [...pictures, ...models];
}

/** @param {number} length of what is replaced @param {string} by */
function put(length, by) {
  if (!box) return;
  const end = box.selectionStart, start = end - length, el = box;
  s.text.value = el.value.slice(0, start) + by + el.value.slice(end);
  shut();
  queueMicrotask(() => { el.focus(); el.setSelectionRange(start + by.length, start + by.length); });   // before the next key
}

/** True when the key was for the box. @param {KeyboardEvent} e */
export function key(e) {
  const n = offers.value.length;
  if (!n || e.ctrlKey || e.metaKey || e.altKey) return false;
  if (e.key === 'ArrowDown' || e.key === 'ArrowUp') at.value = (at.value + (e.key === 'ArrowDown' ? 1 : n - 1)) % n;
  else if (e.key === 'Enter' || e.key === 'Tab') offers.value[at.value].take();
  else if (e.key === 'Escape') shut();
  else return false;
  e.preventDefault();
  return true;
}

/** For the menu beside the prompt: the most used. @returns {Item[]} */
export const common = () => PARAMETERS.slice(0, 11).filter(([name]) => name !== 'm').map(([name, value, note]) => ({
  name: `--${name}${value && ` ${value}`}`, note, run: () => { s.text.value = `${s.text.peek().trimEnd()} --${name} ${value}`.trim(); act.focusPrompt(); },
}));

export function Suggestions() {
  const list = offers.value;
  if (list.length) box?.setAttribute('aria-activedescendant', `offer-${at.value}`); else box?.removeAttribute('aria-activedescendant');
  if (!list.length) return null;
  requestAnimationFrame(() => document.getElementById(`offer-${at.peek()}`)?.scrollIntoView({ block: 'nearest' }));
  return html`<ul class="offers" id="suggestions" role="listbox" aria-label=${say('Suggestions')}>${list.map((o, i) => html`<li role="option" id=${`offer-${i}`} aria-selected=${i === at.value}
    onPointerDown=${e => e.preventDefault()} onClick=${o.take}><span class="num">${o.name}</span><small>${say(o.note)}</small></li>`)}</ul>`;
}

let back = -1, draft = '', last = '';
/** Alt and an arrow walk through what was asked before; going past the newest brings back what was being written.
 * @param {1 | -1} step */
export function recall(step) {
  const before = [...new Set(s.rows.peek().map(r => r.text))].reverse();
  if (s.text.peek() !== last) back = -1;
  if (back < 0) draft = s.text.peek();
  back = Math.max(-1, Math.min(before.length - 1, back + step));
  s.text.value = last = back < 0 ? draft : before[back];
}
