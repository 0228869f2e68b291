// @ts-check
/** Everything the page knows, as signals, and the one stream that changes it. Components read here; `actions.js` asks. */
import { batch, computed, effect, signal } from '@preact/signals';
import { call, useSession } from './api.js';
import { toast } from './ui.js';

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
export const now = signal(Date.now());
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
  const before = findTile(retry_of)?.peek();
  return before ? [before, ...earlier(before)] : /** @type {Tile[]} */ ([]);
}

const first = (/** @type {Tile} */ t) => earlier(t).at(-1) ?? t;
const hash = (/** @type {string} */ id) => [...id].reduce((n, c) => Math.imul(n ^ c.charCodeAt(0), 16777619), 5) >>> 0;

/** Tiles in the order shown: by place, a new try where the one before it stood unless that one has a picture.
 * @param {Row} row */
export function shown(row) {
  const all = row.tiles.value, replaced = new Set(all.map(t => t.value.retry_of));
  return all.map((t, i) => ({ t, i, place: first(t.value).position }))
    .sort((a, b) => (row.settings?.blind ? hash(first(a.t.value).id) - hash(first(b.t.value).id) : a.place - b.place) || a.i - b.i).map(x => x.t)
    .filter(t => t.value.state === 'done' || !replaced.has(t.value.id));
}

/** Whether it is hidden who made the pictures of a row. */
export const veiled = (/** @type {string} */ run) => Boolean(findRow(run)?.veiled);
export const lazy = signal(/** @type {typeof import('./caption.js') | null} */ (null));
/** A tile as it may be seen. @param {Tile} t @param {number} i */
export const open = (t, i) => veiled(t.run) ? lazy.value?.veil(t, i) ?? { ...t, name: '', maker: '', images: [] } : t;

/** @param {string | null} id */
export const findTile = id => { for (const r of rows.value) for (const t of r.tiles.value) if (t.peek().id === id) return t; };
/** @param {string} id */
export const findRow = id => rows.value.find(r => r.id === id);

/** @param {any} run @returns {Row} */
const row = run => ({ ...run, notes: run.notes ?? [], tiles: signal(run.tiles.map((/** @type {Tile} */ t) => signal(t))) });

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
    if (update.model) known.tiles.value = [...known.tiles.peek(), signal(/** @type {Tile} */ (update))];
    else call('GET', `/api/runs/${known.id}`).then(run => merge([run])).catch(() => {});
    return;
  }
  const was = tile.peek();
  tile.value = { ...was, ...update };
  if (!FINAL.has(was.state) && FINAL.has(tile.peek().state)) import('./spoken.js').then(m => m.finished(tile.peek()));
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
  load(state);
  since = state.since;
  stream?.from(since);
}

export function start() {
  const boot = JSON.parse(document.getElementById('boot')?.textContent ?? '{}');
  load(boot);
  since = boot.since ?? 0;
  import('./live.js').then(m => { stream = m.live(since, HANDLERS, connected); });
  setInterval(() => {
    if (!document.hidden && rows.peek().some(r => r.tiles.peek().some(t => !FINAL.has(t.peek().state)))) now.value = Date.now();
  }, 500);
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

let late = 0;
/** A short break is not worth a word. @param {boolean} up */
function connected(up) {
  if (!up) { late ||= setTimeout(() => { online.value = document.hidden; }, 1200); return; }
  clearTimeout(late);
  late = 0;
  if (!online.peek()) toast('Connected again. This page is up to date.');
  online.value = true;
}

/** @param {string} to */
export function go(to) {
  const [where, part] = to.split('#');
  if (location.pathname !== where || part) history.pushState(null, '', to);
  path.value = where;
  document.title = `${title} · Triptych`;
}

/** Why a model cannot do this job, or null: the plan's word, else its card's. @param {Model} m @param {string} [name] */
export function cannot(m, name = m.id) {
  const said = plan.value?.per_model[name], of = said?.references;
  if (said) return !said.ok ? said.reason ?? 'cannot do this' : of?.undecided ? `takes ${of.takes} of ${of.fates.length} pictures` : null;
  const pictures = refs.value.length, able = m.capabilities ?? {};
  if (pictures && !able.operations?.includes('edit')) return 'takes no pictures';
  return pictures > (able.max_input_images ?? Infinity) ? `takes at most ${able.max_input_images} pictures` : null;
}
