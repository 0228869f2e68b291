// @ts-check
/** The open network: how far prompts go, the hubs that are asked, the nodes they list, and the invites of friends. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { REACHES, UNLEARNT, bounds } from './floor.js';
import { clock, count } from './format.js';
import { Nearby } from './nearby.js';
import { Share } from './share.js';
import * as s from './state.js';
import { Remark, h, html, later, say, styled } from './ui.js';
import { Workers } from './workers.js';

const Evidence = later(() => Promise.all([import('./evidence.js'), styled('checks')]).then(([m]) => m), 'Evidence');

const EVERY_MS = 20_000;
const SOURCES = /** @type {Record<string, string>} */ ({ settings: 'from the settings', added: 'added here', invite: 'from an invite' });

export function Network() {
  const data = useSignal(/** @type {any} */ (null));
  const change = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ body = undefined) => { const found = await trying('network', () => call(/** @type {any} */ (method), `/api/network${path}`, body)); if (found) { data.value = found; bounds(found); } return found; };
  useEffect(() => {
    let timer = 0, over = false;
    const again = async () => { if (!document.hidden) await trying('network-look', () => call('GET', '/api/network')).then(d => { if (d && !over) data.value = d; }); if (!over) timer = setTimeout(again, EVERY_MS); };
    again();
    return () => { over = true; clearTimeout(timer); };
  }, []);
  const of = data.value;
  return html`<div class="scroll page"><div class="inner network">${h(Remark, { of: s.problems.value.network })}
    <p class="sub">${say('Nodes are machines of people that draw for others. What you ask travels sealed: the hub between you sees who asks and how much, the node sees what is asked. Whoever runs a node can read the prompt.')}</p>
    ${of && html`${of.fault && html`<p class="remark" role="status">${say(of.fault)}</p>`}${h(Reach, { of, change })}${h(Share, { hubs: of.hubs.map((/** @type {any} */ u) => u.origin) })}${h(Nodes, { of, change })}${h(Invites, { of, change })}${h(Hubs, { of, change })}${h(Workers, {})}${h(Evidence, { of })}`}
  </div></div>`;
}

/** @typedef {{ of: any, change: (method: string, path: string, body?: any) => Promise<any> }} Part */

/** @param {Part} props */
function Reach({ of, change }) {
  return html`<section><h2>${say('How far prompts may go')}</h2><fieldset><legend class="sub">${say('For everything that is asked from now on')}</legend>
    ${REACHES.map(([id, name, more]) => html`<p key=${id}><label><input type="radio" name="reach" checked=${of.reach === id} onChange=${() => change('PUT', '/reach', { reach: id })} /> ${say(name)}</label> <span class="sub">${say(more)}</span></p>`)}
    <p><label><input type="checkbox" checked=${of.no_training} onChange=${() => change('PUT', '/reach', { no_training: !of.no_training })} /> ${say(UNLEARNT[0])}</label> <span class="sub">${say(UNLEARNT[1])}</span></p></fieldset></section>`;
}

/** @param {Part} props */
function Nodes({ of, change }) {
  return html`<section><h2>${say('Nodes')}</h2>
    <p><label><input type="checkbox" checked=${of.community} onChange=${(/** @type {any} */ e) => change('PUT', '/community', { given: e.currentTarget.checked })} /> ${say('Use nodes of people whom I do not know')}</label></p>
    ${!of.nodes.length && html`<p class="sub">${say('No node is known yet. Accept the invite of a friend, or add a hub.')}</p>`}
    <ul>${of.nodes.map((/** @type {any} */ n) => html`<li key=${n.id}><h3>${n.name}</h3>
      <p class="sub">${n.lane === 'pinned' ? say('You know who runs it: they invited you.') : n.lane === 'attested' ? say('Nobody here knows who runs it. Its hardware vouches for its program.') : say('Nobody here knows who runs it.')} ${n.reason ? say(n.reason) : (n.lane !== 'community' || of.community ? say('It can be asked.') : say('It is off until you switch such nodes on.'))}</p>
      ${n.evidence && html`<p class="sub">${say(n.evidence.why)}</p>`}
      <p class="sub">${n.models.map((/** @type {any} */ m) => m.id).join(', ')} · ${say('heard of {0}', clock(n.heard_ms))} · ${count(n.jobs, 'picture')}${n.refused > 0 ? ` · ${say('{0} not drawn by its rules', n.refused)}` : ''}${n.wrong > 0 ? ` · ${say('{0} failed the check and were not shown', n.wrong)}` : ''}</p></li>`)}</ul></section>`;
}

/** @param {Part} props */
function Invites({ of, change }) {
  const link = useSignal('');
  const accept = async (/** @type {any} */ e) => { e.preventDefault(); if (await change('POST', '/invites', { link: link.peek() })) link.value = ''; };
  return html`<section><h2>${say('Invites')}</h2>
    <form onSubmit=${accept}><label class="field"><span>${say('The link that a friend sent you')}</span><input type="text" autocomplete="off" spellcheck=${false} required value=${link.value} onInput=${(/** @type {any} */ e) => { link.value = e.currentTarget.value; }} /></label> <button class="btn" type="submit">${say('Accept')}</button></form>${h(Nearby, { changed: () => change('POST', '/pull') })}
    <ul>${of.invites.map((/** @type {any} */ i) => html`<li key=${i.node}>${i.name} <span class="sub">${i.hubs.join(', ')}</span> <button type="button" class="btn small" aria-label=${say('Forget the invite of {0}', i.name)} onClick=${() => change('DELETE', `/invites/${i.node}`)}>${say('Forget')}</button></li>`)}</ul></section>`;
}

/** How many messages more this studio may send by a hub's tokens, and why there are no more. @param {any} u */
const tokens = u => u.account || u.tokens > 0 || u.tokens_fault ? ` · ${u.tokens > 0 ? say('{0} left', count(u.tokens, 'token')) : say('no token left, so it is asked as a guest')}${u.tokens_fault ? ` · ${say(u.tokens_fault)}` : ''}` : '';

/** @param {Part} props */
function Hubs({ of, change }) {
  const hub = useSignal('');
  const add = async (/** @type {any} */ e) => { e.preventDefault(); if (await change('POST', '/hubs', { hub: hub.peek() })) hub.value = ''; };
  return html`<section><h2>${say('Hubs')}</h2><p class="sub">${say('A hub lists nodes and carries what is sealed for them. None is asked that is not here.')}</p>
    <form onSubmit=${add}><label class="field"><span>${say('Address of a hub')}</span><input type="url" autocomplete="off" required value=${hub.value} onInput=${(/** @type {any} */ e) => { hub.value = e.currentTarget.value; }} /></label> <button class="btn" type="submit">${say('Add hub')}</button>${of.hubs.length > 0 && html` <button class="btn" type="button" onClick=${() => change('POST', '/pull')}>${say('Ask all hubs now')}</button>`}</form>
    <ul>${of.hubs.map((/** @type {any} */ u) => html`<li key=${u.origin}>${u.origin} <span class="sub">${say(SOURCES[u.source] ?? u.source)} · ${u.fault ? say(u.fault) : u.heard_ms ? count(u.nodes, 'node') : say('not asked yet')}${tokens(u)}</span>${u.split && html`<details><summary>${say('The two checkpoints that it signed')}</summary><p class="sub">${u.split.told_by ? say('As it was shown here, and as it was shown to {0}:', u.split.told_by) : say('Both as they were shown here:')}</p><pre>${u.split.ours}</pre><pre>${u.split.theirs}</pre></details>`}${u.account && html`<details><summary>${say('A node of yours earns here')}</summary><p class="sub">${say('What it draws for people of this hub lets this studio send more there. What is shared from this page counts by itself; start a node elsewhere with:')}</p><pre>${['--earn-for', `${u.origin}#${u.account}`].join(' ')}</pre></details>`}${u.source === 'added' && html` <button type="button" class="btn small" aria-label=${say('Remove {0}', u.origin)} onClick=${() => change('DELETE', '/hubs', { hub: u.origin })}>${say('Remove')}</button>`}</li>`)}</ul></section>`;
}
