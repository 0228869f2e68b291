// @ts-check
/** Where the key visual of a kit stands: what it came of, step by step, what came of it, and whether it is marked as one. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { call } from './api.js';
import { stay } from './composer.js';
import { count } from './format.js';
import { choose, isKey } from './keyvisual.js';
import { html, say } from './ui.js';

const HOW = /** @type {Record<string, string>} */ ({ first: 'first', again: 'once more', edit: 'changed', reference: 'as a reference', promoted: 'made final', upscale: 'enlarged', remove_background: 'cut out' });

/** @param {{ tile: string, picture: string }} props */
export function Place({ tile, picture }) {
  const way = useSignal(/** @type {any} */ (null)), keyed = isKey(picture);
  useEffect(() => {
    const cut = new AbortController();
    call('GET', `/api/lineage/${tile}/way`, undefined, cut.signal).then(found => { way.value = found; }, () => {});
    return () => cut.abort();
  }, [tile, keyed]);
  const found = way.value, scope = found?.scopes.find((/** @type {string} */ name) => name.startsWith('project:'));
  if (!found) return null;
  const where = [found.before + found.steps.length > 1 ? say('{0} from the brief to here', count(found.before + found.steps.length, 'step')) : say('the first of its family'), found.after > 0 && say('{0} came of it', count(found.after, 'tile'))].filter(Boolean).join(', ');
  return html`<div class="kit-way"><p class="sub">${keyed ? html`<b>${say('◆ Key visual')}</b> ${scope ? say('of {0}', scope.slice(8)) : say('of its family')} ·` : html`<button type="button" class="btn small" onClick=${() => choose(picture)}>${say('This is the key visual')}</button>`} ${where}</p>
    <ol aria-label=${say('Place in the lineage')}>${found.steps.slice(-6).map((/** @type {any} */ step) => html`<li key=${step.tile}><a href=${`/lineage/${step.tile}`} onClick=${stay} title=${step.prompt}>${step.images[0] && html`<img src=${step.images[0].thumb} alt="" width="40" height="40" />`}<span>${[say(HOW[step.how] ?? step.how), step.veiled ? '' : step.name].filter(Boolean).join(' · ')}</span></a></li>`)}</ol></div>`;
}
