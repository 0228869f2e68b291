// @ts-check
/** Where a picture comes from and what came of it: a tree that arrows walk. A node is a picture; beside it stand what was
 * asked for, who drew it and what it cost, and what its whole branch cost. */
import { computed, effect, signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { deed, trying } from './actions.js';
import { ApiError, call } from './api.js';
import { price } from './amounts.js';
import { count, money } from './format.js';
import { heard, signOf } from './commands.js';
import { carry, pictured } from './dropping.js';
import { choose, isKey, marked } from './keyvisual.js';
import { openKit } from './kitopen.js';
import * as s from './state.js';
import { done, during } from './undo.js';
import { Remark, h, html, say, toast } from './ui.js';

/** @typedef {{ tile: string, run: string, origin: string | null, state: string, model: string, endpoint: string | null, name: string, maker: string, prompt: string, ratio: number, cost: import('./types').Cost | null, picture: string | null, images: import('./types').Picture[], how: string, veiled: boolean, pinned: boolean, pruned: boolean, row_hidden: boolean, key: boolean, more: number, refs: { role: string }[], branch: { tiles: number, spent_micro_usd: number, unknown: number, veiled: number } }} Node */
/** @typedef {{ focus: string, nodes: Node[], tiles: number, whole: boolean, pruned: number }} Tree */

const HOW = /** @type {Record<string, string>} */ ({ first: '', again: 'once more', edit: 'changed', reference: 'as a reference', promoted: 'made final', upscale: 'enlarged', remove_background: 'cut out' });
const STATES = /** @type {Record<string, string>} */ ({ blocked: 'refused', failed: 'failed', cancelled: 'stopped', lost: 'lost', done: 'no picture' });

const tree = signal(/** @type {Tree | null} */ (null)), wrong = signal(/** @type {any} */ (null));
const at = signal(''), all = signal(false);            // the node that the keys go from; whether hidden branches show

const asked = () => s.view.value === 'lineage' && s.path.value.split('/')[2] || '';

let questions = 0, shown = 0;
/** @param {string} of @param {AbortSignal} [cut] */
async function load(of, cut) {
  const mine = ++questions;
  const newest = () => {                                 // an answer to an earlier question may come later
    if (mine < shown || of !== asked()) return false;
    shown = mine;
    return true;
  };
  try {
    const found = await call('GET', `/api/lineage/${of}${all.peek() ? '?pruned=1' : ''}`, undefined, cut);
    if (!newest()) return;
    tree.value = found;
    wrong.value = null;
    if (!found.nodes.some((/** @type {Node} */ n) => n.tile === at.peek())) at.value = found.focus;
  } catch (error) {
    if (!(error instanceof ApiError)) { if (!cut?.aborted) throw error; return; }
    if (newest()) wrong.value = { message: error.message, hint: error.hint };
  }
}

const node = () => tree.peek()?.nodes.find(n => n.tile === at.peek());
const shot = (/** @type {Node} */ n) => n.images.find(i => i.id === n.picture);

/** @param {Node} n @param {string} tile */
function stand(n, tile = n.tile) {
  at.value = tile;
  requestAnimationFrame(() => {
    const item = document.getElementById(`node-${tile}`);
    item?.focus({ preventScroll: true });
    item?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });
}

// What is done with a node

/** @param {Node} n */
async function open(n) {
  if (!n.picture) { toast(say('There is no picture of it.')); return; }
  const known = s.findTile(n.tile) ?? await trying('toast', async () => s.place((await call('GET', `/api/tiles/${n.tile}`)).tile));
  if (known) s.comparing.value = [{ image: n.picture, tile: known }];
}

/** @param {Node} n @param {'pinned' | 'pruned'} what @param {boolean} to */
const mark = (n, what, to) => during(marking(n, what, to));

/** @param {Node} n @param {'pinned' | 'pruned'} what @param {boolean} to @param {boolean} [undone] what was done is taken back: no step of its own */
async function marking(n, what, to, undone) {
  if (!await trying('toast', async () => { await call('PATCH', `/api/lineage/${n.tile}`, { [what]: to }); return true; })) return;
  const hides = what === 'pruned' && to;
  if (hides) at.value = n.origin ?? n.tile;
  const said = hides ? say('Branch hidden: {0}.', count(n.branch.tiles, 'picture')) : what === 'pinned' ? to ? say('Pinned.') : say('Not pinned any more.') : say('In sight again.');
  if (!undone) done(said, () => marking(n, what, !to, true), !hides);
  if (!asked()) return;                                  // taken back from another page
  await load(asked());
  const now = node();
  if (now) stand(now);
}

/** By what follows `lineage-` in the id of a command; a picture is opened with Enter. */
const DEEDS = /** @type {[string, (n: Node) => string, (n: Node) => unknown, (n: Node) => boolean][]} */ ([
  ['open', () => 'Look closer', open, n => !n.picture],
  ['pin', n => n.pinned ? 'Unpin' : 'Pin', n => mark(n, 'pinned', !n.pinned), () => false],
  ['key', n => isKey(n.picture ?? undefined) ? 'No key visual' : 'Key visual', n => n.picture && choose(n.picture), n => !n.picture],
  ['kit', n => isKey(n.picture ?? undefined) ? 'Make the kit' : 'Key-visual kit', n => n.picture && openKit(n.picture), n => !n.picture || n.veiled],
  ['hide', n => n.pruned ? 'Show the branch' : 'Hide the branch', n => mark(n, 'pruned', !n.pruned), n => !n.origin],
  ['reference', () => 'Use as reference', n => { const i = shot(n); if (i) deed('useImage', i, /** @type {any} */ ({ ...n, id: n.tile }), 'subject'); }, n => !n.picture],
]);

/** @param {KeyboardEvent} e */
function key(e) {
  const all = tree.peek()?.nodes ?? [], i = all.findIndex(n => n.tile === at.peek()), here = all[i];
  if (!here || e.altKey) return;
  const to = { ArrowDown: all[i + 1], ArrowUp: all[i - 1], ArrowRight: all.find(n => n.origin === here.tile), ArrowLeft: all.find(n => n.tile === here.origin), Home: all[0], End: all[all.length - 1] };
  const mod = e.ctrlKey || e.metaKey, name = !mod && e.key === 'Enter' ? 'open' : heard('lineage', e)?.id.slice(8), means = DEEDS.find(d => d[0] === name);
  if (!mod && e.key in to) { const next = to[e.key]; if (next) stand(next); }
  else if (means) { if (!means[3](here)) means[2](here); }
  else return;
  e.preventDefault();
  e.stopPropagation();
}

/** Looks again when something happens in the family while it is open: a picture comes, one is made from it, a branch is marked
 * on another page. @param {string} of @returns {() => void} ends it */
function follow(of) {
  const here = () => new Set(tree.peek()?.nodes.map(n => n.tile));
  const news = computed(() => {
    const known = here(), all = s.rows.value.flatMap(r => r.tiles.value.map(t => t.value));
    return `${marked.value} ${all.filter(t => known.has(t.id) || known.has(t.parent?.tile ?? '')).map(t => t.id + t.state)}`;
  });
  let before = '';
  return effect(() => {
    const now = news.value;
    if (before && now !== before && tree.peek()) load(of);
    before = now;
  });
}

// How it is drawn

/** What a branch cost, in words. @param {Node['branch']} b */
const spent = b => [b.spent_micro_usd || !b.unknown && !b.veiled ? money(b.spent_micro_usd) : '', b.unknown ? say('{0} unknown', count(b.unknown, 'charge')) : '', b.veiled ? b.spent_micro_usd || b.unknown ? say('{0} left out', count(b.veiled, 'blind picture')) : say('cost hidden') : ''].filter(Boolean).join(', ');
const charged = (/** @type {Node['branch']} */ b) => b.spent_micro_usd || b.unknown || b.veiled;
const who = (/** @type {Node} */ n) => n.veiled ? say('hidden until one is picked') : n.name;
const cost = (/** @type {Node} */ n) => n.veiled ? say('cost hidden') : n.cost ? price(n.cost) : '';

export function Lineage() {
  const of = asked();
  useEffect(() => {
    const cut = new AbortController();
    at.value = of;
    tree.value = null;
    wrong.value = null;
    if (of) load(of, cut.signal).then(() => { const n = node(); if (n && !cut.signal.aborted) stand(n); });
    const stop = of && follow(of);
    return () => { cut.abort(); if (stop) stop(); };
  }, [of]);
  const found = tree.value, here = found?.nodes.find(n => n.tile === at.value), first = found?.nodes[0];
  if (!of) return html`<div class="scroll"><p class="sub lost">${say('Stand on a picture and press {0} to see where it comes from.', signOf('lineage') || '–')} <a href="/">${say('To the studio')}</a></p></div>`;
  if (wrong.value) return html`<div class="scroll">${h(Remark, { of: wrong.value })}</div>`;
  if (!found || !first) return html`<div class="scroll"><p class="sub lost" role="status">${say('Looking…')}</p></div>`;
  return html`<div class="lineage"><header><p class="num">${count(found.tiles, 'tile')} · ${spent(first.branch)}</p>
      ${!found.whole && html`<p class="sub">${say('Only the first {0} are counted.', count(found.tiles, 'tile'))}</p>`}
      ${found.pruned > 0 && html`<button type="button" class="btn small" aria-pressed=${all.value} onClick=${() => { all.value = !all.value; load(of); }}>${say(all.value ? 'Leave out {0}' : 'Show {0}', count(found.pruned, 'hidden branch', 'hidden branches'))}</button>`}</header>
    <div class="bar" role="toolbar" aria-label=${say('With this picture')} onMouseDown=${e => e.preventDefault()}>${here && DEEDS.map(([id, name, run, off]) => html`<button type="button" key=${id} class="btn small" disabled=${off(here)} onClick=${() => run(here)}>${say(name(here))} <kbd>${id === 'open' ? '↵' : signOf(`lineage-${id}`)}</kbd></button>`)}</div>
    ${here?.picture && !found.nodes.some(n => n.origin === here.tile) && !here.more && h(Next, { key: here.tile, tile: here.tile, id: here.picture })}
    <div class="branches"><ul role="tree" aria-label=${say('Lineage')} onKeyDown=${key}>${h(Branch, { n: first, nodes: found.nodes, level: 1 })}</ul></div></div>`;
}

/** Ways on from a picture of which nothing was made yet. @param {{ tile: string, id: string }} props */
function Next({ tile, id }) {
  const draft = useSignal(false), ways = () => import('./gallerymenu.js'), go = (/** @type {string} */ name) => () => { ways().then(m => m.act(name, { tile, id })); };
  useEffect(() => { ways().then(m => m.whole({ tile, id })).then(found => { draft.value = found?.t.draft != null; }); }, []);
  return html`<div class="bar next" role="group" aria-label=${say('What next')}><span class="sub">${say('Nothing was made from this picture yet.')}</span><button type="button" class="btn small" onClick=${go('edit')}>${say('Edit…')}</button>
    <button type="button" class="btn small" onClick=${go('vary')}>${say('Vary…')}</button>${draft.value && html`<button type="button" class="btn small" onClick=${go('final')}>${say('Make final')}</button>`}</div>`;
}

/** @param {{ n: Node, nodes: Node[], level: number }} props */
function Branch({ n, nodes, level }) {
  const below = nodes.filter(c => c.origin === n.tile), image = shot(n), on = at.value === n.tile, keyed = isKey(n.picture ?? undefined);
  return html`<li role="none">
    <div class="twig" role="treeitem" id=${`node-${n.tile}`} tabindex=${on ? 0 : -1} aria-level=${level} aria-selected=${on} aria-expanded=${below.length ? true : null} data-on=${on} data-pruned=${n.pruned} data-focus=${tree.value?.focus === n.tile} onClick=${() => stand(n)} onDblClick=${() => open(n)}>
      <span class="plate">${image ? html`<img src=${image.thumb} alt="" width=${image.width} height=${image.height} loading="lazy" onDragStart=${e => carry(e, pictured(image, { id: n.tile, run: n.run, name: n.veiled ? '' : n.name }))} />` : html`<small>${say(STATES[n.state] ?? 'under way')}</small>`}</span>
      <span class="said"><span class="prompt">${n.prompt || say('no words')}</span><span class="sub">${[say(HOW[n.how]), who(n)].filter(Boolean).join(' · ')}${n.refs.length > 0 && ` · ${count(n.refs.length, 'reference')}`}</span>
        <span class="num">${cost(n)}${below.length > 0 && Boolean(charged(n.branch)) && html`${say('{0}branch {1}', cost(n) && ' · ', spent(n.branch))}`}</span>
        ${(keyed || n.pinned || n.pruned || n.more > 0 || n.row_hidden) && html`<span class="signs">${keyed && html`<b>${say('◆ Key visual')}</b>`}${n.pinned && html`<span>${say('pinned')}</span>`}${n.pruned && html`<span>${say('hidden')}</span>`}${n.row_hidden && html`<span>${say('row hidden')}</span>`}${n.more > 0 && html`<span>${say('{0} more not shown', n.more)}</span>`}</span>`}</span></div>
    ${below.length > 0 && html`<ul role="group">${below.map(c => h(Branch, { key: c.tile, n: c, nodes, level: level + 1 }))}</ul>`}</li>`;
}
