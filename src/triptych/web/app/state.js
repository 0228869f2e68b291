// @ts-check
/** Everything the page knows, as signals, and the one stream that changes it. Components read here; `actions.js` asks. */
import { batch, computed, effect, signal } from '@preact/signals';
import { call, useSession } from './api.js';
import { say } from './ui.js';

/** @import { Cost, Tile, TileSignal, Row, Model, Provider, Spend, Ref, Plan, Mark, Problem } from './types' */

/** Storage can be forbidden. @param {string} name @returns {Record<string, string>} */
const shelf = name => { try { return /** @type {any} */ (window[name]); } catch { return {}; } };
export const local = shelf('localStorage');
const tab = shelf('sessionStorage');

export const FINAL = new Set(['done', 'blocked', 'failed', 'cancelled', 'lost']);

export const models = signal(/** @type {Model[]} */ ([]));
export const providers = signal(/** @type {Provider[]} */ ([]));
export const orderRule = signal('');                                       // in words, as the server says it
export const spend = signal(/** @type {Spend | null} */ (null));
export const rows = signal(/** @type {Row[]} */ ([]));                      // oldest first, as they stand on the page
export const before = signal(/** @type {string | null} */ (null));          // where older rows go on

export const text = signal(/** @type {HTMLTextAreaElement | null} */ (document.getElementById('prompt'))?.value || tab.draft || '');
export const selected = signal(/** @type {string[]} */ ([]));
export const refs = signal(/** @type {Ref[]} */ ([]));
export const mask = signal(/** @type {Ref | null} */ (null));
export const fewer = signal(/** @type {string[]} */ ([]));                  // models that may get fewer of them than there are
export const tier = signal(local.tier === 'draft' ? 'draft' : 'final');
export const plan = signal(/** @type {Plan | null} */ (null));
export const named = signal(/** @type {string[] | null} */ (null));        // the models that the text chooses, when it does
export const chosen = computed(() => named.value ?? selected.value);       // what runs
export const marks = signal(/** @type {Mark[]} */ ([]));                    // put side by side with C, from any row

export const path = signal(location.pathname);
export const view = computed(() => /^\/(\w+)/.exec(path.value)?.[1] ?? 'studio');
export const title = computed(() => view.value[0].toUpperCase() + view.value.slice(1));
export const active = signal('');                                          // the tile that arrows move from
export const inspecting = signal('');                                      // the tile the panel is about
export const comparing = signal(/** @type {Mark[]} */ ([]));
export const over = signal('');                                            // what opens over the view, by its name in `over.js`
export const online = signal(true);
export const sample = signal('');                                           // the row that the painters drew for a start, or `offer`
export const stale = signal(false);                                        // a part of this page is gone: only a reload helps
export const said = signal('');
export const problems = signal(/** @type {Record<string, Problem>} */ ({}));
export const letters = signal(local.letters !== 'off');             // single-key shortcuts can be switched off

export const byId = computed(() => new Map(models.value.map(m => [m.id, m])));
/** The model that a name of the plan stands for, unless it stands for several. @param {string} name */
export function meant(name) {
  const family = models.value.filter(m => m.id.endsWith(`/${name}`));
  return byId.value.get(name) ?? (family.length === 1 ? family[0] : undefined);
}

/** The tries before this one, the latest first. @param {Tile} t @returns {Tile[]} */
export function earlier({ retry_of }) {
  const before = retry_of && findTile(retry_of)?.peek();
  return before ? [before, ...earlier(before)] : /** @type {Tile[]} */ ([]);
}

const first = (/** @type {Tile} */ t) => earlier(t).at(-1) ?? t;
const hash = (/** @type {string} */ id) => [...id].reduce((n, c) => Math.imul(n ^ c.charCodeAt(0), 16777619), 5) >>> 0;

/** A list that stays the same one while its parts do: who reads it is drawn anew for a change, and not for every event.
 * @template T @param {() => T[]} make */
export function steady(make) {
  let was = /** @type {T[]} */ ([]);
  return computed(() => { const now = make(); return was = now.length === was.length && now.every((x, i) => x === was[i]) ? was : now; });
}

const MOVING = ['preview', 'progress', 'eta_s'];
/** A tile, and `still`: the same one while only these change. @param {any} t @returns {TileSignal} */
export function place(t) {
  const tile = /** @type {any} */ (signal(t));
  tile.still = computed(() => { const now = tile.value; return t = Object.keys(now).every(k => now[k] === t[k] || MOVING.includes(k) && now[k] !== null && t[k] !== null) ? t : now; });
  return tile;
}

/** Tiles in the order shown: by place, a new try where the one before it stood unless that one has a picture.
 * @param {Row} row */
export const shown = row => row.order.value;
/** @param {Row} row */
function order(row) {
  const all = row.tiles.value, replaced = new Set(all.map(t => t.still.value.retry_of));
  return all.map((t, i) => ({ t, i, place: first(t.still.value).position }))
    .sort((a, b) => (row.settings?.blind ? hash(first(a.t.value).id) - hash(first(b.t.value).id) : a.place - b.place) || a.i - b.i).map(x => x.t)
    .filter(t => t.still.value.state === 'done' || !replaced.has(t.peek().id));
}

/** Whether it is hidden who made the pictures of a row. */
export const veiled = (/** @type {string} */ run) => veils.value.includes(run);
const veils = steady(() => rows.value.filter(r => r.veiled).map(r => r.id));
export const lazy = signal(/** @type {typeof import('./caption.js') | null} */ (null));
/** A tile as it may be seen. @param {Tile} t @param {number} i */
export const open = (t, i) => veiled(t.run) ? lazy.value?.veil(t, i) ?? { ...t, name: '', maker: '', images: [] } : t;

/** @param {string | null} id */
export const findTile = id => { for (const r of rows.value) for (const t of r.tiles.value) if (t.peek().id === id) return t; };
/** @param {string} id */
export const findRow = id => rows.value.find(r => r.id === id);

/** @param {any} run @returns {Row} */
const row = run => {
  const made = { ...run, notes: run.notes ?? [], tiles: signal(run.tiles.map(place)) };
  made.order = steady(() => order(made));
  return made;
};

/** A row that is here keeps its signals, so nothing is drawn anew without need. @param {any[]} runs newest first */
export function merge(runs) {
  const list = [...rows.peek()];
  for (const run of runs) {
    const known = list.find(r => r.id === run.id);
    if (!known) { list.push(row(run)); continue; }
    known.picked = run.picked;
    known.veiled = run.veiled;
    for (const t of run.tiles) change(known, t);
  }
  rows.value = list.sort((a, b) => a.created_ms - b.created_ms || (a.id < b.id ? -1 : 1));
}

/** @param {Row} known @param {Partial<Tile> & { id: string }} update */
function change(known, update) {
  const tile = known.tiles.peek().find(t => t.peek().id === update.id);
  if (!tile) {
    if (update.model) known.tiles.value = [...known.tiles.peek(), place(update)];
    else import('./live.js').then(m => m.read(known.id));
    return;
  }
  const was = tile.peek(), over = FINAL.has(was.state);
  if (over && update.state && !FINAL.has(update.state)) return;   // said late
  tile.value = { ...was, ...update };
  if (!over && FINAL.has(tile.peek().state)) import('./spoken.js').then(m => m.finished(tile.peek()));
}

let version = '';
/** Everything as the server knows it; never the prompt box. @param {any} state */
function load(state) {
  batch(() => {
    useSession(state.session, reload);
    if (version && version !== state.version) stale.value = true;
    version = state.version;
    models.value = state.models ?? [];
    providers.value = state.providers ?? [];
    spend.value = state.spend ?? null;
    orderRule.value = state.order_rule ?? orderRule.peek();
    rows.value = (state.runs ?? []).map(row).reverse();
    sample.value = state.sample ?? '';
    before.value = state.next_before ?? null;
    selected.value = (state.selected ?? []).filter((/** @type {string} */ id) => byId.value.has(id));
  });
}

let stream = /** @type {{ from(id: number): void } | null} */ (null), since = 0;

export async function reload() {
  const state = await call('GET', '/api/state');
  since = state.since;
  stream?.from(since);
  load(state);
}

export function start() {
  const boot = JSON.parse(document.getElementById('boot')?.textContent ?? '{}');
  load(boot);
  since = boot.since ?? 0;
  import('./live.js').then(m => { stream = m.live(since, HANDLERS); });
  effect(() => { tab.draft = text.value; });
  addEventListener('popstate', () => { path.value = location.pathname; });
}

const HANDLERS = /** @type {Record<string, (data: any) => void>} */ ({
  run: run => merge([run]),
  hidden: ({ id }) => { rows.value = rows.peek().filter(r => r.id !== id); },
  tile: ({ run, ...update }) => { const known = findRow(run); if (known) change(known, update); },
  models: update => { models.value = update.models; providers.value = update.providers; orderRule.value = update.order_rule; },
  spend: update => { spend.value = update; },
  lineage: update => import('./keyvisual.js').then(m => m.told(update)),
  reset: () => { reload().catch(() => { online.value = false; }); },
});

/** @param {string} to */
export function go(to) {
  const [where, part] = to.split('#');
  if (location.pathname !== where || part) history.pushState(null, '', to);
  path.value = where;
  document.title = `${say(title.value)} · Triptych`;
}

/** Why a model cannot do this job, or null: the plan's word, else its card's. @param {Model} m @param {string} [name] */
export function cannot(m, name = m.id) {
  const said = plan.value?.per_model[name], of = said?.references;
  if (said) return !said.ok ? say(said.reason ?? 'cannot do this') : of?.undecided ? say('takes {0} of {1} pictures', of.takes, of.fates.length) : null;
  const pictures = refs.value.length, able = m.capabilities ?? {};
  if (pictures && !able.operations?.includes('edit')) return say('takes no pictures');
  return pictures > (able.max_input_images ?? Infinity) ? say('takes at most {0} pictures', able.max_input_images) : null;
}
