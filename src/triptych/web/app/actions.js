// @ts-check
/** What the prompt bar does. Each call tells its own failure beside the place it came from (`problems`). */
import { signal } from '@preact/signals';
import { ApiError, call } from './api.js';
import { say, toast } from './ui.js';
import * as s from './state.js';

/** What is done with tiles, rows and pictures comes with the first such wish.
 * @template {keyof typeof import('./deeds.js')} D @param {D} name @param {Parameters<typeof import('./deeds.js')[D]>} args */
export const deed = (name, ...args) => import('./deeds.js').then(d => /** @type {any} */ (d[name])(...args));

/** @param {string} place @param {unknown} [error] */
export function tell(place, error) {
  const { [place]: _, ...others } = s.problems.peek();
  if (!error) { if (_) s.problems.value = others; return; }
  if (!(error instanceof ApiError)) throw error;
  const { message, hint, code } = error;
  if (place === 'toast') toast(`${message} ${hint}`);
  else s.problems.value = { ...others, [place]: { message, hint, code } };
}

/** Runs one call; its error stays under `place` (the id of a row, tile or provider, or `prompt`) until the next try.
 * @template T @param {string} place @param {() => Promise<T>} work @returns {Promise<T | undefined>} */
export async function trying(place, work) {
  tell(place);
  try { return await work(); } catch (error) { tell(place, error); }
}

/** What a plan or run is asked for. */
export function brief() {
  const images = s.refs.peek().filter(r => r.sha256).map(r => ({ sha256: r.sha256, role: r.role })), mask = s.mask.peek()?.sha256;
  return { text: s.text.peek(), models: s.selected.peek(), tier: s.tier.peek(), project: s.local.project, ...(images.length ? { images, fewer: s.fewer.peek() } : {}), ...(mask ? { mask } : {}), parent: s.refs.peek().find(r => r.parent)?.parent };
}

export const creating = signal(false);
export const follow = signal(0);                       // grows when the page should show its newest row

/** @param {any} [more] */
export async function create(more) {
  if (!whyNot() && !creating.peek()) await startRun('prompt', { ...brief(), ...more });
}

/** What was switched just before a run counts for it. */
export const settling = { now: /** @type {Promise<unknown>} */ (Promise.resolve()) };

/** @param {string} place @param {any} body */
export async function startRun(place, body) {
  creating.value = true;
  await settling.now;
  const was = s.active.peek();
  s.active.value = '';                                 // the stream may show the row first
  const run = await trying(place, () => call('POST', '/api/runs', body));
  creating.value = false;
  if (!run) { s.active.value ||= was; return; }
  if (!s.findRow(run.id)) s.merge([run]);
  s.active.value ||= run.tiles[0]?.id ?? '';
  follow.value++;
}

/** Why Create is off, in words, or ''. */
export function whyNot() {
  if (!s.text.value.trim()) return say('Write what you want to see.');
  if (!s.chosen.value.length) return say('Choose at least one model.');
  if ([...s.refs.value, s.mask.value].some(r => r && !r.sha256 && !r.problem)) return say('A picture is still on its way.');
  return s.plan.value && !s.plan.value.allowed ? say(s.plan.value.reason ?? 'This cannot be made.') : '';
}

let remember = 0;
/** Chips stay in the order of the models, whatever the order of the clicks.
 * @param {string} id @param {boolean} on */
export function pick(id, on) {
  if (s.named.peek()) { deed('nameModels', id, on); return; }
  const chosen = new Set(s.selected.peek());
  if (on) chosen.add(id); else chosen.delete(id);
  s.selected.value = s.models.peek().map(m => m.id).filter(m => chosen.has(m));
  clearTimeout(remember);
  remember = setTimeout(() => trying('toast', () => call('PUT', '/api/selection', { models: s.selected.peek() })), 400);
}

/** At once where the prompt is there, so that the very next key goes into it. */
export function focusPrompt() {
  s.go('/');
  const focus = () => {
    const box = /** @type {HTMLTextAreaElement | null} */ (document.getElementById('prompt'));
    box?.focus();
    box?.setSelectionRange(box.value.length, box.value.length);
  };
  focus();
  requestAnimationFrame(() => { if (document.activeElement?.matches('body, #prompt')) focus(); });   // again, once a view or a text is drawn
}
