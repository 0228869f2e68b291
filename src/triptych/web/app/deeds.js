// @ts-check
/** What can be done with tiles, rows and pictures, and the menus that offer it. */
import { batch } from '@preact/signals';
import { focusPrompt, startRun, trying } from './actions.js';
import { call } from './api.js';
import { price } from './amounts.js';
import { signOf } from './commands.js';
import { count, money } from './format.js';
import { choose, isKey } from './keyvisual.js';
import { openKit } from './kitopen.js';
import { judge, marks, rate, trash } from './marks.js';
import { offers, promote } from './promote.js';
import * as s from './state.js';
import { say, toast } from './ui.js';
import { done, during } from './undo.js';
/** @import { Item, Mark, Picture, Ref, Row, Tile, TileSignal } from './types' */

// Tiles

/** @param {Tile} t @param {{ model?: string, confirm?: boolean }} [body] */
export async function retry(t, body = {}) {
  const made = await trying(t.id, () => call('POST', `/api/tiles/${t.id}/retry`, body));
  if (made) added(t.run, made);
}

/** @param {Tile} t @param {'retry-now' | 'cancel'} what */
export const tell = (t, what) => trying(t.id, () => call('POST', `/api/tiles/${t.id}/${what}`, {}));

/** A second model in the same row, without touching the first. @param {string} run @param {string} model @param {string} [place] */
export async function addModel(run, model, place = run) {
  const made = await trying(place, () => call('POST', `/api/runs/${run}/tiles`, { model }));
  if (made) added(run, made);
}

/** @param {string} run @param {Tile} tile */
export function added(run, tile) {
  const row = s.findRow(run);
  if (row && !row.tiles.peek().some(t => t.peek().id === tile.id)) row.tiles.value = [...row.tiles.peek(), s.place(tile)];
  s.active.value = tile.id;
  requestAnimationFrame(() => {                        // whoever asked for it sees it, and the keyboard stands on it
    const frame = document.getElementById(tile.id);
    if (!document.activeElement?.matches('input, select, textarea')) frame?.focus({ preventScroll: true });   // who writes goes on writing
    frame?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });
}

/** @param {Tile} t */
export async function copy(t) {
  const { id, run, model, endpoint, state, error, billed } = t;
  await copyText(JSON.stringify({ tile: id, run, model, endpoint, state, billed, error }, null, 2));
}

/** @param {string} text */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(say('Copied.'));
  } catch { toast(say('This browser does not let the page copy here.')); }
}

/** Every other model that could draw now. @param {Tile} t @param {(id: string) => void} run @returns {Item[]} */
function others(t, run) {
  const able = s.models.peek().filter(m => m.id !== t.model && m.id !== t.endpoint && ['ready', 'limited'].includes(m.state));
  if (!able.length) return [{ name: say('No other model is ready'), note: say('Add one'), run: () => s.go('/models') }];
  return able.map(m => ({ name: m.name, note: about(m), run: () => run(m.id) }));
}

/** @param {import('./types').Model} m */
const about = m => m.free ? say('free') : m.price_micro_usd === null ? say('price unknown') : `~${money(m.price_micro_usd)}`;

/** @param {Tile} t */
export const alsoTry = t => others(t, m => addModel(t.run, m, t.id));
/** Whoever chooses another model has read beside it that this one may have been billed. @param {Tile} t */
export const tryInstead = t => t.task ? otherwise(t) : others(t, model => retry(t, t.billed === 'no' ? { model } : { model, confirm: true }));

/** Who else could do a task: the picture that it is for is opened for it again. @param {Tile} t @returns {Item[]} */
function otherwise(t) {
  const from = t.parent && s.findTile(t.parent.tile)?.peek(), image = from?.images.find(i => i.id === t.parent?.picture);
  return from && image && t.task ? [{ name: say('Choose who does it…'), run: () => bench(/** @type {'upscale'} */ (t.task), image, from) }] : [{ name: say('The picture that it is for is not on this page'), disabled: true, run: () => {} }];
}

/** @param {TileSignal} tile @param {Picture} image @returns {Item[]} */
export function tileMenu(tile, image) {
  const t = tile.peek(), row = s.findRow(t.run), hidden = s.veiled(t.run), said = marks.peek()[image.id];
  return [
    { name: said?.verdict === 'kept' ? say('Keep no longer') : say('Keep'), note: signOf('keep'), run: () => judge(image.id, 'kept') },
    { name: said?.verdict === 'rejected' ? say('Reject no longer') : say('Reject'), note: signOf('reject'), run: () => judge(image.id, 'rejected') },
    { name: say('Stars…'), note: '1–5', run: () => stars(t, image) },
    { name: say('Look closer'), note: say('Enter'), run: () => openCompare(tile, image.id) },
    ...onward(t, image, hidden),
    ...(t.draft == null ? [] : [{ name: say('Make final'), note: signOf('promote'), run: () => { promote(t, image); } }, { name: say('Make final on…'), note: say('with prices'), run: () => { offers(t, image); } }]),
    ...(t.imported ? [] : [{ name: say('Make another'), note: hidden ? '' : price(t.estimate ?? t.cost, true), run: () => retry(t, t.billed === 'unknown' ? { confirm: true } : {}) }]),
    ...(hidden ? [] : shared(image)),
    ...(row ? [{ name: say('Use the prompt'), run: () => reuse(row, false) }] : []),
    { name: said?.trashed_ms ? say('Take back') : say('Trash'), note: signOf('trash'), run: () => trash(image.id) },
    ...(hidden || t.task ? [] : alsoTry(t)).map(o => ({ ...o, name: o.note === say('Add one') ? o.name : say('Also on {0}', o.name) })),
  ];
}

/** What leads on from a picture, on a tile as in the gallery. @param {Tile} t @param {Picture} image
 * @param {boolean} hidden whether nobody is to know who made it @param {string} [at] what the ids of the commands begin with there
 * @returns {Item[]} */
export function onward(t, image, hidden, at = '') {
  const sign = (/** @type {string} */ id) => signOf(`${at}${id}`);
  return [
    { name: say('Vary…'), note: sign('vary'), run: () => bench('vary', image, t) },
    { name: say('Extend to another shape…'), note: sign('extend'), run: () => bench('extend', image, t) },
    ...(hidden ? [] : [{ name: say('Enlarge…'), note: sign('upscale'), run: () => bench('upscale', image, t) }, { name: say('Remove the background…'), note: sign('remove-background'), run: () => bench('remove_background', image, t) },
      { name: say('Continue…'), note: say('a conversation'), run: () => bench('continue', image, t) },
      { name: say('Say what it shows…'), note: say('for screen readers'), run: () => { describe(t, image); } },
      { name: say('Find similar'), note: sign('similar'), run: () => s.go(`/gallery?like=${image.id}`) }]),
    { name: say('Lineage'), note: sign('lineage'), run: () => s.go(`/lineage/${t.id}`) },
    ...(hidden ? [] : [{ name: isKey(image.id) ? say('Make the kit') : say('Key-visual kit'), note: sign('kit'), run: () => { openKit(image.id); } }]),
    { name: isKey(image.id) ? say('No key visual any more') : say('This is the key visual'), run: () => choose(image.id) },
  ];
}

/** @param {Picture} image @returns {Item[]} none where the system has no sheet for it */
export const shared = image => 'canShare' in navigator ? [{ name: say('Share…'), run: () => { share(image); } }] : [];

/** @param {Tile} t @param {Picture} image */
function stars(t, image) {
  const by = /** @type {HTMLElement | null | undefined} */ (document.getElementById(t.id)?.querySelector('.acts [aria-haspopup]'));
  if (by) import('./menu.js').then(m => m.openMenu(by, say('Stars'), [5, 4, 3, 2, 1, 0].map(n => ({ name: n ? '★'.repeat(n) : say('No stars'), note: String(n), run: () => rate(image.id, n) }))));
}

/** Words for what a picture shows. @param {Pick<Tile, 'prompt'>} t @param {Pick<Picture, 'id' | 'thumb'>} image */
export const describe = (t, image) => import('./alt.js').then(m => m.describe(t, image));

/** Hands a picture to the system's own sheet of sharing. @param {Picture} image */
async function share(image) {
  const blob = await (await fetch(`${image.url}?download=1`)).blob(), file = new File([blob], image.filename, { type: image.media_type });
  if (!navigator.canShare({ files: [file] })) { toast(say('This browser does not share such a file.')); return; }
  await navigator.share({ files: [file] }).catch(e => { if (e.name !== 'AbortError') toast(say('It was not shared.')); });
}

// Models that the text chooses

/** Changes `--m` and `@name` in the text, as a chip would; without `id` the chips count again.
 * @param {string} [id] @param {boolean} [on] */
export function nameModels(id, on) {
  const names = s.named.peek() ?? [], written = (s.plan.peek()?.chips ?? []).filter(c => c.name === 'models').map(c => c.text);
  if (written.some(w => !s.text.peek().includes(w))) { toast(say('The text chooses the models: change --m there.')); return; }
  const rest = names.filter(n => (s.meant(n)?.id ?? n) !== id), next = id ? on ? [...rest, id] : rest : [];
  const words = written.reduce((text, w) => text.replace(w, ''), s.text.peek())
    .replace(/(^|\s)@(?!img\d)([\w./:-]*\w)/g, (all, gap, word) => names.some(n => n.toLowerCase().includes(word.toLowerCase())) ? gap : all);
  const value = next.join(','), said = next.length ? [{ name: 'models', text: `--m ${value}`, value }] : [], plan = s.plan.peek();
  batch(() => {                                        // as the plan is going to say it: the next click may come before
    s.text.value = `${words.replace(/ {2,}/g, ' ').trim()} ${said[0]?.text ?? ''}`.trim();
    s.named.value = next.length ? next : null;
    if (plan) s.plan.value = { ...plan, chips: [...plan.chips.filter(c => c.name !== 'models'), ...said] };
  });
}

export function flipTheme() {
  const root = document.documentElement;
  const dark = (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  root.dataset.theme = s.local.theme = dark ? 'light' : 'dark';
}

// Rows

export async function older(limit = 20) {
  const from = s.before.peek();
  if (!from) return;
  s.before.value = null;
  const page = await trying('toast', () => call('GET', `/api/runs?before=${encodeURIComponent(from)}&limit=${limit}`));
  batch(() => { if (page) s.merge(page.runs); s.before.value = page ? page.next_before : from; });
}

/** @param {Row} row */
function recipe(row) {
  const { models, images, mask, parent, continues, restore } = row.settings ?? {};
  const used = Array.isArray(models) ? models : [...new Set(row.tiles.peek().map(t => t.peek().model))];
  return { text: row.text, models: used, tier: row.settings?.tier ?? 'final', ...(images?.length ? { images } : {}), ...(mask ? { mask } : {}), ...(parent ? { parent } : {}), ...(continues ? { continues } : {}), ...(restore ? { restore } : {}) };
}

/** It is made for the project of now. @param {Row} row */
const again = row => ({ ...recipe(row), project: s.local.project });

/** A prompt without the seed that it asks for; what stands in quotes is to be drawn, and stays. @param {string} text */
export const seedless = text => text.replace(/("[^"]*")|\s*(?<!\S)(?:--|[–—])(?:same)?seed\s+(?:\{[^{}]*\}\S*|\S+)/gi, (_, quoted = '') => quoted).trim();

/** Puts a recipe into the prompt bar: only ever because someone asked for it. `part` is all of it, or false for its text only.
 * @param {Row} row @param {boolean | 'pictures' | 'seedless'} [part] */
export function reuse(row, part = true) {
  const { text, models, images, mask, tier, parent } = recipe(row), given = /** @type {any[]} */ (images ?? []), from = Math.max(0, given.findIndex(i => i.role === 'edit'));
  batch(() => {
    if (part !== 'pictures') s.text.value = part === 'seedless' ? seedless(text) : text;
    if (!part) return;
    if (part !== 'pictures') {
      s.tier.value = tier;
      s.selected.value = s.models.peek().map(m => m.id).filter(m => models.includes(m));
    }
    s.refs.value = given.map((i, n) => ({ ...kept(i.sha256, i.role), ...(parent && n === from ? { parent } : {}) }));
    s.mask.value = mask ? kept(mask, 'mask') : null;
  });
  focusPrompt();
}

/** @param {Row} row */
async function hidden(row) {
  const gone = await trying(row.id, async () => { await call('DELETE', `/api/runs/${row.id}`); return true; });
  if (!gone) return;
  s.rows.value = s.rows.peek().filter(r => r.id !== row.id);
  done(say('Row hidden.'), () => trying('toast', async () => {
    await call('POST', `/api/runs/${row.id}/restore`, {});
    if (!s.findRow(row.id)) s.rows.value = [...s.rows.peek(), row].sort((a, b) => a.created_ms - b.created_ms);
  }));
}

/** @param {Row} row */
const hide = row => during(hidden(row));

/** @param {Row} row @returns {Item[]} */
export function rowMenu(row) {
  const tiles = s.shown(row).map(t => t.peek()), here = new Set(tiles.map(t => t.model)), every = pictures(row), all = every.slice(0, 6);
  const sum = tiles.reduce((n, t) => n + (t.estimate?.amount_micro_usd ?? 0), 0), free = tiles.every(t => t.estimate?.source === 'free');
  return [
    ...(row.settings?.batch && tiles.some(t => !s.FINAL.has(t.state)) ? [{ name: say('Pause, order, stop…'), note: say('the queue'), run: () => s.go('/queue') }] : []),
    ...(row.settings?.grid || row.settings?.imported ? [] : [{ name: say('Run again'), note: free ? say('free') : `~${money(sum)}`, run: () => startRun(row.id, again(row)) },
      ...(tiles.length > 1 && !row.settings?.blind ? [{ name: say('Run again, blind'), note: say('makers hidden'), run: () => startRun(row.id, { ...again(row), text: `${row.text} --blind` }) }] : [])]),
    { name: say('Put into the prompt bar'), run: () => reuse(row) },
    { name: every.length > 6 ? say('Compare the first 6') : say('Compare all'), note: count(every.length, 'picture'), disabled: all.length < 2, run: () => { s.comparing.value = all; } },
    ...(all.length > 1 ? [...(row.veiled ? [] : [{ name: say('Compare blind'), note: signOf('blind'), run: () => blind(all[0].tile, all[0].image) }]), { name: say('Cull this row'), note: signOf('cull'), run: () => { s.active.value = all[0].tile.peek().id; s.over.value = 'cull'; } }] : []),
    ...(row.veiled ? [{ name: say('Show the makers'), note: say('without a pick'), run: () => { trying(row.id, async () => s.merge([await call('POST', `/api/runs/${row.id}/open`, {})])); } }] : []),
    ...s.models.peek().filter(m => !row.veiled && !row.settings?.grid && !here.has(m.id) && ['ready', 'limited'].includes(m.state)).map(m => ({ name: say('Add {0}', m.name), note: about(m), run: () => { addModel(row.id, m.id); } })),
    ...(row.veiled ? [] : [{ name: say('Import results here…'), note: say('made elsewhere'), run: () => { import('./imports.js').then(m => m.chooseImports(row.id)); } }]),
    { name: say('Hide this row'), danger: true, run: () => { hide(row); } },
  ];
}

// Pictures that go along

let key = 0;
/** A picture the server has already. @param {string} sha256 @param {string} role @returns {Ref} */
const kept = (sha256, role, url = `/api/uploads/${sha256}`, name = 'picture') => ({ key: ++key, sha256, role, url, name, problem: '' });

/** A view over one picture. @param {'vary' | 'extend' | 'continue' | 'upscale' | 'remove_background'} which @param {Picture} image @param {Tile} t */
export function bench(which, image, t) {
  if (which === 'vary') import('./vary.js').then(m => m.openVary(image, t));
  else if (which === 'upscale' || which === 'remove_background') {
    if (s.veiled(t.run)) toast(say('Pick one of this row first.'));
    else import('./tasks.js').then(m => m.openTasks(image, t, which));
  } else if (which === 'extend') import('./extend.js').then(m => m.openExtend(image, t));
  else import('./edit.js').then(m => m.openEditor(image, t, true));
}

/** Pictures out of the gallery or dragged from a tile go along, each once.
 * @param {{ id: string, tile: string, sha256: string, thumb: string, name: string }[]} pictures @param {boolean} [focus] */
export function addPictures(pictures, focus = false) {
  const fresh = pictures.filter(p => !s.refs.peek().some(r => r.sha256 === p.sha256));
  s.refs.value = [...s.refs.peek(), ...fresh.map(p => ({ ...kept(p.sha256, 'subject', p.thumb, p.name ? say('{0}’s picture', p.name) : say('picture')), parent: { tile: p.tile, picture: p.id } }))];
  if (fresh.length < pictures.length) toast(say('It goes along already.'));
  if (focus) focusPrompt();
}

/** A picture that is to be edited is opened for that as well. @param {Picture} image @param {Tile} t @param {'edit' | 'subject'} role */
export function useImage(image, t, role) {
  const ref = { ...kept(image.sha256, role, image.thumb, t.maker ? say('{0}’s picture', t.name) : say('picture')), parent: { tile: t.id, picture: image.id } };
  s.refs.value = [...s.refs.peek().filter(r => r.sha256 !== image.sha256), ref];
  if (role === 'edit') import('./edit.js').then(m => m.openEditor(image, t));
  else focusPrompt();
}

/** @param {Iterable<File>} files @param {'subject' | 'mask'} [role] */
export function upload(files, role = 'subject') {
  for (const file of files) {
    if (!file.type.startsWith('image/')) { toast(say('{0} is not a picture.', file.name)); continue; }
    const ref = { key: ++key, sha256: null, url: null, name: file.name || say('pasted picture'), role, problem: '' };
    if (role === 'mask') s.mask.value = ref; else s.refs.value = [...s.refs.peek(), ref];
    call('POST', '/api/uploads', file)
      .then(a => ({ sha256: a.sha256, url: a.url, alpha: a.alpha }), e => ({ problem: [e.message, e.hint].filter(Boolean).join(' ') }))
      .then(known => {
        const next = (/** @type {Ref} */ r) => r.key === ref.key ? { ...r, ...known } : r;
        s.refs.value = s.refs.peek().map(next);
        if (s.mask.peek()) s.mask.value = next(/** @type {Ref} */ (s.mask.peek()));
      });
  }
}

// Side by side

/** @param {TileSignal} tile @param {string} [image] */
export function mark(tile, image = tile.peek().images[0]?.id) {
  const others = s.marks.peek().filter(m => m.image !== image);
  if (!image || others.length < s.marks.peek().length) s.marks.value = others;
  else if (others.length < 6) s.marks.value = [...others, { image, tile }];
  else toast(say('Six pictures fit side by side. Take one out first.'));
}

/** Opens the big view: on the marked pictures when this is one of them, else on its whole row, this one among them.
 * @param {TileSignal} tile @param {string} [image] */
export function openCompare(tile, image = tile.peek().images[0]?.id) {
  const marks = s.marks.peek();
  if (marks.length > 1 && marks.some(m => m.image === image)) { s.comparing.value = marks; return; }
  const row = s.findRow(tile.peek().run), all = row ? pictures(row) : [];
  const from = Math.max(0, Math.min(all.findIndex(m => m.image === image) - 2, all.length - 6));
  s.comparing.value = all.slice(from, from + 6);
}

/** Puts a whole row side by side, six at most; again takes it out. @param {TileSignal} tile */
export function markRow(tile) {
  const row = s.findRow(tile.peek().run), all = row ? pictures(row) : [], mine = all.slice(0, 6), others = s.marks.peek().filter(m => !mine.some(o => o.image === m.image));
  const there = s.marks.peek().length - others.length === mine.length;
  if (all.length > 6 && !there) toast(say('Six pictures fit side by side: these are the first.'));
  s.marks.value = there ? others : mine;
}

/** Side by side as `openCompare` does it, and who made them is hidden until a pick. @param {TileSignal} tile @param {string} [image] */
export const blind = (tile, image) => import('./sides.js').then(m => batch(() => {
  openCompare(tile, image);
  if (s.comparing.peek().length > 1) { m.hide(); return; }
  s.comparing.value = [];
  toast(say('There is only one picture: nothing to compare.'));
}));

/** @param {Row} row @returns {Mark[]} */
export const pictures = row => s.shown(row).flatMap(tile => tile.peek().images.map(i => ({ image: i.id, tile })));
