// @ts-check
/** Keys and consent, as the first screen and the Models page both show them. A key goes out once and never comes back. */
import { useSignal } from '@preact/signals';
import { settling, trying } from './actions.js';
import { call } from './api.js';
import * as s from './state.js';
import { Icon, h, html, say, styled } from './ui.js';
/** @import { Provider } from './types' */

await styled('welcome');                               // what stands around the field for a key

/** @param {Provider} provider */
export function keep(provider) {
  s.providers.value = s.providers.peek().map(p => p.id === provider.id ? provider : p);
}

/** The chips turn green without a reload, whether the stream or this answer is first. */
export async function refresh() {
  const answer = await call('GET', '/api/models');
  s.models.value = answer.models;
  s.providers.value = answer.providers;
  s.orderRule.value = answer.order_rule ?? '';
}

/** Sends a key and says how its trial went. @param {string} id @param {string} key @param {boolean} [anyway] keep one that does not work */
export const sendKey = (id, key, anyway = false) => trying(id, async () => {
  const { provider, check } = await call('PUT', `/api/providers/${id}/key`, anyway ? { key, keep: true } : { key });
  keep(provider);
  await refresh();
  return check;
});

/** How a trial went, in words. @param {{ check: { ok: boolean, message: string } | null, place: string }} props */
export function Verdict({ check, place }) {
  const problem = s.problems.value[place];
  if (problem) return html`<p class="remark bad" role="alert">${h(Icon, { name: 'triangle-alert' })}<span>${problem.message} ${problem.hint}</span></p>`;
  return html`<p class=${check?.ok ? 'remark good' : check ? 'remark bad' : 'remark'} role="status">${check && html`${h(Icon, { name: check.ok ? 'check' : 'triangle-alert' })}<span>${say(check.message)}</span>`}</p>`;
}

/** Names in a sentence. @param {string[]} names */
export const list = names => new Intl.ListFormat(document.documentElement.lang, { type: 'conjunction' }).format(names);

const INVITE = /^https?:\/\/\S+\/join#\S+$/;

/** One field for any key: the server knows whose it is by its shape. A friend's invite is known by its own. */
export function PasteKey() {
  const key = useSignal(''), whose = useSignal(/** @type {string[] | null} */ (null)), check = useSignal(/** @type {any} */ (null)), busy = useSignal(false);
  const name = (/** @type {string} */ id) => s.providers.value.find(p => p.id === id)?.name ?? id;
  const typed = async (/** @type {string} */ value) => {
    key.value = value.trim();
    check.value = null;
    whose.value = null;
    if (key.value.length < 12 || INVITE.test(key.value)) return;
    const sent = key.value, answer = await trying('paste', () => call('POST', '/api/keys/recognise', { key: sent }));
    if (answer && key.peek() === sent) whose.value = answer.providers;
  };
  /** Enter, also before the key was looked at; one that is not recognised gets the question whose it is. */
  const enter = async () => {
    if (!key.peek()) return;
    if (INVITE.test(key.peek())) { await accept(); return; }
    if (!whose.peek()) await typed(key.peek());
    if (!whose.peek()) whose.value = [];
    if (whose.peek()?.length === 1) await send(/** @type {string[]} */ (whose.peek())[0]);
  };
  const send = async (/** @type {string} */ id) => {
    busy.value = true;
    check.value = await sendKey(id, key.peek()) ?? null;
    busy.value = false;
    const problem = s.problems.peek()[id];
    if (problem) s.problems.value = { ...s.problems.peek(), paste: problem };
    if (check.value?.ok) { key.value = ''; whose.value = null; }
  };
  const accept = async () => {
    busy.value = true;
    const known = new Set(s.models.peek().map(m => m.id)), found = await trying('paste', async () => { const told = await call('POST', '/api/network/invites', { link: key.peek() }); await refresh(); return told; });
    busy.value = false;
    if (!found) return;
    const more = s.models.peek().filter(m => !known.has(m.id)).map(m => m.name);
    check.value = { ok: true, message: more.length ? say('Accepted. You can draw with {0} now.', list(more)) : say('Accepted. The models of your friend appear as soon as their machine is heard of.') };
    key.value = '';
  };
  const all = s.providers.value.filter(p => p.needs_key);
  return html`<form class="paste" onSubmit=${e => { e.preventDefault(); enter(); }}>
    <label class="vh" for="any-key">${say('Any provider’s key, or an invite')}</label>
    <input id="any-key" type="password" autocomplete="off" spellcheck=${false} placeholder=${say('Paste any key or invite')} value=${key} onInput=${e => typed(e.currentTarget.value)} />
    ${whose.value && html`<div class="next">${(whose.value.length ? whose.value : all.map(p => p.id)).map(id => html`<button type="button" class="btn small" disabled=${busy} onClick=${() => send(id)}>${busy.value ? say('Trying') : say('Use for {0}', name(id))}</button>`)}</div>`}
    ${INVITE.test(key.value) && html`<div class="next"><button type="button" class="btn small" disabled=${busy} onClick=${accept}>${busy.value ? say('Trying') : say('Accept the invite of a friend')}</button></div>`}
    ${whose.value?.length === 0 && html`<p class="remark" role="status">${say('Which provider is this key for?')}</p>`}
    ${h(Verdict, { check: check.value, place: 'paste' })}</form>`;
}

/** The community lane: its sentence stands beside its switch. @param {{ provider: Provider }} props */
export const Community = ({ provider }) => html`<div><h3>${say('Community models')}</h3>${h(Consent, { provider, place: 'way' })}</div>`;

/** A lane whose operators read the prompt is switched on under its sentence. @param {{ provider: Provider, place: string }} props */
export function Consent({ provider: p, place }) {
  const busy = useSignal(false), given = Boolean(p.consent?.given), told = `consent-${place}-${p.id}`;
  const flip = async () => {
    busy.value = true;
    await (settling.now = trying(p.id, async () => {
      const answer = await call('PUT', `/api/providers/${p.id}/consent`, { given: !given });
      if (answer?.provider) keep(answer.provider); else keep({ ...p, consent: { text: p.consent?.text ?? '', given: !given } });
      await refresh();
    }));
    busy.value = false;
  };
  return html`<p id=${told}>${say(p.consent?.text ?? '')}</p>
    <label class="switch"><input type="checkbox" role="switch" checked=${given} disabled=${busy} aria-describedby=${told} onChange=${flip} />${given ? say('On') : say('Switch on {0}', p.name)}</label>
    ${h(Verdict, { check: null, place: p.id })}`;
}
