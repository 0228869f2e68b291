// @ts-check
/** The keyboard among tiles: arrows go to the tile that lies that way, letters act on the one that has the focus. */
import { press, take } from './commands.js';
import { openCompare } from './deeds.js';
import { rate } from './marks.js';
import './menu.js';                                    // here before its first key
import * as s from './state.js';

export { press };

/** From where an arrow has moved the focus, and when. */
let moved = { from: /** @type {Element | null} */ (null), at: 0 };

/** A key is for what had the focus when it was pressed; where it waited for this module behind an arrow, for what that went to.
 * @param {KeyboardEvent} e */
export function keys(e) {
  const had = /** @type {Element} */ (e.target), at = had === moved.from && e.timeStamp <= moved.at ? document.activeElement : had, frame = /** @type {HTMLElement | null} */ (at?.closest('.frame') ?? null);
  const mod = e.ctrlKey || e.metaKey;
  if (!frame || e.altKey || take(e)) return;
  if (!mod && e.key.startsWith('Arrow')) { move(frame, e); moved = { from: had, at: performance.now() }; return; }
  const tile = s.findTile(frame.id), t = tile?.peek(), image = t?.images.find(i => i.id === frame.dataset.image), key = e.key.toLowerCase();
  if (!tile || !t) return;
  if (key === 'escape' && at !== frame && !mod) { e.stopPropagation(); frame.focus(); return; }
  if (key === 'enter' && at === frame && image && !mod) { e.preventDefault(); openCompare(tile, image.id); }
  if (press('tile', e, { tile, t, image, frame }) || mod || !image || !s.letters.peek() || !/^[0-5]$/.test(e.key)) return;
  e.preventDefault();
  rate(image.id, Number(e.key));
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
