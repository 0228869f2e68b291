// @ts-check
/** The edit view: paint what is to be changed, say how, and send the same edit to several models. A model that takes no mask
 * gets the picture whole, and what it changes outside is put back. The picture is in the prompt bar's tray as well. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import '../elements/mask-canvas.js';
import { Ask, during, openBench, send, useAsk } from './bench.js';
import { call } from './api.js';
import { heard, keyed, signOf } from './commands.js';
import * as s from './state.js';
import { stand } from './torow.js';
import { Turns, useTurns } from './turns.js';
import { Remark, Tool, h, html, say, toast } from './ui.js';
/** @import { Model, Picture, Ref, Tile } from './types' */

const TOOLS = [['brush', 'Brush'], ['eraser', 'Eraser'], ['lasso', 'Lasso'], ['rectangle', 'Rectangle']];
const COLOURS = [['Red', '#fb3b1e'], ['Green', '#14b84b'], ['Blue', '#2a7bff'], ['White', '#ffffff']];

/** Opens over everything; with `talk` as the next turn of the conversation that led to the picture.
 * @param {Picture} image @param {Tile} tile @param {boolean} [talk] */
export const openEditor = (image, tile, talk = false) => openBench(Editor, image, tile, talk ? 'textarea' : 'mask-canvas', talk);

/** Opens on a picture of the prompt bar, which nobody here need have drawn: with the mask and the words that are there already.
 * @param {Ref} ref whose bytes the server has */
export async function openRef(ref) {
  const url = `/api/uploads/${ref.sha256}`, shown = Object.assign(new Image(), { src: url }), mask = s.mask.peek()?.url ?? '';
  try { await shown.decode(); } catch { toast(say('This picture did not load.')); return; }
  const { tile: id = '', picture = '' } = ref.parent ?? {}, image = { id: picture, sha256: ref.sha256, url, thumb: url, width: shown.naturalWidth, height: shown.naturalHeight, filename: ref.name };
  const tile = s.findTile(id)?.peek() ?? { id, run: '', name: '', prompt: ref.name, model: '', endpoint: null };
  openBench(props => h(Editor, { ...props, bar: { mask, text: s.named.peek() ? '' : s.text.peek() } }), /** @type {any} */ (image), /** @type {any} */ (tile), 'mask-canvas');
}

/** @param {import('./bench.js').BenchProps & { bar?: { mask: string, text: string } }} props `bar` is what the prompt bar has, when it is opened from there */
function Editor({ image, tile, talk, close, bar }) {
  const canvas = useRef(/** @type {any} */ (null)), tool = useSignal('brush'), size = useSignal(Math.round(Math.max(image.width, image.height) / 16));
  const feather = useSignal(0), colour = useSignal(COLOURS[0][1]), painted = useSignal({ share: 0, undo: false, redo: false }), refused = useSignal('');
  const talking = useSignal(Boolean(talk)), exact = useSignal(false), ask = useAsk(tile, talk), turns = useTurns(image.id, talking.value), hidden = s.veiled(tile.run) || !tile.name;
  useLayoutEffect(() => { Object.assign(canvas.current, { tool: tool.value, size: size.value }); });
  useLayoutEffect(() => { canvas.current.feather = feather.value; canvas.current.colour = colour.value; }, [feather.value, colour.value]);
  useLayoutEffect(() => {                              // before the first key can paint
    const hear = (/** @type {CustomEvent} */ e) => { painted.value = e.detail; if (e.detail.share) refused.value = ''; };
    canvas.current.addEventListener('paint', hear);
    return () => canvas.current?.removeEventListener('paint', hear);
  }, []);
  useEffect(() => {
    ask.text.value ||= bar?.text ?? '';
    if (bar?.mask) canvas.current.ready.then(() => fetch(bar.mask)).then((/** @type {Response} */ r) => r.blob()).then((/** @type {Blob} */ b) => canvas.current && read(b, say('Mask')));
  }, []);
  const larger = (/** @type {number} */ by) => { size.value = Math.max(2, Math.min(Math.max(image.width, image.height), Math.round(size.value * by))); };
  const keys = (/** @type {any} */ e) => {
    if (e.target.matches('textarea, select, input:not([type=checkbox], [type=range])')) return;
    const meant = heard('editor', e)?.id.slice(5);
    if (!meant) return;
    const other = { undo: () => canvas.current.undo(), redo: () => canvas.current.redo(), smaller: () => larger(.8), larger: () => larger(1.25) }[meant];
    if (other) other(); else tool.value = meant;
    e.preventDefault();
  };
  const mask = async () => {                           // uploaded; null when nothing is painted
    if (!painted.peek().share) return null;
    return call('POST', '/api/uploads', await canvas.current.png());
  };
  const given = (/** @type {any} */ known) => ({ key: Date.now(), sha256: known.sha256, url: known.url, name: 'mask', role: 'mask', problem: '' });
  const launch = () => during(ask, async () => {
    const made = await mask(), others = s.refs.peek().filter(r => r.sha256 && r.sha256 !== image.sha256).map(r => ({ sha256: r.sha256, role: r.role === 'edit' ? 'subject' : r.role }));
    const more = { images: [{ sha256: image.sha256, role: 'edit' }, ...others], ...(made ? { mask: made.sha256, restore: exact.peek() } : {}), continues: talking.peek() };
    if (!await send(ask, image, tile, more)) return;
    s.refs.value = s.refs.peek().filter(r => r.sha256 !== image.sha256);
    if (!s.refs.peek().some(r => r.role === 'edit')) s.mask.value = null;
    close(false);
    if (bar) stand(s.active.peek());                   // what it was opened from is gone
  });
  const toBar = () => during(ask, async () => {
    const made = await mask();
    if (made) s.refs.value = s.refs.peek().map(r => r.sha256 === image.sha256 ? { ...r, role: 'edit' } : r.role === 'edit' ? { ...r, role: 'subject' } : r);   // a mask has one picture
    s.mask.value = made && given(made);
    s.text.value ||= ask.text.peek();
    close(true);
  });
  const save = async () => {
    const url = URL.createObjectURL(await canvas.current.png());
    Object.assign(document.createElement('a'), { href: url, download: `${image.filename.replace(/\.\w+$/, '')}_mask.png` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  const read = async (/** @type {Blob} */ file, /** @type {string} */ name) => {
    let known;
    try { known = await canvas.current.read(file); } catch { toast(say('{0} cannot be read as a picture.', name)); return; }
    const said = [known.by === 'brightness' && say('The mask has no transparency: what is white in it is painted.'), !known.same && say('The mask had another size; it was stretched to {0} × {1}.', image.width, image.height)].filter(Boolean);
    refused.value = known.nothing ? known.by === 'brightness' ? say('The mask is black all over: it changes nothing, and was not taken. What is to be changed has to be white, or transparent.') : say('The mask is transparent nowhere: it changes nothing, and was not taken. What is to be changed has to be transparent; in a file without an alpha channel, white.') : '';
    if (!known.nothing && said.length) toast(said.join(' '));
  };
  const percent = Math.round(100 * painted.value.share), remembers = turns.value.at(-1)?.remembers;
  const note = (/** @type {Model} */ m) => painted.value.share > 0 && !m.capabilities.mask ? say('restored after') : !talking.value || !turns.value.length ? '' : m.id === remembers ? say('remembers the turns') : ask.picked.value.has(m.id) ? say('sees the picture only') : '';
  const check = (/** @type {import('@preact/signals').Signal<boolean>} */ of, /** @type {string} */ label, /** @type {string} */ title) => html`<label class="switch" title=${title}><input type="checkbox" role="switch" checked=${of.value} onChange=${(/** @type {any} */ e) => { of.value = e.currentTarget.checked; }} />${label}</label>`;
  const aside = html`${!hidden && check(talking, say('Continue the conversation'), say('A model that made the last turns gets them as they went; any other gets this picture and the words'))}
    ${painted.value.share > 0 && ask.chosen.some(m => m.capabilities.mask) && check(exact, say('Keep the outside exactly'), say('Also for a model that takes the mask: what it changes outside is put back'))}
    <button type="button" class="btn" disabled=${ask.busy.value} onClick=${toBar}>${say('To the prompt bar')}</button>`;
  return html`<div class="bench" onKeyDown=${keys}>
    <header><h2 id="edit-h">${hidden ? say('Edit a picture') : talking.value ? say('Continue with {0}’s picture', tile.name) : say('Edit {0}’s picture', tile.name)}</h2><span class="sub num" role="status">${painted.value.share ? say('{0} % to be changed', percent || '< 1') : say('Nothing painted: all of it may change')}</span>${h(Tool, { icon: 'x', label: say('Close the editor'), onClick: () => close(false) })}</header>
    <div class="tools" role="toolbar" aria-label=${say('Mask')}>
      <div class="seg" role="group" aria-label=${say('Tool')}>${TOOLS.map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${tool.value === id} title=${keyed(name, `edit-${id}`)} onClick=${() => { tool.value = id; }}>${say(name)}</button>`)}</div>
      <label>${say('Size')} <input type="range" min="2" max=${Math.round(Math.max(image.width, image.height) / 3)} value=${size.value} title=${`${signOf('edit-smaller')} ${signOf('edit-larger')}`.trim() || null} onInput=${(/** @type {any} */ e) => { size.value = Number(e.currentTarget.value); }} /><span class="num">${size.value}</span></label>
      <label>${say('Feather')} <input type="range" min="0" max=${Math.round(Math.max(image.width, image.height) / 20)} value=${feather.value} onInput=${(/** @type {any} */ e) => { feather.value = Number(e.currentTarget.value); }} /><span class="num">${feather.value}</span></label>
      <label>${say('Colour')} <select value=${colour.value} onChange=${(/** @type {any} */ e) => { colour.value = e.currentTarget.value; }}>${COLOURS.map(([name, value]) => html`<option key=${name} value=${value}>${say(name)}</option>`)}</select></label>
      <span class="set"><button type="button" class="btn small" disabled=${!painted.value.undo} title=${keyed('Undo', 'edit-undo')} onClick=${() => canvas.current.undo()}>${say('Undo')}</button><button type="button" class="btn small" disabled=${!painted.value.redo} title=${keyed('Redo', 'edit-redo')} onClick=${() => canvas.current.redo()}>${say('Redo')}</button>
        <button type="button" class="btn small" onClick=${() => canvas.current.invert()}>${say('Invert')}</button><button type="button" class="btn small" disabled=${!painted.value.share} onClick=${() => canvas.current.clear()}>${say('Clear')}</button></span>
      <span class="set"><label class="btn small" title=${say('A PNG: its transparent part is to be changed, or without transparency its white part')}>${say('Import')}<input class="vh" type="file" accept="image/png" aria-label=${say('Import a mask')} onChange=${(/** @type {any} */ e) => { const [file] = e.currentTarget.files; if (file) read(file, file.name); e.currentTarget.value = ''; }} /></label><button type="button" class="btn small" onClick=${save}>${say('Export')}</button></span>
      <span class="set">${h(Tool, { icon: 'minus', label: say('Zoom out'), onClick: () => canvas.current.by(.8) })}${h(Tool, { icon: 'scan', label: say('Fit'), onClick: () => canvas.current.fit() })}${h(Tool, { icon: 'plus', label: say('Zoom in'), onClick: () => canvas.current.by(1.25) })}</span>
    </div>
    <mask-canvas ref=${canvas} src=${image.url} alt=${tile.prompt.slice(0, 120)} tabindex="0" role="application" aria-label=${say('Picture to paint on. Arrows move the brush, Space paints, Enter begins and ends a line or a shape.')}></mask-canvas>
    ${h(Remark, { of: refused.value ? { message: refused.value } : null })}
    ${talking.value && turns.value.length > 0 && h(Turns, { turns: turns.value })}
    ${h(Ask, { ask, label: say('What should change'), hint: talking.value ? say('What comes next?') : say('What should change? Every chosen model makes the same edit.'), button: say('Make the edit'), note, aside, launch })}</div>`;
}
