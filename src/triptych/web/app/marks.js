// @ts-check
/** What people say of pictures, as far as rows show it: words for what one shows, and what is in the trash. Asked for the
 * pictures in sight, and told by the stream. */
import { effect, signal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import * as s from './state.js';
import { say, styled } from './ui.js';
import { done } from './undo.js';
/** @import { Picture, Tile } from './types' */

/** @typedef {{ alt: string | null, trashed_ms: number | null }} Said */
export const marks = signal(/** @type {Record<string, Said>} */ ({}));
/** Grows with every word of the stream; the gallery looks anew then. */
export const told = signal(0);
const AT_ONCE = 100, asked = /** @type {Set<string>} */ (new Set());

/** @param {{ pictures: Record<string, Said> }} of */
export function heard({ pictures }) {
  if (Object.keys(pictures).length) marks.value = { ...marks.peek(), ...pictures }; else { asked.clear(); bring(); }
  told.value++;
}

async function bring() {
  const wanted = s.rows.peek().filter(r => !r.veiled).flatMap(r => r.tiles.peek().flatMap(t => t.peek().images.map(i => i.id))).filter(id => !asked.has(id)).slice(-AT_ONCE);
  for (const id of wanted) asked.add(id);
  if (wanted.length) await call('GET', `/api/gallery/marks?pictures=${wanted}`).then(a => { marks.value = { ...a.pictures, ...marks.peek() }; }, () => {});
}

effect(() => { s.rows.value; setTimeout(bring, 300); });
effect(() => { if (Object.values(marks.value).some(m => m.trashed_ms)) styled('everywhere'); });

/** What a picture shows, in words: a person's, else its prompt. @param {Tile} t @param {Picture} image */
export const alt = (t, image) => marks.value[image.id]?.alt ?? t.prompt.slice(0, 120);

/** Says something of a picture, with a way back. @param {string} id @param {any} change @param {string} text */
export async function put(id, change, text) {
  const answer = await trying('toast', () => call('PATCH', '/api/gallery', { pictures: [id], ...change }));
  if (!answer) return;
  heard(answer);
  done(text, () => trying('toast', async () => heard(await call('POST', '/api/gallery/undo', { before: answer.before }))));
}

/** @param {string} id */
export const takeBack = id => put(id, { trashed: false }, say('Taken back'));
