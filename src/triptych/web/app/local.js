// @ts-check
/** Programs of this machine that draw: looked for when asked, on the ports that they are known to open; added and taken out
 * by a click. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { Verdict, keep } from './credentials.js';
import { count } from './format.js';
import { Remark, h, html, say, styled } from './ui.js';
import * as s from './state.js';
import { done, during } from './undo.js';
/** @import { Provider } from './types' */

/** `row` is where it can be added, null for one that speaks another language; `added` are its models that are.
 * @typedef {{ name: string, url: string, models: string[], row: string | null, added: string[], workflows: boolean }} Server */

styled('everywhere');

/** @param {any} answer models and providers as they are now */
function take(answer) {
  s.models.value = answer.models;
  s.providers.value = answer.providers;
  s.orderRule.value = answer.order_rule;
}

const add = async (/** @type {string} */ row, /** @type {string[]} */ models) => take(await call('PUT', `/api/local-servers/${row}`, { models }));

export function LocalServers() {
  const found = useSignal(/** @type {Server[] | null} */ (null)), busy = useSignal(false);
  const look = async () => {
    busy.value = true;
    const answer = await trying('local', () => call('POST', '/api/local-servers', {}));
    busy.value = false;
    if (answer) found.value = answer.servers;
  };
  return html`<div class="local"><h3>${say('A server on this machine')}</h3><p>${say('Looks on this machine only. ComfyUI, Stable Diffusion web UI, SwarmUI, LocalAI, sd-server, SGLang and a server with OpenAI’s Images API on port 8000 are added by a click; InvokeAI is found, but not drawn with yet.')}</p>
    <button type="button" class="btn small" disabled=${busy} onClick=${look}>${say(busy.value ? 'Looking' : found.value ? 'Look again' : 'Look for one')}</button>
    <div role="status">${found.value && !found.value.length && html`<p>${say('None of them answers now.')}</p>`}</div>
    ${found.value?.map(f => h(Found, { key: f.url, of: f, look }))}
    ${h(Remark, { of: s.problems.value.local })}</div>`;
}

/** @param {{ of: Server, look: () => Promise<void> }} props */
function Found({ of: f, look }) {
  const there = s.providers.value.find(p => p.id === f.row && p.own), busy = useSignal(false);
  const save = async (/** @type {SubmitEvent} */ e) => {
    e.preventDefault();
    const wanted = new FormData(/** @type {HTMLFormElement} */ (e.currentTarget)).getAll('model').map(String);
    busy.value = true;
    await trying('local', () => add(String(f.row), wanted));
    busy.value = false;
    if (!s.problems.peek().local) await look();
  };
  const head = html`<p><b>${f.name}</b> <span class="num">${f.url.replace('http://', '')}</span>${f.models.length > 0 && ` · ${count(f.models.length, 'model')}`}</p>`;
  if (!f.row) return html`<section>${head}<p>${say('It is there, but it does not speak OpenAI’s Images API, and Triptych has no adapter for it yet. A program in front of it that speaks that API can be added.')}</p></section>`;
  const own = f.workflows && h(Workflow, { row: f.row });
  if (!f.models.length) return html`<section>${head}<p>${say('It is there, but it lists no model. Load one in it, then look again.')}</p>${own}</section>`;
  return html`<section>${head}<form onSubmit=${save}><fieldset><legend>${say('Which of its models draw pictures? It does not say.')}</legend>
      ${f.models.map(name => html`<label class="check" key=${name}><input type="checkbox" name="model" value=${name} defaultChecked=${f.added.includes(name) || !f.added.length && f.models.length === 1} />${name}</label>`)}</fieldset>
    <button class="btn small" disabled=${busy}>${there ? say('Change what is added') : say('Add it')}</button></form>${own}</section>`;
}

/** What a workflow's nodes may take, in the words of the page. */
const TAKES = /** @type {Record<string, string>} */ ({ prompt: 'the prompt', negative: 'a negative prompt', seed: 'a seed', size: 'a size', images: 'pictures', mask: 'a mask' });

/** A file that the user exported becomes a model under its name; what it takes is said at once. @param {{ row: string }} props */
function Workflow({ row }) {
  const busy = useSignal(false), told = useSignal('');
  const read = async (/** @type {SubmitEvent} */ e) => {
    e.preventDefault();
    const form = /** @type {HTMLFormElement} */ (e.currentTarget), given = new FormData(form), file = /** @type {File} */ (given.get('file'));
    const name = String(given.get('name')).trim() || file.name.replace(/\.json$/i, '');
    busy.value = true;
    told.value = '';
    const answer = await trying('local', async () => {
      const found = await call('PUT', `/api/local-servers/${row}/workflows/${encodeURIComponent(name)}`, file);
      take(await call('GET', '/api/models'));
      return found;
    });
    busy.value = false;
    if (!answer) return;
    const parts = new Intl.ListFormat(document.documentElement.lang).format(Object.keys(answer.takes).map(what => say(TAKES[what] ?? what)));
    told.value = say('{0} stands among the models now. Its nodes take {1}.', answer.name, parts);
    form.reset();
  };
  return html`<details><summary>${say('A workflow of your own')}</summary><form onSubmit=${read}>
    <p>${say('In ComfyUI choose Export (API), and give the file here. What it draws with may be any model that ComfyUI can load.')}</p>
    <label class="field"><span>${say('File')}</span><input type="file" name="file" accept=".json,application/json" required /></label>
    <label class="field"><span>${say('Its name among the models')}</span><input type="text" name="name" maxlength="80" autocomplete="off" placeholder=${say('as the file is called')} /></label>
    <button class="btn small" disabled=${busy}>${busy.value ? say('Reading') : say('Add the workflow')}</button></form>
    <p role="status">${told}</p></details>`;
}

/** A server that was added here: whether it answers, and the way out. @param {{ provider: Provider }} props */
export function Own({ provider: p }) {
  const busy = useSignal(false);
  const test = async () => {
    busy.value = true;
    await trying(p.id, async () => keep((await call('POST', `/api/providers/${p.id}/check`, {})).provider));
    busy.value = false;
  };
  useEffect(() => { test(); }, []);                    // a server of this machine comes and goes
  const out = () => during(trying(p.id, async () => {
    const names = s.models.peek().filter(m => p.models.includes(m.id)).map(m => m.name);
    take(await call('DELETE', `/api/local-servers/${p.id}`));
    done(say('{0} was taken out.', p.name), () => trying('local', () => add(p.id, names)));
  }));
  return html`<p class="holds"><span class="num">${p.base_url?.replace('http://', '')}</span> ${say('added here')}
    <span class="next"><button type="button" class="btn small" disabled=${busy} onClick=${test}>${busy.value ? say('Trying') : say('Test again')}</button><button type="button" class="btn small" onClick=${out}>${say('Take out')}</button></span></p>
    ${h(Verdict, { check: p.check ?? null, place: p.id })}`;
}
