// @ts-check
/** Money, times and the words for states: plain functions, no page. */

import { say, words } from './ui.js';
/** @import { Cost } from './types' */

/** Whole micro-dollars as dollars. What is not nothing never reads as $0.00.
 * @param {number} micro */
export function money(micro) {
  const usd = micro / 1e6, size = Math.abs(usd);
  if (size === 0) return '$0';
  if (size < .00005) return '<$0.0001';
  const text = usd.toFixed(size < .01 ? 4 : size < 1 ? 3 : 2);
  return `$${/\.\d{3,}$/.test(text) ? text.replace(/(\.\d\d\d*?)0+$/, '$1') : text}`;
}

/** @param {Cost | null | undefined} cost @param {boolean} [about] an estimate, not a bill */
export function price(cost, about = false) {
  if (!cost || cost.source === 'unknown' || cost.amount_micro_usd === null) return say('price unknown');
  if (cost.source === 'free') return say('free');
  return `${about ? '~' : ''}${money(cost.amount_micro_usd)}`;
}

/** @param {number} s */
export function seconds(s) {
  if (s < 10) return `${Math.max(0, s).toFixed(1)} s`;
  return s < 100 ? `${Math.round(s)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

/** Whole seconds, for what is still ticking.
 * @param {number} s */
export const ticking = s => s < 100 ? `${Math.max(0, Math.floor(s))} s` : `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;

/** @param {[number, number] | null | undefined} range */
export function usually(range) {
  if (!range) return '';
  const [low, high] = range.map(s => s < 10 && s % 1 ? Number(s.toFixed(1)) : Math.round(s));
  return low === high ? `${low} s` : `${low}–${high} s`;
}

/** How many of what: other languages have their forms of it in the catalogue.
 * @param {number} n @param {string} one @param {string} [many] */
export function count(n, one, many = `${one}s`) {
  const { lang } = document.documentElement, forms = words[`#${one}`];
  return `${n.toLocaleString(lang)} ${forms?.[new Intl.PluralRules(lang).select(n)] ?? (n === 1 ? one : many)}`;
}

/** @param {number} ms */
export function clock(ms) {
  const then = new Date(ms), today = then.toDateString() === new Date().toDateString();
  const time = then.toLocaleTimeString(document.documentElement.lang, { hour: '2-digit', minute: '2-digit', hour12: false });
  return today ? time : `${then.toLocaleDateString(document.documentElement.lang, { day: 'numeric', month: 'short' })} ${time}`;
}

export const letter = (/** @type {number} */ i) => i < 26 ? String.fromCharCode(65 + i) : `${letter(Math.floor(i / 26) - 1)}${letter(i % 26)}`;

/** Who could read the prompt: a word for the caption, a sentence for the title. */
export const LANES = /** @type {Record<string, [string, string]>} */ ({
  local: ['this machine', 'The prompt stays on this machine.'],
  pinned: ['pinned', 'People you know receive the prompt.'],
  attested: ['attested', 'A verified machine receives the prompt.'],
  community: ['community', 'A volunteer can read the prompt.'],
  commercial: ['commercial', 'The provider receives the prompt.'],
});

export const MODEL_STATES = /** @type {Record<string, string>} */ ({ ready: 'ready', limited: 'limited now', no_key: 'no key', off: 'switched off', down: 'not working' });
