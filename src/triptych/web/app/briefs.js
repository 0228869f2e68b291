// @ts-check
/** Three briefs to start from: they fill the prompt bar, in the empty studio and in the empty gallery. */
import { focusPrompt } from './actions.js';
import * as s from './state.js';
import { html, say, styled } from './ui.js';

await styled('welcome');                               // before they are drawn

const BRIEFS = [
  ['A product', 'A steel kettle on wet basalt, first light, steam drifting left, quiet and heavy --ar 4:5'],
  ['A poster with words', 'Poster for a night market, one paper lantern above rain-dark stone, the words "OPEN LATE" set large below --ar 2:3'],
  ['A portrait', 'Portrait of a beekeeper at dusk, veil lifted, amber light from the right, calm --ar 4:5'],
];

export const Briefs = () => html`<div class="briefs" role="group" aria-label=${say('Something to start from')}>${BRIEFS.map(([name, text]) => html`<button type="button" key=${name} class="brief" onClick=${() => { s.text.value = text; focusPrompt(); }}><b>${say(name)}</b><span lang="en">${text.split(' --')[0]}</span></button>`)}</div>`;
