// @ts-check
/** A menu under a button: arrows and first letters move, Enter chooses, Escape and Tab give the focus back. It is plain
 * DOM in the top layer, so a tile that is drawn anew or goes away under it does no harm. */
/** @import { Item } from './types' */

/** @param {HTMLElement} by @param {string} label @param {Item[]} items @param {string} [heading] */
export function openMenu(by, label, items, heading) {
  const box = document.createElement('div');
  box.className = 'menu';
  box.setAttribute('role', 'menu');
  box.ariaLabel = label;
  box.popover = 'auto';
  if (heading) box.append(part('p', 'heading', heading));
  for (const item of items) {
    const button = part('button', item.danger ? 'danger' : '', '');
    button.append(part('span', '', item.name), ...item.note ? [part('small', '', item.note)] : []);
    button.setAttribute('role', 'menuitem');
    button.tabIndex = -1;
    if (item.disabled) button.ariaDisabled = 'true';
    button.onclick = () => { if (!item.disabled) { close(); item.run(); } };
    box.append(button);
  }
  const home = /** @type {HTMLElement | null} */ (by.closest('.frame'));   // stands, even when what is in it is drawn anew
  const close = () => { box.hidePopover(); (by.isConnected ? by : home)?.focus(); };
  box.onkeydown = e => { if (key(box, e, close)) { e.preventDefault(); e.stopPropagation(); } };
  box.addEventListener('toggle', e => { if (/** @type {ToggleEvent} */ (e).newState === 'closed') { by.ariaExpanded = 'false'; box.remove(); } });
  (by.closest('dialog, aside, main, nav') ?? document.body).append(box);
  box.showPopover();
  place(box, by);
  by.ariaExpanded = 'true';
  choices(box)[0]?.focus();
}

/** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {string} look @param {string} text */
const part = (tag, look, text) => Object.assign(document.createElement(tag), { className: look, textContent: text });
/** @param {HTMLElement} box */
const choices = box => /** @type {HTMLElement[]} */ ([...box.querySelectorAll('[role=menuitem]')]);

/** @param {HTMLElement} box @param {KeyboardEvent} e @param {() => void} close */
function key(box, e, close) {
  const all = choices(box), here = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[e.key];
  if (to !== undefined) all[(to + all.length) % all.length]?.focus();
  else if (e.key === 'Escape' || e.key === 'Tab') close();
  else if (e.key.length === 1 && e.key !== ' ' && !e.ctrlKey && !e.metaKey) {
    const starts = (/** @type {HTMLElement} */ c) => c.textContent?.toLowerCase().startsWith(e.key.toLowerCase());
    (all.slice(here + 1).find(starts) ?? all.find(starts))?.focus();
  } else return false;
  return true;
}

/** Under the button, or over it where there is no room; beside it where it needs more than either. Always inside the window.
 * @param {HTMLElement} box @param {HTMLElement} by */
function place(box, by) {
  const b = by.getBoundingClientRect(), w = box.offsetWidth, t = box.offsetHeight, gap = 4;
  const under = innerHeight - b.bottom - 8 >= t + gap, over = b.top - 8 >= t + gap;
  const beside = b.right + gap + w + 8 <= innerWidth ? b.right + gap : b.left - gap - w;
  box.style.left = `${Math.max(8, Math.min(under || over ? b.left : beside, innerWidth - w - 8))}px`;
  box.style.top = `${Math.max(8, under || !over ? Math.min(b.bottom + gap, innerHeight - t - 8) : b.top - t - gap)}px`;
}
