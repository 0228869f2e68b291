// @ts-check
/** A key-visual kit: one approved picture in many formats, each a window on a picture that can be moved; and all kits. */
import { signal, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { signOf } from './commands.js';
import { stay } from './composer.js';
import { count } from './format.js';
import { Client, Delivery, Names } from './kitout.js';
import { Make } from './kitmake.js';
import * as s from './state.js';
import { Headline, quotes } from './headline.js';
import { Place } from './kitplace.js';
import { useTyped } from './typed.js';
import { arrived, changed } from './votes.js';
import { Icon, Remark, Tool, h, html, say } from './ui.js';

/** @typedef {{ kind: string, name: string, top: number, right: number, bottom: number, left: number }} Zone */
/** @typedef {{ id: string, tile: string, sha256: string, url: string, thumb: string, width: number, height: number }} Shot */
/** @typedef {{ id: string, way: string, tile: string | null, focus: [number, number], picture: Shot | null, state: string, name?: string, error?: { message: string, hint: string | null } | null, window: number[] | null, enlarged: number | null, loss: number | null }} Take */
/** @typedef {{ id: string, kind: string, title: string, ratio: string, width: number, height: number, use: string, source: string | null, zones: Zone[], chosen: string, missing: string | null, file: { name: string, problem: string | null }, takes: Take[] }} Format */
/** @typedef {{ id: string, name: string, project: string | null, version: number, template: string, count: number, ready: number, picture: Shot | null, prompt: string, model: string, texts: Record<string, string>, formats: Format[] }} Kit */

export const kit = signal(/** @type {Kit | null} */ (null));
export const votes = signal(/** @type {any} */ (null));
export const names = signal(/** @type {Record<string, { name: string, problem: string | null }> | null} */ (null));   // while a template is written
const kits = signal(/** @type {any[] | null} */ (null)), table = signal(/** @type {any} */ (null));
const making = signal(/** @type {string | null} */ (null));      // the format that the dialog was opened from
const layers = signal(new Set((s.local.zones ?? 'title,cover').split(',')));
const LAYERS = [['title', 'Title safe'], ['action', 'Action safe'], ['cover', 'Interface']];
const WAYS = /** @type {Record<string, string>} */ ({ crop: 'Crop', outpaint: 'Outpaint', again: 'Made again' });

/** An answer may come after one to a later question: the kit that has changed since stays. @param {Kit} found */
function newest(found) { if (kit.peek()?.id !== found.id || found.version >= (kit.peek()?.version ?? 0)) kit.value = found; }

/** One call about the kit that is open; what it answers is the kit as it is now. @param {string} method @param {string} path @param {any} [body] */
export async function change(method, path, body) {
  const id = kit.peek()?.id, found = await trying('kit', () => call(method, `/api/kits/${id}${path}`, body));
  if (found && kit.peek()?.id === found.id) newest(found);
  return found;
}

let asked = 0, shown = 0;
/** @param {string} id */
async function read(id) {
  const mine = ++asked, found = await trying('kit', () => Promise.all([call('GET', `/api/kits/${id}`), call('GET', `/api/kits/${id}/votes`), table.peek() ?? call('GET', '/api/kits/formats')]));
  if (!found || s.path.peek() !== `/kit/${id}` || mine < shown) return;
  shown = mine;
  [, votes.value, table.value] = found;
  newest(found[0]);
}
export const readVotes = async () => { const id = kit.peek()?.id, mine = ++asked, found = await trying('kit', () => call('GET', `/api/kits/${id}/votes`)); if (found && mine >= shown) { shown = mine; votes.value = found; } };

/** The tile of a take, as it is now. @param {Take} t */
const now = t => (t.tile && s.findTile(t.tile)?.value) || null;
const waits = (/** @type {Take} */ t) => t.tile && t.state !== 'gone' && !s.FINAL.has(t.state);

export function Kit() {
  const id = s.path.value.split('/')[2] ?? '';
  useEffect(() => {
    names.value = null;
    if (id) { if (kit.peek()?.id !== id) kit.value = null; read(id); } else call('GET', '/api/kits').then(a => { kits.value = a.kits; }, () => {});
  }, [id, arrived.value]);
  useEffect(() => {                                      // another page changed it, or a client's votes came
    const news = changed.value;
    if (!news) return;
    if (!id) { call('GET', '/api/kits').then(a => { kits.value = a.kits; }, () => {}); return; }
    if (news.id !== id) return;
    if (!news.votes && news.version === null) kit.value = null;
    if (news.votes || news.version === null || news.version > (kit.peek()?.version ?? -1)) read(id);
  }, [changed.value]);
  const of = kit.value, ended = of ? of.formats.flatMap(f => f.takes).filter(t => waits(t) && s.FINAL.has(now(t)?.state ?? '')).length : 0;
  const waiting = Boolean(of?.formats.some(f => f.takes.some(waits)));
  useEffect(() => { if (ended) read(id); }, [ended]);
  useEffect(() => {                                      // a row that is not on the page tells nothing by itself
    if (!waiting) return;
    const again = setInterval(() => { if (!document.hidden) read(id); }, 2500);
    return () => clearInterval(again);
  }, [waiting, id]);
  if (!id) return h(All, null);
  if (!of) return html`<div class="scroll page"><div class="inner">${h(Remark, { of: s.problems.value.kit })}</div></div>`;
  return html`<div class="scroll page"><div class="inner kit">${h(Head, { of })}${h(Remark, { of: s.problems.value.kit })}${h(Bar, { of })}
    ${h(Formats, { of })}
    ${!of.formats.length && html`<p class="sub">${say('No format is chosen. Add one above.')}</p>`}
    ${of.formats.some(f => f.source) && html`<details><summary>${say('Where the safe areas come from')}</summary><dl class="facts">${of.formats.filter(f => f.source).map(f => html`<div key=${f.id}><dt>${say(f.title)}</dt><dd>${say(f.source ?? '')}</dd></div>`)}</dl></details>`}
    ${h(Names, { of, fields: table.value.fields })}${h(Delivery, { of })}${h(Client, { of })}</div>
    ${making.value !== null && h(Make, { of, from: making.value, close: () => { making.value = null; } })}</div>`;
}

/** How many columns fill the lines evenly where at most so many fit: five are three and two, not four and one. @param {number} n @param {number} most */
export const evenly = (n, most) => Math.ceil(n / Math.ceil(n / Math.max(1, most))) || 1;
const LEAST = 270, GAP = 16;                             // of a card, in pixels; and between two, as in kit.css

/** @param {{ of: Kit }} props */
function Formats({ of }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null)), n = of.formats.length;
  useLayoutEffect(() => {
    const el = /** @type {HTMLElement} */ (box.current), fit = () => el.style.setProperty('--cols', String(evenly(n, Math.floor((el.clientWidth + GAP) / (LEAST + GAP)))));
    const size = new ResizeObserver(fit);
    size.observe(el);
    fit();
    return () => size.disconnect();
  }, [n]);
  return html`<ul class="formats" ref=${box} aria-label=${say('Formats')}>${of.formats.map(f => h(Card, { key: f.id, f, of }))}</ul>`;
}

/** @param {{ of: Kit }} props */
function Head({ of }) {
  const name = useTyped(of.name, of.id), project = useTyped(of.project ?? '', of.id), typed = (/** @type {typeof name} */ to) => (/** @type {any} */ e) => { to.value = e.currentTarget.value; };
  return html`<header class="kit-head">${of.picture && html`<img src=${of.picture.thumb} alt=${say('The key visual')} width="72" height="72" />`}
  <div><label class="vh" for="kit-name">${say('Name of the kit')}</label><input id="kit-name" type="text" maxlength="80" value=${name.value} onInput=${typed(name)} onChange=${(/** @type {any} */ e) => change('PATCH', '', { name: e.currentTarget.value })} />
  <p class="sub">${of.picture ? html`${of.model}, <span class="num">${of.picture.width} × ${of.picture.height}</span> · <a href=${`/lineage/${of.picture.tile}`} onClick=${stay}>${say('Lineage')}</a>` : say('The key visual is no longer kept.')} · <a href="/kit" onClick=${stay}>${say('All kits')}</a></p>
  ${of.picture && h(Place, { tile: of.picture.tile, picture: of.picture.id })}</div>
  <label class="project">${say('Project')} <input type="text" maxlength="64" value=${project.value} onInput=${typed(project)} placeholder=${say('no project')} onChange=${(/** @type {any} */ e) => change('PATCH', '', { project: e.currentTarget.value.trim() })} /></label></header>`;
}

/** @param {{ of: Kit }} props */
function Bar({ of }) {
  const own = useSignal(''), there = new Set(of.formats.map(f => f.kind)), left = (table.value?.formats ?? []).filter((/** @type {any} */ f) => !there.has(f.kind));
  const flip = (/** @type {string} */ id) => { const next = new Set(layers.value); if (!next.delete(id)) next.add(id); layers.value = next; s.local.zones = [...next].join(); };
  const add = async (/** @type {string} */ format) => { if (await change('POST', '/formats', { format })) own.value = ''; };
  return html`<div class="kit-bar"><div class="seg" role="group" aria-label=${say('Safe areas')}>${LAYERS.map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${layers.value.has(id)} onClick=${() => flip(id)}>${say(name)}</button>`)}</div>
    <div class="add" role="group" aria-label=${say('Add a format')}>${left.map((/** @type {any} */ f) => html`<button type="button" class="btn small" key=${f.kind} title=${say(f.use)} onClick=${() => add(f.kind)}>${h(Icon, { name: 'plus' })}${f.kind === 'a4' ? 'A4' : f.ratio}</button>`)}
    <form onSubmit=${(/** @type {any} */ e) => { e.preventDefault(); if (own.value.trim()) add(own.value); }}><input type="text" aria-label=${say('Own ratio or size')} placeholder=${say('3:2 or 1200x628')} size="15" value=${own.value} onInput=${(/** @type {any} */ e) => { own.value = e.currentTarget.value; }} /><button class="btn small" disabled=${!own.value.trim()}>${say('Add')}</button></form></div>
    <button type="button" class="btn go" disabled=${!of.picture || !of.formats.length} onClick=${() => { making.value = ''; }}>${h(Icon, { name: 'brush' })}${say('Make formats…')}</button></div>`;
}

/** How far a picture may move under a window of a shape, as shares of its own sides. @param {Shot} p @param {number} ratio */
const room = (p, ratio) => { const own = p.width / p.height; return own > ratio ? [1 - ratio / own, 0] : [0, 1 - own / ratio]; };
/** Where CSS lays the picture, in per cent of that room. @param {number} focus @param {number} free */
const place = (focus, free) => free < .0005 ? 50 : 100 * Math.max(0, Math.min(free, focus / 1000 - (1 - free) / 2)) / free;

const MOST_OFF = 40, MOST_LARGER = 200;                 // per cent that may be cut off, and the size, before it is a warning
/** What is lost of a picture under its window, where that is much. @param {Take} take */
const lost = take => [
  (take.loss ?? 0) > MOST_OFF && say('{0} % of the picture is cut off. A model can make this format whole.', take.loss),
  (take.enlarged ?? 0) > MOST_LARGER && say('Enlarged to {0} %: it will look soft. Enlarge the picture with a model first.', take.enlarged),
].filter(w => w !== false);

/** @param {{ f: Format, of: Kit }} props */
function Card({ f, of }) {
  const take = f.takes.find(t => t.id === f.chosen) ?? f.takes[0], live = now(take), p = take.picture, named = names.value?.[f.id] ?? f.file;
  const state = live && !p ? live.state : take.state, said = votes.value?.pictures.filter((/** @type {any} */ v) => v.format === f.id) ?? [];
  return html`<li class="card" id=${f.id}><header><h2>${say(f.title)}</h2><span class="sub">${say(f.use)}</span><span class="num">${f.width} × ${f.height}</span>
      ${h(Tool, { icon: 'x', label: say('Take {0} out of the kit', f.title), class: 'tiny', onClick: () => change('DELETE', `/formats/${f.id}`) })}</header>
    ${p ? h(Frame, { f, take, p, of }) : html`<div class="plate" style=${{ aspectRatio: `${f.width} / ${f.height}`, '--tall': Math.min(1, f.width / f.height) }}><p class="sub">${state === 'done' || state === 'gone' ? say('There is no picture.') : s.FINAL.has(state) ? say(live?.error?.message ?? take.error?.message ?? 'No picture came.') : say('On its way…')}</p></div>`}
    <div class="takes" role="group" aria-label=${say('Takes of {0}', f.title)}>${f.takes.map((t, i) => h(Choice, { key: t.id, t, i, f }))}
      <button type="button" class="btn small" onClick=${() => { making.value = f.id; }} aria-label=${say('Make {0} with a model', f.title)}>${h(Icon, { name: 'plus' })}${say('Make')}</button></div>
    ${p && html`<p class="sub">${[say(WAYS[take.way]), take.name, !take.loss ? say('whole picture') : take.loss <= MOST_OFF && say('cuts off {0} %', take.loss), (take.enlarged ?? 0) > 100 && Number(take.enlarged) <= MOST_LARGER && say('enlarged to {0} %', take.enlarged)].filter(Boolean).join(' · ')}</p>${lost(take).map(message => h(Remark, { key: message, of: { message, kind: 'warn' } }))}`}
    ${p && quotes(of.prompt) && h(Headline, { of: `/api/kits/${of.id}/formats/${f.id}`, now: `${p.id} ${take.focus}` })}
    <p class="name"><code>${named.name}</code></p>${named.problem && h(Remark, { of: { message: named.problem, hint: '', kind: 'warn' } })}
    ${said.map((/** @type {any} */ v) => h(Said, { key: v.take, v, other: v.take !== take.id }))}</li>`;
}

/** What clients said, which is not the user's own pick. @param {{ v: any, other: boolean }} props */
export const Said = ({ v, other }) => html`<div class="said"><p><b>${other ? say('Clients, of another take:') : say('Clients:')}</b> ${['yes', 'maybe', 'no'].filter(k => v[k]).map(k => `${v[k]} ${say(k)}`).join(', ') || say('no vote')}${v.place !== null && say(', place {0}', v.place)}</p>
  ${v.said.filter((/** @type {any} */ one) => one.comment).map((/** @type {any} */ one) => html`<blockquote key=${one.ballot}>${one.comment}<footer>${one.client || say('Somebody')}</footer></blockquote>`)}</div>`;

/** @param {{ t: Take, i: number, f: Format }} props */
function Choice({ t, i, f }) {
  const live = now(t), state = t.picture ? 'done' : live?.state ?? t.state, busy = !s.FINAL.has(state) && state !== 'gone';
  const said = `${i + 1}, ${say(WAYS[t.way])}${t.name ? `, ${t.name}` : ''}${busy ? say(', on its way') : t.picture ? '' : say(', no picture')}`;
  return html`<button type="button" class="thumb" aria-pressed=${t.id === f.chosen} aria-label=${said} title=${said} data-busy=${busy} onClick=${() => change('PATCH', `/formats/${f.id}`, { chosen: t.id })}>
    ${t.picture ? html`<img src=${t.picture.thumb} alt="" />` : h(Icon, { name: busy ? 'ellipsis' : 'ban' })}</button>`;
}

/** The window of a format: the picture is dragged under it, or moved by arrows. @param {{ f: Format, take: Take, p: Shot, of: Kit }} props */
function Frame({ f, take, p, of }) {
  const box = useRef(/** @type {any} */ (null)), focus = useTyped(take.focus, take.id), timer = useRef(0), from = useRef(/** @type {any} */ (null));
  const ratio = f.width / f.height, free = room(p, ratio), moves = free.some(r => r > .0005);
  const save = (/** @type {number} */ after) => { clearTimeout(timer.current); timer.current = setTimeout(() => change('PATCH', `/formats/${f.id}/takes/${take.id}`, { focus: focus.peek() }), after); };
  /** By shares of the window. @param {[number, number]} start @param {number} x @param {number} y */
  const move = (start, x, y) => {
    focus.value = /** @type {[number, number]} */ ([x, y].map((by, i) => {
      const half = (1 - free[i]) / 2, at = Math.max(half, Math.min(1 - half, start[i] / 1000));
      return free[i] < .0005 ? start[i] : Math.round(1000 * Math.max(half, Math.min(1 - half, at - by * (1 - free[i]))));
    }));
  };
  const down = (/** @type {PointerEvent} */ e) => { if (!moves || e.button) return; box.current.setPointerCapture(e.pointerId); from.current = { x: e.clientX, y: e.clientY, at: focus.peek() }; };
  const drag = (/** @type {PointerEvent} */ e) => { if (from.current) move(from.current.at, (e.clientX - from.current.x) / box.current.clientWidth, (e.clientY - from.current.y) / box.current.clientHeight); };
  const up = () => { if (from.current) { from.current = null; save(0); } };
  const key = (/** @type {KeyboardEvent} */ e) => {
    const by = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key], step = e.shiftKey ? .1 : .02;
    if (!by || !moves || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    move(focus.peek(), by[0] * step, by[1] * step);
    save(300);
  };
  const [x, y] = focus.value.map((at, i) => place(at, free[i]));
  const label = `${f.title}, ${(of.prompt ?? '').slice(0, 100)}${moves ? say('. Arrows move what is shown, now {0} % of the way', Math.round(free[0] > free[1] ? x : y)) : ''}`;
  return html`<div class="plate" ref=${box} style=${{ aspectRatio: `${f.width} / ${f.height}`, '--tall': Math.min(1, f.width / f.height), '--touch': free[0] > free[1] ? 'pan-y' : 'pan-x' }} data-moves=${moves} tabindex="0" role="application" aria-roledescription="window on the picture" aria-label=${label}
    onPointerDown=${down} onPointerMove=${drag} onPointerUp=${up} onPointerCancel=${up} onKeyDown=${key} onDblClick=${() => { move([500, 500], 0, 0); save(0); }}>
    <img src=${p.url} alt="" draggable="false" style=${{ objectPosition: `${x}% ${y}%` }} />
    ${f.zones.filter(z => layers.value.has(z.kind)).map(z => html`<span class="zone" key=${z.name} data-kind=${z.kind} style=${{ inset: [z.top, z.right, z.bottom, z.left].map(v => `${v / 10}%`).join(' ') }}><i>${say(z.name)}</i></span>`)}</div>`;
}

function All() {
  const asking = useSignal('');
  if (!kits.value) return null;
  const gone = async (/** @type {any} */ k) => { if (await trying('kit', async () => { await call('DELETE', `/api/kits/${k.id}`); return true; })) kits.value = (kits.peek() ?? []).filter(o => o.id !== k.id); };
  return html`<div class="scroll page"><div class="inner kit">${h(Remark, { of: s.problems.value.kit })}
    ${kits.value.length ? html`<ul class="kits">${kits.value.map(k => html`<li key=${k.id}>${k.picture && html`<img src=${k.picture.thumb} alt="" width="64" height="64" />`}<div><a href=${`/kit/${k.id}`} onClick=${stay}>${k.name}</a><p class="sub">${say('{0}, {1} ready{2}', count(k.count, 'format'), k.ready, k.project ? ` · ${k.project}` : '')}</p></div>
      ${asking.value === k.id ? html`<span class="set" role="group" aria-label=${say('Delete {0}?', k.name)}><span>${say('What clients said goes too; pictures stay.')}</span><button type="button" class="btn small" ref=${(/** @type {any} */ b) => b?.focus()} onClick=${() => gone(k)}>${say('Delete it')}</button><button type="button" class="btn small" onClick=${() => { asking.value = ''; }}>${say('Keep it')}</button></span>`
        : html`<button type="button" class="btn small" aria-label=${say('Delete {0}', k.name)} onClick=${() => { asking.value = k.id; }}>${say('Delete…')}</button>`}</li>`)}</ul>`
      : html`<section class="panel"><h2>${say('No kit yet')}</h2><p class="sub">${say('Go to a picture in the studio and press {0}, or take “Key-visual kit” from its menu: it is cut to a set of formats, which you can then move, extend, make again and deliver.', signOf('kit') || '–')}</p><a class="btn" href="/" onClick=${stay}>${say('To the studio')}</a></section>`}</div></div>`;
}
