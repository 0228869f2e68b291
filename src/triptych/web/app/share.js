// @ts-check
/** My node: sharing what draws on this machine, by a link; what came of it, who may, and the end of it. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { deed, trying } from './actions.js';
import { call } from './api.js';
import { clock, count } from './format.js';
import * as s from './state.js';
import { Remark, h, html, say } from './ui.js';

const SOON_MS = 2_000, LATER_MS = 20_000;
const STATES = /** @type {Record<string, string>} */ ({ off: 'not shared', trying: 'tries what draws here', on: 'shared', paused: 'shared, on hold', fault: 'ended by itself' });

/** @param {{ hubs: string[] }} props the hubs of others that are asked here */
export function Share({ hubs }) {
  const data = useSignal(/** @type {any} */ (null)), made = useSignal(/** @type {any} */ (null)), busy = useSignal(0);
  const asked = useRef(0), shown = useRef(0);
  const ask = async (/** @type {any} */ method, /** @type {string} */ path, /** @type {any} */ body = undefined) => {
    const mine = ++asked.current;
    busy.value++;
    const found = await trying('share', () => call(method, `/api/network/share${path}`, body));
    busy.value--;
    if (found && mine > shown.current) { shown.current = mine; data.value = found; }
    return found;
  };
  const quiet = !data.value || data.value.state === 'off';
  useEffect(() => {                                    // often while something happens, at once when that begins
    let timer = 0, over = false;
    const again = async () => {
      if (!document.hidden && !busy.peek()) {
        const before = asked.current, found = await trying('share-look', () => call('GET', '/api/network/share'));
        if (found && !over && before === asked.current) data.value = found;   // nothing was done since: what was done knows better
      }
      if (!over) timer = setTimeout(again, quiet ? LATER_MS : SOON_MS);
    };
    again();
    return () => { over = true; clearTimeout(timer); };
  }, [quiet]);
  const unknown = data.value?.engines === null;
  useEffect(() => { if (unknown) ask('POST', '/look'); }, [unknown]);
  const of = data.value;
  if (!of) return null;
  const off = of.state === 'off' || of.state === 'fault';
  return html`<section aria-labelledby="share-h"><header class="buttons"><h2 id="share-h">${say('Share what draws here')}</h2><span class="state" data-state=${of.state} role="status">${say(STATES[of.state])}</span></header>
    ${h(Remark, { of: s.problems.value.share })}${of.fault && html`<p class="remark bad" role="alert">${say(of.fault)}</p>`}
    ${off ? h(Begin, { of, hubs, ask, made, busy: busy.value > 0 }) : h(Shared, { of, ask, made, busy: busy.value > 0 })}
    ${off && of.invites.length > 0 && h(Guests, { of, ask, made, off })}</section>`;
}

/** @typedef {{ of: any, ask: (method: string, path: string, body?: any) => Promise<any>, made: import('@preact/signals').Signal<any>, busy?: boolean }} Part */

/** Who sees what, before anything is shared and after it. */
const Sees = () => html`<dl class="sees">
  <div><dt>${say('Your friend sees')}</dt><dd>${say('the pictures that they ask for, the names of these models, and the address of this machine.')}</dd></div>
  <div><dt>${say('Your friend does not see')}</dt><dd>${say('your prompts, your pictures, your keys, or this page. Nothing of theirs is written to your disk.')}</dd></div>
  <div><dt>${say('You can see')}</dt><dd>${say('what they ask for, if you look into the engine that draws it. Tell them so.')}</dd></div></dl>`;

/** @param {Part & { hubs: string[] }} props */
function Begin({ of, hubs, ask, made, busy }) {
  const before = of.chosen, guest = useSignal(''), name = useSignal(before.name), address = useSignal(before.public), hours = useSignal(before.hours), lan = useSignal(before.lan);
  const left = useSignal(/** @type {string[] | null} */ (before.engines.length ? before.engines : null)), there = useSignal(/** @type {string[]} */ (before.hubs)), strangers = useSignal(before.strangers);
  const usual = (of.engines ?? []).filter((/** @type {any} */ e) => !e.painters).map((/** @type {any} */ e) => e.name), all = (of.engines ?? []).map((/** @type {any} */ e) => e.name);
  const picked = (left.value ?? (usual.length ? usual : all)).filter((/** @type {string} */ n) => all.includes(n));
  const flip = (/** @type {string[]} */ of, /** @type {string} */ one, /** @type {boolean} */ on) => on ? [...of, one] : of.filter(n => n !== one);
  const begin = async (/** @type {any} */ e) => {
    e.preventDefault();
    const listed = there.value.filter(hub => hubs.includes(hub));
    if (!await ask('POST', '', { engines: picked, name: name.value, public: address.value, hours: hours.value, hubs: listed, strangers: strangers.value && listed.length > 0, lan: lan.value })) return;
    const found = await ask('POST', '/invites', { name: guest.value });
    if (found) made.value = { name: guest.value, ...found };
  };
  return html`<p>${say('Let a friend draw with what draws on this machine. Two machines are enough: no account, and nobody in between.')}</p>
    ${of.engines === null ? html`<p class="sub" role="status">${say('Looking for what draws on this machine …')}</p>` : html`<fieldset><legend class="sub">${say('What is shared')}</legend>
      ${of.engines.map((/** @type {any} */ e) => html`<label key=${e.name}><input type="checkbox" checked=${picked.includes(e.name)} onChange=${(/** @type {any} */ x) => { left.value = flip(picked, e.name, x.currentTarget.checked); }} /><span>${say(e.name)} <span class="sub">${e.painters ? say('no models of AI') : e.models.join(', ')}</span></span></label>`)}
      ${of.unshared.length > 0 && html`<p class="sub">${say('Never shared, because each picture is paid for with your key: {0}.', of.unshared.join(', '))}</p>`}</fieldset>`}
    ${h(Sees, null)}
    <form onSubmit=${begin}><label class="field"><span>${say('Who is it for?')}</span><input type="text" autocomplete="off" maxlength="60" required value=${guest.value} onInput=${(/** @type {any} */ e) => { guest.value = e.currentTarget.value; }} /></label>
      <button class="btn go" type="submit" disabled=${busy || !picked.length}>${say('Share my models with a friend')}</button></form>
    <details><summary>${say('Address, hours, hubs')}</summary><div class="more">
      ${Field('What your friends see it called', name, 'text')}
      ${Field('Address that the link names, where it is not the one in this network', address, 'url', 'https://mira.example')}
      ${Field('Hours in which it draws for others; empty for always', hours, 'text', '22:00-07:00')}
      ${html`<label><input type="checkbox" checked=${lan.value} onChange=${(/** @type {any} */ e) => { lan.value = e.currentTarget.checked; }} />${say('Be found in this network: everybody in it learns that Triptych runs here')}</label>`}
      ${hubs.length > 0 && html`<fieldset><legend class="sub">${say('List it at these hubs as well')}</legend>${hubs.map(hub => html`<label key=${hub}><input type="checkbox" checked=${there.value.includes(hub)} onChange=${(/** @type {any} */ e) => { there.value = flip(there.value, hub, e.currentTarget.checked); }} />${hub}</label>`)}
        <label><input type="checkbox" checked=${strangers.value} onChange=${(/** @type {any} */ e) => { strangers.value = e.currentTarget.checked; }} />${say('Draw there for people whom I do not know, after my friends')}</label></fieldset>`}</div></details>`;
}

/** @param {string} label @param {import('@preact/signals').Signal<string>} at @param {string} type @param {string} [example] */
const Field = (label, at, type, example) => html`<label class="field"><span>${say(label)}</span><input type=${type} autocomplete="off" spellcheck=${false} placeholder=${example} value=${at.value} onInput=${(/** @type {any} */ e) => { at.value = e.currentTarget.value; }} /></label>`;

/** @param {Part} props */
function Shared({ of, ask, made, busy }) {
  const guest = useSignal(''), making = useSignal(false), sure = useSignal(false), stands = of.standing, t = of.totals;
  const invite = async (/** @type {any} */ e) => {
    e.preventDefault();
    making.value = true;                               // alone: Enter counts while something else is under way
    const name = guest.peek(), found = await ask('POST', '/invites', { name });
    making.value = false;
    if (found) { made.value = { name, ...found }; if (guest.peek() === name) guest.value = ''; }
  };
  const stop = async () => { if (!sure.peek()) { sure.value = true; return; } sure.value = false; if (await ask('DELETE', '')) made.value = null; };
  const shown = of.engines?.filter((/** @type {any} */ e) => e.shared) ?? [];
  return html`${h(Link, { made })}
    <p>${shown.map((/** @type {any} */ e) => say(e.name)).join(', ')} · ${say('open to the outside: {0}, for sealed messages alone', of.listens)}${of.url !== of.listens ? html` · ${say('the link names {0}', of.url)}` : ''}</p>
    ${stands && html`<p role="status"><b>${say(stands.state)}</b> · ${count(stands.queue, 'job')} · ${say('{0} drawn, {1} refused by the rules, {2} failed, in all', t.served, t.refused, t.failed)}</p>
      ${stands.why.length > 0 && html`<ul class="why">${stands.why.map((/** @type {string} */ w) => html`<li key=${w} class="sub">${say(w)}</li>`)}</ul>`}`}
    ${of.hubs.length > 1 && html`<p class="sub">${stands?.price ? say('Who has no invite pays {0} for a picture; {1} came in since it was started. A hub of others counts what you draw for its people, and lets you send more there: it is told which of its accounts is yours.', stands.price, stands.paid) : say('Nothing is paid. A hub of others counts what you draw for its people, and lets you send more there: it is told which of its accounts is yours.')}</p>`}
    ${h(Guests, { of, ask, made })}
    <form onSubmit=${invite}><label class="field"><span>${say('Who else?')}</span><input type="text" autocomplete="off" maxlength="60" required value=${guest.value} onInput=${(/** @type {any} */ e) => { guest.value = e.currentTarget.value; }} /></label> <button class="btn" type="submit" disabled=${making.value}>${say('Make a link')}</button></form>
    <p class="buttons"><button type="button" class="btn" disabled=${busy || of.state === 'trying'} onClick=${() => ask('PUT', '', { paused: of.state !== 'paused' })}>${of.state === 'paused' ? say('Go on') : say('Put on hold')}</button>
      <button type="button" class="btn" disabled=${busy} onClick=${stop} onBlur=${() => { sure.value = false; }}>${sure.value ? say('Yes, stop and take back {0}', count(of.invites.length, 'invite')) : say('Stop sharing')}</button>
      <span class="sub" role="status">${sure.value ? say('Nothing listens then, and no link works any more.') : ''}</span></p>
    <details><summary>${say('Who sees what')}</summary>${h(Sees, null)}</details>`;
}

/** The link that was just made, as text and as a code. @param {{ made: import('@preact/signals').Signal<any> }} props */
function Link({ made }) {
  const box = useRef(/** @type {HTMLInputElement | null} */ (null)), of = made.value;
  useEffect(() => { box.current?.focus(); box.current?.select(); }, [of?.link]);
  if (!of) return null;
  return html`<div class="link"><svg class="qr" viewBox=${`0 0 ${of.qr_side} ${of.qr_side}`} role="img" aria-label=${say('The link as a QR code')} shape-rendering="crispEdges"><rect width="100%" height="100%" fill="#fff" /><path d=${of.qr} fill="#000" /></svg>
    <div><label class="field"><span>${say('The link for {0}', of.name)}</span><input type="text" readonly ref=${box} value=${of.link} onFocus=${(/** @type {any} */ e) => e.currentTarget.select()} /></label>
      <p class="buttons"><button type="button" class="btn go" onClick=${() => deed('copyText', of.link)}>${say('Copy the link')}</button> <button type="button" class="btn" onClick=${() => { made.value = null; }}>${say('Done')}</button></p>
      <p class="sub">${say('Send it to {0} alone: whoever has it can use it, for 30 days. They paste it in Triptych, on the page Network, under Invites.', of.name)}</p></div></div>`;
}

/** Who may, and how much they did. @param {Part & { off?: boolean }} props */
function Guests({ of, ask, made, off }) {
  const again = async (/** @type {any} */ g) => { const found = await ask('POST', '/invites', { name: g.name, mine: g.mine }); if (found) made.value = { name: g.name, ...found }; };
  const used = (/** @type {any} */ g) => g.last_ms ? `${count(g.jobs, 'job')}, ${say('the last of {0}', clock(g.last_ms))}` : say('not used yet');
  return html`<h3>${off ? say('Invites that count again when you share again') : say('Who has an invite')}</h3>
    ${!of.invites.length && html`<p class="sub">${say('Nobody.')}</p>`}
    <ul class="guests">${of.invites.map((/** @type {any} */ g) => html`<li key=${g.name}><span><b>${g.name}</b> <span class="sub">${[g.made_ms && say('since {0}', clock(g.made_ms)), used(g)].filter(Boolean).join(' · ')}</span></span>
      <span class="buttons">${!off && html`<button type="button" class="btn small" aria-label=${say('Show the link of {0}', g.name)} onClick=${() => again(g)}>${say('Show the link')}</button>`}<button type="button" class="btn small" aria-label=${say('Withdraw the invite of {0}', g.name)} onClick=${() => ask('DELETE', '/invites', { name: g.name }).then(found => { if (found && made.peek()?.name === g.name) made.value = null; })}>${say('Withdraw')}</button></span></li>`)}</ul>`;
}
