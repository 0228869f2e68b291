// @ts-check
/** One provider on the page of models, as a card or as a line that opens: its state, what it unlocks and costs, what it does with
 * a prompt, and its key. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { coded } from './coded.js';
import { day, usually } from './amounts.js';
import { Consent, Verdict, keep, refresh, sendKey } from './credentials.js';
import { LANES, MODEL_STATES, money } from './format.js';
import { Own } from './local.js';
import { Icon, h, html, say } from './ui.js';
/** @import { Model, Provider } from './types' */

const WORDS = /** @type {Record<string, string>} */ ({ ready: 'Ready', limited: 'Slow or limited now', no_key: 'No key yet', off: 'Switched off', down: 'Not working' });
/** What is said of a key once on the card, and not again of each model. */
const CAUTIONS = /** @type {Record<string, string>} */ ({ untested: 'Key not tried yet', billing: 'No money on this key', model_unavailable: 'Not for this account or region' });

/** @param {Provider} p */
const caution = p => CAUTIONS[p.reason_code ?? ''];
/** @param {{ provider: Provider }} props */
const State = ({ provider: p }) => html`<span class="state" data-state=${p.state}>${say(caution(p) ?? WORDS[p.state] ?? p.state)}</span>`;

/** Where a fact comes from: a link when it is an address, else its words. @param {{ of: string }} props */
const Source = ({ of }) => /^https?:/.test(of) ? html`<a href=${of} target="_blank" rel="noreferrer">${new URL(of).hostname}</a>` : say(of);

/** So many models stand open on a card, where there is room beside it. */
const FEW = 4, roomy = matchMedia('(min-width: 641px)');

/** A part of a card: a line that opens. What was opened by itself once is not shut by itself.
 * @param {{ name: string, open: boolean, line: any, children?: any }} props */
function Part({ name, open, line, children }) {
  const opened = useRef(false);
  opened.current ||= open;
  return html`<details class=${`flap ${name}`} open=${opened.current}><summary>${h(Icon, { name: 'chevron-down' })}${line}</summary>${children}</details>`;
}

/** The names of its models, or of those that fit what is looked for. @param {{ models: Model[], sought: Model[] | null }} props */
const Named = ({ models, sought }) => html`<span class="named" data-sought=${Boolean(sought)}>${(sought ?? models).map(m => m.name).join(', ')}</span>`;

/** Its key is in sight where something is the matter with it. `sought` are those of its models that fit what is looked for.
 * @param {{ provider: Provider, models: Model[], sought: Model[] | null, hidden: boolean }} props */
export function Card({ provider: p, models, sought, hidden }) {
  const wrong = !p.key?.source || p.state !== 'ready' && p.reason_code !== 'untested';
  return html`<section class="card" id=${`provider-${p.id}`} aria-labelledby=${`ph-${p.id}`} hidden=${hidden}>
    <header><h3 id=${`ph-${p.id}`}>${p.name}</h3>${h(State, { provider: p })}</header>
    ${!p.needs_key && h(About, { provider: p })}
    ${p.needs_key && h(Part, { name: 'keyed', open: wrong, line: html`<span>${say('Key')}</span><span class="num">${p.key?.hint}</span>` }, h(About, { provider: p }))}
    ${h(Part, { name: 'models-of', open: roomy.matches && models.length <= FEW, line: html`<span class="unlocks">${p.unlocks && say(p.unlocks)}</span>${h(Named, { models, sought })}` }, h(List, { provider: p, models }))}
    ${h(Policy, { models })}</section>`;
}

/** Its state is only said where it is not that of every line. `sought` are those of its models
 * that fit what is looked for.
 * @param {{ provider: Provider, models: Model[], sought: Model[] | null, hidden: boolean, opened: () => void }} props */
export function Line({ provider: p, models, sought, hidden, opened }) {
  const usual = !caution(p) && ['no_key', 'off'].includes(p.state);
  return html`<details id=${`provider-${p.id}`} hidden=${hidden} onToggle=${e => { if (e.currentTarget.open) opened(); }}>
    <summary>${h(Icon, { name: 'chevron-down' })}<span class="called"><b id=${`ph-${p.id}`}>${p.name}</b>${!usual && h(State, { provider: p })}</span>${h(Named, { models, sought })}
      <span class="unlocks">${p.unlocks && say(p.unlocks)}</span><span class="terms">${models.some(m => m.policy?.length) && html`<span title=${say('What happens to your prompt')}>${say('data policy')}</span>`}</span></summary>
    <section class="body" aria-labelledby=${`ph-${p.id}`}>${h(About, { provider: p })}${h(List, { provider: p, models })}${h(Policy, { models })}</section></details>`;
}

/** What is to be done before it draws. @param {{ provider: Provider }} props */
const About = ({ provider: p }) => html`<div class="about">${caution(p) && html`<p class="sub">${say(p.reason ?? '')}</p>`}${p.needs_key && h(Key, { provider: p })}${p.consent && h(Consent, { provider: p, place: 'card' })}${p.own && h(Own, { provider: p })}</div>`;

/** @param {{ provider: Provider, models: Model[] }} props */
const List = ({ provider: p, models }) => html`<ul class="list">${models.map(m => html`<li key=${m.id}><p><b>${m.name}</b><span class="num">${m.free ? say('free') : m.price_micro_usd === null ? say('price unknown') : say('{0} an image', money(m.price_micro_usd))}</span></p>
      <p class="sub">${[say(LANES[m.lane]?.[0] ?? ''), m.typical_seconds && usually(m.typical_seconds), m.is_ai ? '' : say('procedural, not an AI model'), m.state !== 'ready' && m.state !== p.state && !CAUTIONS[m.reason_code ?? ''] ? say(MODEL_STATES[m.state]) : '', m.retires && (m.successors?.length ? say('retires {0}, then {1}', day(m.retires), m.successors.join(` ${say('or')} `)) : say('retires {0}', day(m.retires)))].filter(Boolean).join(' · ')}</p>
      ${(m.note || m.license) && html`<p class="sub">${[m.note && say(m.note), m.license && say('Licence: {0}', m.license)].filter(Boolean).join(' ')}</p>`}
      ${m.reason && !CAUTIONS[m.reason_code ?? ''] && m.state !== 'no_key' && m.state !== 'ready' && html`<p class="sub">${say(m.reason)}</p>`}
      ${m.prices?.[0] && html`<p class="sub">${say('Price of {0},', day(m.prices[0].as_of))} ${h(Source, { of: m.prices[0].source })}</p>`}</li>`)}</ul>`;

/** @param {{ models: Model[] }} props */
function Policy({ models }) {
  const facts = new Map(models.flatMap(m => m.policy ?? []).map(f => [`${f.topic} ${f.statement}`, f]));
  return html`${facts.size > 0 && html`<details class="policy"><summary>${h(Icon, { name: 'chevron-down' })}${say('What happens to your prompt')}</summary><dl class="facts">${[...facts.values()].map(f => html`<div><dt>${say(f.topic)}</dt><dd>${say(f.statement)} <span class="sub">${h(Source, { of: f.source })}, ${day(f.as_of)}</span></dd></div>`)}</dl></details>`}`;
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
  const source = p.key?.source === 'environment' ? say('from the environment ({0})', p.key.env.join(` ${say('or')} `)) : say('kept encrypted on this machine');
  return html`<form class="key" onSubmit=${send}>
    ${p.key?.source && html`<p class="holds"><span class="num">${p.key.hint}</span> ${source}
      <span class="next"><button type="button" class="btn small" disabled=${busy} onClick=${() => work(() => trying(p.id, async () => { const a = await call('POST', `/api/providers/${p.id}/check`, {}); keep(a.provider); await refresh(); return a.check; }))}>${say('Test again')}</button>
      ${p.key.source === 'vault' && html`<button type="button" class="btn small" disabled=${busy} onClick=${() => work(() => trying(p.id, async () => { await call('DELETE', `/api/providers/${p.id}/key`); await refresh(); return null; }))}>${say('Remove')}</button>`}</span></p>`}
    <div class="line"><label class="vh" for=${`key-${p.id}`}>${say('Key for {0}', p.name)}</label><input id=${`key-${p.id}`} name="key" type="password" autocomplete="off" spellcheck=${false} placeholder=${p.key?.source ? say('Another key') : say('Key')} />
      <button class="btn" disabled=${busy}>${busy.value ? say('Trying') : say('Save and test')}</button></div>
    ${h(Verdict, { check: check.value, place: p.id })}
    ${rejected.value && html`<button type="button" class="btn small" disabled=${busy} onClick=${() => work(async () => { const key = rejected.peek(); rejected.value = ''; return sendKey(p.id, key, true); })}>${say('Save it anyway')}</button>`}
    ${!p.key?.source && html`<p class="sub">${coded(say('Or set {0} before the start.', p.key?.env.map(name => `\`${name}\``).join(` ${say('or')} `)))}${/^https?:/.test(p.key?.sign_up ?? '') && html` <a href=${p.key?.sign_up} target="_blank" rel="noreferrer">${say('Get a key')}</a>`}</p>`}
  </form>`;
}
