// @ts-check
/** Everything that was made, in one grid of which only the part in sight is drawn; looked for, marked, thrown away. */
import { batch, computed, effect, signal, useComputed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { deed, tell, trying } from './actions.js';
import { carry } from './dropping.js';
import { ApiError, call } from './api.js';
import { ask as askPicked, pickedFor } from './chosen.js';
import { Briefs } from './briefs.js';
import { doers, heard, keep, keyed, signOf } from './commands.js';
import { count, money } from './format.js';
import { isKey } from './keyvisual.js';
import { openKit } from './kitopen.js';
import { marks, told, undone } from './marks.js';
import { Filter, Look, ORDERS, filtering, least, order, resize } from './gallerylook.js';
import { Near } from './near.js';
import { useRoom } from './room.js';
import * as s from './state.js';
import { Icon, Menu, Remark, Tool, h, html, later, say, toast } from './ui.js';
import { done as undoable, during } from './undo.js';

/** @typedef {{ id: string, tile: string, run: string, sha256: string, url: string, thumb: string, view: string, width: number, height: number, prompt: string, name: string, maker: string, media_type: string, filename: string, cost_micro_usd: number | null, tone: string | null, stars: number, verdict: string, tags: string[], project: string | null, trashed_ms: number | null, watch: { watch: string, name: string, check: string } | null }} Entry */

const PAGE = 100, PAGES = 30, IN_SIGHT = 80, MOST_FILES = 500;  // pages that are remembered; cells at most, about; of one download
const MOST_AT_ONCE = 10_000, MOST_REFS = 16;            // pictures of one call; that go along with a prompt
const Cull = later(() => import('./cull.js'), 'Cull');

const fresh = signal(0);                                // pictures that came since the last look
const query = signal(''), wrong = signal(/** @type {{ message: string, hint: string } | null} */ (null));
const total = signal(/** @type {number | null} */ (null)), version = signal(0);
const near = signal(/** @type {import('./near.js').Found | null} */ (null));  // whose lookalikes are shown
const chosen = signal(/** @type {ReadonlySet<string>} */ (new Set())), active = signal(0);
const left = signal(0);                                 // pictures of the last choice that are more than one call takes
const asking = signal(''), culling = signal(/** @type {string[]} */ ([]));
const offers = signal(/** @type {import('./gallerylook.js').Values} */ ({ fields: [], models: [], ratios: [], tags: [], projects: [] }));
/** Models, shapes, tags and projects, as they are now. */
const learn = () => trying('toast', async () => { offers.value = await call('GET', '/api/gallery/fields'); });

const pages = /** @type {Map<number, Entry[]>} */ (new Map()), wanted = /** @type {Set<number>} */ (new Set());
let start = /** @type {string | null} */ (null), cut = new AbortController(), anchor = 0, wishes = 0;
let written = '';                                       // the address that a search put there itself

const at = (/** @type {number} */ i) => pages.get(Math.floor(i / PAGE))?.[i % PAGE];
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const asked = (/** @type {Record<string, string | number | null>} */ more) => new URLSearchParams(Object.entries({ q: query.peek(), zone: /\b(after|before):/i.test(query.peek()) ? ZONE : '', order: order.peek() === 'newest' ? '' : order.peek(), ...more }).filter(([, v]) => v !== null && v !== '').map(([k, v]) => [k, String(v)]));

/** Pictures with what was said of them since they were asked for: an answer may be older than what the stream told.
 * @param {typeof marks.value} before @param {Entry[]} list */
const since = (before, list) => { askPicked(list.map(e => e.id)); return list.map(e => marks.peek()[e.id] === before[e.id] ? e : { ...e, ...marks.peek()[e.id] }); };

/** Starts over: another query, or the same after something was thrown away; not where the gallery was left meanwhile. */
async function search() {
  if (s.view.peek() !== 'gallery') return;
  cut.abort();
  cut = new AbortController();
  const { signal: mine } = cut, before = marks.peek();
  wanted.clear();
  start = null;
  s.path.value = written = `/gallery${query.peek() ? `?${new URLSearchParams({ q: query.peek() })}` : ''}`;
  history.replaceState(null, '', s.path.peek());
  try {
    const first = await call('GET', `/api/gallery?${asked({ limit: PAGE })}`, undefined, mine);
    const all = await call('GET', `/api/gallery/count?${asked({ cursor: first.start })}`, undefined, mine);
    batch(() => { pages.clear(); pages.set(0, since(before, first.pictures)); start = first.start; total.value = all.count; wrong.value = null; near.value = null; fresh.value = 0; version.value++; active.value = Math.min(active.peek(), Math.max(0, all.count - 1)); });
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
  const { signal: mine } = cut, before = marks.peek();
  try {
    const found = await call('GET', `/api/gallery?${asked({ cursor: start, skip: page * PAGE, limit: PAGE })}`, undefined, mine);
    pages.set(page, since(before, found.pictures));
    for (const old of pages.keys()) if (pages.size > PAGES && old !== page && old !== 0) pages.delete(old);
    version.value++;
  } catch (error) { refused(error, mine); }
  wanted.delete(page);
}

/** What looks like a picture, or shows the like; the address keeps it. @param {string} id @param {import('./near.js').By} by */
async function similar(id, by = 'looks') {
  if (cut.signal.aborted) cut = new AbortController();
  const { signal: mine } = cut, wish = ++wishes, before = marks.peek();
  const found = await trying('toast', () => call('GET', `/api/gallery/similar/${id}?by=${by}`)), of = found?.picture;
  if (mine.aborted || wish !== wishes) return;           // something else was looked for since, or the gallery was left
  if (!of) { if (total.peek() === null) search(); if (found) toast(say('Nobody has looked at this picture yet; try again in a while.')); return; }
  cut.abort();
  batch(() => {
    pages.clear();
    for (let n = 0; n * PAGE < found.pictures.length + 1; n++) pages.set(n, since(before, [of, ...found.pictures].slice(n * PAGE, (n + 1) * PAGE)));
    near.value = { of, by, embedder: found.embedder, seen: found.seen, unseen: found.unseen, others: found.pictures.length }; wrong.value = null; total.value = found.pictures.length + 1; active.value = 0; chosen.value = new Set(); version.value++;
  });
  s.path.value = `/gallery?like=${id}${by === 'shows' ? '&by=shows' : ''}`;
  history.replaceState(null, '', s.path.peek());
  if (found.unseen && by === 'looks') toast(say('{0} were not looked at yet; try again in a while.', count(found.unseen, 'picture')));
}

// What is done with pictures

/** Those that are chosen, else the one that the keyboard stands on. */
const meant = () => chosen.peek().size ? [...chosen.peek()] : [at(active.peek())?.id].filter(id => id !== undefined);
const entryOf = (/** @type {string} */ id) => [...pages.values()].flat().find(e => e.id === id);
/** Pictures by id, also of pages that are not here any more, or never were. @param {string[]} ids @returns {Promise<Entry[]>} */
async function entries(ids) {
  const here = new Map(ids.map(id => [id, entryOf(id)])), away = ids.filter(id => !here.get(id));
  const found = away.length ? await trying('toast', () => call('GET', `/api/gallery/pictures?pictures=${away}`)) : null;
  for (const e of found?.pictures ?? []) here.set(e.id, e);
  return ids.map(id => here.get(id)).filter(e => e !== undefined);
}
let choosing = /** @type {Promise<unknown> | null} */ (null);
/** Waits until the last choice is whole, so that nothing is done to a part of it. */
const whole = async () => { while (choosing) await choosing; };

/** The ids of a part of the list, in its order, as many as one call takes; what is more is counted in `left`.
 * @param {number} from @param {number} many */
async function part(from, many) {
  const all = Array.from({ length: many }, (_, n) => at(from + n)?.id);
  if (all.every(id => id !== undefined)) return /** @type {string[]} */ (all);
  const found = await trying('toast', () => call('GET', `/api/gallery/ids?${asked({ cursor: start, skip: from, limit: Math.min(many, MOST_AT_ONCE) })}`));
  return /** @type {string[]} */ (found?.pictures ?? []);
}

/** Chooses a part of the list beside what is chosen. @param {ReadonlySet<string>} before @param {number} from @param {number} many */
async function choosePart(before, from, many) {
  const mine = choosing = part(from, many).then(ids => {
    if (choosing !== mine) return;
    const next = [...new Set([...before, ...ids])], over = Math.max(0, next.length - MOST_AT_ONCE) + Math.max(0, many - ids.length);
    batch(() => { chosen.value = new Set(next.slice(0, MOST_AT_ONCE)); left.value = over; });
  }).finally(() => { if (choosing === mine) choosing = null; });
  await mine;
}

/** @param {string} said @param {any} change */
const mark = (said, change) => during(whole().then(() => marked(said, meant(), change)));

/** @param {string} said @param {string[]} ids @param {any} change */
async function marked(said, ids, change) {
  if (!ids.length) return;
  const done = await trying('toast', () => call('PATCH', '/api/gallery', { pictures: ids, ...change }));
  if (!done) return;
  const moved = 'trashed' in change;
  await shown(done.pictures, moved);
  const many = moved || ids.length > 1, text = many ? `${said}: ${count(Object.keys(done.before).length, 'picture')}.` : `${said}.`;
  undoable(text, async latest => {
    const back = await trying('toast', () => undone(done.before, change, latest));
    if (back && s.view.peek() === 'gallery') await shown(back.pictures, moved);
  }, !many);                                            // one mark shows on the picture itself
}

/** @param {Record<string, any>} states @param {boolean} moved some came or went */
async function shown(states, moved) {
  for (const [n, list] of pages) pages.set(n, list.map(e => states[e.id] ? { ...e, ...states[e.id] } : e));
  if (moved) { chosen.value = new Set(); await search(); }
  version.value++;
}

/** @param {string[]} [of] */
async function compare(of) {
  await whole();
  const ids = of ?? meant();
  if (ids.length > 6) toast(say('Six pictures fit side by side: these are the first.'));
  const found = await entries(ids.slice(0, 6));
  const marks = await trying('toast', () => Promise.all(found.map(async e => ({ image: e.id, tile: s.findTile(e.tile) ?? s.place((await call('GET', `/api/tiles/${e.tile}`)).tile) }))));
  if (marks?.length) s.comparing.value = marks;
}

async function refer() {
  await whole();
  const ids = meant();
  if (ids.length > MOST_REFS) toast(say('{0} pictures go along at most: these are the first.', MOST_REFS));
  for (const e of await entries(ids.slice(0, MOST_REFS))) deed('useImage', /** @type {any} */ (e), /** @type {any} */ ({ ...e, id: e.tile }), 'subject');
}

const all = () => choosePart(new Set(), 0, total.peek() ?? 0);

async function cull() {
  let wanted = true;
  keep('cull', () => s.view.peek() === 'gallery' && (wanted || culling.peek().length > 0), () => { wanted = false; culling.value = []; });
  await whole();
  if (chosen.peek().size < 2) await all();
  const ids = meant();
  if (!wanted) return;
  wanted = false;
  if (left.peek()) toast(say('{0} at a time: these are the first.', count(ids.length, 'picture')));
  none();
  culling.value = ids;
}

function none() { choosing = null; batch(() => { chosen.value = new Set(); left.value = 0; }); }

/** The one chosen, else the one that the keyboard stands on. */
const one = () => (chosen.peek().size === 1 ? entryOf([...chosen.peek()][0]) : undefined) ?? at(active.peek());
/** @param {(e: Entry) => void} act */
const withOne = act => () => { const e = one(); if (e) act(e); };
const onward = () => import('./gallerymenu.js');
const ONWARD = ['edit', 'vary', 'extend', 'upscale', 'remove-background', 'continue', 'lineage', 'inspector'];

/** @param {import('./gallerylook.js').Order} name */
function sortBy(name) { s.local['gallery.order'] = order.value = name; active.value = 0; if (!near.peek()) search(); }

const inTrash = () => /\btrash:yes\b/.test(query.value);
const DEEDS = /** @type {Record<string, () => void>} */ ({
  ...Object.fromEntries([0, 1, 2, 3, 4, 5].map(n => [String(n), () => mark(n ? count(n, 'star') : say('No stars'), { stars: n })])),
  reject: () => mark(say('Rejected'), { verdict: 'rejected' }), keep: () => mark(say('Kept'), { verdict: 'kept' }), open: () => mark(say('Neither kept nor rejected'), { verdict: 'open' }),
  trash: () => mark(inTrash() ? say('Taken back') : say('In the trash for 30 days'), { trashed: !inTrash() }),
  compare: () => { compare(); }, reference: () => { refer(); }, tag: () => { asking.value = 'tag'; }, project: () => { asking.value = 'project'; }, cull,
  describe: withOne(e => deed('describe', e, e)), similar: withOne(e => { similar(e.id); }), kit: withOne(e => { openKit(e.id); }),
  ...Object.fromEntries(ORDERS.map(name => [name, () => sortBy(name)])), larger: () => resize(1), smaller: () => resize(-1), filter: () => { filtering.value = !filtering.peek(); },
  ...Object.fromEntries(ONWARD.map(name => [name, withOne(e => { onward().then(m => m.act(name, e)); })])), row: withOne(e => { import('./torow.js').then(m => m.toRow(e.run, e.tile)); }),
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
  let was = marks.peek();
  const marked = effect(() => {
    if (!told.value) return;
    const now = marks.peek();
    let moved = Object.keys(now).some(id => was[id]?.trashed_ms && !now[id].trashed_ms);  // taken back: on no page here
    was = now;
    for (const [n, list] of pages) pages.set(n, list.map(e => { const m = /** @type {any} */ (now[e.id]); moved ||= m && Boolean(m.trashed_ms) !== Boolean(e.trashed_ms); return m ? { ...e, ...m } : e; }));
    version.value = version.peek() + 1;
    if (moved && !chosen.peek().size) search();
  });
  return () => { news(); marked(); clearTimeout(timer); };
}

/** What a key does here. @param {KeyboardEvent} e */
const deedOf = e => /^[0-5]$/.test(e.key) && !e.ctrlKey && !e.metaKey && !e.altKey && s.letters.peek() ? e.key : heard('gallery', e)?.id.slice(4) ?? '';

export function Gallery() {
  const drawn = useRef(false), had = useRef(false), some = total.value ?? 0;
  useEffect(() => {
    learn();
    return () => { cut.abort(); tell('toast'); };
  }, []);
  useEffect(() => {                                      // the address asks: at first, and when another part of the page changes it
    const asked = new URLSearchParams(location.search), q = asked.get('q') ?? '', like = asked.get('like'), by = asked.get('by') === 'shows' ? 'shows' : 'looks';
    // What is typed on while a search begins is not taken back by the address of that search.
    if (drawn.current && (like ? like === near.peek()?.of.id && by === near.peek()?.by : !near.peek() && (q === query.peek() || s.path.peek() === written))) return;
    drawn.current = true;
    query.value = q;
    if (like) similar(like, by); else search();
  }, [s.path.value]);
  useEffect(() => follow(), []);
  useEffect(() => { doers.gallery = id => DEEDS[id.slice(4)](); return () => { delete doers.gallery; }; }, []);
  useLayoutEffect(() => {                                // the keyboard is not left where the pictures were
    if (had.current && !some && document.activeElement === document.body) document.getElementById('find')?.focus();
    had.current = some > 0;
  }, [some > 0]);
  return html`<div class="gallery">
    ${h(Search, null)}${filtering.value && h(Filter, { query, values: offers.value, search })}${h(Bar, null)}
    ${near.value && h(Near, { found: near.value, find: similar, back: search })}
    ${total.value === null && !wrong.value ? html`<p class="none" role="status">${say('Looking…')}</p>` : some ? h(Grid, null)
      : !wrong.value && html`<div class="none"><p>${query.value ? say('Nothing here fits that.') : say('Everything that you make is kept here.')}</p>${query.value ? html`<button type="button" class="btn" onClick=${() => { query.value = ''; search(); }}>${say('Show everything')}</button>` : h(Briefs, null)}</div>`}
    ${culling.value.length > 0 && h(Cull, { ids: culling.value, close: (/** @type {string[]} */ kept, /** @type {Promise<unknown>} */ said) => { culling.value = []; chosen.value = new Set(kept); said.then(search); } })}
  </div>`;
}

function Search() {
  const open = useSignal(false), timer = useRef(0), box = useRef(/** @type {any} */ (null));
  useEffect(() => () => clearTimeout(timer.current), []);
  const word = /\S*$/.exec(query.value)?.[0].toLowerCase() ?? '', named = word.split(':')[0];
  const names = word.startsWith('tag:') ? offers.value.tags : word.startsWith('project:') ? offers.value.projects : null;
  const offered = names ? names.filter(name => name.toLowerCase().startsWith(word.slice(named.length + 1).replace('"', ''))).map(name => ({ put: `${named}:${/\s/.test(name) ? `"${name}"` : name}`, note: '' }))
    : offers.value.fields.filter(f => !word.includes(':') && f.name.startsWith(named)).map(f => ({ put: `${f.name}:`, note: f.example }));
  const type = (/** @type {string} */ text) => { query.value = text; clearTimeout(timer.current); timer.current = setTimeout(search, 160); };
  const put = (/** @type {string} */ text) => { type(`${query.peek().slice(0, query.peek().length - word.length)}${text}${text.endsWith(':') ? '' : ' '}`); box.current?.focus(); };
  return html`<search class="find" onFocusIn=${() => { if (!open.peek()) learn(); open.value = true; }} onFocusOut=${e => { open.value = e.currentTarget.contains(e.relatedTarget); }} onKeyDown=${e => { if (e.key === 'Escape') { open.value = false; /** @type {HTMLElement | null} */ (document.querySelector('.cells'))?.focus(); } }}>
    <label class="vh" for="find">${say('Search the gallery')}</label>
    <input id="find" ref=${box} type="search" autocomplete="off" spellcheck="false" placeholder="fox model:seedream kept:yes" value=${query} aria-invalid=${Boolean(wrong.value)} aria-describedby="found wrong" onInput=${e => type(e.currentTarget.value)} />
    <button type="button" class="btn small" aria-expanded=${filtering.value} title=${keyed('Filter', 'all-filter')} onClick=${() => { DEEDS.filter(); }}>${say('Filter')}</button>
    <span id="found" class="num sub" role="status">${total.value === null ? '' : count(total.value, 'picture')}</span>
    ${fresh.value > 0 && html`<button type="button" class="btn small fresh" onClick=${search}>${say('Show {0}', count(fresh.value, 'new picture'))}</button>`}
    <span id="wrong">${h(Remark, { of: wrong.value })}</span>
    ${open.value && !filtering.value && offered.length > 0 && html`<ul class="offers" aria-label=${say('Fields')}>${offered.slice(0, 14).map(o => html`<li key=${o.put}><button type="button" class="btn small" title=${say(o.note)} onClick=${() => put(o.put)}><b class="num">${o.put}</b></button></li>`)}</ul>`}
  </search>`;
}

/** What can be done with the chosen, by how soon it goes into the menu where the line is short: the last first.
 * @type {[string, string, 'one' | 'some' | ''][]} */
const ACTS = [['Open', 'look', 'one'], ['Keep', 'keep', ''], ['Reject', 'reject', ''], ['Compare', 'compare', 'some'], ['Trash', 'trash', ''], ['Tag', 'tag', ''], ['Use as reference', 'reference', ''], ['Download', 'download', ''], ['Project', 'project', ''], ['Cull', 'cull', ''], ['Find similar', 'similar', 'one'], ['Say what it shows', 'describe', 'one']];
const IN_LINE = ['look', 'keep', 'reject', 'compare', 'tag', 'project', 'reference', 'cull', 'describe', 'similar', 'download'];
/** The menu of one picture has them anyway. */
const ITS_OWN = ['similar', 'describe'];

const number = (/** @type {number} */ n) => n.toLocaleString(document.documentElement.lang);

/** What can be done with the chosen: one line of what is asked for most, the rest in its menu. The line is the same one when nothing is
 * chosen, so that the focus stays by it. */
function Bar() {
  const n = chosen.value.size, trash = inTrash();
  const able = ACTS.filter(([, key, when]) => when !== (n === 1 ? 'some' : 'one') && (key !== 'download' || n <= MOST_FILES));
  const [line, fits] = useRoom(able.length, `${n === 1} ${n.toString().length} ${left.value > 0} ${trash} ${asking.value}`), inLine = new Set(able.slice(0, fits).map(([, key]) => key));
  if (asking.value) return h(Ask, null);
  if (!n) return html`<div class="bar" ref=${line}><span class="sub hint">${total.value ? say('Click to choose, Shift for a range; double-click or Enter opens. 1–5 rate, {0} keep, {1} reject, {2} trash.', ...['keep', 'reject', 'trash'].map(id => signOf(`all-${id}`) || '–')) : ''}</span>${h(Look, { sortBy })}<button type="button" class="btn small" disabled=${!total.value} onClick=${cull}>${say('Cull')}</button><button type="button" class="btn small" onClick=${() => { query.value = trash ? '' : 'trash:yes'; search(); }}>${trash ? say('Leave the trash') : say('Trash')}</button></div>`;
  const file = n === 1 ? `/api/images/${[...chosen.peek()][0]}?download=1` : `/api/gallery/download?pictures=${[...chosen.value].join()}`;
  const named = (/** @type {string} */ key) => say(key === 'trash' && trash ? 'Take back' : key === 'download' && n > 1 ? 'Download ZIP' : ACTS.find(([, own]) => own === key)?.[0] ?? '');
  const run = (/** @type {string} */ key) => { if (key === 'look') compare(); else if (key === 'download') Object.assign(document.createElement('a'), { href: file, download: '' }).click(); else DEEDS[key](); };
  const part = (/** @type {string} */ key) => inLine.has(key) && (key === 'download' ? html`<a class="btn small" key=${key} download href=${file}>${named(key)}</a>`
    : html`<button type="button" key=${key} class="btn small" title=${key === 'look' ? named(key) : keyed(named(key), `all-${key}`)} onClick=${() => run(key)}>${named(key)}</button>`);
  const stars = (/** @type {number} */ v) => ({ name: count(v, 'star'), note: '★'.repeat(v), run: () => DEEDS[v]() });
  const rest = able.filter(([, key]) => !inLine.has(key) && !(n === 1 && ITS_OWN.includes(key))).map(([, key]) => ({ name: named(key), note: key === 'look' || key === 'download' ? '' : signOf(`all-${key}`), run: () => run(key) }));
  const more = async () => [...rest, ...n === 1 ? await onward().then(m => m.items(one())) : []];
  return html`<div class="bar" role="toolbar" ref=${line} aria-label=${say('With the chosen pictures')}><b class="num" role="status">${left.value ? say('{0} of {1} chosen, no more at once', number(n), number(n + left.value)) : say('{0} chosen', number(n))}</b>
    ${IN_LINE.map(part)}${(n === 1 || rest.length > 0) && h(Menu, { key: 'more', label: say('More'), text: say('More'), class: 'btn small', items: more })}
    <span class="rate" role="group" aria-label=${say('Stars')}>${[1, 2, 3, 4, 5].map(v => html`<button type="button" key=${v} class="tool" aria-label=${count(v, 'star')} title=${`${count(v, 'star')} (${v})`} onClick=${() => DEEDS[v]()}>★</button>`)}</span>
    ${h(Menu, { label: say('Stars'), text: '★', class: 'btn small', items: () => [1, 2, 3, 4, 5].map(stars) })}
    ${part('trash')}${h(Tool, { icon: 'x', label: say('Choose none'), onClick: none })}</div>`;
}

/** A tag or a project for those that are chosen. */
function Ask() {
  const box = useRef(/** @type {any} */ (null)), what = asking.value, ids = meant(), of = ids.map(entryOf);
  version.value;
  // Of pictures that are not read yet nobody knows here which tags they have.
  const worn = what !== 'tag' ? [] : of.includes(undefined) ? offers.value.tags : [...new Set(of.flatMap(e => e?.tags ?? []))].sort();
  useLayoutEffect(() => { box.current?.focus(); }, []);
  useEffect(() => { learn(); }, []);
  const take = (/** @type {string} */ tag) => { mark(say('No longer tagged {0}', tag), { remove_tags: [tag] }); box.current?.focus(); };
  const shut = () => { asking.value = ''; /** @type {HTMLElement | null} */ (document.querySelector('.cells'))?.focus(); };
  const give = e => { e.preventDefault(); const value = box.current.value.trim(); shut(); if (value || what === 'project') mark(what === 'tag' ? say('Tagged {0}', value) : value ? say('In {0}', value) : say('In no project'), what === 'tag' ? { add_tags: [value] } : { project: value }); };
  return html`<form class="bar" onSubmit=${give} onKeyDown=${e => { if (e.key === 'Escape') { e.stopPropagation(); shut(); } }}>
    <label for="ask">${what === 'tag' ? say('Tag') : say('Project')}</label><input id="ask" ref=${box} type="text" list="tags" maxlength="60" autocomplete="off" /><datalist id="tags">${(what === 'tag' ? offers.value.tags : offers.value.projects).map(t => html`<option key=${t} value=${t} />`)}</datalist>
    <button class="btn small">${say('Give to {0}', count(ids.length, 'picture'))}</button>${worn.map(tag => html`<button type="button" key=${tag} class="btn small" aria-label=${say('Take the tag {0} away', tag)} title=${say('Take the tag {0} away', tag)} onClick=${() => take(tag)}>${tag}${h(Icon, { name: 'x' })}</button>`)}
    ${h(Tool, { icon: 'x', label: say('Leave it'), onClick: shut })}</form>`;
}

function Grid() {
  const box = useRef(/** @type {any} */ (null)), size = useSignal([1, 1]), top = useSignal(0);
  useLayoutEffect(() => {
    const measure = () => { size.value = [box.current.clientWidth, box.current.clientHeight]; };
    const watch = new ResizeObserver(measure);
    watch.observe(box.current);
    measure();
    if (!document.activeElement?.matches('input, select, textarea')) box.current.focus({ preventScroll: true });  // who writes goes on writing
    return () => watch.disconnect();
  }, []);
  const shape = useComputed(() => {                        // larger windows have larger cells, so that their number stays
    const [w, hgt] = size.value, side = Math.max(least(w), Math.sqrt(w * hgt / IN_SIGHT)), cols = Math.max(1, Math.floor(w / side));
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
    choosing = null;
    if (!e.shiftKey && here) { if (chosen.peek().has(here.id)) next.delete(here.id); else next.add(here.id); anchor = i; }
    batch(() => { active.value = i; chosen.value = next; left.value = 0; });
    if (e.shiftKey) choosePart(next, Math.min(anchor, i), Math.abs(anchor - i) + 1);
  };
  const key = (/** @type {KeyboardEvent} */ e) => {
    if (e.altKey) return;
    const mod = e.ctrlKey || e.metaKey, i = active.peek(), to = mod ? undefined : { ArrowRight: i + 1, ArrowLeft: i - 1, ArrowDown: i + cols, ArrowUp: i - cols, PageDown: i + cols * Math.max(1, rows - 1), PageUp: i - cols * Math.max(1, rows - 1), Home: 0, End: some - 1 }[e.key];
    if (to !== undefined) {
      const next = Math.max(0, Math.min(some - 1, to));
      show(next);
      if (e.shiftKey) choose(next, { shiftKey: true, ctrlKey: false, metaKey: false }); else { active.value = next; anchor = next; }
    } else if (e.key === ' ' && !mod) choose(i, { shiftKey: false, ctrlKey: true, metaKey: false });
    else if (e.key === 'Enter' && !mod) open(i);
    else if (e.key === 'Escape' && chosen.peek().size) none();
    else if (mod && e.key === 'a') all();
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

/** The two small copies of a picture with their widths: a thumbnail has 256 pixels on the short side, a view 1024 on the long one.
 * A cell is covered, so a wide picture is wider than its cell. @param {Entry} of */
function sharp({ thumb, view, width, height }) {
  const at = (/** @type {number} */ scale) => Math.round(width * Math.min(1, scale)), whole = 1024 / Math.max(width, height);
  return `${thumb} ${at(Math.min(256 / Math.min(width, height), whole))}w, ${view} ${at(whole)}w`;
}

/** @param {{ i: number, of?: Entry, x: number, y: number, cell: number, some: number, choose: Function, open: Function }} props */
function Cell({ i, of, x, y, cell, some, choose, open }) {
  const on = Boolean(of && chosen.value.has(of.id)), picked = of ? pickedFor(of.id) : '', said = of ? [of.prompt.slice(0, 120), of.name, picked && say('Picked: {0}', picked), of.stars && count(of.stars, 'star'), of.verdict !== 'open' && say(of.verdict), isKey(of.id) && say('key visual'), of.watch && say('Made by the drift watch {0}', of.watch.name), of.tags.length && say('tagged {0}', of.tags.join(', '))].filter(Boolean).join('. ') : say('On its way');
  const title = of ? `${of.prompt.slice(0, 200)}\n${of.name}${of.cost_micro_usd === null ? '' : ` · ${of.cost_micro_usd ? money(of.cost_micro_usd) : say('free')}`}${of.watch ? `\n${say('Made by the drift watch {0}', of.watch.name)}` : ''}${picked && `\n${say('Picked: {0}', picked)}`}` : '';
  return html`<div id=${`cell-${i}`} class="cell" role="option" aria-selected=${on} aria-label=${said} aria-posinset=${i + 1} aria-setsize=${some} title=${title} data-active=${i === active.value} data-verdict=${of?.verdict}
    style=${{ transform: `translate(${x}px, ${y}px)`, inlineSize: `${cell}px`, blockSize: `${cell}px` }} onClick=${e => choose(i, e)} onDblClick=${() => open(i)}>
    <span class="plate" style=${{ background: of?.tone ?? '' }}>${of && html`<img src=${of.thumb} srcset=${sharp(of)} sizes=${`${Math.ceil(cell * Math.max(1, of.width / of.height))}px`} alt="" loading="lazy" decoding="async" onDragStart=${e => carry(e, of)} />`}</span>
    ${of && (picked || of.stars > 0 || of.verdict !== 'open' || of.watch || isKey(of.id)) && html`<span class="marks" aria-hidden="true">${isKey(of.id) && '◆'}${picked && html`<span>${say('picked')}</span>`}${of.watch && h(Icon, { name: 'scan' })}${of.verdict === 'kept' ? h(Icon, { name: 'check' }) : of.verdict === 'rejected' && h(Icon, { name: 'x' })}${'★'.repeat(of.stars)}</span>`}</div>`;
}
