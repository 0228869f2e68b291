// @ts-check
/** Everything that a key does, in one list: the keyboard acts by it, the palette and the sheet of shortcuts are drawn from it. */
import { signal } from '@preact/signals';
import * as act from './actions.js';
import * as deeds from './deeds.js';
import { openKit } from './kitopen.js';
import { promote } from './promote.js';
import * as s from './state.js';
import { say } from './ui.js';
import { undo } from './undo.js';
import './votes.js';
/** @import { Picture, Tile, TileSignal } from './types' */

/** What a command is about: the tile that has the focus, with the picture that it shows.
 * @typedef {{ tile: TileSignal, t: Tile, image?: Picture, frame: HTMLElement }} At */
/** `where`: `picture` acts on a tile's picture, `tile` on any tile, `everywhere` on nothing; in the views `compare`, `gallery`
 * and `cull` a key is a name for what the view does itself. `mod+` is Control, or Command on a Mac; '' is no key.
 * @typedef {'picture' | 'tile' | 'everywhere' | 'compare' | 'gallery' | 'cull'} Where */
/** @typedef {{ id: string, name: string, key: string, where: Where, run?: (at: At) => void }} Command */

const open = (/** @type {string} */ name) => () => { s.over.value = name; };

/** @type {Command[]} */
export const COMMANDS = [
  { id: 'prompt', name: 'Write the prompt', key: '/', where: 'everywhere', run: () => act.focusPrompt() },
  { id: 'palette', name: 'Command palette', key: 'mod+k', where: 'everywhere', run: () => palette() },
  { id: 'undo', name: 'Undo', key: 'mod+z', where: 'everywhere', run: () => undo() },
  { id: 'help', name: 'All shortcuts', key: '?', where: 'everywhere', run: open('help') },
  { id: 'settings', name: 'Settings', key: 'mod+,', where: 'everywhere', run: open('settings') },
  { id: 'grid', name: 'X/Y grid', key: 'g', where: 'everywhere', run: open('grid') },
  { id: 'queue', name: 'Queue', key: 'q', where: 'everywhere', run: () => s.go('/queue') },
  { id: 'drift', name: 'Drift watch', key: '', where: 'everywhere', run: () => s.go('/drift') },
  { id: 'theme', name: 'Switch light and dark', key: '', where: 'everywhere', run: () => deeds.flipTheme() },
  { id: 'compare', name: 'Put side by side', key: 'c', where: 'picture', run: at => deeds.mark(at.tile, at.image?.id) },
  { id: 'reference', name: 'Use as reference', key: 'r', where: 'picture', run: at => at.image && deeds.useImage(at.image, at.t, 'subject') },
  { id: 'vary', name: 'Vary', key: 'v', where: 'picture', run: at => at.image && deeds.bench('vary', at.image, at.t) },
  { id: 'extend', name: 'Extend to another shape', key: '', where: 'picture', run: at => at.image && deeds.bench('extend', at.image, at.t) },
  { id: 'continue', name: 'Continue the conversation', key: '', where: 'picture', run: at => at.image && deeds.bench('continue', at.image, at.t) },
  { id: 'pictures', name: 'Pictures from the gallery', key: '', where: 'everywhere', run: open('pictures') },
  { id: 'edit', name: 'Edit with this', key: 'e', where: 'picture', run: at => at.image && deeds.useImage(at.image, at.t, 'edit') },
  { id: 'download', name: 'Download', key: 'd', where: 'picture', run: at => /** @type {HTMLElement | null} */ (at.frame.querySelector('a[download]'))?.click() },
  { id: 'inspector', name: 'Inspector', key: 'i', where: 'tile', run: at => { s.inspecting.value = s.inspecting.peek() === at.t.id ? '' : at.t.id; } },
  { id: 'import', name: 'Import as results', key: '', where: 'everywhere', run: () => { import('./imports.js').then(m => m.chooseImports()); } },
  { id: 'promote', name: 'Make final', key: 'mod+shift+Enter', where: 'picture', run: at => { if (at.image) promote(at.t, at.image); } },
  { id: 'kit', name: 'Key-visual kit', key: 'f', where: 'picture', run: at => { if (at.image) openKit(at.image.id); } },
  { id: 'lineage', name: 'Lineage', key: 'l', where: 'tile', run: at => s.go(`/lineage/${at.t.id}`) },

  { id: 'side-in', name: 'Zoom in', key: '+', where: 'compare' },
  { id: 'side-out', name: 'Zoom out', key: '-', where: 'compare' },
  { id: 'side-fit', name: 'Fit', key: '0', where: 'compare' },
  { id: 'side-actual', name: 'Real size and back', key: 'z', where: 'compare' },
  { id: 'side-grid', name: 'Grid', key: 'g', where: 'compare' },
  { id: 'side-slider', name: 'Slider', key: 's', where: 'compare' },
  { id: 'side-overlay', name: 'Overlay', key: 'o', where: 'compare' },
  { id: 'side-difference', name: 'Difference', key: 'd', where: 'compare' },
  { id: 'side-flicker', name: 'Flicker', key: 'f', where: 'compare' },
  { id: 'side-reject', name: 'Reject, and back', key: 'x', where: 'compare' },
  { id: 'side-out-of', name: 'Take out of the view', key: 'Delete', where: 'compare' },

  { id: 'all-keep', name: 'Keep', key: 'k', where: 'gallery' },
  { id: 'all-reject', name: 'Reject', key: 'x', where: 'gallery' },
  { id: 'all-open', name: 'Neither kept nor rejected', key: 'o', where: 'gallery' },
  { id: 'all-tag', name: 'Tag', key: 't', where: 'gallery' },
  { id: 'all-project', name: 'Project', key: 'p', where: 'gallery' },
  { id: 'all-compare', name: 'Put side by side', key: 'c', where: 'gallery' },
  { id: 'all-reference', name: 'Use as reference', key: 'r', where: 'gallery' },
  { id: 'all-similar', name: 'Find similar', key: 's', where: 'gallery' },
  { id: 'all-cull', name: 'Cull', key: 'u', where: 'gallery' },
  { id: 'all-kit', name: 'Key-visual kit', key: 'f', where: 'gallery' },
  { id: 'all-trash', name: 'Trash, or take back', key: 'Backspace', where: 'gallery' },

  { id: 'cull-keep', name: 'Keep', key: ' ', where: 'cull' },
  { id: 'cull-reject', name: 'Reject', key: 'x', where: 'cull' },
  { id: 'cull-skip', name: 'Skip', key: 'ArrowRight', where: 'cull' },
  { id: 'cull-back', name: 'Back', key: 'ArrowLeft', where: 'cull' },
];

const changes = signal(0);                             // whoever shows keys is drawn anew

/** The key of a command. @param {Command} c */
export const keyOf = c => { changes.value; return s.local[`key.${c.id}`] ?? c.key; };

/** @param {string} id */
export const command = id => /** @type {Command} */ (COMMANDS.find(c => c.id === id));

/** Gives a command another key; none brings back its own. @param {Command} c @param {string} [key] */
export function setKey(c, key) {
  if (key === undefined || key === c.key) delete s.local[`key.${c.id}`]; else s.local[`key.${c.id}`] = key;
  changes.value++;
}

const MAC = /Mac|iP(hone|ad)/.test(navigator.platform), SIGNS = /** @type {Record<string, string>} */ ({ 'shift+Enter': '⇧ ↵', ' ': 'Space', Backspace: '⌫', ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', '-': '−' });
/** A key as a person reads it. @param {string} key */
export function shown(key) {
  const plain = key.replace('mod+', ''), sign = SIGNS[plain] ?? (plain.length === 1 ? plain.toUpperCase() : plain);
  return key === plain ? sign : MAC ? `⌘${sign}` : `Ctrl ${sign}`;
}

/** A name with its key, for a title. @param {string} name @param {string} id */
export const keyed = (name, id) => { const key = keyOf(command(id)); return key ? `${say(name)} (${shown(key)})` : say(name); };

/** What was pressed, as the list writes it; '' for what is no shortcut. @param {KeyboardEvent} e */
export function chord(e) {
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (key === 'Enter' && e.shiftKey && (e.ctrlKey || e.metaKey) && !e.altKey) return 'mod+shift+Enter';
  if (e.altKey || /^(Shift|Control|Meta|Alt|Dead|Tab|Escape|Enter)/.test(key) || e.shiftKey && /^([a-z]|.{2,})$/.test(key)) return '';
  return e.ctrlKey || e.metaKey ? `mod+${key}` : key;
}

/** The other command that the key stands for where this one acts. @param {Command} c @param {string} key */
export function clash(c, key) {
  const wide = (/** @type {Where} */ a, /** @type {Where} */ b) => a === 'everywhere' && ['picture', 'tile', 'gallery'].includes(b);
  const family = (/** @type {Where} */ w) => w === 'picture' ? 'tile' : w;
  return COMMANDS.find(o => o !== c && keyOf(o) === key && (family(o.where) === family(c.where) || wide(o.where, c.where) || wide(c.where, o.where)));
}

/** The command that a key stands for there; letters can be switched off, and keys with Control stay.
 * @param {Where} where @param {KeyboardEvent} e @param {boolean} [picture] whether there is one */
export function heard(where, e, picture = false) {
  const key = chord(e);
  if (!key || !s.letters.peek() && key.length === 1 && /[^ +\-0-9]/.test(key)) return undefined;
  const alias = where !== 'compare' && where !== 'gallery' ? '' : key === '=' ? '+' : key === 'Backspace' ? 'Delete' : key === 'Delete' ? 'Backspace' : '';
  const fits = (/** @type {Command} */ c) => c.where === where || where === 'tile' && c.where === 'picture' && picture;
  return COMMANDS.find(c => fits(c) && keyOf(c) === key) ?? (alias ? COMMANDS.find(c => fits(c) && keyOf(c) === alias) : undefined);
}

/** Does what the key stands for there, if anything; says whether it did.
 * @param {'tile' | 'everywhere'} where @param {KeyboardEvent} e @param {At} [at] */
export function press(where, e, at) {
  const found = heard(where, e, Boolean(at?.image));
  if (!found?.run) return false;
  e.preventDefault();
  found.run(/** @type {At} */ (at));
  return true;
}

/** What was typed while the palette was on its way: none of it is lost. */
export const early = { text: '' };
function palette() {
  if (s.over.peek() === 'palette') return;
  early.text = '';
  const hear = (/** @type {KeyboardEvent} */ e) => {
    if (document.querySelector('dialog.palette[open]') || s.over.peek() !== 'palette') { removeEventListener('keydown', hear, true); return; }
    if (e.key.length === 1 && !e.ctrlKey && !e.metaKey) { early.text += e.key; e.preventDefault(); e.stopPropagation(); }
  };
  addEventListener('keydown', hear, true);
  s.over.value = 'palette';
}
