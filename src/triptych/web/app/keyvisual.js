// @ts-check
/** Which pictures are key visuals: one for a project, or for a family where there is no project. Comes after the first paint. */
import { computed, signal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import { done, during } from './undo.js';
import { say } from './ui.js';

const scopes = signal(/** @type {Record<string, string>} */ ({}));
const keys = computed(() => new Set(Object.values(scopes.value)));

/** @param {string | undefined} picture */
export const isKey = picture => picture !== undefined && keys.value.has(picture);

/** Grows with every branch that is pinned, hidden or brought back on any page. */
export const marked = signal(0);

/** @param {{ scope?: string, picture?: string | null, tile?: string }} change */
export function told({ scope, picture, tile }) {
  if (tile || !scope) { marked.value++; return; }
  const { [scope]: _, ...others } = scopes.peek();
  scopes.value = picture ? { ...others, [scope]: picture } : others;
}

/** Makes a picture the key visual, or takes that back; the one before can be had again. @param {string} picture */
export const choose = picture => during(turn(picture));

/** @param {string} picture @param {boolean} [undone] what was done is taken back: no step of its own */
async function turn(picture, undone) {
  if (keys.peek().has(picture)) {
    const gone = await trying('toast', () => call('DELETE', `/api/key-visuals/${picture}`));
    if (!gone) return;
    for (const scope of gone.scopes) told({ scope, picture: null });
    if (!undone) done(say('No key visual any more.'), () => turn(picture, true));
    return;
  }
  const now = await trying('toast', () => call('PUT', `/api/key-visuals/${picture}`));
  if (!now) return;
  told({ scope: now.scope, picture });
  if (undone) return;
  const of = now.scope.startsWith('project:') ? say('of {0}', now.scope.slice(8)) : say('of its family');
  done(say('Now the key visual {0}{1}.', of, now.before ? say(', in place of another') : ''), () => turn(now.before ?? picture, true));
}

call('GET', '/api/key-visuals').then(found => { scopes.value = { ...found.keys, ...scopes.peek() }; }, () => {});
