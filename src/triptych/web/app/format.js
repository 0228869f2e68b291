// @ts-check
/** Money, counts, times of day and the words for states: plain functions. Prices and spans are in `amounts.js`. */

import { words } from './ui.js';

const kept = /** @type {any} */ ({});
/** A number in the page's language. @param {number} n @param {number} [most] digits after the point @param {any} [how] */
export const number = (n, most = 0, how) => (kept[`${most}${how?.style}`] ??= new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: most && 1, maximumFractionDigits: most, ...how })).format(n);

/** Whole micro-dollars as dollars. What is not nothing never reads as $0.00.
 * @param {number} micro */
export function money(micro) {
  const usd = micro / 1e6, size = Math.abs(usd), dust = size && size < .00005, most = !size ? 0 : size < .01 ? 4 : size < 1 ? 3 : 2;
  return (dust ? '<' : '') + number(dust ? .0001 : usd, most, { style: 'currency', currency: 'USD', minimumFractionDigits: most && 2 });
}

/** How many of what: other languages have their forms of it in the catalogue.
 * @param {number} n @param {string} one @param {string} [many] */
export function count(n, one, many = `${one}s`) {
  const { lang } = document.documentElement, forms = words[`#${one}`];
  return `${number(n)} ${forms?.[new Intl.PluralRules(lang).select(n)] ?? (n === 1 ? one : many)}`;
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
  pinned: ['people you know', 'People you know receive the prompt.'],
  attested: ['attested', 'A verified machine receives the prompt.'],
  community: ['community', 'A volunteer can read the prompt.'],
  commercial: ['commercial', 'The provider receives the prompt.'],
});

export const MODEL_STATES = /** @type {Record<string, string>} */ ({ ready: 'ready', limited: 'limited now', no_key: 'no key', off: 'switched off', down: 'not working' });
