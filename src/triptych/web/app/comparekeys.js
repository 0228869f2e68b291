// @ts-check
/** What the keys do over pictures side by side: a list of readings, of which the first that has a meaning for a key is done. */
import { heard } from './commands.js';
import { rate } from './marks.js';
import { WAYS, turn } from './panes.js';
import { ACTS } from './sidemenu.js';
import { sideOf, sides } from './sides.js';
/** @typedef {import('./compare.js').View} View */

/** A key as it was pressed: where the focus was, the command it stands for, and where an arrow points; `stage` is what zooms.
 * @typedef {{ e: KeyboardEvent, on: HTMLElement, plate: HTMLElement | null, id: string, arrow: [number, number] | undefined, stage: import('./panes.js').ZoomStage }} Press */

const ARROWS = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] });
const ZOOM = 1.5, PAN = 10;                            // how much a key zooms, and how far it pans in percent

/** Commands of the list, by what follows `side-` in their id. @type {Record<string, (view: View, press: Press) => void>} */
const DEEDS = {
  in: (_, { stage }) => stage.by(ZOOM),
  out: (_, { stage }) => stage.by(1 / ZOOM),
  fit: (_, { stage }) => stage.fit(),
  actual: (_, { stage }) => stage.actual(),
  'out-of': (view, press) => view.takeOut(here(press)),
  blind: view => view.answers.shuffle(),
  reject: (view, press) => view.answers.reject(here(press)),
};
/** With Alt, for the picture with the focus alone; by the place of the key, because Alt changes what it writes. @type {Record<string, (stage: Press['stage'], pic: HTMLElement) => void>} */
const ALONE = {
  Equal: (stage, pic) => stage.aloneBy(pic, ZOOM ** .25), NumpadAdd: (stage, pic) => stage.aloneBy(pic, ZOOM ** .25),
  Minus: (stage, pic) => stage.aloneBy(pic, ZOOM ** -.25), NumpadSubtract: (stage, pic) => stage.aloneBy(pic, ZOOM ** -.25),
  Digit0: (stage, pic) => stage.back(pic), Numpad0: (stage, pic) => stage.back(pic),
};
const here = (/** @type {Press} */ { plate }) => sideOf(plate?.dataset.image ?? '');

/** Each says what the key does, or nothing. @type {((view: View, press: Press) => (() => void) | false | undefined)[]} */
const READINGS = [
  (_, press) => {
    const side = here(press), { e } = press;             // by its place: what Shift makes of a digit is of the keyboard
    return e.shiftKey && !e.altKey && /^Digit[0-5]$/.test(e.code) && !/\d/.test(e.key) && side && (() => { rate(side.image.id, Number(e.code.slice(5))); });
  },
  (view, { e }) => !e.altKey && /^[1-6]$/.test(e.key) && (() => { view.answers.pick(sides.peek()[Number(e.key) - 1]); }),
  (_, press) => {
    const side = here(press);
    return !press.e.altKey && side && ACTS[press.id] && (() => { ACTS[press.id](side); });
  },
  (view, press) => !press.e.altKey && DEEDS[press.id] && (() => DEEDS[press.id](view, press)),
  (view, { e, id }) => !e.altKey && WAYS.some(([name, , pair]) => name === id && (!pair || sides.peek().length === 2)) && (() => { view.mode.value = id; }),
  (_, { e, arrow, plate, stage }) => {
    const pic = /** @type {HTMLElement | null} */ (plate?.querySelector('.pic') ?? null), act = ALONE[e.code];
    return pic !== null && (arrow && (e.altKey || e.shiftKey) ? () => stage.alone(pic, -arrow[0], -arrow[1]) : e.altKey && act && (() => act(stage, pic)));
  },
  (view, { e, on }) => e.key === ' ' && (!(on instanceof HTMLButtonElement) || Boolean(on.dataset.hold)) && (() => { view.held.value = true; }),
  (_, { arrow, stage }) => arrow && stage.wide && (() => stage.pan(arrow[0] * PAN, arrow[1] * PAN)),
  (view, { arrow, on }) => arrow && on.closest('.plate') !== null && (() => {
    const by = arrow[0] + arrow[1] < 0 ? 1 : -1;
    if (view.mode.peek() === 'flicker' && sides.peek().length > 2) turn(sides.peek(), by); else view.step(by);
  }),
];

/** @param {View} view */
export const keys = view => (/** @type {KeyboardEvent} */ e) => {
  const stage = view.stage.current, on = /** @type {HTMLElement} */ (e.target);
  const id = heard('compare', e)?.id.slice(5) ?? '';
  if (!stage || !id && (e.ctrlKey || e.metaKey) || e.altKey && !ARROWS[e.key] && !ALONE[e.code]) return;
  const arrow = on instanceof HTMLInputElement ? undefined : ARROWS[e.key];      // a slider has its own use for them
  const press = { e, on, stage, arrow, plate: view.focused(), id };
  for (const reading of READINGS) {
    const deed = reading(view, press);
    if (deed) { e.preventDefault(); deed(); return; }
  }
};
