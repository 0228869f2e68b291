// @ts-check
/** What is said of a receipt: one line for each thing that was looked at. */
import { Wrong } from './bytes.js';

/** @typedef {'proved' | 'not checked' | 'FALSE'} Verdict */
/** @typedef {{ what: string, verdict: Verdict, detail: string }} Line */

/** @param {string} what @param {Verdict} verdict @param {string} detail @returns {Line} */
export const line = (what, verdict, detail) => ({ what, verdict, detail });

/** The words of an error about what was given. Throws every other one. @param {unknown} error */
export function words(error) {
  if (error instanceof Wrong) return error.message;
  throw error;
}

const LAST_MS = 253_402_300_799_999;                     // the end of the year 9999

/** A moment in milliseconds since 1970 as a date; the fraction only where there is one. Like triptych.spec.words. @param {number} ms */
export function utc(ms) {
  if (!(ms >= 0 && ms <= LAST_MS)) return `${ms} milliseconds after 1970`;
  return new Date(ms).toISOString().replace('T', ' ').replace(/(\.000)?Z$/, ' UTC');
}

/** Micro-dollars as people write them: at least two decimals, as many as needed. @param {number | bigint} micro */
export function usd(micro) {
  const exact = BigInt(micro), million = 1_000_000n, part = (exact % million + million) % million, rest = String(part).padStart(6, '0');
  return `$${(exact - part) / million}.${rest.replace(/0+$/, '').padEnd(2, '0')}`;
}

/** `1 picture`, `2 pictures`. @param {number} number @param {string} one @param {string} [many] where it is not `one` with an s */
export const counted = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;
