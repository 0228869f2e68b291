// @ts-check
/** What was picked of pictures side by side: kept by the server, which ranks the models by it. */
import { ApiError, call } from './api.js';
import * as s from './state.js';

/** @typedef {{ pictures: string[], winner: number | null, rejected?: number[], question: string, blind: boolean }} Choice */
const MOST = 6;                                        // pictures that fit side by side

/** Keeps a choice, in the place of an earlier one of the same pictures. Blind rows among them are open then.
 * @param {Choice} choice @param {string[]} runs of the pictures @returns {Promise<string>} the pick's id */
export async function choose(choice, runs) {
  const { id } = await call('POST', '/api/picks', choice);
  if (choice.winner !== null) await look(runs);
  return id;
}

/** Takes a pick back. What it opened stays open. @param {string} id @param {string[]} [runs] of the pictures */
export async function forget(id, runs = []) {
  await call('DELETE', `/api/picks/${id}`).catch(gone);
  await look(runs);
}

/** The blind rows among these as they are now. @param {string[]} runs */
const look = runs => Promise.all([...new Set(runs)].filter(run => s.findRow(run)?.settings?.blind).map(async run => s.merge([await call('GET', `/api/runs/${run}`)])));

/** Picks that were made here before the server kept any, once: of rows that are there still, have no pick yet and no more
 * pictures than fit side by side. */
export async function handOver() {
  const old = s.local.handed ? [] : Object.keys(s.local).filter(name => /^pick-./.test(name));
  try {
    for (const name of old) await hand(name.slice(5), s.local[name]);
    s.local.handed = 'yes';
  } catch (error) { if (!(error instanceof ApiError)) throw error; }   // no server: the next page tries again
}

/** @param {string} id @param {string} image */
async function hand(id, image) {
  const run = await call('GET', `/api/runs/${id}`).catch(gone);
  const pictures = run?.picked ? [] : (run?.tiles ?? []).flatMap((/** @type {any} */ t) => t.images.map((/** @type {any} */ i) => i.id));
  if (pictures.length > 1 && pictures.length <= MOST && pictures.includes(image)) await call('POST', '/api/picks', { pictures, winner: pictures.indexOf(image), question: 'prettier', blind: true }).catch(gone);
}

/** What the server does not have, or does not take, is left behind. @param {unknown} error */
function gone(error) {
  if (!(error instanceof ApiError) || !error.status || error.status >= 500) throw error;
  return null;
}
