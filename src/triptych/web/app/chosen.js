// @ts-check
/** Which pictures stand in front by the user's own picks, and for which question: asked for the pictures in sight, and told by the
 * stream. Of a blind row none is told before its makers are. */
import { effect, signal } from '@preact/signals';
import { call } from './api.js';
import * as s from './state.js';
import { say } from './ui.js';

const AT_ONCE = 100, SAID = /** @type {Record<string, string>} */ ({ prettier: 'prettier', closer: 'closer to the brief' });
/** By picture, the questions. */
export const chosen = signal(/** @type {Record<string, string[]>} */ ({}));
let asked = /** @type {Set<string>} */ (new Set());

/** Asks for those that were not asked for yet. @param {string[]} ids */
export async function ask(ids) {
  const wanted = ids.filter(id => !asked.has(id)).slice(-AT_ONCE);
  for (const id of wanted) asked.add(id);
  if (wanted.length) await call('GET', `/api/picks/pictures?pictures=${wanted}`).then(({ picked }) => { chosen.value = { ...picked, ...chosen.peek() }; }, () => { for (const id of wanted) asked.delete(id); });
}

const inRows = () => ask(s.rows.peek().flatMap(r => r.tiles.peek().flatMap(t => t.peek().images.map(i => i.id))));

/** After all was forgotten none is named. @param {{ picked: Record<string, string[]> }} news */
export function heard({ picked }) {
  if (Object.keys(picked).length) { chosen.value = { ...chosen.peek(), ...picked }; return; }
  asked = new Set();
  chosen.value = {};
  inRows();
}
effect(() => { s.rows.value; setTimeout(inRows, 300); });

/** In words, for what it was picked; '' where it was not. @param {string} id */
export const pickedFor = id => (chosen.value[id] ?? []).map(q => say(SAID[q] ?? q)).join(', ');
