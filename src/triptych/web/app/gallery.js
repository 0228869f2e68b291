// @ts-check
/** Everything that was made, in one grid of which only the part in sight is drawn; looked for, marked, thrown away. */
import { batch, computed, effect, signal, useComputed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { deed, tell, trying } from './actions.js';
import { carry } from './dropping.js';
import { ApiError, call } from './api.js';
import { Briefs } from './briefs.js';
import { heard, keyed } from './commands.js';
import { count, money } from './format.js';
import { isKey } from './keyvisual.js';
import { openKit } from './kitopen.js';
import { marks, told } from './marks.js';
import * as s from './state.js';
import { Icon, Remark, Tool, h, html, later, say, toast } from './ui.js';
import { done as undoable, during } from './undo.js';

/** @typedef {{ id: string, tile: string, run: string, sha256: string, url: string, thumb: string, width: number, height: number, prompt: string, name: string, maker: string, cost_micro_usd: number | null, tone: string | null, stars: number, verdict: string, tags: string[], project: string | null, trashed_ms: number | null }} Entry */

const PAGE = 100, PAGES = 30, IN_SIGHT = 80;           // pages that are remembered; cells at most, about
const Cull = later(() => import('./cull.js'), 'Cull');

const fresh = signal(0);                                // pictures that came since the last look
const query = signal(''), wrong = signal(/** @type {{ message: string, hint: string } | null} */ (null));
const total = signal(/** @type {number | null} */ (null)), version = signal(0);
const near = signal(/** @type {Entry | null} */ (null));                    // whose lookalikes are shown
const chosen = signal(/** @type {ReadonlySet<string>} */ (new Set())), active = signal(0);
const asking = signal(''), culling = signal(/** @type {string[]} */ ([]));
const offers = signal(/** @type {{ fields: { name: string, example: string }[], tags: string[] }} */ ({ fields: [], tags: [] }));

const pages = /** @type {Map<number, Entry[]>} */ (new Map()), wanted = /** @type {Set<number>} */ (new Set());
let start = /** @type {string | null} */ (null), cut = new AbortController(), anchor = 0;

const at = (/** @type {number} */ i) => pages.get(Math.floor(i / PAGE))?.[i % PAGE];
const asked = (/** @type {Record<string, string | number | null>} */ more) => new URLSearchParams(Object.entries({ q: query.peek(), ...more }).filter(([, v]) => v !== null && v !== '').map(([k, v]) => [k, String(v)]));

/** Starts over: another query, or the same after something was thrown away. */
async function search() {
  cut.abort();
  cut = new AbortController();
  const { signal: mine } = cut;
  wanted.clear();
  start = null;
  s.path.value = `/gallery${query.peek() ? `?${asked({})}` : ''}`;
  history.replaceState(null, '', s.path.peek());
  try {
    const first = await call('GET', `/api/gallery?${asked({ limit: PAGE })}`, undefined, mine);
    const all = await call('GET', `/api/gallery/count?${asked({ cursor: first.start })}`, undefined, mine);
    batch(() => { pages.clear(); pages.set(0, first.pictures); start = first.start; total.value = all.count; wrong.value = null; near.value = null; fresh.value = 0; version.value++; active.value = Math.min(active.peek(), Math.max(0, all.count - 1)); });
  } catch (error) { refused(error, mine); }
}

/** @param {unknown} error @param {AbortSignal} mine */
function refused(error, mine) {
  if (mine.aborted) return;
  if (!(error instanceof ApiError)) throw error;
  wrong.value = { message: error.message, hint: error.hint };
}

/** @param {number} page */
async function bring(page) {
  if (near.peek() || pages.has(page) || wanted.has(page) || !start) return;
  wanted.add(page);
  const { signal: mine } = cut;
  try {
    const found = await call('GET', `/api/gallery?${asked({ cursor: start, skip: page * PAGE, limit: PAGE })}`, undefined, mine);
    pages.set(page, found.pictures);
    for (const old of pages.keys()) if (pages.size > PAGES && old !== page && old !== 0) pages.delete(old);
    version.value++;
  } catch (error) { refused(error, mine); }
  wanted.delete(page);
}

/** @param {Entry} of */
async function similar(of) {
  const found = await trying('toast', () => call('GET', `/api/gallery/similar/${of.id}`));
  if (!found) return;
  cut.abort();
  batch(() => {
    pages.clear();
    for (let n = 0; n * PAGE < found.pictures.length + 1; n++) pages.set(n, [of, ...found.pictures].slice(n * PAGE, (n + 1) * PAGE));
    near.value = of; total.value = found.pictures.length + 1; active.value = 0; chosen.value = new Set(); version.value++;
  });
  if (found.unseen) toast(say('{0} were not looked at yet; try again in a while.', count(found.unseen, 'picture')));
}

// What is done with pictures

/** Those that are chosen, else the one that the keyboard stands on. */
const meant = () => chosen.peek().size ? [...chosen.peek()] : [at(active.peek())?.id].filter(id => id !== undefined);
const entryOf = (/** @type {string} */ id) => [...pages.values()].flat().find(e => e.id === id);

/** @param {string} said @param {any} change */
const mark = (said, change) => during(marked(said, meant(), change));

/** @param {string} said @param {string[]} ids @param {any} change */
async function marked(said, ids, change) {
  if (!ids.length) return;
  const done = await trying('toast', () => call('PATCH', '/api/gallery', { pictures: ids, ...change }));
  if (!done) return;
  const moved = 'trashed' in change;
  await shown(done.pictures, moved);
  const many = moved || ids.length > 1, text = many ? `${said}: ${count(Object.keys(done.before).length, 'picture')}.` : `${said}.`;
  undoable(text, async () => {
    const back = await trying('toast', () => call('POST', '/api/gallery/undo', { before: done.before }));
    if (back && s.view.peek() === 'gallery') await shown(back.pictures, moved);
  }, !many);                                            // one mark shows on the picture itself
}

/** @param {Record<string, any>} states @param {boolean} moved some came or went */
async function shown(states, moved) {
  for (const [n, list] of pages) pages.set(n, list.map(e => states[e.id] ? { ...e, ...states[e.id] } : e));
  if (moved) { chosen.value = new Set(); await search(); }
  version.value++;
}

/** @param {string[]} [ids] */
async function compare(ids = meant()) {
  if (ids.length > 6) toast(say('Six pictures fit side by side: these are the first.'));
  const found = ids.slice(0, 6).map(entryOf).filter(e => e !== undefined);
  const marks = await trying('toast', () => Promise.all(found.map(async e => ({ image: e.id, tile: s.findTile(e.tile) ?? signal((await call('GET', `/api/tiles/${e.tile}`)).tile) }))));
  if (marks?.length) s.comparing.value = marks;
}

function refer() {
  for (const e of meant().map(entryOf)) if (e) deed('useImage', /** @type {any} */ (e), /** @type {any} */ ({ ...e, id: e.tile }), 'subject');
}

async function all() {
  const found = near.peek() ? { pictures: [...pages.values()].flat().map(e => e.id) } : await trying('toast', () => call('GET', `/api/gallery/ids?${asked({})}`));
  if (found) chosen.value = new Set(found.pictures);
  return found?.pictures ?? [];
}

async function cull() { const ids = chosen.peek().size > 1 ? meant() : await all(); chosen.value = new Set(); culling.value = ids; }

const inTrash = () => /\btrash:yes\b/.test(query.value);
const DEEDS = /** @type {Record<string, () => void>} */ ({
  ...Object.fromEntries([0, 1, 2, 3, 4, 5].map(n => [String(n), () => mark(n ? count(n, 'star') : say('No stars'), { stars: n })])),
  reject: () => mark(say('Rejected'), { verdict: 'rejected' }), keep: () => mark(say('Kept'), { verdict: 'kept' }), open: () => mark(say('Neither kept nor rejected'), { verdict: 'open' }),
  trash: () => mark(inTrash() ? say('Taken back') : say('In the trash for 30 days'), { trashed: !inTrash() }),
  compare: () => { compare(); }, reference: refer, tag: () => { asking.value = 'tag'; }, project: () => { asking.value = 'project'; }, cull,
  similar: () => { const e = at(active.peek()); if (e) similar(e); },
  kit: () => { const e = at(active.peek()); if (e) openKit(e.id); },
});

/** Keeps the grid as things are while it is open: marks of other pages at once, and new pictures when its top is in sight and
 * nothing is chosen; else it says that there are some. @returns {() => void} ends it */
function follow() {
  const ended = computed(() => s.rows.value.flatMap(r => r.veiled ? [] : r.tiles.value.flatMap(t => t.value.images)).length);
  let before = ended.peek(), timer = 0;
  const news = effect(() => {
    const more = ended.value - before;
    before = ended.value;
    if (more <= 0) return;
    fresh.value = fresh.peek() + more;
    clearTimeout(timer);
    timer = setTimeout(() => { if (!document.querySelector('.cells')?.scrollTop && !chosen.peek().size && !near.peek()) search(); }, 400);
  });
  const marked = effect(() => {
    if (!told.value) return;
    const now = marks.peek();
    let moved = false;
    for (const [n, list] of pages) pages.set(n, list.map(e => { const m = /** @type {any} */ (now[e.id]); moved ||= m && Boolean(m.trashed_ms) !== Boolean(e.trashed_ms); return m ? { ...e, ...m } : e; }));
    version.value = version.peek() + 1;
    if (moved && !chosen.peek().size) search();
  });
  return () => { news(); marked(); clearTimeout(timer); };
}

/** What a key does here. @param {KeyboardEvent} e */
const deedOf = e => /^[0-5]$/.test(e.key) && !e.ctrlKey && !e.metaKey && !e.altKey && s.letters.peek() ? e.key : heard('gallery', e)?.id.slice(4) ?? '';

export function Gallery() {
  const drawn = useRef(false);
  useEffect(() => {
    trying('toast', async () => { offers.value = await call('GET', '/api/gallery/fields'); });
    return () => { cut.abort(); tell('toast'); };
  }, []);
  useEffect(() => {                                      // the address asks: at first, and when another part of the page changes it
    const q = new URLSearchParams(location.search).get('q') ?? '';
    if (drawn.current && q === query.peek()) return;
    drawn.current = true;
    query.value = q;
    search();
  }, [s.path.value]);
  useEffect(() => follow(), []);
  const some = total.value ?? 0;
  return html`<div class="gallery">
    ${h(Search, null)}${h(Bar, null)}
    ${near.value && html`<p class="near"><img src=${near.value.thumb} alt="" />${say('Looks like this one, the nearest first.')} <button type="button" class="btn small" onClick=${search}>${say('Back to all')}</button></p>`}
    ${total.value === null && !wrong.value ? html`<p class="none" role="status">${say('Looking…')}</p>` : some ? h(Grid, null)
      : !wrong.value && html`<div class="none"><p>${query.value ? say('Nothing here fits that.') : say('Everything that you make is kept here.')}</p>${query.value ? html`<button type="button" class="btn" onClick=${() => { query.value = ''; search(); }}>${say('Show everything')}</button>` : h(Briefs, null)}</div>`}
    ${culling.value.length > 0 && h(Cull, { ids: culling.value, close: (/** @type {string[]} */ kept) => { culling.value = []; chosen.value = new Set(kept); search(); } })}
  </div>`;
}

function Search() {
  const open = useSignal(false), timer = useRef(0), box = useRef(/** @type {any} */ (null));
  const word = /\S*$/.exec(query.value)?.[0].toLowerCase() ?? '', named = word.split(':')[0];
  const offered = word.startsWith('tag:') ? offers.value.tags.map(tag => ({ put: `tag:${/\s/.test(tag) ? `"${tag}"` : tag}`, note: '' }))
    : offers.value.fields.filter(f => !word.includes(':') && f.name.startsWith(named)).map(f => ({ put: `${f.name}:`, note: f.example }));
  const type = (/** @type {string} */ text) => { query.value = text; clearTimeout(timer.current); timer.current = setTimeout(search, 160); };
  const put = (/** @type {string} */ text) => { type(`${query.peek().slice(0, query.peek().length - word.length)}${text}${text.endsWith(':') ? '' : ' '}`); box.current?.focus(); };
  return html`<search class="find" onFocusIn=${() => { open.value = true; }} onFocusOut=${e => { open.value = e.currentTarget.contains(e.relatedTarget); }} onKeyDown=${e => { if (e.key === 'Escape') { open.value = false; /** @type {HTMLElement | null} */ (document.querySelector('.cells'))?.focus(); } }}>
    <label class="vh" for="find">${say('Search the gallery')}</label>
    <input id="find" ref=${box} type="search" autocomplete="off" spellcheck="false" placeholder="fox model:seedream kept:yes" value=${query} aria-invalid=${Boolean(wrong.value)} aria-describedby="found wrong" onInput=${e => type(e.currentTarget.value)} />
    <span id="found" class="num sub" role="status">${total.value === null ? '' : count(total.value, 'picture')}</span>
    ${fresh.value > 0 && html`<button type="button" class="btn small fresh" onClick=${search}>${say('Show {0}', count(fresh.value, 'new picture'))}</button>`}
    <span id="wrong">${h(Remark, { of: wrong.value })}</span>
    ${open.value && offered.length > 0 && html`<ul class="offers" aria-label=${say('Fields')}>${offered.slice(0, 14).map(o => html`<li key=${o.put}><button type="button" class="btn small" title=${o.note} onClick=${() => put(o.put)}><b class="num">${o.put}</b></button></li>`)}</ul>`}
  </search>`;
}

/** What can be done with those that are chosen. */
function Bar() {
  const n = chosen.value.size, trash = inTrash();
  if (asking.value) return h(Ask, null);
  if (!n) return html`<div class="bar"><span class="sub hint">${total.value ? say('Click to choose; Shift for a range. 1–5 rate, K keep, X reject, ⌫ trash.') : ''}</span><button type="button" class="btn small" disabled=${!total.value} onClick=${cull}>${say('Cull')}</button><button type="button" class="btn small" onClick=${() => { query.value = trash ? '' : 'trash:yes'; search(); }}>${trash ? say('Leave the trash') : say('Trash')}</button></div>`;
  return html`<div class="bar" role="toolbar" aria-label=${say('With the chosen pictures')}><b class="num">${say('{0} chosen', n.toLocaleString(document.documentElement.lang))}</b>
    ${[['Keep', 'keep'], ['Reject', 'reject'], ['Tag', 'tag'], ['Project', 'project'], ['Compare', 'compare'], ['Use as reference', 'reference'], ['Cull', 'cull']].map(([name, key]) => html`<button type="button" key=${key} class="btn small" title=${keyed(name, `all-${key}`)} disabled=${key === 'compare' && n < 2} onClick=${() => DEEDS[key]()}>${say(name)}</button>`)}
    ${n === 1 && html`<button type="button" class="btn small" onClick=${() => { const e = entryOf([...chosen.peek()][0]); if (e) similar(e); }}>${say('Find similar')}</button>`}
    <span class="rate" role="group" aria-label=${say('Stars')}>${[1, 2, 3, 4, 5].map(v => html`<button type="button" key=${v} class="tool" aria-label=${count(v, 'star')} onClick=${() => DEEDS[v]()}>★</button>`)}</span>
    <button type="button" class="btn small" onClick=${() => DEEDS.trash()}>${trash ? say('Take back') : say('Trash')}</button>
    ${h(Tool, { icon: 'x', label: say('Choose none'), onClick: () => { chosen.value = new Set(); } })}</div>`;
}

/** A tag or a project for those that are chosen. */
function Ask() {
  const box = useRef(/** @type {any} */ (null)), what = asking.value;
  useLayoutEffect(() => { box.current?.focus(); }, []);
  const shut = () => { asking.value = ''; /** @type {HTMLElement | null} */ (document.querySelector('.cells'))?.focus(); };
  const give = e => { e.preventDefault(); const value = box.current.value.trim(); shut(); if (value || what === 'project') mark(what === 'tag' ? say('Tagged {0}', value) : value ? say('In {0}', value) : say('In no project'), what === 'tag' ? { add_tags: [value] } : { project: value }); };
  return html`<form class="bar" onSubmit=${give} onKeyDown=${e => { if (e.key === 'Escape') { e.stopPropagation(); shut(); } }}>
    <label for="ask">${what === 'tag' ? say('Tag') : say('Project')}</label><input id="ask" ref=${box} type="text" list="tags" maxlength="60" autocomplete="off" /><datalist id="tags">${what === 'tag' && offers.value.tags.map(t => html`<option value=${t} />`)}</datalist>
    <button class="btn small">${say('Give to {0}', count(meant().length, 'picture'))}</button>${h(Tool, { icon: 'x', label: say('Leave it'), onClick: shut })}</form>`;
}

function Grid() {
  const box = useRef(/** @type {any} */ (null)), size = useSignal([1, 1]), top = useSignal(0);
  useLayoutEffect(() => {
    const measure = () => { size.value = [box.current.clientWidth, box.current.clientHeight]; };
    const watch = new ResizeObserver(measure);
    watch.observe(box.current);
    measure();
    box.current.focus({ preventScroll: true });
    return () => watch.disconnect();
  }, []);
  const shape = useComputed(() => {                        // larger windows have larger cells, so that their number stays
    const [w, hgt] = size.value, least = Math.max(w < 640 ? 104 : 160, Math.sqrt(w * hgt / IN_SIGHT)), cols = Math.max(1, Math.floor(w / least));
    return { cols, cell: w / cols, rows: Math.ceil(hgt / (w / cols)) };
  });
  const { cols, cell, rows } = shape.value, some = total.value ?? 0;
  const from = Math.max(0, Math.floor(top.value / cell) - 1) * cols, to = Math.min(some, from + (rows + 3) * cols);
  version.value;
  useEffect(() => { for (let p = Math.floor(from / PAGE); p * PAGE < to; p++) bring(p); }, [from, to, version.value]);
  const show = (/** @type {number} */ i) => {
    const y = Math.floor(i / cols) * cell, el = box.current;
    if (y < el.scrollTop) el.scrollTop = y; else if (y + cell > el.scrollTop + el.clientHeight) el.scrollTop = y + cell - el.clientHeight;
    top.value = el.scrollTop;
  };
  const choose = (/** @type {number} */ i, /** @type {{ shiftKey: boolean, ctrlKey: boolean, metaKey: boolean }} */ e) => {
    const here = at(i), next = new Set(e.ctrlKey || e.metaKey || e.shiftKey ? chosen.peek() : []);
    if (e.shiftKey) for (let n = Math.min(anchor, i); n <= Math.max(anchor, i); n++) { const id = at(n)?.id; if (id) next.add(id); }
    else if (here) { if (chosen.peek().has(here.id)) next.delete(here.id); else next.add(here.id); anchor = i; }
    batch(() => { active.value = i; chosen.value = next; });
  };
  const key = (/** @type {KeyboardEvent} */ e) => {
    const i = active.peek(), to = { ArrowRight: i + 1, ArrowLeft: i - 1, ArrowDown: i + cols, ArrowUp: i - cols, PageDown: i + cols * Math.max(1, rows - 1), PageUp: i - cols * Math.max(1, rows - 1), Home: 0, End: some - 1 }[e.key];
    if (to !== undefined) {
      const next = Math.max(0, Math.min(some - 1, to));
      show(next);
      if (e.shiftKey) choose(next, { shiftKey: true, ctrlKey: false, metaKey: false }); else { active.value = next; anchor = next; }
    } else if (e.key === ' ') choose(i, { shiftKey: false, ctrlKey: true, metaKey: false });
    else if (e.key === 'Enter') open(i);
    else if (e.key === 'Escape' && chosen.peek().size) chosen.value = new Set();
    else if ((e.ctrlKey || e.metaKey) && e.key === 'a') all();
    else if (deedOf(e)) DEEDS[deedOf(e)]();
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  const open = (/** @type {number} */ i) => { const e = at(i); if (e) compare([e.id]); };
  const cells = [];
  for (let i = from; i < to; i++) cells.push(h(Cell, { key: i, i, of: at(i), x: (i % cols) * cell, y: Math.floor(i / cols) * cell, cell, some, choose, open }));
  return html`<div class="cells" ref=${box} tabindex="0" role="listbox" aria-label=${say('Pictures')} aria-multiselectable="true" aria-activedescendant=${active.value >= from && active.value < to ? `cell-${active.value}` : null}
    onScroll=${e => { top.value = e.currentTarget.scrollTop; }} onKeyDown=${key}><div class="whole" role="presentation" style=${{ height: `${Math.ceil(some / cols) * cell}px` }}>${cells}</div></div>`;
}

/** @param {{ i: number, of?: Entry, x: number, y: number, cell: number, some: number, choose: Function, open: Function }} props */
function Cell({ i, of, x, y, cell, some, choose, open }) {
  const on = Boolean(of && chosen.value.has(of.id)), said = of ? [of.prompt.slice(0, 120), of.name, of.stars && count(of.stars, 'star'), of.verdict !== 'open' && say(of.verdict), isKey(of.id) && 'key visual', of.tags.length && say('tagged {0}', of.tags.join(', '))].filter(Boolean).join('. ') : say('On its way');
  const title = of ? `${of.prompt.slice(0, 200)}\n${of.name}${of.cost_micro_usd === null ? '' : ` · ${of.cost_micro_usd ? money(of.cost_micro_usd) : say('free')}`}` : '';
  return html`<div id=${`cell-${i}`} class="cell" role="option" aria-selected=${on} aria-label=${said} aria-posinset=${i + 1} aria-setsize=${some} title=${title} data-active=${i === active.value} data-verdict=${of?.verdict}
    style=${{ transform: `translate(${x}px, ${y}px)`, inlineSize: `${cell}px`, blockSize: `${cell}px` }} onClick=${e => choose(i, e)} onDblClick=${() => open(i)}>
    <span class="plate" style=${{ background: of?.tone ?? '' }}>${of && html`<img src=${of.thumb} alt="" loading="lazy" decoding="async" onDragStart=${e => carry(e, of)} />`}</span>
    ${of && (of.stars > 0 || of.verdict !== 'open' || isKey(of.id)) && html`<span class="marks" aria-hidden="true">${isKey(of.id) && '◆'}${of.verdict === 'kept' ? h(Icon, { name: 'check' }) : of.verdict === 'rejected' && h(Icon, { name: 'x' })}${'★'.repeat(of.stars)}</span>`}</div>`;
}
