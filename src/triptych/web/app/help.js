// @ts-check
import { useLayoutEffect, useRef } from 'preact/hooks';
import { COMMANDS, keyOf } from './commands.js';
import * as s from './state.js';
import { Tool, h, html } from './ui.js';

const MODIFIER = /Mac|iP(hone|ad)/.test(navigator.platform) ? '⌘' : 'Ctrl';
/** Commands as the sheet shows them. @param {...string} where */
const listed = (...where) => COMMANDS.filter(c => where.includes(c.where)).map(c => [keyOf(c).toUpperCase(), c.name]);
const SHEET = () => [
  ['Prompt', [[`${MODIFIER} ↵`, 'Create'], ['Alt ↑ ↓', 'Earlier and later prompts'], ['--', 'Parameters'], ['@', 'Models and pictures'], ['--blind', 'Makers stay hidden until a pick'], ['Esc', 'Leave the field']]],
  ['On a picture', [['← → ↑ ↓', 'Go from tile to tile'], ['↵', 'Look closer'], ...listed('picture', 'tile')]],
  ['Side by side', [['Wheel, pinch', 'Zoom all together'], ['Drag, arrows', 'Move all together'], ['+ −', 'Zoom by steps'], ['0', 'Fit'], ['Z', 'Real size and back'], ['Alt drag, Shift ←', 'Move one alone'], ['Space', 'Swap the last two while held'], ['G S O D F', 'Grid, slider, overlay, difference, flicker'], ['1–6', 'Pick'], ['X', 'Reject, and back'], ['Delete', 'Take out of the view'], ['Esc', 'Close']]],
  ['Gallery', [['Click, Space', 'Choose; Shift for a range'], [`${MODIFIER} A`, 'Choose all'], ['1–5, 0', 'Stars'], ['K X O', 'Keep, reject, neither'], ['T P', 'Tag, project'], ['⌫', 'Trash'], [`${MODIFIER} Z`, 'Undo'], ['S', 'Find similar'], ['U', 'Cull']]],
  ['Everywhere', listed('everywhere')],
];

/** @param {{ close: () => void }} props */
export function Help({ close }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => { box.current?.showModal(); }, []);
  return html`<dialog class="sheet help" ref=${box} aria-labelledby="help-h" onClose=${close} onClick=${e => { if (e.target === box.current) box.current?.close(); }}>
    <header><h2 id="help-h">Shortcuts</h2>${h(Tool, { icon: 'x', label: 'Close', onClick: () => box.current?.close() })}</header>
    <div class="columns">${SHEET().map(([title, keys]) => html`<section><h3>${title}</h3><dl>${/** @type {string[][]} */ (keys).map(([k, what]) => html`<div><dt><kbd>${k}</kbd></dt><dd>${what}</dd></div>`)}</dl></section>`)}</div>
    <label class="switch"><input type="checkbox" role="switch" checked=${s.letters} onChange=${e => { s.letters.value = e.currentTarget.checked; s.local.letters = e.currentTarget.checked ? 'on' : 'off'; }} />Single-key shortcuts</label>
  </dialog>`;
}
