// @ts-check
/** Workers made for AI Horde that draw for this studio: who is there, and the keys that let them in. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { count } from './format.js';
import * as s from './state.js';
import { Remark, h, html, say } from './ui.js';

export function Workers() {
  const data = useSignal(/** @type {any} */ (null)), name = useSignal(''), made = useSignal(/** @type {any} */ (null));
  const look = () => trying('workers', () => call('GET', '/api/workers')).then(found => { if (found) data.value = found; });
  const make = async (/** @type {any} */ e) => {
    e.preventDefault();
    made.value = await trying('workers', () => call('POST', '/api/workers/keys', { name: name.peek() }));
    if (made.value) { name.value = ''; await look(); }
  };
  const back = async (/** @type {string} */ who) => { const found = await trying('workers', () => call('DELETE', `/api/workers/keys/${encodeURIComponent(who)}`)); if (found) data.value = found; };
  useEffect(() => { look(); }, []);
  const of = data.value;
  return of && html`<section aria-labelledby="workers-h"><h2 id="workers-h">${say('Workers made for AI Horde')}</h2>
    <p class="sub">${of.address ? say('They join at {0} and are sent prompts in plain text.', of.address) : say('They can draw for this studio instead: start it with --workers and the address of this machine at home.')}</p>
    ${h(Remark, { of: s.problems.value.workers })}
    ${of.address && html`<ul>${of.workers.map((/** @type {any} */ w) => html`<li key=${w.id}><h3>${w.name}</h3><p class="sub">${w.maintenance ? say('In maintenance') : w.here ? say('Connected') : say('Away')} · ${w.models.join(', ')} · ${count(w.served, 'picture')}</p></li>`)}</ul>
      <form onSubmit=${make}><label class="field"><span>${say('Whose worker it is')}</span><input type="text" autocomplete="off" maxlength="40" required value=${name.value} onInput=${(/** @type {any} */ e) => { name.value = e.currentTarget.value; }} /></label> <button class="btn" type="submit">${say('Make a key')}</button></form>
      <p role="status">${made.value && html`${say('The key of {0}, shown this once:', made.value.name)} <code>${made.value.key}</code>`}</p>
      <ul>${of.keys.map((/** @type {string} */ who) => html`<li key=${who}>${who} <button type="button" class="btn small" aria-label=${say('Take back the key of {0}', who)} onClick=${() => back(who)}>${say('Take back')}</button></li>`)}</ul>`}</section>`;
}
