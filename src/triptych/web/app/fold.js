// @ts-check
/** On a small screen the prompt bar is two lines until it is written in: the prompt, and beside Create how many models draw and for how
 * much. Then it opens over the rows: they keep their place, so nothing moves under a finger, neither when it opens nor when it folds. */
import { effect, signal } from '@preact/signals';
import { creating } from './actions.js';
import { usually } from './amounts.js';
import { count, money } from './format.js';
import * as s from './state.js';
import { Icon, h, html, say } from './ui.js';

const small = matchMedia('(max-width: 640px)'), narrow = signal(small.matches), opened = signal(false);
const bar = () => /** @type {HTMLElement | null} */ (document.querySelector('.composer'));

/** @param {boolean} on */
function fold(on) {
  const main = document.getElementById('main'), room = bar()?.offsetHeight;
  if (!main || on === opened.peek() || on && !small.matches) return;
  opened.value = on;
  main.style.paddingBottom = on ? `${room}px` : '';      // what it took stays taken
  main.toggleAttribute('data-writing', on);
}

const look = (/** @type {Event} */ { target: at }) => {
  if (at instanceof Element && at.id === 'prompt') fold(true);
  else if (at instanceof Element && at.closest('.scroll, .rail, .top')) fold(false);
};
for (const kind of ['focusin', 'click', 'input']) addEventListener(kind, look);
small.addEventListener('change', () => { narrow.value = small.matches; fold(false); });
effect(() => { if (s.view.value !== 'studio') fold(false); });
effect(() => {                                         // what was asked for is seen, not the keyboard
  if (!creating.value || !opened.peek()) return;
  fold(false);
  const held = document.activeElement;
  if (bar()?.contains(held) && matchMedia('(pointer: coarse)').matches) /** @type {HTMLElement} */ (held).blur();
});

/** What that many models would cost together. @param {number | undefined} known of it, in micro-dollars @param {number | undefined} unknown prices @param {import('./types').Cost | null} [total] */
export function sum(known = 0, unknown = 0, total) {
  if (unknown) return known ? say('about {0}, {1} unknown', money(known), count(unknown, 'price')) : say('price unknown');
  const all = total?.amount_micro_usd ?? known;
  return total?.source === 'free' || !all ? say('free') : say('about {0}', money(all));
}

/** Whether a model would be called now: what only failed a moment ago is. @param {import('./types').Model} m */
const called = m => ['ready', 'limited'].includes(m.state) || m.state === 'down' && m.reason_code === 'unhealthy';

/** Those of the chosen models that would draw, by their names: as the plan says it, else as they stand. */
export function drawing() {
  const plan = s.plan.value;
  return s.chosen.value.filter(name => { const m = s.meant(name), p = plan?.per_model[name]; return p ? p.starts > 0 : !m || called(m) && !s.cannot(m, name); });
}

/** Before anything is written: a picture of each that would draw. A draft costs at most as much as a final. @param {string[]} those */
function each(those) {
  const all = those.flatMap(id => s.meant(id) ?? []).filter(m => !m.free), known = all.reduce((n, m) => n + (m.price_micro_usd ?? 0), 0), unknown = all.filter(m => m.price_micro_usd === null).length;
  return s.tier.value === 'draft' && known && !unknown ? say('up to {0}', money(known)) : sum(known, unknown);
}

/** How many models would draw and for how much, or why they cannot: always there to be read, and opens and folds the rest without the
 * keyboard. @param {{ why: string }} props */
export function Fold({ why }) {
  if (!narrow.value) return null;
  const plan = s.plan.value, models = s.chosen.value.length, those = drawing();
  const cost = plan ? [sum(plan.known_micro_usd, plan.unknown_count, plan.total), plan.seconds && usually(plan.seconds)].filter(Boolean).join(' · ') : those.length ? each(those) : '';
  return html`<button type="button" class="fold" aria-expanded=${opened.value} onClick=${() => fold(!opened.peek())}><span class="vh">${say('Models and settings')}: </span>
    <span><b>${!models ? say('Choose models') : those.length < models ? say('{0} of {1}', those.length, count(models, 'model')) : count(models, 'model')}</b> · ${s.tier.value === 'draft' ? say('Draft') : say('Final')}</span><span class=${`price ${why ? 'stop' : 'num'}`}>${why || cost}</span>${h(Icon, { name: 'chevron-down' })}</button>`;
}
