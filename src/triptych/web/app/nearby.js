// @ts-check
/** Friends in this network: looked for on a click, never by itself. */
import { useSignal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import * as s from './state.js';
import { Remark, h, html, say } from './ui.js';

/** @param {{ changed: () => void }} props */
export function Nearby({ changed }) {
  const found = useSignal(/** @type {any[] | null} */ (null)), busy = useSignal(false);
  const look = async () => {
    busy.value = true;
    const told = await trying('nearby', () => call('POST', '/api/network/nearby'));
    busy.value = false;
    if (told) { found.value = told.found; if (told.found.some((/** @type {any} */ n) => n.known)) changed(); }
  };
  return html`<p class="buttons"><button type="button" class="btn small" disabled=${busy.value} onClick=${look}>${say('Look in this network')}</button> <span class="sub" role="status">${busy.value ? say('Listening for three seconds …') : found.value && !found.value.length ? say('Nobody says that they share here.') : ''}</span></p>
    ${h(Remark, { of: s.problems.value.nearby })}
    ${found.value && html`<ul>${found.value.map(n => html`<li key=${n.node}><b>${n.name}</b> <span class="sub">${n.hub} · ${n.known ? say('You have their invite: they are asked at this address from now on.') : say('You have no invite of theirs: ask them for a link.')}</span></li>`)}</ul>`}`;
}
