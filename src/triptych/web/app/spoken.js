// @ts-check
/** How tiles ended, said to whoever listens instead of looking: together, at most once a second. */
import { price, seconds } from './format.js';
import { ended } from './notify.js';
import { said, veiled } from './state.js';
import { say } from './ui.js';
/** @import { Tile } from './types' */

const WORDS = /** @type {Record<string, string>} */ ({ done: '{0} finished', blocked: '{0} refused', failed: '{0} failed', cancelled: '{0} stopped', lost: '{0} was lost' });
const sentences = /** @type {string[]} */ ([]);
let next = 0;

/** @param {Tile} t */
export function finished(t) {
  ended(t);
  const hidden = veiled(t.run), time = !hidden && t.state === 'done' && t.started_ms && t.ended_ms ? `, ${seconds((t.ended_ms - t.started_ms) / 1000)}, ${price(t.cost)}` : '';
  sentences.push(`${say(WORDS[t.state], hidden ? say('One of a blind row') : t.name)}${time}.`);
  next ||= setTimeout(() => { next = 0; said.value = sentences.splice(0).join(' '); }, 1000);
}
