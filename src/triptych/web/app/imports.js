// @ts-check
/** Pictures made elsewhere brought in as results: chosen from a file dialog, or dropped on a row or between the rows. Dropped on
 * the prompt bar they are references. */
import { trying } from './actions.js';
import { call } from './api.js';
import { count } from './format.js';
import * as s from './state.js';
import { say, styled, toast } from './ui.js';

/** @param {Iterable<File>} files @param {string} [run] the row they stand in; none: one of their own, all together */
export async function importFiles(files, run) {
  let row = run, done = 0, first = '';
  for (const file of files) {
    if (!file.type.startsWith('image/')) { toast(say('{0} is not a picture.', file.name)); continue; }
    const asked = new URLSearchParams({ name: file.name, ...(row ? { run: row } : {}) });
    const made = await trying('toast', () => call('POST', `/api/imports?${asked}`, file));
    if (!made) continue;
    s.merge([made.run]);
    row = made.run.id;
    first ||= made.tile.id;
    done++;
  }
  if (!done) return;
  toast(say('{0} imported: not made here, so there is no receipt.', count(done, 'picture')));
  s.go('/');
  s.active.value = first;
  requestAnimationFrame(() => { const frame = document.getElementById(first); if (!document.activeElement?.matches('input, select, textarea')) frame?.focus({ preventScroll: true }); frame?.scrollIntoView({ block: 'nearest' }); });
}

/** @param {string} [run] */
export function chooseImports(run) {
  const input = Object.assign(document.createElement('input'), { type: 'file', accept: 'image/*', multiple: true });
  input.onchange = () => { importFiles([...input.files ?? []], run); };
  input.click();
}

/** The place under the pointer that takes results: not the prompt bar, where they are references. @param {DragEvent} e */
const place = e => e.dataTransfer?.types.includes('Files') && s.view.peek() === 'studio' && e.target instanceof Element && !document.querySelector('dialog[open]') ? e.target.closest('.scroll') : null;
styled('imports');
let lit = /** @type {Element | null} */ (null);
const light = (/** @type {Element | null} */ to) => { if (lit !== to) { lit?.classList.remove('drop'); lit = to; lit?.classList.add('drop'); } };

addEventListener('dragover', e => {
  const at = place(e);
  light(at ? /** @type {Element} */ (e.target).closest('.row') ?? at : null);
  if (at) e.preventDefault();
});
addEventListener('dragleave', e => { if (!e.relatedTarget) light(null); });
addEventListener('drop', e => {
  const at = place(e), row = /** @type {Element} */ (e.target).closest?.('.row')?.getAttribute('aria-labelledby')?.slice(2);
  light(null);
  if (!at) return;
  e.preventDefault();
  importFiles([...e.dataTransfer?.files ?? []], row);
});
