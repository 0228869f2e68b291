// @ts-check
/** The first screen, until something was made: what this is in one line over the sample row, which is drawn on a first visit;
 * below the row something to start from, and how to add models. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { Briefs } from './briefs.js';
import { Community, PasteKey, list } from './credentials.js';
import { LocalServers } from './local.js';
import * as s from './state.js';
import { html, h, say } from './ui.js';

let asked = false;
/** While the sample is on its way nothing stands in its place, so that nothing moves when it comes. */
const waits = signal(s.sample.peek() === 'offer');
/** Asks for the sample, once. */
async function drawSample() {
  if (asked || s.sample.peek() !== 'offer') return;
  asked = true;
  const answer = await trying('toast', () => call('POST', '/api/sample', {}));
  waits.value = false;
  if (!answer?.run) return;
  s.sample.value = answer.run.id;
  if (!s.findRow(answer.run.id)) s.merge([answer.run]);
}

/** Without rows all of it; over the row the line; below it, with `more`, the rest. @param {{ more?: boolean }} props */
export function Welcome({ more }) {
  useEffect(() => { drawSample(); }, []);
  if (!more && s.rows.value.length) return html`<div class="welcome">${head()}</div>`;
  const working = s.models.value.filter(m => !m.is_ai && m.state === 'ready'), real = s.models.value.some(m => m.is_ai && ['ready', 'limited'].includes(m.state));
  const community = s.providers.value.filter(p => p.consent);
  return html`<div class="welcome">
    ${!more && head()}${(more || !waits.value) && html`${h(Briefs, null)}
    ${!real && html`<section class="ways" aria-label=${say('Add a model')}>
      <div><h3>${say('Paste a key or an invite')}</h3><p>${say('Triptych recognises the provider, says what the key unlocks and costs, and tries it at once with a call that is free.')} ${say('With a friend’s invite you draw on their machine.')}</p>${h(PasteKey, null)}</div>
      ${community.map(p => h(Community, { key: p.id, provider: p }))}${h(LocalServers, null)}
      ${working.length > 0 && html`<div><h3>${say('Works offline now')}</h3><p>${say('{0} draw on this machine, without a key. They are procedural: not AI models.', list(working.map(m => m.name)))}</p></div>`}
    </section>`}`}
  </div>`;
}

const head = () => html`<h2>${['One prompt.', 'Every model.', 'Side by side.'].map(part => html`<span>${say(part)}</span> `)}</h2>
  <p class="lead">${say('Describe a picture below and press Create. Each chosen model draws it beside the others, and says what it cost.')}</p>`;
