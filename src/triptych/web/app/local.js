// @ts-check
/** Programs of this machine that draw: looked for when asked, on the ports that they are known to open. */
import { useSignal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import { count } from './format.js';
import { Remark, Tool, h, html, say } from './ui.js';
import * as s from './state.js';

/** @typedef {{ name: string, url: string, models: string[], lines: string | null }} Server */

export function LocalServers() {
  const found = useSignal(/** @type {Server[] | null} */ (null)), busy = useSignal(false);
  const look = async () => {
    busy.value = true;
    const answer = await trying('local', () => call('POST', '/api/local-servers', {}));
    busy.value = false;
    if (answer) found.value = answer.servers;
  };
  return html`<div class="local"><h3>${say('A server on this machine')}</h3><p>${say('Looks for LocalAI, ComfyUI, Stable Diffusion web UI, InvokeAI and other known programs, on this machine only.')}</p>
    <button type="button" class="btn small" disabled=${busy} onClick=${look}>${say(busy.value ? 'Looking' : found.value ? 'Look again' : 'Look for one')}</button>
    <div role="status">${found.value && !found.value.length && html`<p>${say('None of them answers now.')}</p>`}
    ${found.value?.map(f => html`<section key=${f.url}><p><b>${f.name}</b> <span class="num">${f.url.replace('http://', '')}</span>${f.models.length > 0 && ` · ${count(f.models.length, 'model')}`}</p>
      ${f.lines ? html`<p>${say('These lines in triptych.toml add it at the next start:')}</p><div class="code"><pre tabindex="0" aria-label="triptych.toml">${f.lines}</pre>${h(Tool, { icon: 'copy', label: say('Copy the lines'), onClick: () => import('./deeds.js').then(d => d.copyText(f.lines ?? '')) })}</div>`
        : html`<p>${say('It is there, but it does not speak OpenAI’s Images API, which Triptych needs.')}</p>`}</section>`)}</div>
    ${h(Remark, { of: s.problems.value.local })}</div>`;
}
