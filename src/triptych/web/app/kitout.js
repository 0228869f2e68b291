// @ts-check
/** What leaves a kit and what comes back: names of files, the archive, sheets for a client, their votes. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { tell, trying } from './actions.js';
import { call } from './api.js';
import { clock, count } from './format.js';
import { change, names, readVotes, Said, votes } from './kit.js';
import { useTyped } from './typed.js';
import { keepVotes } from './votes.js';
import * as s from './state.js';
import { done, during } from './undo.js';
import { Icon, Remark, h, html, say } from './ui.js';
/** @import { Kit } from './kit.js' */

const TYPES = [['png', 'PNG'], ['jpeg', 'JPEG'], ['webp', 'WebP']];

/** @param {{ of: Kit, fields: Record<string, string> }} props */
export function Names({ of, fields }) {
  const text = useTyped(of.template, of.id);
  useEffect(() => {                                        // the names on the cards follow what is typed
    tell('kitnames');
    if (text.value === of.template) { names.value = null; return; }
    const cut = new AbortController(), wait = setTimeout(async () => {
      const found = await trying('kitnames', () => call('GET', `/api/kits/${of.id}/names?template=${encodeURIComponent(text.peek())}`, undefined, cut.signal)).catch(e => { if (!cut.signal.aborted) throw e; });
      if (found && !cut.signal.aborted) names.value = Object.fromEntries(found.names.map((/** @type {any} */ n) => [n.format, n]));
    }, 120);
    return () => { clearTimeout(wait); cut.abort(); };
  }, [text.value, of.template, of.formats.length]);
  const shown = of.formats.map(f => names.value?.[f.id] ?? f.file), wrong = shown.filter(n => n.problem).length;
  return html`<section class="panel" aria-labelledby="names-h"><h2 id="names-h">${say('Names')}</h2>
    <form class="template" onSubmit=${(/** @type {any} */ e) => { e.preventDefault(); if (text.value !== of.template) change('PATCH', '', { template: text.value }); }}><label class="vh" for="template">${say('Template for the names of files')}</label>
      <input id="template" type="text" maxlength="200" spellcheck="false" value=${text.value} aria-describedby="names-now" onInput=${(/** @type {any} */ e) => { text.value = e.currentTarget.value; }} /><button class="btn small" disabled=${text.value === of.template || Boolean(s.problems.value.kitnames)}>${say('Use it')}</button></form>
    ${h(Remark, { of: s.problems.value.kitnames })}
    <p id="names-now" class="sub" role="status">${shown[0] && html`<code>${shown[0].name}</code>`}${wrong > 0 && ` ${say('{0} of {1} names cannot be used: see the formats.', wrong, shown.length)}`}</p>
    <details><summary>${say('What may stand in braces')}</summary><dl class="facts">${Object.entries(fields).map(([name, said]) => html`<div key=${name}><dt><code>{${name}}</code></dt><dd>${say(said)}</dd></div>`)}</dl></details></section>`;
}

/** @param {{ on: import('@preact/signals').Signal<boolean>, children?: any }} props */
const Switch = ({ on, children }) => html`<label class="switch"><input type="checkbox" role="switch" checked=${on.value} onChange=${(/** @type {any} */ e) => { on.value = e.currentTarget.checked; }} />${children}</label>`;

/** @param {{ of: Kit }} props */
export function Delivery({ of }) {
  const type = useSignal('png'), recipe = useSignal(true), credentials = useSignal(true), originals = useSignal(true);
  const wrong = of.formats.filter(f => !f.missing && f.file.problem).length, off = wrong ? say('Two files would have one name, or a name cannot be used: change the template.') : of.ready ? '' : say('No format is ready yet.');
  const query = new URLSearchParams({ type: type.value, recipe: recipe.value ? '1' : '0', credentials: credentials.value ? '1' : '0', originals: originals.value ? '1' : '0' });
  return html`<section class="panel" aria-labelledby="out-h"><h2 id="out-h">${say('Deliver')}</h2>
    <div class="set"><div class="seg" role="group" aria-label=${say('File type')}>${TYPES.map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${type.value === id} onClick=${() => { type.value = id; }}>${name}</button>`)}</div>
      ${h(Switch, { on: recipe }, say('Recipe in the files'))}${h(Switch, { on: credentials }, say('Content credentials'))}${h(Switch, { on: originals }, say('Signed originals and receipts'))}</div>
    <p class="sub">${say('{0} What is cut, resized or converted is derived; kit.json says of each file which signed original it comes from.', recipe.value ? say('Prompt and model go into the files.') : say('Prompt and model stay out of the files, and are in kit.json.'))}</p>
    <div class="set">${off ? html`<button type="button" class="btn go" disabled>${say('Export ZIP')}</button><span class="sub">${off}</span>` : html`<a class="btn go" href=${`/api/kits/${of.id}/export?${query}`} download>${h(Icon, { name: 'download' })}${say('Export ZIP')}</a><span class="sub">${of.ready === of.count ? count(of.count, 'format') : say('{0} of {1} formats; the others are not ready', of.ready, of.count)}</span>`}</div></section>`;
}

/** Takes what a client said into the user's own ranking, and out of it. @param {{ kit: string, ballot: any, offer: { picks: number, taken: number, why: string | null } }} props */
function Take({ kit, ballot, offer }) {
  const asking = useSignal(false), who = ballot.client || say('Somebody'), path = `/api/kits/${kit}/votes/${ballot.id}/picks`;
  const out = async () => { await trying('client', () => call('DELETE', path)); readVotes(); };
  const take = (/** @type {string} */ question) => {
    asking.value = false;
    return during(trying('client', async () => {
      const made = await call('POST', path, { question });
      done(say('{0} counts in your ranking now: {1}.', who, count(made.picks, 'pick')), out);
      readVotes();
    }));
  };
  if (!offer.picks) return html`<span class="sub">${say(offer.why ?? '')}</span>`;
  if (offer.taken && !asking.value) return html`<span class="sub">${say('counts in your ranking')}</span><button type="button" class="btn small" aria-label=${say('Take {0} out of your ranking', who)} onClick=${() => during(out())}>${say('Take out')}</button>`;
  return asking.value ? html`<span class="set" role="group" aria-label=${say('What did {0} answer?', who)}><button type="button" class="btn small" ref=${(/** @type {any} */ b) => b?.focus()} onClick=${() => take('prettier')}>${say('Prettier')}</button><button type="button" class="btn small" onClick=${() => take('closer')}>${say('Closer to the brief')}</button><button type="button" class="btn small" onClick=${() => { asking.value = false; }}>${say('Leave it')}</button></span>`
    : html`<button type="button" class="btn small" aria-label=${say('Take {0} into your ranking', who)} onClick=${() => { asking.value = true; }}>${say('Take into your ranking…')}</button>`;
}

/** @param {{ of: Kit }} props */
export function Client({ of }) {
  const what = useSignal('formats'), blind = useSignal(false), prices = useSignal(false), busy = useSignal(false), told = votes.value;
  const sheet = async () => {
    busy.value = true;
    const made = await trying('client', () => call('POST', `/api/kits/${of.id}/sheets`, { of: what.value, blind: blind.value, prices: prices.value }));
    busy.value = false;
    if (!made) return;
    Object.assign(document.createElement('a'), { href: made.url, download: '' }).click();
    readVotes();
  };
  const read = async (/** @type {any} */ e) => { const files = [...e.currentTarget.files]; e.currentTarget.value = ''; for (const file of files) await keepVotes(file, 'client'); };
  const others = told?.pictures.filter((/** @type {any} */ v) => !of.formats.some(f => f.id === v.format)) ?? [];
  return html`<section class="panel" aria-labelledby="client-h"><h2 id="client-h">${say('For a client')}</h2>
    <p class="sub">${say('One file that opens from disk, offline and without an account. They vote, put in order and comment; what they save comes back here.')}</p>
    <div class="set"><div class="seg" role="group" aria-label=${say('What it shows')}>${[['formats', say('The formats')], ['row', say('All of the row')]].map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${what.value === id} onClick=${() => { what.value = id; }}>${name}</button>`)}</div>${h(Switch, { on: blind }, say('Letters only'))}${h(Switch, { on: prices }, say('With prices'))}</div>
    <div class="set"><button type="button" class="btn" disabled=${busy.value || !of.picture} onClick=${sheet}>${h(Icon, { name: 'share-2' })}${say('Make a sheet')}</button><a class="btn" href=${`/api/kits/${of.id}/paper?of=${what.value}&prices=${prices.value ? 1 : 0}`} download>${h(Icon, { name: 'download' })}${say('Contact sheet, PDF')}</a>
      <label class="btn">${say('Votes from a client…')}<input class="vh" type="file" accept=".json,application/json,text/plain" multiple onChange=${read} /></label></div>
    <p class="sub">${say('Or drop the file anywhere in the studio, or paste the text they sent.')}</p>${h(Remark, { of: s.problems.value.client })}
    ${told?.ballots.length > 0 && html`<h3>${say('{0} answered', count(told.ballots.length, 'client'))}</h3><p class="sub">${say('Shown beside each picture, apart from your own picks: they change nothing that is chosen, and count in your ranking only where you take them into it.')}</p>
      <ul class="list">${told.ballots.map((/** @type {any} */ b) => html`<li key=${b.id}><p><span><b>${b.client || say('Somebody')}</b>, ${count(b.answers, 'answer')}, ${clock(b.received_ms)}${b.comment && html`<br />${b.comment}`}</span>${told.ranking?.[b.id] && h(Take, { kit: of.id, ballot: b, offer: told.ranking[b.id] })}<button type="button" class="btn small" aria-label=${say('Forget the votes of {0}', b.client || say('somebody'))} onClick=${async () => { await trying('client', () => call('DELETE', `/api/kits/${of.id}/votes/${b.id}`)); readVotes(); }}>${say('Forget')}</button></p></li>`)}</ul>`}
    ${others.length > 0 && html`<h3>${say('Pictures of the row')}</h3><ul class="others">${others.map((/** @type {any} */ v) => html`<li key=${v.picture}><img src=${`/api/images/${v.picture}/thumb`} alt=${say('A picture of the row')} width="96" height="96" />${h(Said, { v, other: false })}</li>`)}</ul>`}</section>`;
}
