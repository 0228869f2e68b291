// @ts-check
/** Whether what a prompt has in quotes stands in the picture letter for letter, where this machine can read pictures. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { call } from './api.js';
import { html, say } from './ui.js';

const STATES = /** @type {Record<string, string>} */ ({ found: 'found letter for letter', capitals: 'found, but with other capitals', missing: 'not found', unchecked: 'not checked' });

/** Whether a prompt has something in quotes. @param {string | null | undefined} prompt */
export const quotes = prompt => /["“„«]/.test(prompt ?? '');

/** `of` is what is asked about, `now` changes with what it shows. @param {{ of: string, now?: string }} props */
export function Headline({ of, now = '' }) {
  const told = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    const cut = new AbortController(), wait = setTimeout(() => {
      call('POST', `${of}/headline`, undefined, cut.signal).then(found => { told.value = found; }, () => { if (!cut.signal.aborted) told.value = null; });
    }, 400);                                             // a window that is being moved is read once it stands
    return () => { clearTimeout(wait); cut.abort(); };
  }, [of, now]);
  const all = told.value?.headlines ?? [];
  return all.length > 0 && html`<ul class="sub headlines" aria-label=${say('Headlines')}>${all.map((/** @type {any} */ each) => html`<li key=${each.text} data-state=${each.state} title=${told.value.read ? say('Read in the picture: {0}', told.value.read) : ''}>${say('Headline “{0}”: {1}', each.text, say(STATES[each.state]))}${told.value.why && ` (${say(told.value.why)})`}</li>`)}</ul>`;
}
