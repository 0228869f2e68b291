// @ts-check
/** The X/Y grid: which settings go along which side, what every cell costs and which cannot be made, and the start. */
import { effect, signal, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import * as act from './actions.js';
import { call } from './api.js';
import { coded } from './coded.js';
import { price, usually } from './amounts.js';
import { count, money } from './format.js';
import { useSheet } from './sheet.js';
import * as s from './state.js';
import { Remark, Tool, h, html, say } from './ui.js';

/** @typedef {{ kind: string, name: string, values: string }} Side what a person wrote: values with commas between them */

/** Kind or parameter, its name, an example. @type {[string, string, string][]} */
const KINDS = [
  ['model', 'Model', ''], ['ar', 'Shape --ar', '1:1, 4:5, 16:9'], ['seed', 'Seed --seed', '1, 2, 3'], ['words', 'Words of the prompt', ''],
  ['quality', 'Quality --quality', '0.5, 1, 2'], ['size', 'Size --size', '1k, 2k'], ['stylize', 'Style --stylize', '0, 100, 500'], ['chaos', 'Difference --chaos', '0, 50'],
  ['weird', 'Oddness --weird', '0, 500'], ['no', 'Without --no', 'text, hands'], ['raw', 'Plain --raw', 'on, off'], ['tile', 'Seamless --tile', 'on, off'],
  ['iw', 'Weight of pictures --iw', '0.5, 1, 2'], ['sw', 'Weight of the style --sw', '50, 200'], ['bg', 'Background --bg', 'opaque, transparent'], ['pictures', 'Pictures', 'none, 1'],
];
const NAMES = ['Across', 'Down', 'Third'];
const sides = signal(/** @type {Side[] | null} */ (null)), sameSeed = signal(true);
const seed = Math.floor(Math.random() * 9000) + 1000;

/** Values between commas; `\,` is a comma. @param {string} text */
const split = text => text.replaceAll('\\,', '\u0000').split(',').map(v => v.replaceAll('\u0000', ',').trim());
const able = () => s.models.value.filter(m => ['ready', 'limited'].includes(m.state));

/** The sides a new grid starts with. @returns {Side[]} */
function first() {
  const chosen = s.chosen.peek().flatMap(id => s.meant(id)?.id ?? []);
  return [{ kind: 'model', name: '', values: chosen.join(',') }, { kind: 'ar', name: '', values: '1:1, 4:5, 16:9' }];
}

/** As the server takes it. @param {Side} side */
function axis({ kind, name, values }) {
  const list = [...new Set(kind === 'words' ? [name, ...split(values)] : split(values))].filter(v => v || kind === 'words');
  return ['model', 'words', 'pictures'].includes(kind) ? { kind, name, values: kind === 'pictures' ? list.map(v => v.replaceAll('+', ',')) : list } : { kind: 'parameter', name: kind, values: list };
}

/** Whether a seed can be added that is the same in all cells. */
const seedless = () => !/--(same)?seed\b/i.test(s.text.value) && !sides.value?.some(x => x.kind === 'seed');

function body() {
  const asked = act.brief(), all = sides.peek() ?? [];
  return { ...asked, models: s.chosen.peek(), text: `${asked.text}${sameSeed.peek() && seedless() ? ` --seed ${seed}` : ''}`, axes: all.map(axis) };
}

/** @param {{ close: () => void }} props */
export function Grid({ close }) {
  const box = useSheet(() => { close(); if (toPrompt.current) act.focusPrompt(); }), plan = useSignal(/** @type {any} */ (null)), why = useSignal(''), busy = useSignal(false), z = useSignal(0), toPrompt = useRef(false);
  sides.value ??= first();
  useLayoutEffect(() => { box.current?.querySelector('select')?.focus(); }, []);
  useEffect(() => {
    let stop = new AbortController(), timer = 0;
    const end = effect(() => {
      const wanted = [sides.value, sameSeed.value, s.text.value, s.refs.value, s.chosen.value];
      clearTimeout(timer);
      timer = setTimeout(async () => {
        stop.abort();
        const mine = stop = new AbortController();
        if (!wanted[2] || !s.text.peek().trim()) { plan.value = null; why.value = ''; return; }
        try {
          const found = await call('POST', '/api/grids/plan', body(), mine.signal);
          if (!mine.signal.aborted) [plan.value, why.value] = [found, say(found.reason ?? '')];
        } catch (error) { if (!mine.signal.aborted) [plan.value, why.value] = [null, [/** @type {any} */ (error).message, /** @type {any} */ (error).hint].filter(Boolean).join(' ')]; }
      }, 200);
    });
    return () => { end(); clearTimeout(timer); stop.abort(); };
  }, []);
  const change = (/** @type {number} */ i, /** @type {Partial<Side>} */ by) => { sides.value = (sides.peek() ?? []).map((x, n) => n === i ? { ...x, ...by } : x); };
  const create = async () => {
    if (busy.peek() || !plan.peek()?.allowed) return;
    busy.value = true;
    const run = await act.trying('grid', () => call('POST', '/api/grids', body()));
    busy.value = false;
    if (!run) return;
    if (!s.findRow(run.id)) s.merge([run]);
    s.active.value = run.tiles[0]?.id ?? '';
    if (s.view.peek() !== 'studio') s.go('/');
    act.follow.value++;
    box.current?.close();
  };
  const all = sides.value ?? [], p = plan.value;
  return html`<dialog class="sheet gridsheet" ref=${box} aria-labelledby="grid-h" onKeyDown=${e => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); create(); } }}>
    <header><h2 id="grid-h">${say('X/Y grid')}</h2>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => box.current?.close() })}</header>
    ${s.text.value.trim() ? html`<p class="sub wording">${s.text.value.trim()}</p>` : html`<p class="next">${say('The prompt bar is empty.')}<button type="button" class="btn small" onClick=${() => { toPrompt.current = true; box.current?.close(); }}>${say('Write the prompt')}</button></p>`}
    ${all.map((x, i) => h(SideRow, { key: i, side: x, i, change: by => change(i, by), drop: all.length > 1 ? () => { sides.value = all.filter((_, n) => n !== i); z.value = 0; } : undefined }))}
    <div class="next">${all.length < 3 && html`<button type="button" class="btn small" onClick=${() => { sides.value = [...all, { kind: 'seed', name: '', values: '1, 2, 3' }]; }}>${say('Add a side')}</button>`}
      ${seedless() && html`<label class="switch"><input type="checkbox" role="switch" checked=${sameSeed} onChange=${e => { sameSeed.value = e.currentTarget.checked; }} /><span>${coded(say('Same seed in every cell, `--seed {0}`, where a model takes one', seed))}</span></label>`}</div>
    ${p && h(Preview, { p, z: Math.min(z.value, (p.axes[2]?.labels.length ?? 1) - 1), pick: n => { z.value = n; } })}
    ${h(Remark, { of: s.problems.value.grid })}
    <footer><p class="sum" role="status">${p && html`<b>${count(p.images, 'image')}</b><span class="num">${cost(p)}</span>${p.seconds && html`<span class="num">${usually(p.seconds)}</span>`}`}${why.value && html`<span class="stop">${why}</span>`}</p>
      <button type="button" class="btn go" disabled=${!p?.allowed || busy.value} onClick=${create}>${busy.value ? say('Sending') : p?.images ? say('Create {0}', p.images) : say('Create')}</button></footer></dialog>`;
}

/** @param {any} p */
const cost = p => p.unknown_count ? p.known_micro_usd ? say('about {0}, {1} unknown', money(p.known_micro_usd), count(p.unknown_count, 'price')) : say('price unknown') : `${p.total.amount_micro_usd ? `${say('about')} ` : ''}${price(p.total)}`;

/** @param {{ side: Side, i: number, change: (by: Partial<Side>) => void, drop?: () => void }} props */
function SideRow({ side, i, change, drop }) {
  const kinds = KINDS.filter(([kind]) => kind !== 'pictures' || s.refs.value.length > 0), example = KINDS.find(([kind]) => kind === side.kind)?.[2] ?? '', on = split(side.values), id = `side-${i}`;
  const flip = (/** @type {string} */ model) => { const next = on.includes(model) ? on.filter(v => v !== model) : [...on, model]; change({ values: able().map(m => m.id).filter(v => next.includes(v)).join(',') }); };
  return html`<fieldset class="side"><legend>${say(NAMES[i])}</legend>
    <select aria-label=${say('{0}: what changes', say(NAMES[i]))} value=${side.kind} onChange=${e => { const kind = e.currentTarget.value; change({ kind, name: '', values: kind === 'model' ? s.chosen.peek().flatMap(c => s.meant(c)?.id ?? []).join(',') : KINDS.find(k => k[0] === kind)?.[2] ?? '' }); }}>${kinds.map(([kind, name]) => html`<option key=${kind} value=${kind} selected=${kind === side.kind}>${say(name)}</option>`)}</select>
    ${side.kind === 'model' ? html`<div class="models" role="group" aria-label=${say('{0}: models', say(NAMES[i]))}>${able().map(m => html`<label class="chip" key=${m.id}><input class="vh" type="checkbox" checked=${on.includes(m.id)} onChange=${() => flip(m.id)} /><span class="name">${m.name}</span></label>`)}</div>`
      : html`${side.kind === 'words' && html`<input id=${`${id}-find`} aria-label=${say('{0}: words to replace', say(NAMES[i]))} placeholder=${say('words in the prompt')} value=${side.name} onInput=${e => change({ name: e.currentTarget.value })} />`}
        <input id=${id} class="wide" aria-label=${say('{0}: values', say(NAMES[i]))} title=${say('Values with commas between them; a backslash makes one a part of the value')} placeholder=${side.kind === 'words' ? say('put in their place: a, b, c') : example} value=${side.values} onInput=${e => change({ values: e.currentTarget.value })} />`}
    ${drop && h(Tool, { icon: 'x', label: say('Take out: {0}', say(NAMES[i])), onClick: drop })}</fieldset>`;
}

/** Every cell with its price, and why one cannot be. @param {{ p: any, z: number, pick: (n: number) => void }} props */
function Preview({ p, z, pick }) {
  const [across, down, third] = p.axes, rows = down?.labels ?? [''];
  const cell = (/** @type {number} */ x, /** @type {number} */ y) => p.cells.find((/** @type {any} */ c) => c.at[0] === x && (!down || c.at[1] === y) && (!third || c.at[2] === z));
  return html`${third && h(Third, { axis: third, z, pick })}<div class="wide" tabindex="0" role="region" aria-label=${say('Every cell with its price')}><table class="plan"><thead><tr><th scope="col"><span class="vh">${down?.label ?? ''}</span></th>${across.labels.map((/** @type {string} */ l) => html`<th scope="col">${l}</th>`)}</tr></thead>
    <tbody>${rows.map((/** @type {string} */ label, /** @type {number} */ y) => html`<tr><th scope="row">${label}</th>${across.labels.map((/** @type {string} */ _, /** @type {number} */ x) => { const c = cell(x, y); return c && html`<td class=${c.ok ? '' : 'out'}>${c.ok ? html`<span class="num">${price(c.cost, true)}</span>${c.adjusted.length > 0 && html`<small title=${c.adjusted.map(say).join(' ')}>≈ ${say(c.adjusted[0])}</small>`}` : html`<small>${say(c.reason)}</small>`}</td>`; })}</tr>`)}</tbody></table></div>`;
}

/** Which value of the third side is looked at. @param {{ axis: any, z: number, pick: (n: number) => void }} props */
export const Third = ({ axis: a, z, pick }) => html`<div class="seg" role="group" aria-label=${a.label}>${a.labels.map((/** @type {string} */ l, /** @type {number} */ i) => html`<button type="button" key=${l} aria-pressed=${i === z} onClick=${() => pick(i)}>${l}</button>`)}</div>`;
