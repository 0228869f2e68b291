// @ts-check
/** How the gallery is looked at: in which order, how large, and by a form that writes the query. */
import { signal } from '@preact/signals';
import { useId } from 'preact/hooks';
import * as s from './state.js';
import { Menu, h, html, say } from './ui.js';

/** @typedef {{ fields: { name: string, example: string }[], models: string[], ratios: string[], tags: string[], projects: string[] }} Values */
/** @typedef {'newest' | 'oldest' | 'stars' | 'cost'} Order */

export const ORDERS = /** @type {Order[]} */ (['newest', 'oldest', 'stars', 'cost']);
const NAMES = { newest: 'Newest first', oldest: 'Oldest first', stars: 'Most stars first', cost: 'Dearest first' };
export const order = signal(ORDERS.find(o => o === s.local['gallery.order']) ?? 'newest');
export const filtering = signal(false);

const SMALL = 96, LARGE = 480, STEP = 32, USUAL = { narrow: 104, wide: 160 };
const size = signal(Number(s.local['gallery.size']) || 0);  // 0: as it is usual for this window
/** The least side of a cell, in CSS pixels. @param {number} width of the grid */
export const least = width => Math.min(width, size.value || (width < 640 ? USUAL.narrow : USUAL.wide));

/** @param {number} to */
function setSize(to) { s.local['gallery.size'] = String(size.value = Math.max(SMALL, Math.min(LARGE, to))); }
/** One step larger or smaller. @param {1 | -1} by */
export const resize = by => setSize(least(innerWidth) + by * STEP);

/** @param {{ sortBy: (order: Order) => void }} props */
export const Look = ({ sortBy }) => html`<span class="look">
  ${h(Menu, { label: say('Order: {0}', say(NAMES[order.value])), text: say(NAMES[order.value]), class: 'btn small', items: () => ORDERS.map(o => ({ name: say(NAMES[o]), note: o === order.value ? '✓' : '', run: () => sortBy(o) })) })}
  <input type="range" aria-label=${say('Size of the pictures')} title=${say('Size of the pictures')} min=${SMALL} max=${LARGE} step=${STEP / 2} value=${least(innerWidth)} onInput=${e => setSize(Number(e.currentTarget.value))} /></span>`;

/** Words of a query: `name:value` or `name:"two words"`. @param {string} name */
const pattern = name => new RegExp(`(^|\\s)${name}:("[^"]*"?|\\S*)`, 'i');
/** What a query says of a field, without quotes; '' where it says nothing. @param {string} query @param {string} name */
export const said = (query, name) => (pattern(name).exec(query)?.[2] ?? '').replaceAll('"', '');
/** A query with another value of a field; '' takes the field out. @param {string} query @param {string} name @param {string} value */
export function put(query, name, value) {
  const word = value && `${name}:${/\s/.test(value) ? `"${value}"` : value}`, there = pattern(name);
  return (there.test(query) ? query.replace(there, (_, gap) => word && gap + word) : `${query} ${word}`).replace(/\s+/g, ' ').trim();
}

const KEPT = { yes: 'kept', no: 'not decided', rejected: 'rejected' }, EITHER = { yes: 'yes', no: 'no' };
const STARS = { '>=1': '★ or more', '>=2': '★★ or more', '>=3': '★★★ or more', '>=4': '★★★★ or more', '>=5': '★★★★★', '<1': 'none' };

/** A form beside the search: each choice is a word of the query, which can be written by hand as well.
 * @param {{ query: import('@preact/signals').Signal<string>, values: Values, search: () => void }} props */
export function Filter({ query, values, search }) {
  const set = (/** @type {string} */ name, /** @type {string} */ value) => { query.value = put(query.peek(), name, value.trim()); search(); };
  const same = (/** @type {string[]} */ list) => Object.fromEntries(list.map(v => [v, v]));
  const one = (/** @type {string} */ name, /** @type {string} */ label, /** @type {Record<string, string>} */ all) => h(Pick, { name, label, all, at: said(query.value, name), set });
  const typed = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ type, /** @type {string} */ hint) => h(Typed, { name, label, type, hint, at: said(query.value, name), set });
  return html`<form class="filter" aria-label=${say('Filter')} onSubmit=${e => e.preventDefault()} onKeyDown=${e => { if (e.key === 'Escape') { e.stopPropagation(); filtering.value = false; /** @type {HTMLElement | null} */ (document.querySelector('.cells') ?? document.getElementById('find'))?.focus(); } }}>
    ${one('model', 'Model', same(values.models))}${one('ar', 'Shape', same(values.ratios))}${one('kept', 'Kept', KEPT)}${one('stars', 'Stars', STARS)}
    ${values.tags.length > 0 && one('tag', 'Tag', same(values.tags))}${values.projects.length > 0 && one('project', 'Project', same(values.projects))}
    ${typed('cost', 'Cost in dollars', 'text', '>0.05')}${typed('after', 'From the day', 'date', '')}${typed('before', 'Before the day', 'date', '')}
    ${one('ref', 'Made from pictures', EITHER)}${one('failed', 'A model of its row failed', EITHER)}</form>`;
}

/** @typedef {{ name: string, label: string, at: string, set: (name: string, value: string) => void }} Field */

/** A value that was written by hand and is none of the list stands in it, too. @param {Field & { all: Record<string, string> }} props */
function Pick({ name, label, all, at, set }) {
  const id = useId(), known = at in all || !at ? all : { [at]: at, ...all };
  return html`<p><label for=${id}>${say(label)}</label><select id=${id} class="btn small" value=${at} onChange=${e => set(name, e.currentTarget.value)}><option value="" selected=${!at}>${say('any')}</option>${Object.entries(known).map(([value, words]) => html`<option key=${value} value=${value} selected=${value === at}>${say(words)}</option>`)}</select></p>`;
}

/** @param {Field & { type: string, hint: string }} props */
function Typed({ name, label, type, hint, at, set }) {
  const id = useId();
  return html`<p><label for=${id}>${say(label)}</label><input id=${id} type=${type} placeholder=${hint} autocomplete="off" value=${at} onChange=${e => set(name, e.currentTarget.value)} /></p>`;
}
