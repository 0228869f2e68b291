// @ts-check
/** The first screen: what this is in one line, something to try at once, and how to add models. Above the sample row, which
 * is drawn on a first visit, until something was made. */
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { Briefs } from './briefs.js';
import { Community, PasteKey } from './credentials.js';
import { LocalServers } from './local.js';
import * as s from './state.js';
import { html, h, say } from './ui.js';

let asked = false;
/** Asks for the sample, once. */
async function drawSample() {
  if (asked || s.sample.peek() !== 'offer') return;
  asked = true;
  const answer = await trying('toast', () => call('POST', '/api/sample', {}));
  if (!answer?.run) return;
  s.sample.value = answer.run.id;
  if (!s.findRow(answer.run.id)) s.merge([answer.run]);
}

export function Welcome() {
  useEffect(() => { drawSample(); }, []);
  const working = s.models.value.filter(m => !m.is_ai && m.state === 'ready'), real = s.models.value.some(m => m.is_ai && ['ready', 'limited'].includes(m.state));
  const community = s.providers.value.filter(p => p.consent);
  return html`<div class="welcome">
    <h2>${['One prompt.', 'Every model.', 'Side by side.'].map(part => html`<span>${say(part)}</span> `)}</h2>
    <p class="lead">${say('Describe a picture below and press Create. Each chosen model draws it beside the others, and says what it cost.')}</p>
    ${h(Briefs, null)}
    ${!real && html`<section class="ways" aria-label=${say('Add a model')}>
      <div><h3>${say('Paste a key')}</h3><p>${say('Triptych recognises the provider, says what the key unlocks and costs, and tries it at once with a call that is free.')}</p>${h(PasteKey, null)}</div>
      ${community.map(p => h(Community, { key: p.id, provider: p }))}${h(LocalServers, null)}
      ${working.length > 0 && html`<div><h3>${say('Works offline now')}</h3><p>${say('{0} draw on this machine, without a key. They are procedural: not AI models.', list(working.map(m => m.name)))}</p></div>`}
    </section>`}
  </div>`;
}

/** @param {string[]} names */
const list = names => new Intl.ListFormat(document.documentElement.lang, { type: 'conjunction' }).format(names);
