// @ts-check
/** The sheet of shortcuts: all of them, and each that stands in the list of commands can be given another key. */
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { COMMANDS, chord, clash, keyOf, setKey, shown } from './commands.js';
import * as s from './state.js';
import { Tool, h, html, say } from './ui.js';
/** @import { Command, Where } from './commands.js' */

const MODIFIER = /Mac|iP(hone|ad)/.test(navigator.platform) ? '⌘' : 'Ctrl';
/** Each part with the keys that cannot be changed, and whose commands stand below them. @type {[string, string[][], Where[]][]} */
const SHEET = [
  ['Prompt', [[`${MODIFIER} ↵`, 'Create'], ['Alt ↑ ↓', 'Earlier and later prompts'], ['--', 'Parameters'], ['@', 'Models and pictures'], ['--blind', 'Makers stay hidden until a pick'], ['Esc', 'Leave the field']], []],
  ['On a picture', [['← → ↑ ↓', 'Go from tile to tile'], ['↵', 'Look closer']], ['picture', 'tile']],
  ['Side by side', [['Wheel, pinch', 'Zoom all together'], ['Drag, arrows', 'Move all together'], ['Alt drag, Shift ←', 'Move one alone'], ['Space', 'Swap the last two while held'], ['1–6', 'Pick'], ['Esc', 'Close']], ['compare']],
  ['Gallery', [['Click, Space', 'Choose; Shift for a range'], [`${MODIFIER} A`, 'Choose all'], ['1–5, 0', 'Stars']], ['gallery']],
  ['Cull', [['1–5', 'Stars'], ['Esc', 'Close']], ['cull']],
  ['Everywhere', [], ['everywhere']],
];

/** @param {{ close: () => void }} props */
export function Help({ close }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null)), asking = useSignal(/** @type {Command | null} */ (null)), wish = useSignal('');
  useLayoutEffect(() => { box.current?.showModal(); }, []);
  const c = asking.value, other = c && wish.value ? clash(c, wish.value) : undefined;
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
  const swap = () => { if (c && other) { const mine = keyOf(c), theirs = wish.peek(); setKey(c, theirs); setKey(other, mine); } leave(); };
  const line = (/** @type {Command} */ k) => html`<div key=${k.id}><dt><button type="button" id=${`key-of-${k.id}`} class="key" data-own=${keyOf(k) !== k.key} aria-pressed=${c === k} aria-label=${say('Key for {0}: {1}', say(k.name), keyOf(k) ? shown(keyOf(k)) : say('none'))} title=${say('Change this key')} onClick=${() => { asking.value = k; wish.value = ''; }}><kbd>${c === k ? '…' : keyOf(k) ? shown(keyOf(k)) : '–'}</kbd></button></dt><dd>${say(k.name)}</dd></div>`;
  const changed = COMMANDS.filter(k => keyOf(k) !== k.key);
  return html`<dialog class="sheet help" ref=${box} aria-labelledby="help-h" onClose=${close} onKeyDown=${hear} onCancel=${e => { if (asking.peek()) { e.preventDefault(); leave(); } }} onClick=${e => { if (e.target === box.current) box.current?.close(); }}>
    <header><h2 id="help-h">${say('Shortcuts')}</h2>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => box.current?.close() })}</header>
    <div role="alert">${c && html`<p class="ask">${other ? html`<span>${say('{0} is “{1}” already.', shown(wish.value), say(other.name))}</span><button type="button" class="btn small" onClick=${swap}>${say('Swap the two')}</button><button type="button" class="btn small" onClick=${leave}>${say('Leave it')}</button>`
      : html`<span>${say('Press the new key for “{0}”. Esc leaves it.', say(c.name))}</span>`}</p>`}</div>
    <div class="columns">${SHEET.map(([title, fixed, where]) => html`<section key=${title}><h3>${say(title)}</h3><dl>${fixed.map(([k, what]) => html`<div key=${k}><dt><kbd>${say(k)}</kbd></dt><dd>${say(what)}</dd></div>`)}${COMMANDS.filter(k => where.includes(k.where)).map(line)}</dl></section>`)}</div>
    <footer><label class="switch"><input type="checkbox" role="switch" checked=${s.letters} onChange=${e => { s.letters.value = e.currentTarget.checked; s.local.letters = e.currentTarget.checked ? 'on' : 'off'; }} />${say('Single-key shortcuts')}</label>
      ${changed.length > 0 && html`<button type="button" class="btn small" onClick=${() => { changed.forEach(k => setKey(k)); document.getElementById('help-h')?.closest('dialog')?.querySelector('button')?.focus(); }}>${say('All keys as they were')}</button>`}</footer>
  </dialog>`;
}
