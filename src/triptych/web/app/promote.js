// @ts-check
/** A draft made final: on the model that drew it with one key, on another by a menu with prices. */
import { trying } from './actions.js';
import { call } from './api.js';
import { price } from './amounts.js';
import { openMenu } from './menu.js';
import * as s from './state.js';
import { say, toast } from './ui.js';
/** @import { Picture, Tile } from './types' */

/** @param {Tile} t @param {Picture} image @param {string} [model] */
export async function promote(t, image, model) {
  if (t.draft == null) { toast(s.veiled(t.run) ? say('Pick one of this row first.') : say('This is no draft: it was made as a final.')); return; }
  const made = await trying(t.id, () => call('POST', `/api/tiles/${t.id}/promote`, { picture: image.id, ...(model ? { model } : {}) }));
  if (made) (await import('./deeds.js')).added(t.run, made);
}

/** Every model that could make the final, with what it would cost there. @param {Tile} t @param {Picture} image */
export async function offers(t, image) {
  const frame = document.getElementById(t.id), found = await trying(t.id, () => call('GET', `/api/tiles/${t.id}/promote`));
  if (!found || !frame) return;
  const items = found.offers.map((/** @type {any} */ o) => ({ name: o.name, note: o.ok ? price(o.cost, true) : say('cannot'), disabled: !o.ok, run: () => { promote(t, image, o.model); } }));
  openMenu(frame, say('Make final on'), items, say('The same text, references and shape. The draft: {0}.', t.draft));
}
