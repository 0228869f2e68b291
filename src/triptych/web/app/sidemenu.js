// @ts-check
/** What leads on from a picture that is looked at side by side: by the keys that do it on a tile, and in a menu. What opens elsewhere
 * closes this view first. */
import { bench, describe, useImage } from './deeds.js';
import { signOf } from './commands.js';
import { count } from './format.js';
import { judge, marks, rate } from './marks.js';
import { promote } from './promote.js';
import { mixed, secret } from './sides.js';
import * as s from './state.js';
import { toRow } from './torow.js';
import { say, toast } from './ui.js';
/** @typedef {import('./sides.js').Side} Side */
/** @import { Item } from './types' */

function leave() {
  /** @type {HTMLDialogElement | null} */ (document.querySelector('dialog.compare'))?.close();
  s.comparing.value = mixed.value = [];
}
/** Once the view is gone. @param {(side: Side) => unknown} work */
const after = work => (/** @type {Side} */ side) => { leave(); return work(side); };
/** What would tell who made it waits until one is picked. @param {(side: Side) => unknown} work */
const named = work => (/** @type {Side} */ side) => { if (secret(side)) toast(say('Pick one of them first.')); else work(side); };

/** By what follows `side-` in the id of a command. @type {Record<string, (side: Side) => unknown>} */
export const ACTS = {
  keep: ({ image }) => judge(image.id, 'kept'),
  edit: after(({ t, image }) => useImage(image, t, 'edit')),
  reference: after(({ t, image }) => useImage(image, t, 'subject')),
  vary: after(({ t, image }) => bench('vary', image, t)),
  promote: named(async ({ t, image }) => {
    if (t.draft != null) { leave(); await toRow(t.run, t.id); }
    promote(t, image);
  }),
  inspector: named(after(({ t }) => toRow(t.run, t.id).then(there => { if (there) s.inspecting.value = t.id; }))),
  download: named(({ image }) => Object.assign(document.createElement('a'), { href: `${image.url}?download=1`, download: image.filename }).click()),
};

/** @param {Side} side */
function stars(side) {
  const by = /** @type {HTMLElement | null} */ (document.querySelector(`.compare .plate[data-image="${side.image.id}"] [aria-haspopup]`));
  if (by) import('./menu.js').then(m => m.openMenu(by, say('Stars'), [5, 4, 3, 2, 1, 0].map(n => ({ name: n ? '★'.repeat(n) : say('No stars'), note: n ? count(n, 'star') : '', run: () => rate(side.image.id, n) }))));
}

/** @param {Side} side @returns {Item[]} */
export function items(side) {
  const { t, image } = side, kept = marks.peek()[image.id]?.verdict === 'kept', hidden = secret(side);
  const act = (/** @type {string} */ name, /** @type {string} */ id) => ({ name, note: signOf(`side-${id}`), run: () => { ACTS[id](side); } });
  return [
    act(kept ? say('Keep no longer') : say('Keep'), 'keep'),
    { name: say('Stars…'), note: say('Shift 1–5'), run: () => stars(side) },
    act(say('Edit…'), 'edit'), act(say('Vary…'), 'vary'), act(say('Use as reference'), 'reference'),
    ...(hidden ? [] : [...(t.draft == null ? [] : [act(say('Make final'), 'promote')]), act(say('Inspector and recipe'), 'inspector'), act(say('Download'), 'download'),
      { name: say('Say what it shows…'), note: say('for screen readers'), run: () => { describe(t, image); } }]),
  ];
}
