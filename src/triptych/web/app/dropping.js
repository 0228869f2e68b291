// @ts-check
/** Pictures that are dragged: files from outside, tiles, and pictures of the gallery, into the prompt bar. Where there is no
 * prompt bar a place to drop shows at the edge while one is dragged. */
import { deed } from './actions.js';
import * as s from './state.js';
import { say, styled } from './ui.js';

const KIND = 'application/x-triptych-picture';
let pad = /** @type {HTMLElement | null} */ (null), over = /** @type {Element | null} */ (null);

/** A picture of a tile, as the gallery tells of it too; without a name while its maker is hidden.
 * @param {import('./types').Picture} image @param {{ id: string, run: string, name: string }} tile */
export const pictured = (image, tile) => ({ ...image, tile: tile.id, name: s.veiled(tile.run) ? '' : tile.name, prompt: '' });

/** What is dragged out of a row: the picture that a tile shows, or one of the small ones below it. @param {Element} img */
function carried(img) {
  const frame = img.closest('.frame'), t = frame && s.findTile(frame.id)?.peek(), small = img.closest('.strip .thumb');
  const image = small ? t?.images[[...small.parentElement?.children ?? []].indexOf(small)] : t?.images.find(i => i.id === frame?.getAttribute('data-image'));
  return t && image ? pictured(image, t) : null;
}

/** Lets a picture be dragged: into the page as itself, and out of it as its file, under the name that its download has.
 * @param {DragEvent} e @param {any} picture */
export function carry(e, picture) {
  const { url, media_type: kind, filename, name } = picture, whole = new URL(url, location.href);
  e.dataTransfer?.setData(KIND, JSON.stringify(picture));
  e.dataTransfer?.setData('text/uri-list', whole.href);     // out of the page goes the picture itself, not the small copy that is shown
  whole.searchParams.set('download', '1');
  if (filename && name) e.dataTransfer?.setData('DownloadURL', `${kind}:${filename}:${whole.href}`);  // not while its maker is hidden
  if (e.dataTransfer) e.dataTransfer.effectAllowed = 'copy';
  if (document.querySelector('.composer')) return;
  const mine = pad = Object.assign(document.createElement('div'), { className: 'droppad', textContent: say('Drop here: goes along with the next prompt') });
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
/** The place to drop has served. Where what was dragged is drawn no more, as after a change of the view, no `dragend` tells. */
const cleared = () => { mark(null); pad?.remove(); pad = null; };
addEventListener('dragend', cleared);
addEventListener('drop', e => {
  const to = place(e), said = e.dataTransfer?.getData(KIND);
  cleared();
  if (!to) return;
  e.preventDefault();
  if (said) deed('addPictures', [JSON.parse(said)], true);
  else deed('upload', [...e.dataTransfer?.files ?? []]);
});
