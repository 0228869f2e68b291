// @ts-check
/** The sheet of shortcuts: all of them, and each that stands in the list of commands can be given another key. */
import { useSignal } from '@preact/signals';
import { COMMANDS, chord, keyOf, setKey, shown } from './commands.js';
import { useSheet } from './sheet.js';
import * as s from './state.js';
import { Tool, h, html, say } from './ui.js';
/** @import { Command, Where } from './commands.js' */

const MODIFIER = /Mac|iP(hone|ad)/.test(navigator.platform) ? '⌘' : 'Ctrl';
/** Each part with the keys that cannot be changed, and whose commands stand below them. @type {[string, string[][], Where[]][]} */
const SHEET = [
  ['Prompt', [[`${MODIFIER} ↵`, 'Create'], ['Alt ↑ ↓', 'Earlier and later prompts'], ['--', 'Parameters'], ['@', 'Models and pictures'], ['--blind', 'Makers stay hidden until a pick'], ['Esc', 'Leave the field']], []],
  ['On a picture', [['← → ↑ ↓', 'Go from tile to tile'], ['↵', 'Look closer'], ['1–5, 0', 'Stars'], ['Space', 'Press the button that has the focus']], ['picture', 'tile']],
  ['Side by side', [['Wheel, pinch', 'Zoom all together'], ['Drag, arrows', 'Move all together'], ['Alt drag, Shift ←', 'Move one alone'], ['Alt wheel, Alt +', 'Zoom one alone'], ['Alt 0', 'Put one back'], ['Space', 'Swap two while held: the one with the focus and the one before'], ['1–6', 'Pick'], ['Shift 1–5, 0', 'Stars'], ['Esc', 'Close']], ['compare']],
  ['Gallery', [['← → ↑ ↓', 'Go from picture to picture'], ['↵', 'Look closer'], ['Click, Space', 'Choose; Shift for a range'], [`${MODIFIER} A`, 'Choose all'], ['1–5, 0', 'Stars']], ['gallery']],
  ['Cull', [['1–5', 'Stars'], ['Esc', 'Close']], ['cull']],
  ['Editor', [['Arrows', 'Move the brush; Shift further'], ['Space', 'Paint'], ['↵', 'Begin and end a line or a shape'], ['Space drag', 'Move the picture'], [`${MODIFIER} ↵`, 'Make the edit'], ['Esc', 'Close']], ['editor']],
  ['Lineage', [['← → ↑ ↓', 'Go along the branches'], ['↵', 'Look closer']], ['lineage']],
  ['Queue', [['↑ ↓', 'Go from one to the next'], ['Alt ↑ ↓', 'Move this one']], ['queue']],
  ['Everywhere', [], ['everywhere']],
];

/** Keys that mean something of their own in a place, whatever the list of commands says. @type {['tile' | Where, RegExp, string][]} */
const FIXED = [
  ['tile', /^Arrow/, 'Go from tile to tile'], ['tile', /^[0-5]$/, 'Stars'], ['tile', /^ $/, 'Press the button that has the focus'],
  ['compare', /^[1-6]$/, 'Pick'], ['compare', /^ $/, 'Swap two while held: the one with the focus and the one before'], ['compare', /^Arrow/, 'Move all together'],
  ['gallery', /^(Arrow|Page|Home$|End$)/, 'Go from picture to picture'], ['gallery', /^ $/, 'Choose; Shift for a range'], ['gallery', /^mod\+a$/, 'Choose all'], ['gallery', /^[0-5]$/, 'Stars'],
  ['cull', /^[1-5]$/, 'Stars'],
  ['editor', /^(Arrow|Page|Home$|End$)/, 'Move the brush; Shift further'], ['editor', /^ $/, 'Paint'], ['editor', /^mod\+shift\+Enter$/, 'Make the edit'],
  ['lineage', /^(Arrow|Home$|End$)/, 'Go along the branches'], ['queue', /^Arrow/, 'Go from one to the next'],
];
/** A key for everything is heard after those of the places that it is heard in. @param {Where} where @param {string} place */
const within = (where, place) => where === 'everywhere' ? !['compare', 'cull', 'editor'].includes(place) : (where === 'picture' ? 'tile' : where) === place;

/** Why a command cannot have a key at all, in words. @param {Command} c @param {string} key */
function refusal(c, key) {
  if (key.startsWith('mod+') && ['compare', 'cull'].includes(c.where)) return say('Side by side and in Cull a key stands alone, without {0}.', MODIFIER);
  const use = FIXED.find(([place, keys]) => within(c.where, place) && keys.test(key));
  return use ? say('{0} is for “{1}” and stays so.', say(shown(key)), say(use[2])) : '';
}

/** What stands against a key for a command: words, and the other command that has it where the two can be swapped.
 * @param {Command} c @param {string} key @returns {{ words: string, other?: Command } | undefined} */
export function clash(c, key) {
  const never = refusal(c, key);
  if (never) return { words: never };
  const wide = (/** @type {Where} */ a, /** @type {Where} */ b) => a === 'everywhere' && ['picture', 'tile', 'gallery', 'lineage', 'queue'].includes(b);
  const family = (/** @type {Where} */ w) => w === 'picture' ? 'tile' : w;
  const other = COMMANDS.find(o => o !== c && keyOf(o) === key && (family(o.where) === family(c.where) || wide(o.where, c.where) || wide(c.where, o.where)));
  if (!other) return undefined;
  const words = say('{0} is “{1}” already.', say(shown(key)), say(other.name));
  return refusal(other, keyOf(c)) ? { words } : { words, other };
}

/** @param {{ close: () => void }} props */
export function Help({ close }) {
  const box = useSheet(close), asking = useSignal(/** @type {Command | null} */ (null)), wish = useSignal('');
  const c = asking.value, against = c && wish.value ? clash(c, wish.value) : undefined;
  const leave = () => { const was = asking.peek(); asking.value = null; wish.value = ''; requestAnimationFrame(() => document.getElementById(`key-of-${was?.id}`)?.focus()); };
  const hear = (/** @type {KeyboardEvent} */ e) => {
    if (!asking.peek() || wish.peek() || e.key === 'Tab') return;
    const key = chord(e);
    if (e.key === 'Escape') leave();
    else if (key && clash(/** @type {Command} */ (asking.peek()), key)) wish.value = key;
    else if (key) { setKey(/** @type {Command} */ (asking.peek()), key); leave(); }
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const swap = () => { const other = against?.other; if (c && other) { const mine = keyOf(c), theirs = wish.peek(); setKey(c, theirs); setKey(other, mine); } leave(); };
  const line = (/** @type {Command} */ k) => html`<div key=${k.id}><dt><button type="button" id=${`key-of-${k.id}`} class="key" data-own=${keyOf(k) !== k.key} aria-pressed=${c === k} aria-label=${say('Key for {0}: {1}', say(k.name), keyOf(k) ? say(shown(keyOf(k))) : say('none'))} title=${say('Change this key')} onClick=${() => { asking.value = k; wish.value = ''; }}><kbd>${c === k ? '…' : keyOf(k) ? say(shown(keyOf(k))) : '–'}</kbd></button></dt><dd>${say(k.name)}${k.pair && ` (${say('for two pictures only')})`}</dd></div>`;
  const changed = COMMANDS.filter(k => keyOf(k) !== k.key);
  return html`<dialog class="sheet help" ref=${box} aria-labelledby="help-h" onKeyDown=${hear} onCancel=${e => { if (asking.peek()) { e.preventDefault(); leave(); } }} onClick=${e => { if (e.target === box.current) box.current?.close(); }}>
    <header><h2 id="help-h">${say('Shortcuts')}</h2>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => box.current?.close() })}</header>
    <div role="alert">${c && html`<p class="ask">${against ? html`<span>${against.words}</span>${against.other && html`<button type="button" class="btn small" onClick=${swap}>${say('Swap the two')}</button>`}<button type="button" class="btn small" onClick=${leave}>${say('Leave it')}</button>`
      : html`<span>${say('Press the new key for “{0}”. Esc leaves it.', say(c.name))}</span>`}</p>`}</div>
    <div class="columns">${SHEET.map(([title, fixed, where]) => html`<section key=${title}><h3>${say(title)}</h3><dl>${fixed.map(([k, what]) => html`<div key=${k}><dt><kbd>${say(k)}</kbd></dt><dd>${say(what)}</dd></div>`)}${COMMANDS.filter(k => where.includes(k.where)).map(line)}</dl></section>`)}</div>
    <footer><label class="switch"><input type="checkbox" role="switch" checked=${s.letters} onChange=${e => { s.letters.value = e.currentTarget.checked; s.local.letters = e.currentTarget.checked ? 'on' : 'off'; }} />${say('Single-key shortcuts')}</label>
      ${changed.length > 0 && html`<button type="button" class="btn small" onClick=${() => { changed.forEach(k => setKey(k)); document.getElementById('help-h')?.closest('dialog')?.querySelector('button')?.focus(); }}>${say('All keys as they were')}</button>`}</footer>
  </dialog>`;
}
