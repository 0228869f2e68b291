// @ts-check
/** What people say of pictures, as far as rows show it: words for what one shows, kept or rejected, stars, and what is in the trash.
 * Asked for the pictures in sight, and told by the stream. */
import { effect, signal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import { count } from './format.js';
import * as s from './state.js';
import { say, styled } from './ui.js';
import { done, during } from './undo.js';
/** @import { Picture, Tile } from './types' */

/** @typedef {{ alt: string | null, trashed_ms: number | null, stars: number, verdict: string }} Said */
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
  const wanted = s.rows.peek().flatMap(r => r.tiles.peek().flatMap(t => t.peek().images.map(i => i.id))).filter(id => !asked.has(id)).slice(-AT_ONCE);
  for (const id of wanted) asked.add(id);
  if (wanted.length) await call('GET', `/api/gallery/marks?pictures=${wanted}`).then(a => { marks.value = { ...a.pictures, ...marks.peek() }; }, () => {});
}

effect(() => { s.rows.value; setTimeout(bring, 300); });
effect(() => { if (Object.values(marks.value).some(m => m.trashed_ms)) styled('everywhere'); });

/** What a picture shows, in words: a person's, else its prompt. @param {Pick<Tile, 'prompt'>} t @param {Pick<Picture, 'id'>} image */
export const alt = (t, image) => marks.value[image.id]?.alt ?? t.prompt.slice(0, 120);

const FIELDS = /** @type {Record<string, string>} */ ({ trashed: 'trashed_ms', add_tags: 'tags', remove_tags: 'tags' });
/** Gives pictures the marks that they had before a change. What was said of them since stays: then only what the change touched is put
 * back. @param {Record<string, any>} before @param {any} change @param {boolean} latest whether nothing was done since */
export async function undone(before, change, latest) {
  const ids = Object.keys(before), touched = Object.keys(change).map(name => FIELDS[name] ?? name);
  if (latest) return call('POST', '/api/gallery/undo', { before });
  const now = /** @type {Record<string, any>} */ ({});
  for (let i = 0; i < ids.length; i += AT_ONCE) Object.assign(now, (await call('GET', `/api/gallery/marks?pictures=${ids.slice(i, i + AT_ONCE)}`)).pictures);
  const back = ids.filter(id => now[id]).map(id => [id, { ...now[id], ...Object.fromEntries(touched.map(name => [name, before[id][name]])) }]);
  return call('POST', '/api/gallery/undo', { before: Object.fromEntries(back) });
}

let last = /** @type {Promise<unknown>} */ (Promise.resolve());
/** One after the other: a key pressed twice takes back what its first press said, and undo waits for both. @param {() => unknown} work */
const inTurn = work => during(last = last.then(work, work));

/** @param {string} id @param {any} change @param {string} text @param {boolean} [quiet] without a toast: it shows on the picture itself */
async function give(id, change, text, quiet) {
  const answer = await trying('toast', () => call('PATCH', '/api/gallery', { pictures: [id], ...change }));
  if (!answer) return;
  heard(answer);
  done(text, latest => inTurn(() => trying('toast', async () => heard(await undone(answer.before, change, latest)))), quiet);
}

/** Says something of a picture, with a way back. @param {string} id @param {any} change @param {string} text */
export const put = (id, change, text) => inTurn(() => give(id, change, text));

/** @param {string} id */
export const takeBack = id => put(id, { trashed: false }, say('Taken back'));

/** Keeps or rejects a picture; the same again takes it back. @param {string} id @param {'kept' | 'rejected'} verdict */
export const judge = (id, verdict) => inTurn(() => {
  const back = marks.peek()[id]?.verdict === verdict;
  return give(id, { verdict: back ? 'open' : verdict }, `${back ? say('Neither kept nor rejected') : verdict === 'kept' ? say('Kept') : say('Rejected')}.`, true);
});

/** @param {string} id @param {number} stars 0 to 5 */
export const rate = (id, stars) => inTurn(() => give(id, { stars }, `${stars ? count(stars, 'star') : say('No stars')}.`, true));

/** Into the trash, or out of it. @param {string} id */
export const trash = id => inTurn(() => marks.peek()[id]?.trashed_ms ? give(id, { trashed: false }, say('Taken back')) : give(id, { trashed: true }, say('In the trash for 30 days')));

/** @param {string} id of a tile without a picture @param {boolean} trashed */
async function throwTile(id, trashed) {
  const { trashed_ms } = await call('POST', `/api/tiles/${id}/trash`, { trashed }), tile = s.findTile(id);
  if (tile) tile.value = { ...tile.peek(), trashed_ms };
  return true;
}

/** The same of a tile without a picture. @param {Tile} t */
export const trashTile = t => inTurn(async () => {
  const away = !s.findTile(t.id)?.peek().trashed_ms;
  if (await trying('toast', () => throwTile(t.id, away))) done(away ? say('In the trash for 30 days') : say('Taken back'), () => trying('toast', () => throwTile(t.id, !away)));
});
