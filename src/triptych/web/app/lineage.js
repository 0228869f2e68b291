// @ts-check
/** Where a picture comes from and what came of it: a tree that arrows walk. A node is a picture; beside it stand what was
 * asked for, who drew it and what it cost, and what its whole branch cost. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { deed, trying } from './actions.js';
import { ApiError, call } from './api.js';
import { count, money, price } from './format.js';
import { choose, isKey } from './keyvisual.js';
import * as s from './state.js';
import { done } from './undo.js';
import { Remark, h, html, toast } from './ui.js';

/** @typedef {{ tile: string, run: string, origin: string | null, state: string, model: string, endpoint: string | null, name: string, maker: string, prompt: string, ratio: number, cost: import('./types').Cost | null, picture: string | null, images: import('./types').Picture[], how: string, veiled: boolean, pinned: boolean, pruned: boolean, row_hidden: boolean, key: boolean, more: number, refs: { role: string }[], branch: { tiles: number, spent_micro_usd: number, unknown: number, veiled: number } }} Node */
/** @typedef {{ focus: string, nodes: Node[], tiles: number, whole: boolean, pruned: number }} Tree */

const HOW = /** @type {Record<string, string>} */ ({ first: '', again: 'once more', edit: 'changed', reference: 'as a reference', promoted: 'made final' });
const STATES = /** @type {Record<string, string>} */ ({ blocked: 'refused', failed: 'failed', cancelled: 'stopped', lost: 'lost', done: 'no picture' });

const tree = signal(/** @type {Tree | null} */ (null)), wrong = signal(/** @type {any} */ (null));
const at = signal(''), all = signal(false);            // the node that the keys go from; whether hidden branches show

const asked = () => s.path.value.split('/')[2] ?? '';

/** @param {string} of @param {AbortSignal} [cut] */
async function load(of, cut) {
  try {
    const found = await call('GET', `/api/lineage/${of}${all.peek() ? '?pruned=1' : ''}`, undefined, cut);
    tree.value = found;
    wrong.value = null;
    if (!found.nodes.some((/** @type {Node} */ n) => n.tile === at.peek())) at.value = found.focus;
  } catch (error) {
    if (!(error instanceof ApiError)) { if (!cut?.aborted) throw error; return; }
    wrong.value = { message: error.message, hint: error.hint };
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
  if (!n.picture) { toast('There is no picture of it.'); return; }
  const known = s.findTile(n.tile) ?? await trying('toast', async () => signal((await call('GET', `/api/tiles/${n.tile}`)).tile));
  if (known) s.comparing.value = [{ image: n.picture, tile: known }];
}

/** @param {Node} n @param {'pinned' | 'pruned'} what @param {boolean} to */
async function mark(n, what, to) {
  if (!await trying('toast', async () => { await call('PATCH', `/api/lineage/${n.tile}`, { [what]: to }); return true; })) return;
  const back = () => { mark(n, what, !to); };
  if (what === 'pruned' && to) {
    at.value = n.origin ?? n.tile;
    done(`Branch hidden: ${count(n.branch.tiles, 'picture')}.`, back);
  } else done(what === 'pinned' ? to ? 'Pinned.' : 'Not pinned any more.' : 'In sight again.', back, true);
  await load(asked());
  const now = node();
  if (now) stand(now);
}

const DEEDS = /** @type {[string, string, (n: Node) => string, (n: Node) => unknown, (n: Node) => boolean][]} */ ([
  ['Enter', '↵', () => 'Look closer', open, n => !n.picture],
  ['p', 'P', n => n.pinned ? 'Unpin' : 'Pin', n => mark(n, 'pinned', !n.pinned), () => false],
  ['k', 'K', n => isKey(n.picture ?? undefined) ? 'No key visual' : 'Key visual', n => n.picture && choose(n.picture), n => !n.picture],
  ['Delete', 'Del', n => n.pruned ? 'Show the branch' : 'Hide the branch', n => mark(n, 'pruned', !n.pruned), n => !n.origin],
  ['r', 'R', () => 'Use as reference', n => { const i = shot(n); if (i) deed('useImage', i, /** @type {any} */ ({ ...n, id: n.tile }), 'subject'); }, n => !n.picture],
]);

/** @param {KeyboardEvent} e */
function key(e) {
  const all = tree.peek()?.nodes ?? [], i = all.findIndex(n => n.tile === at.peek()), here = all[i];
  if (!here || e.ctrlKey || e.metaKey || e.altKey) return;
  const to = { ArrowDown: all[i + 1], ArrowUp: all[i - 1], ArrowRight: all.find(n => n.origin === here.tile), ArrowLeft: all.find(n => n.tile === here.origin), Home: all[0], End: all[all.length - 1] };
  const name = e.key === 'Backspace' ? 'Delete' : e.key.length === 1 ? e.key.toLowerCase() : e.key, means = DEEDS.find(d => d[0] === name);
  if (e.key in to) { const next = to[e.key]; if (next) stand(next); }
  else if (means && (name.length > 1 || s.letters.peek())) { if (!means[4](here)) means[3](here); }
  else return;
  e.preventDefault();
  e.stopPropagation();
}

// How it is drawn

/** What a branch cost, in words. @param {Node['branch']} b */
const spent = b => [b.spent_micro_usd || !b.unknown ? money(b.spent_micro_usd) : '', b.unknown ? `${count(b.unknown, 'charge')} unknown` : '', b.veiled ? `${count(b.veiled, 'blind picture')} left out` : ''].filter(Boolean).join(', ');
const charged = (/** @type {Node['branch']} */ b) => b.spent_micro_usd || b.unknown || b.veiled;
const who = (/** @type {Node} */ n) => n.veiled ? 'hidden until one is picked' : n.name;
const cost = (/** @type {Node} */ n) => n.veiled ? '' : n.cost ? price(n.cost) : '';

export function Lineage() {
  const of = asked();
  useEffect(() => {
    const cut = new AbortController();
    at.value = of;
    tree.value = null;
    wrong.value = null;
    if (of) load(of, cut.signal).then(() => { const n = node(); if (n && !cut.signal.aborted) stand(n); });
    return () => cut.abort();
  }, [of]);
  const found = tree.value, here = found?.nodes.find(n => n.tile === at.value), first = found?.nodes[0];
  if (!of) return html`<div class="scroll"><p class="sub lost">Stand on a picture and press L to see where it comes from. <a href="/">To the studio</a></p></div>`;
  if (wrong.value) return html`<div class="scroll">${h(Remark, { of: wrong.value })}</div>`;
  if (!found || !first) return html`<div class="scroll"><p class="sub lost" role="status">Looking…</p></div>`;
  return html`<div class="lineage"><header><p class="num">${count(found.tiles, 'tile')} · ${spent(first.branch)}</p>
      ${!found.whole && html`<p class="sub">Only the first ${count(found.tiles, 'tile')} are counted.</p>`}
      ${found.pruned > 0 && html`<button type="button" class="btn small" aria-pressed=${all.value} onClick=${() => { all.value = !all.value; load(of); }}>${all.value ? 'Leave out' : 'Show'} ${count(found.pruned, 'hidden branch', 'hidden branches')}</button>`}</header>
    <div class="bar" role="toolbar" aria-label="With this picture" onMouseDown=${e => e.preventDefault()}>${here && DEEDS.map(([id, sign, name, run, off]) => html`<button type="button" key=${id} class="btn small" disabled=${off(here)} onClick=${() => run(here)}>${name(here)} <kbd>${sign}</kbd></button>`)}</div>
    <div class="branches"><ul role="tree" aria-label="Lineage" onKeyDown=${key}>${h(Branch, { n: first, nodes: found.nodes, level: 1 })}</ul></div></div>`;
}

/** @param {{ n: Node, nodes: Node[], level: number }} props */
function Branch({ n, nodes, level }) {
  const below = nodes.filter(c => c.origin === n.tile), image = shot(n), on = at.value === n.tile, keyed = isKey(n.picture ?? undefined);
  return html`<li role="none">
    <div class="card" role="treeitem" id=${`node-${n.tile}`} tabindex=${on ? 0 : -1} aria-level=${level} aria-selected=${on} aria-expanded=${below.length ? true : null} data-on=${on} data-pruned=${n.pruned} data-focus=${tree.value?.focus === n.tile} onClick=${() => stand(n)} onDblClick=${() => open(n)}>
      <span class="plate">${image ? html`<img src=${image.thumb} alt="" width=${image.width} height=${image.height} loading="lazy" draggable=${false} />` : html`<small>${STATES[n.state] ?? 'under way'}</small>`}</span>
      <span class="said"><span class="prompt">${n.prompt || 'no words'}</span><span class="sub">${[HOW[n.how], who(n)].filter(Boolean).join(' · ')}${n.refs.length > 0 && ` · ${count(n.refs.length, 'reference')}`}</span>
        <span class="num">${cost(n)}${below.length > 0 && charged(n.branch) && html`${cost(n) && ' · '}branch ${spent(n.branch)}`}</span>
        ${(keyed || n.pinned || n.pruned || n.more > 0 || n.row_hidden) && html`<span class="signs">${keyed && html`<b>◆ Key visual</b>`}${n.pinned && html`<span>pinned</span>`}${n.pruned && html`<span>hidden</span>`}${n.row_hidden && html`<span>row hidden</span>`}${n.more > 0 && html`<span>${n.more} more not shown</span>`}</span>`}</span></div>
    ${below.length > 0 && html`<ul role="group">${below.map(c => h(Branch, { key: c.tile, n: c, nodes, level: level + 1 }))}</ul>`}</li>`;
}
