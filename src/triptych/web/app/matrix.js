// @ts-check
/** A grid as it was made: a table with a tile in every cell. Its heads stay in sight; arrows go from cell to cell. */
import { useSignal } from '@preact/signals';
import { Third } from './grid.js';
import { count } from './format.js';
import * as s from './state.js';
import { TileView } from './tile.js';
import { h, html, say, toast } from './ui.js';
/** @import { Row, TileSignal } from './types' */

/** The tiles of a cell: those that were started there, and what was tried again in their places.
 * @param {TileSignal[]} tiles @param {any} cell */
const tilesOf = (tiles, cell) => tiles.filter(t => cell.tiles.includes((s.earlier(t.still.value).at(-1) ?? t.still.value).position));

/** @param {{ row: Row, tiles: TileSignal[] }} props */
export function Matrix({ row, tiles }) {
  const grid = /** @type {any} */ (row.settings).grid, [across, down, third] = grid.axes, z = useSignal(0), busy = useSignal(false);
  const rows = down?.labels ?? [''], at = (/** @type {number} */ x, /** @type {number} */ y) => grid.cells.find((/** @type {any} */ c) => c.at[0] === x && (!down || c.at[1] === y) && (!third || c.at[2] === z.value));
  const save = async () => { busy.value = true; await exported(row, tiles, across.labels, rows, at).catch(() => toast(say('The picture of the grid could not be made.'))); busy.value = false; };
  const rest = tiles.filter(t => !grid.cells.some((/** @type {any} */ c) => tilesOf([t], c).length));
  return html`<div class="matrixbar"><p class="sub">${[across, down, third].filter(Boolean).map(a => a.label).join(' × ')} · ${count(grid.cells.length, 'cell')}</p>
    ${third && h(Third, { axis: third, z: z.value, pick: n => { z.value = n; } })}
    <button type="button" class="btn small" disabled=${busy} onClick=${save}>${say('Export as one PNG')}</button>
    ${[['page', 'HTML', say('Export as one page that opens from disk')], ['cells?type=csv', 'CSV', say('Every cell as CSV')], ['cells?type=json', 'JSON', say('Every cell as JSON')]].map(([path, name, label]) => html`<a class="btn small" key=${path} href=${`/api/grids/${row.id}/${path}`} download title=${label} aria-label=${label}>${name}</a>`)}</div>
    <div class="matrix" tabindex="0" role="region" aria-label=${down ? say('Grid: {0} and {1}', across.label, down.label) : say('Grid: {0}', across.label)}><table><thead><tr><th class="corner"><span class="vh">${down?.label ?? ''}</span></th>${across.labels.map((/** @type {string} */ l) => html`<th scope="col" key=${l}>${l}</th>`)}</tr></thead>
    <tbody>${rows.map((/** @type {string} */ label, /** @type {number} */ y) => html`<tr key=${label}><th scope="row">${label}</th>${across.labels.map((/** @type {string} */ l, /** @type {number} */ x) => {
      const cell = at(x, y), own = cell ? tilesOf(tiles, cell) : [];
      return html`<td key=${l}>${own.length ? html`<ul>${own.map(tile => h(TileView, { key: tile.peek().id, tile, index: tiles.indexOf(tile) }))}</ul>` : html`<p class="cannot">${say(cell?.reason ?? 'Not made.')}</p>`}</td>`;
    })}</tr>`)}</tbody></table></div>
    ${rest.length > 0 && html`<ul class="tiles" style=${`--n:${rest.length};--r:1`}>${rest.map(tile => h(TileView, { key: tile.peek().id, tile, index: tiles.indexOf(tile) }))}</ul>`}`;
}

const SIDE = 320, HEAD = 34, LEFT = 150, GAP = 8;

/** One PNG of what is shown: the labels, and each picture whole. @param {Row} row @param {TileSignal[]} tiles
 * @param {string[]} across @param {string[]} down @param {(x: number, y: number) => any} at */
async function exported(row, tiles, across, down, at) {
  const sheet = document.createElement('canvas'), pen = /** @type {CanvasRenderingContext2D} */ (sheet.getContext('2d')), left = down.length > 1 || down[0] ? LEFT : 0;
  sheet.width = left + across.length * (SIDE + GAP) + GAP;
  sheet.height = HEAD * 2 + down.length * (SIDE + GAP) + GAP;
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, sheet.width, sheet.height);
  pen.fillStyle = '#161616';
  pen.textBaseline = 'middle';
  pen.font = '600 16px sans-serif';
  pen.fillText(row.text.replaceAll('\n', ' '), GAP, HEAD / 2, sheet.width - 2 * GAP);
  pen.font = '14px sans-serif';
  across.forEach((label, x) => pen.fillText(label, left + GAP + x * (SIDE + GAP), HEAD * 1.5, SIDE));
  for (const [y, label] of down.entries()) {
    const top = HEAD * 2 + y * (SIDE + GAP);
    pen.fillText(label, GAP, top + SIDE / 2, LEFT - 2 * GAP);
    for (const x of across.keys()) {
      const cell = at(x, y), image = cell && tilesOf(tiles, cell).map(t => t.peek().images[0]).find(Boolean), from = left + GAP + x * (SIDE + GAP);
      pen.strokeStyle = '#d4d4d4';
      pen.strokeRect(from + .5, top + .5, SIDE - 1, SIDE - 1);
      if (!image) { pen.fillText(say(cell?.reason ?? 'no picture'), from + GAP, top + SIDE / 2, SIDE - 2 * GAP); continue; }
      const picture = await load(image.url), scale = Math.min(SIDE / picture.naturalWidth, SIDE / picture.naturalHeight), [wide, high] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
      pen.drawImage(picture, from + (SIDE - wide) / 2, top + (SIDE - high) / 2, wide, high);
    }
  }
  const blob = await new Promise(done => sheet.toBlob(done)), link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: `grid-${row.id.slice(-6)}.png` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 30_000);
}

/** @param {string} url @returns {Promise<HTMLImageElement>} */
const load = url => new Promise((done, lost) => { const image = new Image(); image.onload = () => done(image); image.onerror = lost; image.src = url; });
