// @ts-check
/** Whose like the gallery shows, and by which measure: what pictures look like, or, by a network of this machine, what they show. */
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { count } from './format.js';
import { html, h, say } from './ui.js';
import { EVERY_MS, Fetch, mega } from './weights.js';

/** @typedef {'looks' | 'shows'} By */
/** @typedef {import('./weights.js').Weights & { name: string, license: string, lacks: string | null }} Embedder */
/** @typedef {{ of: import('./gallery.js').Entry, by: By, embedder: Embedder, seen?: boolean, unseen: number, others: number }} Found */

/** @param {{ found: Found, find: (id: string, by: By) => void, back: () => void }} props */
export function Near({ found, find, back }) {
  const { of, by, embedder, seen, unseen, others } = found, getting = embedder.state === 'fetching';
  useEffect(() => {                                      // the fetch goes on without this page; what comes of it is shown here
    if (by !== 'shows' || !getting) return undefined;
    const timer = setTimeout(() => find(of.id, by), EVERY_MS);
    return () => clearTimeout(timer);
  }, [found]);
  const weigh = (/** @type {string} */ method) => trying('toast', async () => { await call(method, '/api/gallery/embedder'); find(of.id, by); });
  const press = (/** @type {By} */ to, /** @type {string} */ name) => html`<button type="button" aria-pressed=${by === to} onClick=${() => find(of.id, to)}>${name}</button>`;
  const said = by === 'looks' ? others ? say('Looks like this one, the nearest first.') : say('Nothing else looks like this one. Try what it shows.') : seen ? say('Shows the like, the nearest first.') : '';
  return html`<div class="near"><img src=${of.thumb} alt="" /><div class="seg" role="group" aria-label=${say('Alike by')}>${press('looks', say('Looks'))}${press('shows', say('What it shows'))}</div>
    <span role="status">${said} ${by === 'shows' && seen && unseen > 0 && say('{0} are still being looked at.', count(unseen, 'picture'))}
      ${by === 'shows' && !seen && (embedder.lacks ? say(embedder.lacks) : embedder.state === 'here' ? say('{0} cannot look at this picture.', embedder.name)
        : embedder.state === 'failed' && embedder.reason || say('{0} ({1}) sees what pictures show, here on this machine. Its {2} are fetched once.', embedder.name, embedder.license, mega(embedder.total)))}</span>
    ${by === 'shows' && !embedder.lacks && embedder.state !== 'here' && h(Fetch, { weights: embedder, name: embedder.name, weigh })}
    <button type="button" class="btn small" onClick=${back}>${say('Back to all')}</button></div>`;
}
