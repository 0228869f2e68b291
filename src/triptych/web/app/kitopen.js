// @ts-check
/** From a picture to its key-visual kit: the one there is, else a new one. */
import { trying } from './actions.js';
import { call } from './api.js';
import * as s from './state.js';

/** @param {string} picture */
export async function openKit(picture) {
  const kit = await trying('toast', async () => (await call('GET', `/api/kits?picture=${picture}`)).kits[0] ?? call('POST', '/api/kits', { picture }));
  if (kit) s.go(`/kit/${kit.id}`);
}
