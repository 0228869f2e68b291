// @ts-check
/** What was done and can be taken back, the latest last: for the key, and for the button of a toast. */
import { said } from './state.js';
import { say, toast } from './ui.js';

const MOST = 50;
/** @typedef {{ text: string, back: () => unknown }} Step */
let steps = /** @type {Step[]} */ ([]);
let underWay = /** @type {Promise<unknown>} */ (Promise.resolve());

/** Says that something is being done that can be taken back once it is: the key, pressed meanwhile, waits for it.
 * @template T @param {Promise<T>} work */
export function during(work) {
  underWay = Promise.allSettled([underWay, work]);
  return work;
}

/** Notes what was just done. @param {string} text what it was, in words @param {() => unknown} back takes it back
 * @param {boolean} [quiet] without a toast: it is seen where it happened */
export function done(text, back, quiet = false) {
  const step = { text, back };
  steps = [...steps.slice(1 - MOST), step];
  if (quiet) said.value = text; else toast(text, { name: say('Undo'), run: () => { take(step); } });
}

/** Takes back what was done last. */
export async function undo() {
  await underWay;
  const last = steps.at(-1);
  if (last) { take(last); said.value = say('Undone: {0}', last.text); } else toast(say('There is nothing to undo.'));
}

/** @param {Step} step */
function take(step) {
  if (!steps.includes(step)) return;
  steps = steps.filter(x => x !== step);
  step.back();
}
