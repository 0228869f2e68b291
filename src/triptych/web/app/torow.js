// @ts-check
/** From another view to a row of the studio, and to one of its tiles. */
import { follow, trying } from './actions.js';
import { call } from './api.js';
import { older } from './deeds.js';
import * as s from './state.js';
import { say, toast } from './ui.js';

const PAGE = 100, PAGES = 10, FRAMES = 12;             // rows that are asked for at once, how often; how long a tile is held in sight

/** Puts the keyboard on a tile and keeps it in sight while the rows are drawn, which else go to their end.
 * @param {string} tile @param {number} [frames] @param {boolean} [there] */
export function stand(tile, frames = FRAMES, there = false) {
  requestAnimationFrame(() => {
    const frame = document.getElementById(tile);
    if (frame && !there) frame.focus({ preventScroll: true });
    frame?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    if (frames) stand(tile, frames - 1, there || Boolean(frame));
  });
}

/** Every row down to this one, so that none is missing between. @param {string} run */
async function bring(run) {
  const { created_ms } = await call('GET', `/api/runs/${run}`);
  for (let n = 0; n < PAGES && !s.findRow(run); n++) {
    const from = s.before.peek(), oldest = s.rows.peek()[0]?.created_ms ?? Infinity;
    if (!from || oldest < created_ms) break;
    await older(PAGE);
    if (s.before.peek() === from) break;
  }
  return true;
}

/** Goes to a row; says so where it is in no list of rows. @param {string} run @param {string} tile */
export async function toRow(run, tile) {
  if (!s.findRow(run) && !await trying('toast', () => bring(run))) return false;
  if (!s.findRow(run)) { toast(say('Its row is hidden, or lies further back than this page goes.')); return false; }
  follow.value = 0;                                    // the rows stay where this one is
  s.active.value = tile;
  s.go('/');
  stand(tile);
  return true;
}
