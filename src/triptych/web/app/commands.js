// @ts-check
/** Everything that a key does, in one list: the keyboard acts by it, and the sheet of shortcuts is drawn from it. */
import * as act from './actions.js';
import * as deeds from './deeds.js';
import * as s from './state.js';
/** @import { Picture, Tile, TileSignal } from './types' */

/** What a command is about: the tile that has the focus, with the picture that it shows.
 * @typedef {{ tile: TileSignal, t: Tile, image?: Picture, frame: HTMLElement }} At */
/** `where`: `picture` acts on a tile's picture, `tile` on any tile, `everywhere` on nothing.
 * @typedef {{ id: string, name: string, key: string, where: 'picture' | 'tile' | 'everywhere', run: (at: At) => void }} Command */

/** @type {Command[]} */
export const COMMANDS = [
  { id: 'prompt', name: 'Write the prompt', key: '/', where: 'everywhere', run: () => act.focusPrompt() },
  { id: 'help', name: 'All shortcuts', key: '?', where: 'everywhere', run: () => { s.over.value = 'help'; } },
  { id: 'compare', name: 'Put side by side', key: 'c', where: 'picture', run: at => deeds.mark(at.tile, at.image?.id) },
  { id: 'reference', name: 'Use as reference', key: 'r', where: 'picture', run: at => at.image && deeds.useImage(at.image, at.t, 'subject') },
  { id: 'edit', name: 'Edit with this', key: 'e', where: 'picture', run: at => at.image && deeds.useImage(at.image, at.t, 'edit') },
  { id: 'download', name: 'Download', key: 'd', where: 'picture', run: at => /** @type {HTMLElement | null} */ (at.frame.querySelector('a[download]'))?.click() },
  { id: 'inspector', name: 'Inspector', key: 'i', where: 'tile', run: at => { s.inspecting.value = s.inspecting.peek() === at.t.id ? '' : at.t.id; } },
];

/** The key of a command. @param {Command} c */
export const keyOf = c => s.local[`key.${c.id}`] ?? c.key;

/** Does what the key stands for there, if anything; says whether it did.
 * @param {'tile' | 'everywhere'} where @param {KeyboardEvent} e @param {At} [at] */
export function press(where, e, at) {
  if (!s.letters.value || e.ctrlKey || e.metaKey || e.altKey) return false;
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  const found = COMMANDS.find(c => keyOf(c) === key && (where === 'everywhere' ? c.where === where : c.where === 'tile' || c.where === 'picture' && at?.image));
  if (!found || e.shiftKey && /[a-z]/.test(key)) return false;
  e.preventDefault();
  found.run(/** @type {At} */ (at));
  return true;
}
