// @ts-check
/** The router, looked into: its rules in words beside their source, how every endpoint is doing, whom the traffic went to
 * against what the rules predict, what was spent, and the log that remembers it. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { deed, trying } from './actions.js';
import { call } from './api.js';
import { spent } from './caption.js';
import { clock, count, money, seconds, ticking } from './format.js';
import * as s from './state.js';
import { Remark, Tool, h, html } from './ui.js';

const EVERY_MS = 5000;
const OPERATIONS = /** @type {Record<string, string>} */ ({ generate: '', edit: 'edits' });
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
  return html`<section class="panel" aria-labelledby="rules-h"><header><h2 id="rules-h">The rules: <span class="num">${of.name}</span></h2>${now && html`<span class="sub">active since ${clock(now.active_ms)}</span>`}</header>
    <div class="rules"><ol class="words">${of.words.map((/** @type {string} */ w) => html`<li>${w}</li>`)}</ol>
      <div class="source"><h3>As it is published</h3><pre tabindex="0" aria-label="The policy as data">${JSON.stringify(of.policy, null, 1)}</pre></div></div>
    <p class="sub">Its name is the SHA-256 of <a href=${of.source} target="_blank" rel="noreferrer">the published file</a>: <span class="num hash">${of.id}</span> ${h(Tool, { icon: 'copy', label: 'Copy the id of the policy', class: 'small', onClick: () => deed('copyText', of.id) })}</p>
    ${before.length > 0 && html`<details><summary>${count(before.length, 'earlier policy', 'earlier policies')}</summary><ul class="list">${before.map((/** @type {any} */ a) => html`<li><p><span class="num hash">${a.id}</span><span class="sub">${clock(a.active_ms)}</span></p></li>`)}</ul></details>`}
    <p class="sub">Another one is chosen by <code>policy</code> in <code>triptych.toml</code>. <code>triptych policy check FILE</code> says first what it would change.</p></section>`;
}

/** @param {{ of: any }} props */
function Endpoints({ of }) {
  const tick = useSignal(0), taken = useSignal([of, Date.now()]);
  if (taken.peek()[0] !== of) taken.value = [of, Date.now()];
  useEffect(() => { const timer = setInterval(() => { tick.value++; }, 1000); return () => clearInterval(timer); }, []);
  tick.value;                                              // the timers of breakers run here, on the server's own clock
  const now = of.now_ms + Date.now() - taken.value[1];
  const left = (/** @type {any} */ e) => e.until_ms && e.until_ms > now ? ticking((e.until_ms - now) / 1000) : '';
  const paused = (/** @type {any} */ e) => e.breaker === 'open' ? 'paused' : e.breaker === 'half_open' ? 'one trial' : left(e) ? 'asked to wait' : 'calling';
  const breaker = (/** @type {any} */ e) => `${paused(e)}${e.breaker !== 'half_open' && left(e) && ` for ${left(e)}`}`;
  const told = (/** @type {any} */ e) => left(e) ? e.sentence.replace(/ for another \d+ s\b/, ' for now').replace(/: free again in \d+ s\b/, '') : e.sentence;   // the timer of the row is its one clock
  return html`<section class="panel" aria-labelledby="health-h"><header><h2 id="health-h">Endpoints</h2><span class="sub">measured here</span></header>
    ${of.endpoints.length === 0 ? html`<p class="sub">Nothing was sent yet. What happens to the first picture shows here.</p>` : html`<div class="wide" tabindex="0" role="region" aria-label="Table of endpoints"><table><thead><tr><th scope="col">Endpoint</th><th scope="col">How it is doing</th><th scope="col">Usual time</th><th scope="col" title="95 of 100 pictures took no longer than this">95 of 100</th><th scope="col">Works</th><th scope="col" title="Calls under way now, of those that it may have at once">Now, of at most</th><th scope="col" title="Calling; paused after failures; or one trial call, which decides">Breaker</th></tr></thead><tbody>
      ${of.endpoints.map((/** @type {any} */ e) => html`<tr key=${`${e.endpoint} ${e.operation}`}><th scope="row"><span class="state" data-state=${LIGHTS[e.state]}>${nameOf(e.endpoint)}${OPERATIONS[e.operation] && `, ${OPERATIONS[e.operation]}`}</span></th><td class="told">${told(e)}</td>
        <td class="num">${e.latency_ms === null ? '–' : seconds(e.latency_ms / 1000)}</td><td class="num">${e.p95_ms == null ? '–' : seconds(e.p95_ms / 1000)}</td><td class="num">${e.success_per_mille === null ? '–' : `${Math.round(e.success_per_mille / 10)} %`}</td>
        <td class="num">${e.in_flight}${e.limit ? ` of ${e.limit}` : ''}${e.waiting ? `, ${e.waiting} wait` : ''}</td><td>${breaker(e)}${e.retries_paused ? '; no retries for now' : ''}</td></tr>`)}</tbody></table></div>`}</section>`;
}

/** @param {{ of: any }} props */
function Traffic({ of }) {
  const most = Math.max(1, ...of.shares.map((/** @type {any} */ x) => Math.max(x.first, x.expected_x1000 / 1000)));
  const wide = (/** @type {number} */ n) => ({ inlineSize: `${100 * n / most}%` });
  const odd = of.shares.filter((/** @type {any} */ x) => /than predicted/.test(x.verdict));
  const verdict = of.decisions === 0 ? '' : odd.length ? `${odd.map((/** @type {any} */ x) => nameOf(x.endpoint)).join(', ')}: chance alone does not explain it.` : of.shares.some((/** @type {any} */ x) => x.verdict === 'too few to tell') ? 'Too few decisions to tell.' : 'As the rules predict, within what chance allows.';
  return html`<section class="panel" aria-labelledby="traffic-h"><header><h2 id="traffic-h">Whom the traffic went to</h2>${verdict && html`<span class="sub" data-odd=${odd.length > 0}>${verdict}</span>`}</header>
    ${of.decisions === 0 ? html`<p class="sub">No decision had a choice yet${of.without_choice ? `: in the last ${of.without_choice} you named the endpoint, or only one could do it` : ''}. Ask for <code>auto</code>, or for a model that several serve, and the shares show here.</p>`
      : html`<dl class="bars">${of.shares.map((/** @type {any} */ x) => html`<div key=${x.endpoint}><dt>${nameOf(x.endpoint)}</dt><dd><span class="bar"><i class="was" style=${wide(x.first)}></i><i class="due" style=${{ insetInlineStart: `${100 * x.expected_x1000 / 1000 / most}%` }}></i></span><span class="num">${x.first} first</span><span class="num sub">${(x.expected_x1000 / 1000).toFixed(1)} predicted</span>${/than/.test(x.verdict) && html`<span class="remark bad">${x.verdict}</span>`}</dd></div>`)}</dl>
      <p class="sub">${count(of.decisions, 'decision')} with a choice${of.without_choice ? `, ${of.without_choice} without one` : ''}. The mark is what the rules predict: each decision was made again with dice that nobody threw twice. ${of.by_client ? `${of.by_client} had a nonce from the browser or program that asked.` : ''}</p>`}</section>`;
}

/** Money of a day, a project or a key: spent, held for what is under way, and the cap. @param {{ name: string, of: any }} props */
function Purse({ name, of: x }) {
  const whole = Math.max(1, x.cap_micro_usd ?? 0), wide = (/** @type {number} */ n) => ({ inlineSize: `${Math.min(100, 100 * n / whole)}%` });
  return html`<div><dt title=${name}>${name}</dt><dd>${x.cap_micro_usd === null ? html`<span class="sub">no cap</span>` : html`<span class="bar" aria-hidden="true"><i class="was" style=${wide(x.spent_micro_usd)}></i><i class="held" style=${{ insetInlineStart: wide(x.spent_micro_usd).inlineSize, ...wide(x.reserved_micro_usd) }}></i></span>`}
    <span class="num">${x.reserved_micro_usd > 0 ? 'about ' : ''}${spent(x.spent_micro_usd, x.guessed_micro_usd ?? 0, x.unknown)}</span><span class="num sub">${x.cap_micro_usd === null ? '' : `of ${money(x.cap_micro_usd)}`}</span>
    ${(x.reserved_micro_usd > 0 || x.unknown > 0 || x.fee_micro_usd > 0) && html`<span class="sub whole">${[x.reserved_micro_usd > 0 && `${money(x.reserved_micro_usd)} held for what is under way`, x.unknown > 0 && `${count(x.unknown, 'charge')} not known: the estimate stands in`, x.fee_micro_usd > 0 && `of it ${money(x.fee_micro_usd)} in fees`].filter(Boolean).join('; ')}</span>`}</dd></div>`;
}

/** @param {{ of: any }} props */
function Budget({ of }) {
  const keys = of.keys.filter((/** @type {any} */ k) => k.name), drift = of.estimates.endpoints.filter((/** @type {any} */ e) => e.calls > 0);
  return html`<section class="panel" aria-labelledby="budget-h"><header><h2 id="budget-h">Budget</h2><span class="sub">${of.caps.run === null ? 'no cap for a run' : `a run: ${money(of.caps.run)} at most`}</span></header>
    <dl class="bars purses">${h(Purse, { name: 'Today', of: of.days[0] })}${of.projects.map((/** @type {any} */ p) => h(Purse, { key: `p${p.name}`, name: `Project ${p.name}`, of: p }))}${keys.map((/** @type {any} */ k) => h(Purse, { key: `k${k.name}`, name: `Key ${k.name.slice(0, 8)}`, of: k }))}${h(Purse, { name: 'In all', of: of.all })}</dl>
    ${drift.length > 0 && html`<details><summary>Charged against estimated, since ${of.estimates.since}</summary><div class="wide" tabindex="0" role="region" aria-label="Charged against estimated"><table><thead><tr><th scope="col">Endpoint</th><th scope="col">Calls</th><th scope="col">Estimated</th><th scope="col">Charged</th><th scope="col">Difference</th></tr></thead><tbody>${drift.map((/** @type {any} */ e) => html`<tr key=${e.endpoint}><th scope="row">${nameOf(e.endpoint)}</th><td class="num">${e.calls}${e.unknown ? `, ${e.unknown} unknown` : ''}</td><td class="num">${money(e.estimated_micro_usd)}</td><td class="num">${money(e.charged_micro_usd)}</td><td class="num">${e.difference_micro_usd > 0 ? '+' : ''}${e.difference_micro_usd < 0 ? '−' : ''}${money(Math.abs(e.difference_micro_usd))}</td></tr>`)}</tbody></table></div></details>`}</section>`;
}

/** @param {{ of: any }} props */
function Log({ of }) {
  return html`<section class="panel" aria-labelledby="log-h"><header><h2 id="log-h">The log</h2></header>
    <p>${of.size === null ? 'There is no checkpoint yet.' : html`It holds <span class="num">${of.size.toLocaleString('en')}</span> entries that nobody can change unseen.`}${of.waiting ? ` ${count(of.waiting, 'receipt')} wait${of.waiting === 1 ? 's' : ''} for the next checkpoint.` : ''}</p>
    ${of.witnesses?.length ? html`<p>Last witnessed: entry ${of.witnesses[0].size.toLocaleString('en')} of ${(of.size ?? of.witnesses[0].size).toLocaleString('en')}, at ${clock(of.witnesses[0].at_ms)}, by ${of.witnesses[0].name}.</p>${of.witnesses.length > 1 && html`<p class="sub">Before: ${of.witnesses.slice(1).map((/** @type {any} */ w) => `${w.name} (entry ${w.size.toLocaleString('en')})`).join(', ')}.</p>`}`
      : html`<p>No witness has signed it yet. A friend can watch it with</p><div class="code"><pre tabindex="0">${`triptych log witness ${location.origin}/log --key "${of.key}"`}</pre>${h(Tool, { icon: 'copy', label: 'Copy the command', class: 'small', onClick: () => deed('copyText', `triptych log witness ${location.origin}/log --key "${of.key}"`) })}</div>
        <p class="sub">Then you name the friend’s witness in <code>triptych.toml</code>: see “Witnesses” in <code>docs/concepts/tlog.md</code>. Others reach this log only through <code>public_port</code>, which shows what is public and nothing else; the address in the command is then that one.</p>`}
    <p class="sub">Key <span class="num hash">${of.key}</span></p>
    <p class="next"><a class="btn small" href="/usage">Usage data, from the log alone</a><a class="btn small" href="/log/checkpoint" target="_blank" rel="noreferrer">Checkpoint</a></p></section>`;
}
