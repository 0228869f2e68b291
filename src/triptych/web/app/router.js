// @ts-check
/** The router, looked into: its rules in words beside their source, how every endpoint is doing, whom the traffic went to
 * against what the rules predict, what was spent, and the log that remembers it. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { deed, trying } from './actions.js';
import { call } from './api.js';
import { coded } from './coded.js';
import { spent } from './caption.js';
import { seconds, ticking } from './amounts.js';
import { clock, count, money, number } from './format.js';
import * as s from './state.js';
import { Remark, Tool, h, html, say } from './ui.js';

const EVERY_MS = 5000;
const OPERATIONS = /** @type {Record<string, string>} */ ({ generate: '', edit: 'edits', upscale: 'enlarging', remove_background: 'cutting out' });
const LIGHTS = /** @type {Record<string, string>} */ ({ green: 'ready', amber: 'limited', red: 'down', grey: 'off' });
const nameOf = (/** @type {string} */ id) => s.byId.value.get(id)?.name ?? id;

export function Router() {
  const policy = useSignal(/** @type {any} */ (null)), health = useSignal(/** @type {any} */ (null)), traffic = useSignal(/** @type {any} */ (null)), budget = useSignal(/** @type {any} */ (null)), log = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    const cut = new AbortController();
    const read = async () => {
      const get = (/** @type {string} */ name) => call('GET', `/v1/router/${name}`, undefined, cut.signal);
      const all = await trying('router', () => Promise.all(['policy', 'health', 'traffic', 'budget', 'log'].map(get)).catch(e => { if (!cut.signal.aborted) throw e; return null; }));
      if (all) [policy.value, health.value, traffic.value, budget.value, log.value] = all;
    };
    read();
    const timer = setInterval(() => { if (!document.hidden) read(); }, EVERY_MS);
    return () => { cut.abort(); clearInterval(timer); };
  }, []);
  return html`<div class="scroll page"><div class="inner router">
    ${h(Remark, { of: s.problems.value.router })}
    ${policy.value && h(Rules, { of: policy.value })}
    ${health.value && h(Endpoints, { of: health.value })}
    ${traffic.value && h(Traffic, { of: traffic.value })}
    <div class="pair">${budget.value && h(Budget, { of: budget.value })}${log.value && h(Log, { of: log.value })}</div>
  </div></div>`;
}

/** @param {{ of: any }} props */
function Rules({ of }) {
  const now = of.activations[0], before = of.activations.slice(1);
  return html`<section class="panel" aria-labelledby="rules-h"><header><h2 id="rules-h">${say('The rules:')} <span class="num">${of.name}</span></h2>${now && html`<span class="sub">${say('active since {0}', clock(now.active_ms))}</span>`}</header>
    <div class="rules"><ol class="words">${of.words.map((/** @type {string} */ w) => html`<li>${say(w)}</li>`)}</ol>
      <div class="source"><h3>${say('As it is published')}</h3><pre tabindex="0" aria-label=${say('The policy as data')}>${JSON.stringify(of.policy, null, 1)}</pre></div></div>
    <p class="sub">${say('Its name is the SHA-256 of')} <a href=${of.source} target="_blank" rel="noreferrer">${say('the published file')}</a>: <span class="num hash">${of.id}</span> ${h(Tool, { icon: 'copy', label: say('Copy the id of the policy'), class: 'small', onClick: () => deed('copyText', of.id) })}</p>
    ${before.length > 0 && html`<details><summary>${count(before.length, 'earlier policy', 'earlier policies')}</summary><ul class="list">${before.map((/** @type {any} */ a) => html`<li><p><span class="num hash">${a.id}</span><span class="sub">${clock(a.active_ms)}</span></p></li>`)}</ul></details>`}
    <p class="sub">${coded(say('Another one is chosen by `policy` in `triptych.toml`. `triptych policy check FILE` says first what it would change.'))}</p></section>`;
}

/** @param {{ of: any }} props */
function Endpoints({ of }) {
  const tick = useSignal(0), taken = useSignal([of, Date.now()]);
  if (taken.peek()[0] !== of) taken.value = [of, Date.now()];
  useEffect(() => { const timer = setInterval(() => { tick.value++; }, 1000); return () => clearInterval(timer); }, []);
  tick.value;                                              // the timers of breakers run here, on the server's own clock
  const now = of.now_ms + Date.now() - taken.value[1];
  const left = (/** @type {any} */ e) => e.until_ms && e.until_ms > now ? ticking((e.until_ms - now) / 1000) : '';
  const paused = (/** @type {any} */ e) => e.breaker === 'open' ? say('paused') : e.breaker === 'half_open' ? say('one trial') : left(e) ? say('asked to wait') : say('calling');
  const breaker = (/** @type {any} */ e) => `${paused(e)}${e.breaker !== 'half_open' && left(e) && ` ${say('for {0}', left(e))}`}`;
  const told = (/** @type {any} */ e) => left(e) ? e.sentence.replace(/ for another \d+ s\b/, ' for now').replace(/: free again in \d+ s\b/, '') : e.sentence;   // the timer of the row is its one clock
  return html`<section class="panel" aria-labelledby="health-h"><header><h2 id="health-h">${say('Endpoints')}</h2><span class="sub">${say('measured here')}</span></header>
    ${of.endpoints.length === 0 ? html`<p class="sub">${say('Nothing was sent yet. What happens to the first picture shows here.')}</p>` : html`<div class="wide" tabindex="0" role="region" aria-label=${say('Table of endpoints')}><table><thead><tr><th scope="col">${say('Endpoint')}</th><th scope="col">${say('How it is doing')}</th><th scope="col">${say('Usual time')}</th><th scope="col" title=${say('95 of 100 pictures took no longer than this')}>${say('95 of 100')}</th><th scope="col">${say('Works')}</th><th scope="col" title=${say('Calls under way now, of those that it may have at once')}>${say('Now, of at most')}</th><th scope="col" title=${say('Calling; paused after failures; or one trial call, which decides')}>${say('Breaker')}</th></tr></thead><tbody>
      ${of.endpoints.map((/** @type {any} */ e) => html`<tr key=${`${e.endpoint} ${e.operation}`}><th scope="row"><span class="state" data-state=${LIGHTS[e.state]}>${nameOf(e.endpoint)}${OPERATIONS[e.operation] && `, ${say(OPERATIONS[e.operation])}`}</span></th><td class="told">${say(told(e))}</td>
        <td class="num">${e.latency_ms === null ? '–' : seconds(e.latency_ms / 1000)}</td><td class="num">${e.p95_ms == null ? '–' : seconds(e.p95_ms / 1000)}</td><td class="num">${e.success_per_mille === null ? '–' : `${Math.round(e.success_per_mille / 10)} %`}</td>
        <td class="num">${e.in_flight}${e.limit ? ` ${say('of {0}', e.limit)}` : ''}${e.waiting ? say(', {0} wait', e.waiting) : ''}</td><td>${breaker(e)}${e.retries_paused ? say('; no retries for now') : ''}</td></tr>`)}</tbody></table></div>`}</section>`;
}

/** @param {{ of: any }} props */
function Traffic({ of }) {
  const most = Math.max(1, ...of.shares.map((/** @type {any} */ x) => Math.max(x.first, x.expected_x1000 / 1000)));
  const wide = (/** @type {number} */ n) => ({ inlineSize: `${100 * n / most}%` });
  const odd = of.shares.filter((/** @type {any} */ x) => /than predicted/.test(x.verdict));
  const verdict = of.decisions === 0 ? '' : odd.length ? say('{0}: chance alone does not explain it.', odd.map((/** @type {any} */ x) => nameOf(x.endpoint)).join(', ')) : of.shares.some((/** @type {any} */ x) => x.verdict === 'too few to tell') ? say('Too few decisions to tell.') : say('As the rules predict, within what chance allows.');
  return html`<section class="panel" aria-labelledby="traffic-h"><header><h2 id="traffic-h">${say('Whom the traffic went to')}</h2>${verdict && html`<span class="sub" data-odd=${odd.length > 0}>${verdict}</span>`}</header>
    ${of.decisions === 0 ? html`<p class="sub">${coded(say('No decision had a choice yet{0}. Ask for `auto`, or for a model that several serve, and the shares show here.', of.without_choice ? say(': in the last {0} you named the endpoint, or only one could do it', of.without_choice) : ''))}</p>`
      : html`<dl class="bars">${of.shares.map((/** @type {any} */ x) => html`<div key=${x.endpoint}><dt>${nameOf(x.endpoint)}</dt><dd><span class="bar"><i class="was" style=${wide(x.first)}></i><i class="due" style=${{ insetInlineStart: `${100 * x.expected_x1000 / 1000 / most}%` }}></i></span><span class="num">${say('{0} first', x.first)}</span><span class="num sub">${say('{0} predicted', number(x.expected_x1000 / 1000, 1))}</span>${/than/.test(x.verdict) && html`<span class="remark bad">${say(x.verdict)}</span>`}</dd></div>`)}</dl>
      <p class="sub">${say('{0} with a choice{1}. The mark is what the rules predict: each decision was made again with dice that nobody threw twice. {2}', count(of.decisions, 'decision'), of.without_choice ? say(', {0} without one', of.without_choice) : '', of.by_client ? say('{0} had a nonce from the browser or program that asked.', of.by_client) : '')}</p>`}</section>`;
}

/** Money of a day, a project or a key: spent, held for what is under way, and the cap. @param {{ name: string, of: any }} props */
function Purse({ name, of: x }) {
  const whole = Math.max(1, x.cap_micro_usd ?? 0), wide = (/** @type {number} */ n) => ({ inlineSize: `${Math.min(100, 100 * n / whole)}%` });
  return html`<div><dt title=${name}>${name}</dt><dd>${x.cap_micro_usd === null ? html`<span class="sub">${say('no cap')}</span>` : html`<span class="bar" aria-hidden="true"><i class="was" style=${wide(x.spent_micro_usd)}></i><i class="held" style=${{ insetInlineStart: wide(x.spent_micro_usd).inlineSize, ...wide(x.reserved_micro_usd) }}></i></span>`}
    <span class="num">${x.reserved_micro_usd > 0 ? `${say('about')} ` : ''}${spent(x.spent_micro_usd, x.guessed_micro_usd ?? 0, x.unknown)}</span><span class="num sub">${x.cap_micro_usd === null ? '' : say('of {0}', money(x.cap_micro_usd))}</span>
    ${(x.reserved_micro_usd > 0 || x.unknown > 0 || x.fee_micro_usd > 0) && html`<span class="sub whole">${[x.reserved_micro_usd > 0 && say('{0} held for what is under way', money(x.reserved_micro_usd)), x.unknown > 0 && say('{0} not known: the estimate stands in', count(x.unknown, 'charge')), x.fee_micro_usd > 0 && say('of it {0} in fees', money(x.fee_micro_usd))].filter(Boolean).join('; ')}</span>`}</dd></div>`;
}

/** @param {{ of: any }} props */
function Budget({ of }) {
  const keys = of.keys.filter((/** @type {any} */ k) => k.name), drift = of.estimates.endpoints.filter((/** @type {any} */ e) => e.calls > 0);
  return html`<section class="panel" aria-labelledby="budget-h"><header><h2 id="budget-h">${say('Budget')}</h2><span class="sub">${of.caps.run === null ? say('no cap for a run') : say('a run: {0} at most', money(of.caps.run))}</span></header>
    <dl class="bars purses">${h(Purse, { name: say('Today'), of: of.days[0] })}${of.projects.map((/** @type {any} */ p) => h(Purse, { key: `p${p.name}`, name: say('Project {0}', p.name), of: p }))}${keys.map((/** @type {any} */ k) => h(Purse, { key: `k${k.name}`, name: say('Key {0}', k.name.slice(0, 8)), of: k }))}${h(Purse, { name: say('In all'), of: of.all })}</dl>
    ${drift.length > 0 && html`<details><summary>${say('Charged against estimated, since {0}', of.estimates.since)}</summary><div class="wide" tabindex="0" role="region" aria-label=${say('Charged against estimated')}><table><thead><tr><th scope="col">${say('Endpoint')}</th><th scope="col">${say('Calls')}</th><th scope="col">${say('Estimated')}</th><th scope="col">${say('Charged')}</th><th scope="col">${say('Difference')}</th></tr></thead><tbody>${drift.map((/** @type {any} */ e) => html`<tr key=${e.endpoint}><th scope="row">${nameOf(e.endpoint)}</th><td class="num">${e.calls}${e.unknown ? say(', {0} unknown', e.unknown) : ''}</td><td class="num">${money(e.estimated_micro_usd)}</td><td class="num">${money(e.charged_micro_usd)}</td><td class="num">${e.difference_micro_usd > 0 ? '+' : ''}${e.difference_micro_usd < 0 ? '−' : ''}${money(Math.abs(e.difference_micro_usd))}</td></tr>`)}</tbody></table></div></details>`}</section>`;
}

/** @param {{ of: any }} props */
function Log({ of }) {
  return html`<section class="panel" aria-labelledby="log-h"><header><h2 id="log-h">${say('The log')}</h2></header>
    <p>${of.size === null ? say('There is no checkpoint yet.') : html`${say('It holds')} <span class="num">${number(of.size)}</span> ${say('entries that nobody can change unseen.')}`}${of.waiting ? ` ${of.waiting === 1 ? say('1 receipt waits for the next checkpoint.') : say('{0} wait for the next checkpoint.', count(of.waiting, 'receipt'))}` : ''}</p>
    ${of.witnesses?.length ? html`<p>${say('Last witnessed: entry {0} of {1}, at {2}, by {3}.', number(of.witnesses[0].size), number(of.size ?? of.witnesses[0].size), clock(of.witnesses[0].at_ms), of.witnesses[0].name)}</p>${of.witnesses.length > 1 && html`<p class="sub">${say('Before:')} ${of.witnesses.slice(1).map((/** @type {any} */ w) => say('{0} (entry {1})', w.name, number(w.size))).join(', ')}.</p>`}`
      : html`<p>${say('No witness has signed it yet. A friend can watch it with')}</p><div class="code"><pre tabindex="0">${`triptych log witness ${location.origin}/log --key "${of.key}"`}</pre>${h(Tool, { icon: 'copy', label: say('Copy the command'), class: 'small', onClick: () => deed('copyText', `triptych log witness ${location.origin}/log --key "${of.key}"`) })}</div>
        <p class="sub">${coded(say('Then you name the friend’s witness in `triptych.toml`: see “Witnesses” in `docs/concepts/tlog.md`. Others reach this log only through `public_port`, which shows what is public and nothing else; the address in the command is then that one.'))}</p>`}
    <p class="sub">${say('Key')} <span class="num hash">${of.key}</span></p>
    <p class="next"><a class="btn small" href="/usage">${say('Usage data, from the log alone')}</a><a class="btn small" href="/log/checkpoint" target="_blank" rel="noreferrer">${say('Checkpoint')}</a></p></section>`;
}
