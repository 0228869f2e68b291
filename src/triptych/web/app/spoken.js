// @ts-check
/** What is said to whoever listens instead of looking: how tiles ended, and what was just done. At most once a second, and
 * what comes meanwhile together, so that no sentence cuts off another. */
import { price, seconds } from './amounts.js';
import { ended } from './notify.js';
import { said, veiled } from './state.js';
import { say } from './ui.js';
/** @import { Tile } from './types' */

const WORDS = /** @type {Record<string, string>} */ ({ done: '{0} finished', blocked: '{0} refused', failed: '{0} failed', cancelled: '{0} stopped', lost: '{0} was lost' });
const PAUSE_MS = 1000;
const sentences = /** @type {string[]} */ ([]);
let next = 0, last = -PAUSE_MS;

function speak() {
  next = 0;
  last = performance.now();
  said.value = sentences.splice(0).join(' ');
}

/** Says it now, or as soon as a second has passed since the last. @param {string} sentence @param {number} [wait] for others that come with it */
export function announce(sentence, wait = 0) {
  sentences.push(sentence);
  next ||= setTimeout(speak, Math.max(wait, last + PAUSE_MS - performance.now()));
}

/** @param {Tile} t */
export function finished(t) {
  ended(t);
  const hidden = veiled(t.run), time = !hidden && t.state === 'done' && t.started_ms && t.ended_ms ? `, ${seconds((t.ended_ms - t.started_ms) / 1000)}, ${price(t.cost)}` : '';
  announce(`${say(WORDS[t.state], hidden ? say('One of a blind row') : t.name)}${time}.`, PAUSE_MS);
}
