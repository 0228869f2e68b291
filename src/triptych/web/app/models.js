// @ts-check
/** Every provider: what is in use as cards; below them the ways to add a model, and each other provider as a line that opens in
 * its place. One field looks through all of them. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { trying } from './actions.js';
import { coded } from './coded.js';
import { stay } from './composer.js';
import { Community, PasteKey, Verdict, refresh } from './credentials.js';
import { LocalServers } from './local.js';
import { Card, Line } from './provider.js';
import * as s from './state.js';
import { h, html, say } from './ui.js';
/** @import { Model, Provider } from './types' */

/** A provider with its models, those of them that fit what is looked for, and whether it is among what is found.
 * @typedef {{ p: Provider, models: Model[], hits: Model[], shown: boolean }} Found */

/** Which are ticked on a first visit, and why: the server's own words. */
const TICKED = JSON.parse(document.getElementById('boot')?.textContent ?? '{}').first_choice_rule;

/** A name without what people write one way or another: `FLUX.2 [pro]` is `flux2pro`. @param {string} name */
const plain = name => name.normalize('NFKD').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');

/** Whether every word of a query is in one of these names. @param {string[]} words @param {...string} names */
const fits = (words, ...names) => words.every(w => names.some(name => plain(name).includes(w)));

/** Whether a provider can be drawn with, or could if it worked. @param {Provider} p */
const used = p => p.consent ? p.consent.given : !p.needs_key || Boolean(p.key?.source);

/** Where each stands. On one visit no card turns into a line, and no line that was opened into a card: what somebody reads or
 * types into stays where it is, whatever is heard of it meanwhile. */
function usePlaces() {
  const cards = useRef(/** @type {Set<string>} */ (new Set())).current, opened = useRef(/** @type {Set<string>} */ (new Set())).current;
  return { opened, isCard: (/** @type {Provider} */ p) => { if (used(p) && !opened.has(p.id)) cards.add(p.id); return cards.has(p.id); } };
}

/** Goes to the provider that the address names: opens its lines, and its field has the focus. Only the page's own box is scrolled.
 * @param {HTMLElement | null} box @param {import('@preact/signals').Signal<string>} query */
function reveal(box, query) {
  const wanted = location.hash.slice(1), place = wanted && document.getElementById(`provider-${wanted}`);
  if (!place || !box) return false;
  if (query.peek()) { query.value = ''; requestAnimationFrame(() => reveal(box, query)); return true; }
  if (place instanceof HTMLDetailsElement) place.open = true;
  for (const part of /** @type {NodeListOf<HTMLDetailsElement>} */ (place.querySelectorAll('.flap'))) part.open = true;
  box.scrollTop += place.getBoundingClientRect().top - box.getBoundingClientRect().top - 12;
  /** @type {HTMLElement | null} */ (place.querySelector('input') ?? place.querySelector('summary'))?.focus({ preventScroll: true });
  return true;
}

export function Models() {
  const box = useRef(/** @type {HTMLElement | null} */ (null)), query = useSignal(''), places = usePlaces();
  useEffect(() => {
    const again = () => { reveal(box.current, query); }, there = reveal(box.current, query);
    trying('models', refresh).then(() => { if (!there) requestAnimationFrame(again); });
    addEventListener('hashchange', again);
    return () => removeEventListener('hashchange', again);
  }, []);
  const words = useComputed(() => query.value.split(/\s+/).map(plain).filter(Boolean)).value, looks = words.length > 0;
  const all = s.providers.value, lanes = all.filter(p => p.consent);
  const found = [...all.filter(p => p.needs_key), ...lanes, ...all.filter(p => !p.needs_key && !p.consent)].map(p => {
    const models = s.models.value.filter(m => m.provider === p.id || p.models.includes(m.id));
    const hits = models.filter(m => fits(words, p.name, m.name, m.id));
    return { p, models, hits, shown: hits.length > 0 || fits(words, p.name) };
  });
  const cards = found.filter(f => places.isCard(f.p)), lines = found.filter(f => !cards.includes(f));
  const some = (/** @type {Found[]} */ those) => those.some(f => f.shown), count = found.filter(f => f.shown).length;
  return html`<div class="scroll page providers" ref=${box}><div class="inner">
    ${h(Seek, { query, count: looks ? count : null })}
    <section aria-labelledby="in-use" hidden=${!some(cards)}><header><h2 id="in-use">${say('In use')}</h2>
      <p class="rule"><a href="/ranking" onClick=${stay}>${say('Your ranking')}</a> · <a href="/drift" onClick=${stay}>${say('Watch a model for drift')}</a> · <a href="/network" onClick=${stay}>${say('Nodes of friends and volunteers')}</a></p></header>
      <div class="cards">${cards.map(f => h(Card, { key: f.p.id, provider: f.p, models: f.models, sought: looks ? f.hits : null, hidden: !f.shown }))}</div></section>
    <section aria-labelledby="add-one" hidden=${looks && !some(lines)}><h2 id="add-one">${say('Add a model')}</h2>
      <div class="ways" hidden=${looks}><div><h3>${say('Paste a key or an invite')}</h3><p>${say('Triptych recognises the provider. The key is tried at once, with a call that costs nothing, kept encrypted on this machine, and never shown again.')} ${say('With a friend’s invite you draw on their machine.')}</p>${h(PasteKey, null)}</div>
        ${lanes.map(p => h(Community, { key: p.id, provider: p }))}
        ${h(LocalServers, null)}<div><h3>${say('Your own endpoints')}</h3><p>${own()}</p></div></div>
      ${h(Verdict, { check: null, place: 'models' })}
      ${lines.length > 0 && html`<div class="lines">${lines.map(f => h(Line, { key: f.p.id, provider: f.p, models: f.models, sought: looks ? f.hits : null, hidden: !f.shown, opened: () => places.opened.add(f.p.id) }))}</div>`}</section>
    ${looks && !count && html`<div class="none"><p>${say('No provider and no model has that in its name here.')} ${own()}</p><button type="button" class="btn small" onClick=${() => { query.value = ''; document.getElementById('seek')?.focus(); }}>${say('Show all of them')}</button></div>`}
    ${s.orderRule.value && html`<p class="rule">${say('Order of models everywhere: {0}. None is put forward.', say(s.orderRule.value))} ${TICKED && say('Ticked on a first visit: {0}.', say(TICKED))}</p>`}
  </div></div>`;
}

const own = () => coded(say('Any server that speaks the OpenAI Images API can be named in `triptych.toml`, with any address, on this machine too.'));

/** @param {{ query: import('@preact/signals').Signal<string>, count: number | null }} props */
const Seek = ({ query, count }) => html`<search class="seek"><label class="vh" for="seek">${say('Find a provider or a model')}</label>
  <input id="seek" type="search" autocomplete="off" spellcheck=${false} placeholder=${say('Find a provider or a model')} value=${query}
    onInput=${e => { query.value = e.currentTarget.value; }} onKeyDown=${e => { if (e.key === 'Escape') { e.preventDefault(); query.value = ''; } }} />
  <span class="num" role="status">${count === null ? '' : say('{0} found', count)}</span></search>`;
