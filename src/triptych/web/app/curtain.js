// @ts-check
/** How many of a blind row are over while nothing is told of any of them. */
import { signal } from '@preact/signals';
/** @import { Row } from './types' */

/** @typedef {{ over: number, of: number } | null} Progress */
const told = signal(/** @type {Record<string, Progress>} */ ({}));
/** @param {{ run: string, progress: Progress }} news */
export const heard = news => { told.value = { ...told.peek(), [news.run]: news.progress }; };
/** What was told last, else what the row said when it came. @param {Row} row @returns {Progress} */
export const progress = row => row.id in told.value ? told.value[row.id] : row.progress ?? null;
