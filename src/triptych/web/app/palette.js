// @ts-check
/** The command palette: one box that finds commands, models, views, earlier prompts and projects by a few of their letters. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { focusPrompt, pick } from './actions.js';
import { call } from './api.js';
import { COMMANDS, doers, early, heard, keyOf, shown } from './commands.js';
import { money } from './format.js';
import { useSheet } from './sheet.js';
import * as s from './state.js';
import { h, html, say } from './ui.js';
import { NAMES } from './views.js';

/** @typedef {{ id: string, name: string, note?: string, group: string, on?: boolean, run: () => void }} Entry */
const MOST = 60, PROMPTS = 60;

/** How well letters fit a name: they stand in it in their order, best together and at the start of words. Higher is better,
 * null is no fit. @param {string} query @param {string} name */
export function fit(query, name) {
  const text = name.toLowerCase(), letters = query.toLowerCase().replace(/\s+/g, '');
  const whole = text.indexOf(query.toLowerCase().trim());
  if (whole >= 0) return 1000 - whole - text.length / 100 + (whole === 0 || /\W/.test(text[whole - 1]) ? 500 : 0);
  let at = -1, score = 0;
  for (const c of letters) {
    const next = text.indexOf(c, at + 1);
    if (next < 0) return null;
    score += next === at + 1 ? 8 : next === 0 || /\W/.test(text[next - 1]) ? 6 : 1 - Math.min(next - at, 20) / 20;
    at = next;
  }
  return score - text.length / 100;
}

/** @param {string[]} projects @returns {Entry[]} */
function everything(projects) {
  const tile = s.view.peek() === 'studio' ? s.findTile(s.active.peek()) : undefined, t = tile?.peek(), frame = t && document.getElementById(t.id);
  const image = t?.images.find(i => i.id === frame?.dataset.image) ?? t?.images[0];
  const own = s.view.peek() === 'gallery' ? COMMANDS.filter(c => c.where === 'gallery' && doers.gallery) : [];
  const able = COMMANDS.filter(c => c.run && c.id !== 'palette' && (c.where === 'everywhere' || frame && (c.where === 'tile' || c.where === 'picture' && image)));
  const texts = [...new Set(s.rows.peek().map(r => r.text).reverse())].slice(0, PROMPTS);
  return [
    ...able.map(c => ({ id: `c-${c.id}`, name: say(c.name), note: keyOf(c) && shown(keyOf(c)), group: 'Commands', run: () => c.run?.(/** @type {any} */ ({ tile, t, image, frame })) })),
    ...own.map(c => ({ id: `c-${c.id}`, name: say(c.name), note: keyOf(c) && say(shown(keyOf(c))), group: 'Commands', run: () => doers.gallery?.(c.id) })),
    ...NAMES.map(name => ({ id: `v-${name}`, name: say(name[0].toUpperCase() + name.slice(1)), group: 'Go to', run: () => s.go(name === 'studio' ? '/' : `/${name}`) })),
    ...s.models.value.filter(m => ['ready', 'limited'].includes(m.state) || s.chosen.value.includes(m.id)).map(m => ({ id: `m-${m.id}`, name: m.name, on: s.chosen.value.some(c => s.meant(c)?.id === m.id), group: 'Models',
      note: m.free ? say('free') : m.price_micro_usd === null ? '?' : money(m.price_micro_usd), run: () => pick(m.id, !s.chosen.peek().some(c => s.meant(c)?.id === m.id)) })),
    ...projects.map(name => ({ id: `p-${name}`, name, group: 'Projects', run: () => s.go(`/gallery?q=${encodeURIComponent(`project:${/\s/.test(name) ? `"${name}"` : name}`)}`) })),
    ...texts.map((text, i) => ({ id: `t-${i}`, name: text, group: 'Earlier prompts', run: () => { s.text.value = text; focusPrompt(); } })),
  ];
}

/** What was typed before it was here. */
function typed() {
  const keys = early.keys.splice(0).map(e => e.key), end = keys.indexOf('Enter');
  const text = keys.slice(0, end < 0 ? undefined : end).reduce((all, key) => key === 'Backspace' ? all.slice(0, -1) : key.length === 1 ? all + key : all, '');
  return { text, enter: end >= 0 };
}

/** @param {{ close: () => void }} props */
export function Palette({ close }) {
  const before = useMemo(typed, []), box = useSheet(close), query = useSignal(before.text), at = useSignal(0), projects = useSignal(/** @type {string[]} */ ([]));
  useEffect(() => { call('GET', '/api/gallery/fields').then(a => { projects.value = a.projects ?? []; }, () => {}); }, []);
  useEffect(() => { document.getElementById(`o-${at.value}`)?.scrollIntoView({ block: 'nearest' }); }, [at.value]);
  const all = everything(projects.value), text = query.value.trim();
  const found = (text ? all.map(e => ({ e, score: fit(text, e.name) })).filter(f => f.score !== null).sort((a, b) => Number(b.score) - Number(a.score)).map(f => f.e) : all.filter(e => e.group !== 'Models' || e.on)).slice(0, MOST);
  const groups = [...new Set(found.map(e => e.group))], list = groups.flatMap(g => found.filter(e => e.group === g));
  const here = Math.min(at.value, list.length - 1);
  const go = (/** @type {Entry | undefined} */ e) => {
    if (!e) return;
    if (e.group === 'Models') { e.run(); return; }      // several in a row, without opening it again
    close();
    e.run();
  };
  useEffect(() => { if (before.enter) go(list[0]); }, []);
  const key = (/** @type {KeyboardEvent} */ e) => {
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: Math.min(here + 8, list.length - 1), PageUp: Math.max(here - 8, 0) }[e.key];
    if (to !== undefined) at.value = (to + list.length) % Math.max(1, list.length);
    else if (e.key === 'Enter') go(list[here]);
    else if (heard('everywhere', e)?.id === 'palette') close();
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  let n = -1;
  return html`<dialog class="palette" ref=${box} aria-label=${say('Command palette')} onClick=${e => { if (e.target === box.current) box.current?.close(); }}>
    <input type="text" role="combobox" aria-label=${say('Find a command, model, view, prompt or project')} aria-expanded="true" aria-controls="found-list" aria-autocomplete="list" aria-activedescendant=${list.length ? `o-${here}` : null} autocomplete="off" spellcheck="false" autofocus
      placeholder=${say('Type a few letters')} value=${query} onInput=${e => { query.value = e.currentTarget.value; at.value = 0; }} onKeyDown=${key} />
    <div id="found-list" role="listbox" aria-label=${say('Found')}>${groups.map(g => html`<div role="group" key=${g} aria-label=${say(g)}><p class="sub" aria-hidden="true">${say(g)}</p>${list.filter(e => e.group === g).map(e => { const i = ++n; return h(Choice, { key: e.id, e, i, here, go }); })}</div>`)}</div>
    <p class="vh" role="status">${list.length ? say('{0} found', list.length) : say('Nothing fits that.')}</p>${!list.length && html`<p class="none" aria-hidden="true">${say('Nothing fits that.')}</p>`}
  </dialog>`;
}

/** @param {{ e: Entry, i: number, here: number, go: (e: Entry) => void }} props */
const Choice = ({ e, i, here, go }) => html`<div id=${`o-${i}`} role="option" aria-selected=${i === here} onMouseDown=${ev => ev.preventDefault()} onClick=${() => go(e)}><span class="name">${e.name}</span>
  ${e.on !== undefined && html`<span class="mark">${e.on ? say('on') : say('off')}</span>`}${e.note && html`<kbd>${e.note}</kbd>`}</div>`;
