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
