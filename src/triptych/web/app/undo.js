// @ts-check
/** What was done and can be taken back, the latest last: for the key, for the button of a toast and for the list of notices. */
import { announce } from './spoken.js';
import { say, toast } from './ui.js';
/** @import { Action } from './types' */

const MOST = 50;
/** `told` is where it is said, which ends there what it offers. @typedef {{ text: string, back: (latest: boolean) => unknown, told: Promise<() => void> }} Step */
let steps = /** @type {Step[]} */ ([]);
let underWay = /** @type {Promise<unknown>} */ (Promise.resolve());

/** Says that something is being done that can be taken back once it is: the key, pressed meanwhile, waits for it.
 * @template T @param {Promise<T>} work */
export function during(work) {
  underWay = Promise.allSettled([underWay, work]);
  return work;
}

/** Asked for once: who asks for a module twice may be answered the other way round, and what is said stands in its order. */
let toasts = /** @type {Promise<typeof import('./toast.js')> | undefined} */ (undefined);

/** Notes what was just done. @param {string} text what it was, in words @param {(latest: boolean) => unknown} back takes it back; `latest`
 * where nothing was done since
 * @param {boolean} [quiet] without a toast, only on the list of notices: it is seen where it happened */
export function done(text, back, quiet = false) {
  const action = /** @type {Action} */ ({ name: say('Undo'), undo: true, run: () => { take(step); } });
  if (quiet) announce(text);
  const step = /** @type {Step} */ ({ text, back, told: (toasts ??= import('./toast.js')).then(m => (quiet ? m.note : m.show)(text, action)) });
  steps = [...steps.slice(1 - MOST), step];
}

/** Takes back what was done last. */
export async function undo() {
  await underWay;
  const last = steps.at(-1);
  if (last) { take(last); announce(say('Undone: {0}', last.text)); } else toast(say('There is nothing to undo.'));
}

/** @param {Step} step */
function take(step) {
  if (!steps.includes(step)) return;
  const latest = steps.at(-1) === step;
  steps = steps.filter(x => x !== step);
  step.told.then(over => over(), () => {});
  during(Promise.resolve(step.back(latest)));          // the next one that is taken back waits for it
}
