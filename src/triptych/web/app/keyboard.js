// @ts-check
/** The keyboard among tiles: arrows go to the tile that lies that way, letters act on the one that has the focus. */
import { press } from './commands.js';
import { openCompare } from './deeds.js';
import './menu.js';                                    // here before its first key
import * as s from './state.js';

/** A key is for what has the focus when it is heard: it may have waited for this module, behind one that moved the focus.
 * @param {KeyboardEvent} e */
export function keys(e) {
  const at = document.activeElement, frame = /** @type {HTMLElement | null} */ (at?.closest('.frame') ?? null);
  const mod = e.ctrlKey || e.metaKey;
  if (!frame || e.altKey || mod && !(e.shiftKey && e.key === 'Enter')) return;
  if (e.key.startsWith('Arrow')) { move(frame, e); return; }
  const tile = s.findTile(frame.id), t = tile?.peek(), image = t?.images.find(i => i.id === frame.dataset.image), key = e.key.toLowerCase();
  if (!tile || !t) return;
  if (key === 'escape' && at !== frame) { e.stopPropagation(); frame.focus(); return; }
  if (key === 'enter' && at === frame && image && !mod) { e.preventDefault(); openCompare(tile, image.id); }
  press('tile', e, { tile, t, image, frame });
}

/** @param {Element} frame @param {KeyboardEvent} e */
function move(frame, e) {
  const all = [...document.querySelectorAll('.rows .frame')], at = all.indexOf(frame), from = frame.getBoundingClientRect();
  let to = all[at + (e.key === 'ArrowRight' ? 1 : -1)];
  if (e.key === 'ArrowUp' || e.key === 'ArrowDown') {
    const down = e.key === 'ArrowDown', middle = (/** @type {DOMRect} */ r) => r.left + r.width / 2, edge = (/** @type {DOMRect} */ r) => down ? r.top : r.bottom;
    const there = all.map(f => ({ f, r: f.getBoundingClientRect() })).filter(({ r }) => down ? r.top >= from.bottom - 8 : r.bottom <= from.top + 8);
    const line = (down ? Math.min : Math.max)(...there.map(x => edge(x.r)));
    to = there.filter(({ r }) => Math.abs(edge(r) - line) < 24).sort((a, b) => Math.abs(middle(a.r) - middle(from)) - Math.abs(middle(b.r) - middle(from)))[0]?.f;
  }
  if (!to) return;
  e.preventDefault();
  s.active.value = to.id;
  /** @type {HTMLElement} */ (to).focus({ preventScroll: true });
  to.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}
