// @ts-check
/** What leads on from a picture in the gallery: the same as on a tile, which is asked for with the first such wish. */
import { signal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import { signOf } from './commands.js';
import { bench, onward, retry, reuse, shared, useImage } from './deeds.js';
import { promote } from './promote.js';
import * as s from './state.js';
import { toRow } from './torow.js';
import { say } from './ui.js';
/** @import { Entry } from './gallery.js' */
/** @import { Item, Picture, Tile } from './types' */

/** @typedef {{ t: Tile, image: Picture }} At */

/** The tile of a picture, from the page where it is there. @param {Pick<Entry, 'id' | 'tile'>} e @returns {Promise<At | undefined>} */
export async function whole(e) {
  const t = s.findTile(e.tile)?.peek() ?? await trying('toast', async () => (await call('GET', `/api/tiles/${e.tile}`)).tile);
  const image = t?.images.find((/** @type {Picture} */ i) => i.id === e.id);
  return t && image && { t, image };
}

/** Its row with the inspector open, which stands beside the rows. @param {At} at */
const inspect = async ({ t }) => { if (await toRow(t.run, t.id)) s.inspecting.value = t.id; };

/** The words of its row, into the prompt bar. @param {At} at */
async function words({ t }) {
  const run = s.findRow(t.run) ?? await trying('toast', async () => ({ ...await call('GET', `/api/runs/${t.run}`), tiles: signal([]) }));
  if (run) reuse(run, false);
}

const ACTS = /** @type {Record<string, (at: At) => unknown>} */ ({
  edit: ({ t, image }) => useImage(image, t, 'edit'),
  vary: ({ t, image }) => bench('vary', image, t),
  extend: ({ t, image }) => bench('extend', image, t),
  upscale: ({ t, image }) => bench('upscale', image, t),
  'remove-background': ({ t, image }) => bench('remove_background', image, t),
  continue: ({ t, image }) => bench('continue', image, t),
  inspector: inspect,
  final: ({ t, image }) => promote(t, image).then(() => toRow(t.run, t.id)),
});

/** What a command does, by what follows `all-` in its id. @param {string} name @param {Pick<Entry, 'id' | 'tile'>} e */
export async function act(name, e) {
  if (name === 'lineage') { s.go(`/lineage/${e.tile}`); return; }
  const at = await whole(e);
  if (at) await ACTS[name](at);
}

/** The menu of one picture. @param {Entry | undefined} e @returns {Promise<Item[]>} */
export async function items(e) {
  const at = e && await whole(e);
  if (!at) return [];
  const { t, image } = at, there = (/** @type {Promise<unknown>} */ made) => made.then(() => toRow(t.run, t.id));
  return [
    { name: say('Edit…'), note: signOf('all-edit'), run: () => useImage(image, t, 'edit') },
    ...onward(t, image, s.veiled(t.run), 'all-'),
    ...(t.draft == null ? [] : [{ name: say('Make final'), run: () => { ACTS.final(at); } }]),
    ...(t.imported ? [] : [{ name: say('Make another'), run: () => { there(retry(t, t.billed === 'unknown' ? { confirm: true } : {})); } }]),
    ...shared(image),
    { name: say('Use the prompt'), run: () => { words(at); } },
    { name: say('Inspector'), note: signOf('all-inspector'), run: () => { inspect(at); } },
    { name: say('Go to its row'), note: signOf('all-row'), run: () => { toRow(t.run, t.id); } },
  ];
}
