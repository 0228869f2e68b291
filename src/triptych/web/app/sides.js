// @ts-check
/** The pictures side by side: which they are, the letter of each, and whether who made it is told. */
import { computed, signal } from '@preact/signals';
import { letter } from './format.js';
import * as s from './state.js';
import { html } from './ui.js';

/** @typedef {{ t: import('./types').Tile, image: import('./types').Picture, letter: string }} Side */

/** Pictures whose makers are known are judged without them until a pick: their ids in an order of chance; empty is off. */
export const mixed = signal(/** @type {string[]} */ ([]));

/** Hides who made what is compared, in an order of chance (Fisher and Yates), where that is not hidden anyway. */
export function hide() {
  const all = s.comparing.peek(), ids = all.map(m => m.image);
  if (ids.length < 2 || all.every(m => s.veiled(m.tile.peek().run))) return;
  for (let i = ids.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [ids[i], ids[j]] = [ids[j], ids[i]];
  }
  mixed.value = ids;
}

/** @param {import('./types').Mark} mark @returns {Side[]} none where the picture is gone */
function side({ tile, image }) {
  const t = tile.value, n = t.images.findIndex(p => p.id === image), row = s.findRow(t.run);
  if (n < 0) return [];
  const at = row ? s.shown(row).findIndex(x => x.peek().id === t.id) : -1;
  const own = at < 0 ? '' : `${letter(at)}${t.images.length > 1 ? n + 1 : ''}`;
  return [{ t: s.open(t, Math.max(at, 0)), image: t.images[n], letter: own }];
}
/** @param {Side[]} all */
const anew = all => all.map((a, i) => ({ ...a, letter: letter(i) }));

/** Each under the letter it has in its row, with a number where its tile has several pictures; pictures of several rows whose
 * letters meet are lettered anew. */
const rowed = computed(() => {
  const all = s.comparing.value.flatMap(side);
  return new Set(all.map(a => a.letter)).size === all.length ? all : anew(all);
});
export const sides = computed(() => {
  const ids = mixed.value;
  return ids.length ? anew([...rowed.value].sort((a, b) => ids.indexOf(a.image.id) - ids.indexOf(b.image.id))) : rowed.value;
});

/** @param {string} image its id */
export const sideOf = image => sides.peek().find(a => a.image.id === image);
/** Whether nobody is to know who made it. @param {Side} one */
export const secret = one => mixed.value.length > 0 || s.veiled(one.t.run);
/** @param {Side} one */
export const called = one => secret(one) ? one.letter : [one.t.name, s.lazy.value?.apart(one.t)].filter(Boolean).join(' · ');
/** @param {{ side: Side }} props */
export const Name = ({ side: one }) => html`<span class="num">${one.letter}</span>${called(one) !== one.letter && ` ${called(one)}`}`;
