// @ts-check
/** Which pictures are key visuals: one for a project, or for a family where there is no project. Comes after the first paint. */
import { computed, signal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import { done } from './undo.js';

const scopes = signal(/** @type {Record<string, string>} */ ({}));
const keys = computed(() => new Set(Object.values(scopes.value)));

/** @param {string | undefined} picture */
export const isKey = picture => picture !== undefined && keys.value.has(picture);

/** @param {{ scope: string, picture: string | null }} change */
export function told({ scope, picture }) {
  const { [scope]: _, ...others } = scopes.peek();
  scopes.value = picture ? { ...others, [scope]: picture } : others;
}

/** Makes a picture the key visual, or takes that back; the one before can be had again. @param {string} picture */
export async function choose(picture) {
  if (keys.peek().has(picture)) {
    const gone = await trying('toast', () => call('DELETE', `/api/key-visuals/${picture}`));
    if (!gone) return;
    for (const scope of gone.scopes) told({ scope, picture: null });
    done('No key visual any more.', () => choose(picture));
    return;
  }
  const now = await trying('toast', () => call('PUT', `/api/key-visuals/${picture}`));
  if (!now) return;
  told({ scope: now.scope, picture });
  const of = now.scope.startsWith('project:') ? `of ${now.scope.slice(8)}` : 'of its family';
  done(`Now the key visual ${of}${now.before ? ', in place of another' : ''}.`, () => choose(now.before ?? picture));
}

call('GET', '/api/key-visuals').then(found => { scopes.value = { ...found.keys, ...scopes.peek() }; }, () => {});
