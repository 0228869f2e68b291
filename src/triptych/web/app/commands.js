// @ts-check
/** Everything that a key does, in one list: the keyboard acts by it, the palette and the sheet of shortcuts are drawn from it. */
import { computed, signal } from '@preact/signals';
import * as act from './actions.js';
import * as deeds from './deeds.js';
import { openKit } from './kitopen.js';
import { judge, trash, trashTile } from './marks.js';
import { promote } from './promote.js';
import * as s from './state.js';
import { say, toast } from './ui.js';
import { undo } from './undo.js';
import './votes.js';
/** @import { Picture, Tile, TileSignal } from './types' */

/** What a command is about: the tile that has the focus, with the picture that it shows.
 * @typedef {{ tile: TileSignal, t: Tile, image?: Picture, frame: HTMLElement }} At */
/** `where`: `picture` acts on a tile's picture, `tile` on any tile, `everywhere` on nothing; in every other place
 * a key is a name for what the view does itself. `mod+` is Control, or Command on a Mac; '' is no key.
 * @typedef {'picture' | 'tile' | 'everywhere' | 'compare' | 'gallery' | 'cull' | 'editor' | 'lineage' | 'queue'} Where */
/** `pair` is for two pictures only. @typedef {{ id: string, name: string, key: string, where: Where, pair?: boolean, run?: (at: At) => void }} Command */

const open = (/** @type {string} */ name) => () => { s.over.value = name; };
/** What would tell who made a picture waits until one of its blind row is picked. @param {(at: At & { image: Picture }) => void} run */
const named = run => (/** @type {At} */ at) => { if (s.veiled(at.t.run)) toast(say('Pick one of this row first.')); else if (at.image) run({ ...at, image: at.image }); };

/** @type {Command[]} */
export const COMMANDS = [
  { id: 'prompt', name: 'Write the prompt', key: '/', where: 'everywhere', run: () => act.focusPrompt() },
  { id: 'palette', name: 'Command palette', key: 'mod+k', where: 'everywhere', run: () => over('palette') },
  { id: 'undo', name: 'Undo', key: 'mod+z', where: 'everywhere', run: () => undo() },
  { id: 'notices', name: 'Notices', key: 'n', where: 'everywhere', run: open('notices') },
  { id: 'help', name: 'All shortcuts', key: '?', where: 'everywhere', run: open('help') },
  { id: 'settings', name: 'Settings', key: 'mod+,', where: 'everywhere', run: open('settings') },
  { id: 'grid', name: 'X/Y grid', key: 'g', where: 'everywhere', run: open('grid') },
  { id: 'queue', name: 'Queue', key: 'q', where: 'everywhere', run: () => s.go('/queue') },
  { id: 'drift', name: 'Drift watch', key: '', where: 'everywhere', run: () => s.go('/drift') },
  { id: 'theme', name: 'Switch light and dark', key: '', where: 'everywhere', run: () => deeds.flipTheme() },
  { id: 'keep', name: 'Keep, and back', key: 'k', where: 'picture', run: at => at.image && judge(at.image.id, 'kept') },
  { id: 'reject', name: 'Reject, and back', key: 'x', where: 'picture', run: at => at.image && judge(at.image.id, 'rejected') },
  { id: 'stop', name: 'Stop what is being made', key: '.', where: 'tile', run: at => { if (!s.FINAL.has(at.t.state) && at.t.cancellable !== false) deeds.tell(at.t, 'cancel'); } },
  { id: 'trash', name: 'Trash, or take back', key: 'Backspace', where: 'tile', run: at => { if (at.image) trash(at.image.id); else if (s.FINAL.has(at.t.state)) trashTile(at.t); } },
  { id: 'compare', name: 'Put side by side', key: 'c', where: 'picture', run: at => deeds.mark(at.tile, at.image?.id) },
  { id: 'row', name: 'Put the row side by side', key: 'mod+a', where: 'picture', run: at => deeds.markRow(at.tile) },
  { id: 'blind', name: 'Compare blind', key: 'b', where: 'picture', run: at => deeds.blind(at.tile, at.image?.id) },
  { id: 'cull', name: 'Cull this row', key: 'u', where: 'picture', run: () => over('cull') },
  { id: 'reference', name: 'Use as reference', key: 'r', where: 'picture', run: at => at.image && deeds.useImage(at.image, at.t, 'subject') },
  { id: 'vary', name: 'Vary', key: 'v', where: 'picture', run: at => at.image && deeds.bench('vary', at.image, at.t) },
  { id: 'extend', name: 'Extend to another shape', key: '', where: 'picture', run: at => at.image && deeds.bench('extend', at.image, at.t) },
  { id: 'upscale', name: 'Enlarge', key: 'z', where: 'picture', run: at => at.image && deeds.bench('upscale', at.image, at.t) },
  { id: 'remove-background', name: 'Remove the background', key: 'o', where: 'picture', run: at => at.image && deeds.bench('remove_background', at.image, at.t) },
  { id: 'continue', name: 'Continue the conversation', key: '', where: 'picture', run: named(at => deeds.bench('continue', at.image, at.t)) },
  { id: 'pictures', name: 'Pictures from the gallery', key: '', where: 'everywhere', run: open('pictures') },
  { id: 'edit', name: 'Edit with this', key: 'e', where: 'picture', run: at => at.image && deeds.useImage(at.image, at.t, 'edit') },
  { id: 'download', name: 'Download', key: 'd', where: 'picture', run: at => /** @type {HTMLElement | null} */ (at.frame.querySelector('a[download]'))?.click() },
  { id: 'inspector', name: 'Inspector', key: 'i', where: 'tile', run: at => { s.inspecting.value = s.inspecting.peek() === at.t.id ? '' : at.t.id; } },
  { id: 'describe', name: 'Say what it shows', key: '', where: 'picture', run: named(at => { deeds.describe(at.t, at.image); }) },
  { id: 'similar', name: 'Find similar', key: 's', where: 'picture', run: named(at => s.go(`/gallery?like=${at.image.id}`)) },
  { id: 'import', name: 'Import as results', key: '', where: 'everywhere', run: () => { import('./imports.js').then(m => m.chooseImports()); } },
  { id: 'promote', name: 'Make final', key: 'mod+shift+Enter', where: 'picture', run: at => { if (at.image) promote(at.t, at.image); } },
  { id: 'kit', name: 'Key-visual kit', key: 'f', where: 'picture', run: named(at => { openKit(at.image.id); }) },
  { id: 'lineage', name: 'Lineage', key: 'l', where: 'tile', run: at => s.go(`/lineage/${at.t.id}`) },

  { id: 'side-in', name: 'Zoom in', key: '+', where: 'compare' },
  { id: 'side-out', name: 'Zoom out', key: '-', where: 'compare' },
  { id: 'side-fit', name: 'Fit', key: '0', where: 'compare' },
  { id: 'side-actual', name: 'Real size and back', key: 'z', where: 'compare' },
  { id: 'side-grid', name: 'Grid', key: 'g', where: 'compare' },
  { id: 'side-slider', name: 'Slider', key: 's', where: 'compare', pair: true },
  { id: 'side-overlay', name: 'Overlay', key: 'o', where: 'compare', pair: true },
  { id: 'side-difference', name: 'Difference', key: 'm', where: 'compare', pair: true },
  { id: 'side-flicker', name: 'Flicker', key: 'f', where: 'compare' },
  { id: 'side-blind', name: 'Blind', key: 'b', where: 'compare' },
  { id: 'side-reject', name: 'Reject, and back', key: 'x', where: 'compare' },
  { id: 'side-keep', name: 'Keep, and back', key: 'k', where: 'compare' },
  { id: 'side-edit', name: 'Edit with this', key: 'e', where: 'compare' },
  { id: 'side-reference', name: 'Use as reference', key: 'r', where: 'compare' },
  { id: 'side-vary', name: 'Vary', key: 'v', where: 'compare' },
  { id: 'side-promote', name: 'Make final', key: 'mod+shift+Enter', where: 'compare' },
  { id: 'side-inspector', name: 'Inspector and recipe', key: 'i', where: 'compare' },
  { id: 'side-download', name: 'Download', key: 'd', where: 'compare' },
  { id: 'side-out-of', name: 'Take out of the view', key: 'Delete', where: 'compare' },

  { id: 'all-keep', name: 'Keep', key: 'k', where: 'gallery' },
  { id: 'all-reject', name: 'Reject', key: 'x', where: 'gallery' },
  { id: 'all-open', name: 'Neither kept nor rejected', key: 'o', where: 'gallery' },
  { id: 'all-tag', name: 'Tag', key: 't', where: 'gallery' },
  { id: 'all-project', name: 'Project', key: 'p', where: 'gallery' },
  { id: 'all-compare', name: 'Put side by side', key: 'c', where: 'gallery' },
  { id: 'all-reference', name: 'Use as reference', key: 'r', where: 'gallery' },
  { id: 'all-describe', name: 'Say what it shows', key: 'd', where: 'gallery' },
  { id: 'all-similar', name: 'Find similar', key: 's', where: 'gallery' },
  { id: 'all-cull', name: 'Cull', key: 'u', where: 'gallery' },
  { id: 'all-kit', name: 'Key-visual kit', key: 'f', where: 'gallery' },
  { id: 'all-edit', name: 'Edit with this', key: 'e', where: 'gallery' },
  { id: 'all-vary', name: 'Vary', key: 'v', where: 'gallery' },
  { id: 'all-extend', name: 'Extend to another shape', key: '', where: 'gallery' },
  { id: 'all-upscale', name: 'Enlarge', key: 'z', where: 'gallery' },
  { id: 'all-remove-background', name: 'Remove the background', key: '', where: 'gallery' },
  { id: 'all-continue', name: 'Continue the conversation', key: '', where: 'gallery' },
  { id: 'all-lineage', name: 'Its lineage', key: 'l', where: 'gallery' },
  { id: 'all-inspector', name: 'Inspector, in its row', key: 'i', where: 'gallery' },
  { id: 'all-row', name: 'Go to its row', key: 'w', where: 'gallery' },
  { id: 'all-trash', name: 'Trash, or take back', key: 'Backspace', where: 'gallery' },
  { id: 'all-filter', name: 'Filter', key: 'm', where: 'gallery' },
  { id: 'all-larger', name: 'Larger pictures', key: '+', where: 'gallery' },
  { id: 'all-smaller', name: 'Smaller pictures', key: '-', where: 'gallery' },
  { id: 'all-newest', name: 'Newest first', key: '', where: 'gallery' },
  { id: 'all-oldest', name: 'Oldest first', key: '', where: 'gallery' },
  { id: 'all-stars', name: 'Most stars first', key: '', where: 'gallery' },
  { id: 'all-cost', name: 'Dearest first', key: '', where: 'gallery' },

  { id: 'cull-zoom', name: 'Real size and back', key: 'z', where: 'cull' },
  { id: 'cull-four', name: 'Four at a time and back', key: 'g', where: 'cull' },
  { id: 'cull-keep', name: 'Keep', key: ' ', where: 'cull' },
  { id: 'cull-reject', name: 'Reject', key: 'x', where: 'cull' },
  { id: 'cull-skip', name: 'Skip', key: 'ArrowRight', where: 'cull' },
  { id: 'cull-back', name: 'Back', key: 'ArrowLeft', where: 'cull' },

  { id: 'edit-brush', name: 'Brush', key: 'b', where: 'editor' },
  { id: 'edit-eraser', name: 'Eraser', key: 'e', where: 'editor' },
  { id: 'edit-lasso', name: 'Lasso', key: 'l', where: 'editor' },
  { id: 'edit-rectangle', name: 'Rectangle', key: 'r', where: 'editor' },
  { id: 'edit-smaller', name: 'Smaller brush', key: '[', where: 'editor' },
  { id: 'edit-larger', name: 'Larger brush', key: ']', where: 'editor' },
  { id: 'edit-undo', name: 'Undo', key: 'mod+z', where: 'editor' },
  { id: 'edit-redo', name: 'Redo', key: 'mod+shift+z', where: 'editor' },

  { id: 'lineage-pin', name: 'Pin, and back', key: 'p', where: 'lineage' },
  { id: 'lineage-key', name: 'Key visual, and back', key: 'k', where: 'lineage' },
  { id: 'lineage-kit', name: 'Key-visual kit', key: 'f', where: 'lineage' },
  { id: 'lineage-hide', name: 'Hide the branch, and back', key: 'Delete', where: 'lineage' },
  { id: 'lineage-reference', name: 'Use as reference', key: 'r', where: 'lineage' },

  { id: 'queue-front', name: 'To the front', key: 'Home', where: 'queue' },
  { id: 'queue-stop', name: 'Stop this one', key: 'Delete', where: 'queue' },
];

/** A view that is open does its own commands, also when the palette asks. @type {Partial<Record<Where, (id: string) => void>>} */
export const doers = {};

const changes = signal(0);                             // whoever shows keys is drawn anew
addEventListener('storage', e => { if (e.key === null || e.key.startsWith('key.')) changes.value++; });

/** The key of a command. @param {Command} c */
export const keyOf = c => { changes.value; return s.local[`key.${c.id}`] ?? c.key; };

/** @param {string} id */
export const command = id => /** @type {Command} */ (COMMANDS.find(c => c.id === id));

/** Gives a command another key; none brings back its own. @param {Command} c @param {string} [key] */
export function setKey(c, key) {
  if (key === undefined || key === c.key) delete s.local[`key.${c.id}`]; else s.local[`key.${c.id}`] = key;
  changes.value++;
}

const MAC = /Mac|iP(hone|ad)/.test(navigator.platform), SIGNS = /** @type {Record<string, string>} */ ({ Enter: '↵', ' ': 'Space', Backspace: '⌫', ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', '-': '−' });
/** A key as a person reads it. @param {string} key */
export function shown(key) {
  const plain = key.replace(/^mod\+(shift\+)?/, ''), sign = `${key.includes('shift+') ? '⇧ ' : ''}${SIGNS[plain] ?? (plain.length === 1 ? plain.toUpperCase() : plain)}`;
  return key === plain ? sign : MAC ? `⌘${sign}` : `Ctrl ${sign}`;
}

/** Told once for all, and anew when a key changes: every picture has a toolbar. */
const signs = computed(() => new Map(COMMANDS.map(c => { const key = keyOf(c); return [c.id, key && say(shown(key))]; })));
/** The key of a command as a person reads it; '' is none. @param {string} id */
export const signOf = id => signs.value.get(id) ?? '';

/** A name with its key, for a title. @param {string} name @param {string} id */
export const keyed = (name, id) => { const sign = signOf(id); return sign ? `${say(name)} (${sign})` : say(name); };

/** What was pressed, as the list writes it; '' for what is no shortcut. @param {KeyboardEvent} e */
export function chord(e) {
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (/^([a-z]|Enter)$/.test(key) && e.shiftKey && (e.ctrlKey || e.metaKey) && !e.altKey) return `mod+shift+${key}`;
  if (e.altKey || /^(Shift|Control|Meta|Alt|Dead|Tab|Escape|Enter)/.test(key) || e.shiftKey && /^([a-z]|.{2,})$/.test(key)) return '';
  return e.ctrlKey || e.metaKey ? `mod+${key}` : key;
}

/** The command that a key stands for there; letters can be switched off, and keys with Control stay.
 * @param {Where} where @param {KeyboardEvent} e @param {boolean} [picture] whether there is one */
export function heard(where, e, picture = false) {
  const key = chord(e);
  if (!key || !s.letters.peek() && key.length === 1 && (where === 'tile' || /[^ +\-0-9]/.test(key))) return undefined;
  const alias = !['compare', 'gallery', 'tile', 'lineage', 'queue'].includes(where) ? '' : key === '=' ? '+' : key === 'Backspace' ? 'Delete' : key === 'Delete' ? 'Backspace' : '';
  const fits = (/** @type {Command} */ c) => c.where === where || where === 'tile' && c.where === 'picture' && picture;
  return COMMANDS.find(c => fits(c) && keyOf(c) === key) ?? (alias ? COMMANDS.find(c => fits(c) && keyOf(c) === alias) : undefined);
}

/** Does what the key stands for there, if anything; says whether it did. Inside of a field (1) undo is the field's own, inside of a
 * dialog (2) only the palette opens.
 * @param {'tile' | 'everywhere'} where @param {KeyboardEvent} e @param {At} [at] @param {number} [inside] */
export function press(where, e, at, inside) {
  if (take(e)) return true;
  const found = heard(where, e, Boolean(at?.image));
  if (!found?.run || (inside === 2 ? found.id !== 'palette' : inside && found.id === 'undo')) return false;
  e.preventDefault();
  found.run(/** @type {At} */ (at));
  return true;
}

/** What was typed while a dialog that hears keys was on its way, by its class: none of it is lost, also where the keys had to wait for
 * this module. `wanted` says whether it still is; Escape gives it up. */
export const early = { of: '', keys: /** @type {KeyboardEvent[]} */ ([]), wanted: () => false, leave: () => {} };
/** Not any more once it was open: that it is closed is told a moment after it is. */
function coming() {
  if (early.of && document.querySelector(`dialog.${early.of}[open]`)) early.wanted = () => false;
  return early.wanted();
}
const taken = new WeakSet();
/** Whether a key is for the dialog that is on its way; it is heard once, by whoever sees it first. @param {KeyboardEvent} e */
export function take(e) {
  if (taken.has(e)) return true;
  if (!coming() || e.ctrlKey || e.metaKey || e.altKey) return false;
  if (e.key === 'Escape') early.leave();
  else if (e.key.length === 1 || /^(Enter|Backspace|Arrow)/.test(e.key)) early.keys.push(e);
  else return false;
  taken.add(e);
  e.preventDefault();
  return true;
}
/** Keeps what is typed from here on until the dialog is open; it takes the keys with `early.keys.splice(0)`.
 * @param {string} of @param {() => boolean} wanted @param {() => void} leave */
export function keep(of, wanted, leave) {
  Object.assign(early, { of, wanted, leave, keys: [] });
  const hear = (/** @type {KeyboardEvent} */ e) => { if (!coming()) removeEventListener('keydown', hear, true); else if (take(e)) e.stopPropagation(); };
  addEventListener('keydown', hear, true);
}
/** @param {string} name of what opens over the view, and of its class */
function over(name) {
  if (s.over.peek() === name) return;
  keep(name, () => s.over.peek() === name, () => { s.over.value = ''; });
  s.over.value = name;
}
