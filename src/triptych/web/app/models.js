// @ts-check
/** Every provider as a card: its state, what it unlocks and costs, what it does with a prompt, and its key. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { stay } from './composer.js';
import { LANES, MODEL_STATES, money, usually } from './format.js';
import { LocalServers } from './local.js';
import { Community, PasteKey, Verdict, keep, refresh, sendKey } from './credentials.js';
import * as s from './state.js';
import { html, h } from './ui.js';
/** @import { Provider } from './types' */

export function Models() {
  useEffect(() => {
    trying('models', refresh);
    const wanted = location.hash.slice(1), card = wanted && document.getElementById(`provider-${wanted}`);
    if (card) { card.scrollIntoView({ block: 'start' }); card.querySelector('input')?.focus({ preventScroll: true }); }
  }, []);
  const all = s.providers.value, keyed = all.filter(p => p.needs_key), lanes = all.filter(p => p.consent), rest = all.filter(p => !p.needs_key && !p.consent);
  return html`<div class="scroll page"><div class="inner">
    <section class="ways" aria-label="Add models"><div><h2>Paste a key</h2><p>Triptych recognises the provider. The key is tried at once, with a call that costs nothing, kept encrypted on this machine, and never shown again.</p>${h(PasteKey, null)}</div>
      ${lanes.map(p => h(Community, { key: p.id, provider: p }))}
      ${h(LocalServers, null)}<div><h2>Your own endpoints</h2><p>Any server that speaks the OpenAI Images API can be named in <code>triptych.toml</code>, with any address, on this machine too.</p></div></section>
    ${h(Verdict, { check: null, place: 'models' })}
    ${s.orderRule.value && html`<p class="rule">Order of models everywhere: ${s.orderRule.value}. None is put forward. ${TICKED && `Ticked on a first visit: ${TICKED}. `}<a href="/ranking" onClick=${stay}>Your ranking</a> · <a href="/drift" onClick=${stay}>Watch a model for drift</a></p>`}
    <div class="cards">${[...keyed, ...lanes, ...rest].map(p => h(Card, { key: p.id, provider: p }))}</div>
  </div></div>`;
}

/** Which are ticked on a first visit, and why: the server's own words. */
const TICKED = JSON.parse(document.getElementById('boot')?.textContent ?? '{}').first_choice_rule;
const WORDS = /** @type {Record<string, string>} */ ({ ready: 'Ready', limited: 'Slow or limited now', no_key: 'No key yet', off: 'Switched off', down: 'Not working' });

/** Where a fact comes from: a link when it is an address, else its words. @param {{ of: string }} props */
const Source = ({ of }) => /^https?:/.test(of) ? html`<a href=${of} target="_blank" rel="noreferrer">${new URL(of).hostname}</a>` : of;

/** @param {{ provider: Provider }} props */
function Card({ provider: p }) {
  const models = s.models.value.filter(m => m.provider === p.id || p.models.includes(m.id));
  const facts = new Map(models.flatMap(m => m.policy ?? []).map(f => [`${f.topic} ${f.statement}`, f]));
  return html`<section class="card" id=${`provider-${p.id}`} aria-labelledby=${`ph-${p.id}`}>
    <header><h2 id=${`ph-${p.id}`}>${p.name}</h2><span class="state" data-state=${p.state}>${p.reason_code === 'untested' ? 'Key not tried yet' : WORDS[p.state] ?? p.state}</span></header>
    ${p.unlocks && html`<p class="unlocks">${p.unlocks}</p>`}
    ${p.reason_code === 'untested' && html`<p class="sub">${p.reason}</p>`}${p.needs_key && h(Key, { provider: p })}
    <ul class="list">${models.map(m => html`<li key=${m.id}><p><b>${m.name}</b><span class="num">${m.free ? 'free' : m.price_micro_usd === null ? 'price unknown' : `${money(m.price_micro_usd)} an image`}</span></p>
      <p class="sub">${[LANES[m.lane]?.[0], m.typical_seconds && usually(m.typical_seconds), m.is_ai ? '' : 'procedural, not an AI model', m.state !== 'ready' && m.state !== p.state && m.reason_code !== 'untested' ? MODEL_STATES[m.state] : '', m.retires && `retires ${m.retires}`].filter(Boolean).join(' · ')}</p>
      ${(m.note || m.license) && html`<p class="sub">${[m.note, m.license && `Licence: ${m.license}`].filter(Boolean).join(' ')}</p>`}
      ${m.reason && m.reason_code !== 'untested' && m.state !== 'no_key' && m.state !== 'ready' && html`<p class="sub">${m.reason}</p>`}
      ${m.prices?.[0] && html`<p class="sub">Price of ${m.prices[0].as_of}, ${h(Source, { of: m.prices[0].source })}</p>`}</li>`)}</ul>
    ${facts.size > 0 && html`<details><summary>What happens to your prompt</summary><dl class="facts">${[...facts.values()].map(f => html`<div><dt>${f.topic}</dt><dd>${f.statement} <span class="sub">${h(Source, { of: f.source })}, ${f.as_of}</span></dd></div>`)}</dl></details>`}
  </section>`;
}

/** Write-only: what is kept shows as its last four signs. @param {{ provider: Provider }} props */
function Key({ provider: p }) {
  const check = useSignal(/** @type {any} */ (null)), busy = useSignal(false), rejected = useSignal('');
  const work = async (/** @type {() => Promise<any>} */ job) => { busy.value = true; check.value = await job() ?? null; busy.value = false; };
  const send = async e => {
    e.preventDefault();
    const form = e.currentTarget, key = String(new FormData(form).get('key')).trim();
    if (!key) return;
    await work(() => sendKey(p.id, key));
    rejected.value = check.value && !check.value.ok ? key : '';
    if (check.value?.ok) form.reset();
  };
  const source = p.key?.source === 'environment' ? `from the environment (${p.key.env.join(' or ')})` : 'kept encrypted on this machine';
  return html`<form class="key" onSubmit=${send}>
    ${p.key?.source && html`<p class="kept"><span class="num">${p.key.hint}</span> ${source}
      <span class="next"><button type="button" class="btn small" disabled=${busy} onClick=${() => work(() => trying(p.id, async () => { const a = await call('POST', `/api/providers/${p.id}/check`, {}); keep(a.provider); await refresh(); return a.check; }))}>Test again</button>
      ${p.key.source === 'vault' && html`<button type="button" class="btn small" disabled=${busy} onClick=${() => work(() => trying(p.id, async () => { await call('DELETE', `/api/providers/${p.id}/key`); await refresh(); return null; }))}>Remove</button>`}</span></p>`}
    <div class="line"><label class="vh" for=${`key-${p.id}`}>Key for ${p.name}</label><input id=${`key-${p.id}`} name="key" type="password" autocomplete="off" spellcheck=${false} placeholder=${p.key?.source ? 'Another key' : 'Key'} />
      <button class="btn" disabled=${busy}>${busy.value ? 'Trying' : 'Save and test'}</button></div>
    ${h(Verdict, { check: check.value, place: p.id })}
    ${rejected.value && html`<button type="button" class="btn small" disabled=${busy} onClick=${() => work(async () => { const key = rejected.peek(); rejected.value = ''; return sendKey(p.id, key, true); })}>Save it anyway</button>`}
    ${!p.key?.source && html`<p class="sub">Or set ${p.key?.env.map((name, i) => html`${i ? ' or ' : ''}<code>${name}</code>`)} before the start.${/^https?:/.test(p.key?.sign_up ?? '') && html` <a href=${p.key?.sign_up} target="_blank" rel="noreferrer">Get a key</a>`}</p>`}
  </form>`;
}
