// @ts-check
/** Prices and spans of time, for what comes after the first view. */

import { money, number } from './format.js';
import { say } from './ui.js';
/** @import { Cost } from './types' */

/** @param {Cost | null | undefined} cost @param {boolean} [about] an estimate, not a bill */
export function price(cost, about = false) {
  if (!cost || cost.source === 'unknown' || cost.amount_micro_usd === null) return say('price unknown');
  if (cost.source === 'free') return say('free');
  return `${about ? '~' : ''}${money(cost.amount_micro_usd)}`;
}

/** @param {number} s */
export function seconds(s) {
  if (s < 10) return `${number(Math.max(0, s), 1)} s`;
  return s < 100 ? `${Math.round(s)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

/** Whole seconds, for what is still ticking.
 * @param {number} s */
export const ticking = s => s < 100 ? `${Math.max(0, Math.floor(s))} s` : `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;

/** @param {[number, number] | null | undefined} range */
export function usually(range) {
  if (!range) return '';
  const [low, high] = range.map(s => s < 10 && s % 1 ? number(s, 1) : number(Math.round(s)));
  return low === high ? `${low} s` : `${low}–${high} s`;
}

/** A day that the server names as 2026-09-30; whatever else it says stays. @param {string} said */
export const day = said => /^\d{4}-\d\d-\d\d$/.test(said) ? new Date(said).toLocaleDateString(document.documentElement.lang, { dateStyle: 'medium', timeZone: 'UTC' }) : said;
