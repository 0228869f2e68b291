// @ts-check
/** What came of looking at what nodes drew: whether pictures may be drawn twice, what was counted of each owner, and the pictures beside each other. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { clock, count, money } from './format.js';
import * as s from './state.js';
import { Remark, h, html, say } from './ui.js';

const SHOWN = 20;
const STANDINGS = /** @type {Record<string, string>} */ ({ probation: 'new here: every fifth picture is looked at', normal: 'every twentieth picture is looked at', trusted: 'trusted: every hundredth picture is looked at', quarantine: 'put aside' });
/** How its pictures cannot be compared, or not to the last detail: there no share of them is promised to be looked at. */
const COMPARED = /** @type {Record<string, string>} */ ({
  unstated: 'it does not say which weights it runs, so its pictures cannot be compared with any other',
  alone: 'nothing can be compared: nobody who may be asked draws the same',
  priced: 'nothing can be compared: it asks for money, and a second drawing is not paid for',
  roughly: 'only a plainly other picture would be noticed: how far apart honest machines are is not known here',
  away: 'nothing is looked at while it cannot be asked',
});
const ROLES = /** @type {Record<string, string>} */ ({ suspect: 'drawn first, by {0}', reference: 'drawn again, by {0}', third: 'asked as a third, {0}' });
const WHAT = /** @type {Record<string, string>} */ ({ canary: 'a job of nobody', redundant: 'your own job, drawn twice', receipt: 'an answer that does not fit itself' });

/** @param {{ of: any }} props what the Network page knows: with each news of it this is looked at again */
export function Evidence({ of }) {
  const data = useSignal(/** @type {any} */ (null));
  const change = async (/** @type {'PUT' | 'POST'} */ method, /** @type {string} */ path, /** @type {any} */ body) => { const found = await trying('checks', () => call(method, `/api/network/checks${path}`, body)); if (found) data.value = found; };
  useEffect(() => {
    let over = false;
    trying('checks-look', () => call('GET', '/api/network/checks')).then(found => { if (found && !over) data.value = found; });
    return () => { over = true; };
  }, [of]);
  const now = data.value;
  return now && html`<section aria-labelledby="checks-h"><h2 id="checks-h">${say('Checks')}</h2>${h(Remark, { of: s.problems.value.checks })}
    <p><label><input type="checkbox" checked=${now.twice} onChange=${(/** @type {any} */ e) => change('PUT', '/twice', { given: e.currentTarget.checked })} /> ${say('Check pictures of the open network by drawing some of them twice')}</label></p>
    <p class="sub">${say('A node of another owner, in another network, then draws the same job and can read the same prompt: of a new node every fifth, later every twentieth, at last every hundredth. Nodes that draw for nothing are asked, and those with a price as far as you agree to pay it; it takes one more picture of their time and some of your hub’s tokens. What a friend draws is never shown to others.')} ${say('Where the two differ, a third node may be asked, which reads it as well.')}</p>
    <p class="sub">${say('With it or without, jobs of nobody are sent now and then where a friend runs the same model. Nobody reads anything of yours for that.')}</p>
    ${now.paid.day_micro_usd > 0 && html`<p class="sub">${say('Checks of nodes that ask a price: {0} of {1} today, and not more.', money(now.paid.spent_micro_usd), money(now.paid.day_micro_usd))}${now.paid.unknown > 0 ? ` ${say('Of {0} it is not known whether it was charged.', count(now.paid.unknown, 'check'))}` : ''}</p>`}
    ${now.classes.filter((/** @type {any} */ c) => !c.measured).map((/** @type {any} */ c) => html`<p class="sub" key=${c.model}>${say('{0} on {1}: how far apart honest machines are has been measured {2} of {3} times. Until then only what is plainly another picture is noticed. It takes two nodes of people whom you know.', c.model, c.engine, c.runs, now.least_runs)}</p>`)}
    <ul>${now.owners.map((/** @type {any} */ o) => h(Owner, { key: o.owner, o, change }))}</ul>
    ${h(Different, { checks: now.checks.filter((/** @type {any} */ c) => c.outcome === 'mismatch') })}</section>`;
}

/** @param {{ o: any, change: (method: 'PUT' | 'POST', path: string, body: any) => Promise<void> }} props */
function Owner({ o, change }) {
  const name = o.names.join(', ') || say('a node that is gone'), aside = o.models.some((/** @type {any} */ m) => m.standing === 'quarantine');
  return html`<li><h3>${name}</h3>${o.models.map((/** @type {any} */ m) => html`<p class="sub" key=${m.model}>${m.model}: ${say((m.standing !== 'quarantine' && COMPARED[m.compared]) || STANDINGS[m.standing])} · ${[
      count(m.jobs, 'picture'), count(m.checks, 'check'), m.matches > 0 && say('{0} the same', m.matches), m.mismatches > 0 && say('{0} different', m.mismatches),
      m.unclear > 0 && say('{0} that say nothing', m.unclear), m.faults > 0 && say('{0} that did not fit what it signed', m.faults)].filter(Boolean).join(' · ')}</p>`)}
    ${aside && html`<p><button type="button" class="btn small" onClick=${() => change('POST', '/pardon', { owner: o.owner })}>${say('I have looked: ask {0} again', name)}</button></p>`}</li>`;
}

/** @param {{ checks: any[] }} props */
function Different({ checks }) {
  return checks.length > 0 && html`<h3>${say('What came out otherwise')}</h3>${checks.slice(0, SHOWN).map(c => html`<details key=${c.id} class="differ"><summary>${c.name}, ${c.model}, ${clock(c.at_ms)}: ${say(WHAT[c.what])}</summary>
    <p class="sub">${say(c.why)} ${c.wrong === 'open' ? say('Nobody can say which of the two is right, so neither is blamed.') : ''}</p>
    <div class="sides">${c.pictures.map((/** @type {any} */ p) => html`<figure key=${p.url}><img src=${p.url} alt=${say(ROLES[p.role], p.name)} loading="lazy" /><figcaption class="sub">${say(ROLES[p.role], p.name)}</figcaption></figure>`)}</div></details>`)}`;
}
