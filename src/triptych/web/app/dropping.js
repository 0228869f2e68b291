// @ts-check
/** Pictures that are dragged: files from outside, tiles, and pictures of the gallery, into the prompt bar. Where there is no
 * prompt bar a place to drop shows at the edge while one is dragged. */
import { deed } from './actions.js';
import * as s from './state.js';
import { styled } from './ui.js';

const KIND = 'application/x-triptych-picture';
let pad = /** @type {HTMLElement | null} */ (null), over = /** @type {Element | null} */ (null);

/** What is dragged, as the gallery tells of it too. @param {Element} img */
function carried(img) {
  const frame = img.closest('.frame'), t = frame && s.findTile(frame.id)?.peek(), image = t?.images.find(i => i.id === frame?.getAttribute('data-image'));
  return t && image ? { ...image, tile: t.id, name: t.maker ? t.name : '', prompt: '' } : null;
}

/** Lets a picture be dragged. @param {DragEvent} e @param {any} picture */
export function carry(e, picture) {
  e.dataTransfer?.setData(KIND, JSON.stringify(picture));
  if (e.dataTransfer) e.dataTransfer.effectAllowed = 'copy';
  if (document.querySelector('.composer')) return;
  const mine = pad = Object.assign(document.createElement('div'), { className: 'droppad', textContent: 'Drop here: goes along with the next prompt' });
  styled('refs').then(() => { if (pad === mine) document.body.append(mine); });
}

/** The place under the pointer that takes what is dragged. @param {DragEvent} e */
function place(e) {
  const types = e.dataTransfer?.types ?? [];
  return types.includes(KIND) || types.includes('Files') ? /** @type {Element} */ (e.target).closest?.('.composer, .droppad') ?? null : null;
}

/** @param {Element | null} to */
function mark(to) {
  if (over !== to) { over?.classList.remove('drop'); to?.classList.add('drop'); }
  over = to;
}

addEventListener('dragstart', e => {
  const img = /** @type {Element} */ (e.target).closest?.('.frame img'), picture = img && carried(img);
  if (picture) carry(e, picture);
});
addEventListener('dragover', e => {
  const to = place(e);
  mark(to);
  if (to) e.preventDefault();
});
addEventListener('dragleave', e => { if (!e.relatedTarget) mark(null); });
addEventListener('dragend', () => { mark(null); pad?.remove(); pad = null; });
addEventListener('drop', e => {
  const to = place(e), said = e.dataTransfer?.getData(KIND);
  mark(null);
  if (!to) return;
  e.preventDefault();
  if (said) deed('addPictures', [JSON.parse(said)], true);
  else deed('upload', [...e.dataTransfer?.files ?? []]);
});
