// @ts-check
/** The way of one picture: who could have made it and why this one did, each attempt on a time line, the receipt with its
 * check in this page, and the same call without Triptych. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { deed, trying } from './actions.js';
import { call } from './api.js';
import { coded } from './coded.js';
import { seconds } from './amounts.js';
import { count, money } from './format.js';
import * as s from './state.js';
import { wasBilled } from './status.js';
import { Remark, Tool, h, html, say } from './ui.js';

/** @import { Tile } from './types' */

/** Why a candidate was picked or not, in words. */
const REASONS = /** @type {Record<string, string>} */ ({
  picked: 'picked', ranked_lower: 'next in line', other_model: 'another model', no_key: 'no key', disabled: 'switched off', operation_unsupported: 'cannot do this job',
  mask_unsupported: 'takes no mask', too_many_inputs: 'takes fewer pictures', size_unsupported: 'not in this size', lane_floor: 'below the lane that was asked for', no_community: 'drawn by volunteers, who were left out',
  price_cap: 'over the price that was allowed', unhealthy: 'was failing just then', retired: 'retired',
  request_unsupported: 'does not take this request', price_unknown: 'no known price, and there was a limit', policy_filter: 'left out by the policy',
  data_training: 'does not promise not to train on it', data_retention: 'does not promise to forget it in time', data_region: 'does not promise to handle it there',
  probation: 'new here: it comes behind the others, or has its one job in hand',
});
const LANES = ['local', 'pinned', 'attested', 'community', 'commercial'];
const PARTS = /** @type {[string, string][]} */ ([['price', 'price'], ['latency', 'time'], ['failure', 'failures'], ['load', 'load'], ['lane', 'lane']]);
const nameOf = (/** @type {string} */ id) => s.byId.value.get(id)?.name ?? id;
const short = new Intl.NumberFormat(document.documentElement.lang, { notation: 'compact', maximumSignificantDigits: 3 });

/** @param {{ data: any, tile: Tile }} props */
export function Route({ data, tile }) {
  const decisions = data.decisions ?? [];
  return html`${decisions.length === 0 && html`<section><h3>${say('Decision')}</h3><p class="sub">${say('Nothing is decided yet.')}</p></section>`}
    ${decisions.map((d, n) => h(Decision, { key: d.id, of: d, number: decisions.length > 1 ? n + 1 : 0, pinned: s.byId.value.has(tile.model) }))}
    ${data.attempts?.length > 0 && h(Times, { attempts: data.attempts, from: decisions[0]?.taken_ms })}
    ${data.receipt && h(Receipt, { key: data.receipt.id, of: data.receipt, tile })}${h(Nodes, { attempts: data.attempts ?? [], tile })}`;
}

/** What each weight added to the points of one endpoint. @param {any} policy @param {any} e its state in the snapshot @returns {Record<string, number>} */
function points(policy, e) {
  const w = policy.weights ?? {}, a = policy.assumed ?? {};
  return {
    price: (w.price ?? 0) * (e.price_micro_usd ?? a.price_micro_usd ?? 0), latency: (w.latency ?? 0) * (e.latency_ms ?? a.latency_ms ?? 0),
    failure: (w.failure ?? 0) * (1000 - (e.success_per_mille ?? a.success_per_mille ?? 1000)), load: (w.load ?? 0) * (e.in_flight ?? 0), lane: (w.lane ?? 0) * LANES.indexOf(e.lane),
  };
}

/** @param {{ of: any, number: number, pinned: boolean }} props */
function Decision({ of: d, number, pinned }) {
  const found = useSignal(/** @type {{ policy: any, states: Map<string, any> } | null} */ (null));
  const ran = (/** @type {any} */ c) => c.reason === 'picked' || c.reason === 'ranked_lower' || c.reason === 'probation', able = d.candidates.filter(ran), out = d.candidates.filter((/** @type {any} */ c) => !ran(c) && c.reason !== 'other_model');
  const others = d.candidates.filter((/** @type {any} */ c) => c.reason === 'other_model').length;
  useEffect(() => {
    if (able.length < 2 || !d.policy_id || !d.snapshot_id) return;
    const cut = new AbortController(), get = (/** @type {string} */ path) => call('GET', `/.well-known/triptych/${path}`, undefined, cut.signal);
    Promise.all([get(`policy/${d.policy_id}`), get(`snapshot/${d.snapshot_id}`)]).then(([policy, snapshot]) => {
      found.value = { policy, states: new Map(snapshot.endpoints.map((/** @type {any} */ e) => [e.endpoint, e])) };
    }, () => {});                                          // without them the points stand there as they are
    return () => cut.abort();
  }, [d.id]);
  const parts = (/** @type {any} */ c) => { const e = found.value?.states.get(c.endpoint); return e ? points(found.value?.policy, e) : { all: Math.max(0, c.points ?? 0) }; };
  const sums = able.map((/** @type {any} */ c) => Object.values(parts(c)).reduce((a, b) => a + b, 0)), most = Math.max(1, ...sums);
  const used = PARTS.filter(([part]) => able.some((/** @type {any} */ c) => /** @type {any} */ (parts(c))[part]));
  return html`<section><h3>${number ? say('Decision {0}', number) : say('Decision')}</h3>
    <p class="sub">${pinned ? say('You chose this endpoint.') : html`${say('By the policy')} <a href="/router" class="num">${d.policy}</a>${say(', {0} considered.', count(d.candidates.length, 'endpoint'))}`} ${d.nonce_from === 'client' && able.length > 1 ? say('The dice were thrown by this page.') : ''}</p>
    ${able.length > 0 && html`<dl class="bars scores">${able.map((/** @type {any} */ c) => html`<div key=${c.endpoint} data-picked=${c.reason === 'picked'}><dt>${nameOf(c.endpoint)}</dt>
      <dd>${able.length > 1 && html`${Object.values(parts(c)).some(n => n > 0) ? html`<span class="bar" aria-hidden="true">${Object.entries(parts(c)).map(([part, n]) => n > 0 && html`<i class=${`part ${part}`} style=${{ inlineSize: `${100 * n / most}%` }}></i>`)}</span>` : html`<span></span>`}<span class="num">${c.points == null ? '' : short.format(c.points)}</span>`}
      <span class="sub">${[say(REASONS[c.reason] ?? c.reason), c.price_micro_usd == null ? say('price unknown') : c.price_micro_usd ? money(c.price_micro_usd) : say('free'), c.latency_ms ? say('about {0}', seconds(c.latency_ms / 1000)) : '', able.length === 1 && c.points != null && count(c.points, 'point'), c.taste != null ? say('your taste {0}{1}', c.taste > 0 ? '+' : '', c.taste) : ''].filter(Boolean).join(' · ')}</span></dd></div>`)}</dl>
      ${able.length > 1 && html`<p class="sub legend">${say('Points: few are good.{0}', able.some((/** @type {any} */ c) => c.taste != null) && ` ${say('What you like is taken off them.')}`)}${used.length > 0 && used.map(([part, word]) => html` <i class=${`part ${part}`} aria-hidden="true"></i>${say(word)}`)}</p>`}`}
    ${[...Map.groupBy(out, (/** @type {any} */ c) => say(REASONS[c.reason] ?? c.reason))].map(([why, all]) => html`<details open=${all.length < 4}><summary>${count(all.length, 'endpoint')}: ${why}</summary><ul class="names">${all.map((/** @type {any} */ c) => html`<li key=${c.endpoint}>${nameOf(c.endpoint)}${c.detail ? html` <span class="sub">${say(c.detail)}</span>` : ''}</li>`)}</ul></details>`)}
    ${!pinned && others > 0 && html`<p class="sub">${say('The other {0} serve another model.', others)}</p>`}</section>`;
}

/** @param {{ attempts: any[], from?: number }} props */
function Times({ attempts, from }) {
  const start = Math.min(from ?? Infinity, ...attempts.map(a => a.started_ms)), end = Math.max(...attempts.map(a => a.ended_ms ?? a.started_ms), start + 1);
  const at = (/** @type {number} */ ms) => `${100 * (ms - start) / (end - start)}%`, wide = (/** @type {any} */ a) => `${100 * ((a.ended_ms ?? end) - a.started_ms) / (end - start)}%`;
  const words = /** @type {Record<string, string>} */ ({ running: say('under way'), done: say('brought the picture'), failed: say('failed') });
  return html`<section><h3>${say('Attempts')}</h3><ol class="times">${attempts.map(a => html`<li key=${a.id ?? a.number}><p><b>${a.number}. ${nameOf(a.endpoint)}</b><span class="sub">${a.hedge ? `${say('a second runner,')} ` : ''}${a.error?.failure === 'blocked' ? say('refused') : words[a.outcome] ?? a.outcome}</span></p>
      <span class="bar" aria-hidden="true"><i class="span" data-outcome=${a.outcome} style=${{ insetInlineStart: at(a.started_ms), inlineSize: wide(a) }}></i></span>
      <p class="sub num">+${seconds((a.started_ms - start) / 1000)} → ${a.ended_ms ? `+${seconds((a.ended_ms - start) / 1000)}` : say('now')}</p>
      ${a.error && html`<p class="sub">${say(a.error.message)} ${wasBilled(a.billed)}</p>`}
      ${(a.wires ?? []).filter((/** @type {any} */ w) => w.status || w.request_id).map((/** @type {any} */ w) => html`<p class="sub num hash">${w.method} ${new URL(w.url, location.origin).host}${w.status ? `: ${w.status}` : ''}${w.ms != null ? `, ${seconds(w.ms / 1000)}` : ''}${w.request_id ? say(', request {0}', w.request_id) : ''}</p>`)}</li>`)}</ol></section>`;
}

const bytes = (/** @type {string} */ path) => fetch(path).then(async a => a.ok ? new Uint8Array(await a.arrayBuffer()) : undefined);

/** What a receipt says; whether it is true, its check says. @param {string} jws @returns {any} */
const payload = jws => JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(jws.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0))));

/** What a press brought is seen, wherever the button stood. @param {{ class: string, children?: any }} props */
function Brought({ class: name, children }) {
  const box = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => box.current.scrollIntoView({ block: box.current.offsetHeight > innerHeight / 2 ? 'start' : 'nearest' }), []);
  return html`<div class=${name} ref=${box} role="status">${children}</div>`;
}

/** @param {{ text: string, label: string }} props */
const Copied = ({ text, label }) => html`<div class="code"><pre tabindex="0">${text}</pre>${h(Tool, { icon: 'copy', label, class: 'small', onClick: () => deed('copyText', text) })}</div>`;

/** @param {{ of: any, tile: Tile }} props */
function Receipt({ of, tile }) {
  const report = useSignal(/** @type {any} */ (null)), busy = useSignal(false), direct = useSignal(/** @type {any} */ (null));
  const check = async () => {
    busy.value = true;
    report.value = await trying('receipt', async () => {
      const [{ verify }, { here }] = await Promise.all([import('../verify/verify.js'), import('./checked.js')]), { decision } = payload(of.jws);
      const at = '/.well-known/triptych', images = await Promise.all(tile.images.map(async i => /** @type {const} */ ([i.filename, await bytes(i.url)])));
      const [proof, opening, trust, policy, snapshot] = await Promise.all([bytes(`${of.url}/proof`), bytes(`${of.url}/opening`), bytes(`${at}/log-policy`), decision?.policy_id ? bytes(`${at}/policy/${decision.policy_id}`) : undefined, decision?.snapshot_id ? bytes(`${at}/snapshot/${decision.snapshot_id}`) : undefined]);
      const named = policy && JSON.parse(new TextDecoder().decode(policy)).catalogue, catalogue = named ? await bytes(`${at}/catalogue/${named}`) : undefined;
      return (await verify({ receipt: of.jws, images: Object.fromEntries(images.flatMap(([name, data]) => data ? [[name, data]] : [])), proof, opening, trust, policy, snapshot, catalogue })).lines.map(here);
    });
    busy.value = false;
  };
  const goDirect = async () => { direct.value = await trying('receipt', () => call('GET', `${of.url}/direct`)); };
  const [image] = tile.images, beside = image ? `${image.filename.replace(/\.\w+$/, '')}.receipt.jws` : `${of.id}.receipt.jws`;
  return html`<section><h3>${say('Receipt')}</h3><p class="sub">${say('Signed: what was asked, whom, why, which bytes came back and what it cost. Your words are not in it.')}</p>
    <p class="num hash">${of.id}${of.log_index == null ? '' : say(', entry {0} of the log', of.log_index)}</p>
    <div class="next"><button type="button" class="btn small" disabled=${busy} onClick=${check}>${busy.value ? say('Checking') : say('Verify')}</button><a class="btn small" href=${image ? `/api/images/${image.id}/receipt` : of.url} download=${beside}>${say('Receipt file')}</a><button type="button" class="btn small" aria-expanded=${Boolean(direct.value)} onClick=${() => { if (direct.peek()) direct.value = null; else goDirect(); }}>${say('Go direct')}</button></div>
    ${h(Remark, { of: s.problems.value.receipt })}
    ${report.value && h(Verdicts, { lines: report.value, files: [beside, ...tile.images.map(i => i.filename)] })}
    ${direct.value && h(Brought, { class: 'direct' }, direct.value.calls.length === 0 ? html`<p>${tile.lane === 'local' ? say('This was drawn on your machine; there is no call to make elsewhere.') : say('No call was made elsewhere for this one.')}</p>` : html`<p class="sub">${coded(say('The same call without Triptych, with your own key in `{0}`.', [...new Set(direct.value.calls.map((/** @type {any} */ c) => c.env).filter(Boolean))].join(', ') || say('the environment')))}</p>
      ${direct.value.calls.map((/** @type {any} */ c) => [['curl', c.curl], ['Python', c.sdk]].filter(([, text]) => text).map(([kind, text]) => html`<details open=${kind === 'curl'}><summary>${c.name}: ${kind}</summary>${h(Copied, { text, label: say('Copy {0}', kind) })}</details>`))}`)}</section>`;
}

/** A node signs, too; the name of what it signed is the name that it gives the call. @param {{ attempts: any[], tile: Tile }} props */
function Nodes({ attempts, tile }) {
  const signed = attempts.filter(a => a.endpoint.startsWith('node/')).flatMap(a => (a.wires ?? []).map((/** @type {any} */ w) => w.request_id).filter(Boolean));
  const picture = tile.images[0]?.filename ?? '', beside = `${picture.replace(/\.\w+$/, '') || tile.id}.node.jws`;
  return signed.length > 0 && html`<section><h3>${say('Receipt of the node')}</h3><p class="sub">${say('Signed by the node: which job it was, and every byte that it handed out. Nothing of your words is in it.')}</p>
    <div class="next">${signed.map(id => html`<a class="btn small" key=${id} href=${`/api/network/receipts/${id}.jws`} download=${beside}>${say('Receipt file of the node')}</a>`)}</div>
    <p class="sub">${coded(say('Check it with `{0}`.', `triptych verify ${beside} ${picture}`.trim()))}</p></section>`;
}

/** @param {{ lines: any[], files: string[] }} props */
function Verdicts({ lines, files }) {
  const number = (/** @type {string} */ verdict) => lines.filter(l => l.verdict === verdict).length, wrong = number('FALSE');
  const quoted = files.map(f => /^[\w.-]+$/.test(f) ? f : `'${f.replaceAll("'", "'\\''")}'`), command = `triptych verify ${quoted.join(' ')} --log ${location.origin}/log`;
  return h(Brought, { class: 'direct' }, html`<p><b class="verdict" data-verdict=${wrong ? 'FALSE' : lines.some(l => l.what === 'signer' && l.verdict === 'proved') ? 'proved' : 'not checked'}>${wrong ? say('FALSE: {0}. Do not rely on this receipt.', count(wrong, 'line')) : say('Nothing is FALSE: {0} proved, {1} not checked.{2}', number('proved'), number('not checked'), lines.some(l => l.what === 'signer' && l.verdict === 'proved') ? '' : ` ${say('Whose key this is was not checked: this shows only that the files agree.')}`)}</b></p>
    <p class="sub">${say('Checked in this page, with what this server publishes. For a check that trusts nobody here, keep the files and run this elsewhere; it reads the whole log, too:')}</p>${h(Copied, { text: command, label: say('Copy the command') })}
    <ul class="list verdicts">${lines.map(l => html`<li><p><b>${say(l.what)}</b><span class="verdict" data-verdict=${l.verdict}>${say(l.verdict)}</span></p><p class="sub">${say(l.detail)}</p></li>`)}</ul>`);
}
