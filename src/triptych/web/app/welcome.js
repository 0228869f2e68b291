// @ts-check
/** The empty studio: what this is in one line, something to try at once, and how to add models. */
import { focusPrompt } from './actions.js';
import { Community, PasteKey } from './credentials.js';
import * as s from './state.js';
import { html, h } from './ui.js';

const BRIEFS = [
  ['A product', 'A steel kettle on wet basalt, first light, steam drifting left, quiet and heavy --ar 4:5'],
  ['A poster with words', 'Poster for a night market, one paper lantern above rain-dark stone, the words "OPEN LATE" set large below --ar 2:3'],
  ['A portrait', 'Portrait of a beekeeper at dusk, veil lifted, amber light from the right, calm --ar 4:5'],
];

export function Welcome() {
  const working = s.models.value.filter(m => !m.is_ai && m.state === 'ready'), real = s.models.value.some(m => m.is_ai && ['ready', 'limited'].includes(m.state));
  const community = s.providers.value.filter(p => p.consent);
  return html`<div class="welcome">
    <h2>${['One prompt.', 'Every model.', 'Side by side.'].map(part => html`<span>${part}</span> `)}</h2>
    <p class="lead">Describe a picture below and press Create. Each chosen model draws it beside the others, and says what it cost.</p>
    <div class="briefs" role="group" aria-label="Something to start from">${BRIEFS.map(([name, text]) => html`<button type="button" class="brief" onClick=${() => { s.text.value = text; focusPrompt(); }}><b>${name}</b><span>${text.split(' --')[0]}</span></button>`)}</div>
    ${!real && html`<section class="ways" aria-label="Add models">
      <div><h3>Paste a key</h3><p>Triptych recognises the provider. The key is tried at once, with a call that costs nothing.</p>${h(PasteKey, null)}</div>
      ${community.map(p => h(Community, { key: p.id, provider: p }))}
      ${working.length > 0 && html`<div><h3>Works offline now</h3><p>${list(working.map(m => m.name))} draw on this machine, without a key. They are procedural: not AI models.</p></div>`}
    </section>`}
  </div>`;
}

/** @param {string[]} names */
const list = names => names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
