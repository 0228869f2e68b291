// @ts-check
/** The edit view: paint what is to be changed, say how, and send the same edit to several models. A model that takes no mask
 * gets the picture whole, and what it changes outside is put back. The picture is in the prompt bar's tray as well. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import '../elements/mask-canvas.js';
import { Ask, during, openBench, send, useAsk } from './bench.js';
import { call } from './api.js';
import * as s from './state.js';
import { Turns, useTurns } from './turns.js';
import { Tool, h, html, toast } from './ui.js';
/** @import { Model, Picture, Tile } from './types' */

const TOOLS = [['brush', 'Brush', 'B'], ['eraser', 'Eraser', 'E'], ['lasso', 'Lasso', 'L'], ['rectangle', 'Rectangle', 'R']];
const COLOURS = [['Red', '#fb3b1e'], ['Green', '#14b84b'], ['Blue', '#2a7bff'], ['White', '#ffffff']];

/** Opens over everything; with `talk` as the next turn of the conversation that led to the picture.
 * @param {Picture} image @param {Tile} tile @param {boolean} [talk] */
export const openEditor = (image, tile, talk = false) => openBench(Editor, image, tile, talk ? 'textarea' : 'mask-canvas', talk);

/** @param {import('./bench.js').BenchProps} props */
function Editor({ image, tile, talk, close }) {
  const canvas = useRef(/** @type {any} */ (null)), tool = useSignal('brush'), size = useSignal(Math.round(Math.max(image.width, image.height) / 16));
  const feather = useSignal(0), colour = useSignal(COLOURS[0][1]), painted = useSignal({ share: 0, undo: false, redo: false });
  const talking = useSignal(Boolean(talk)), exact = useSignal(false), ask = useAsk(tile, talk), turns = useTurns(image.id, talking.value), hidden = s.veiled(tile.run);
  useLayoutEffect(() => { Object.assign(canvas.current, { tool: tool.value, size: size.value }); });
  useLayoutEffect(() => { canvas.current.feather = feather.value; canvas.current.colour = colour.value; }, [feather.value, colour.value]);
  useEffect(() => {
    const hear = (/** @type {CustomEvent} */ e) => { painted.value = e.detail; };
    canvas.current.addEventListener('paint', hear);
    return () => canvas.current?.removeEventListener('paint', hear);
  }, []);
  const larger = (/** @type {number} */ by) => { size.value = Math.max(2, Math.min(Math.max(image.width, image.height), Math.round(size.value * by))); };
  const keys = (/** @type {any} */ e) => {
    const c = canvas.current, key = e.key.toLowerCase();
    if (e.target.matches('textarea, select, input:not([type=checkbox], [type=range])')) return;
    if ((e.ctrlKey || e.metaKey) && key === 'z') { e.preventDefault(); if (e.shiftKey) c.redo(); else c.undo(); return; }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const found = s.letters.value && TOOLS.find(t => t[2].toLowerCase() === key);
    if (found) tool.value = found[0];
    else if (key === '[' || key === ']') larger(key === ']' ? 1.25 : .8);
    else return;
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
    close(false);
  });
  const toBar = () => during(ask, async () => { const made = await mask(); s.mask.value = made && given(made); close(true); });
  const save = async () => {
    const url = URL.createObjectURL(await canvas.current.png());
    Object.assign(document.createElement('a'), { href: url, download: `${image.filename.replace(/\.\w+$/, '')}_mask.png` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  const read = async (/** @type {File | undefined} */ file) => {
    if (!file) return;
    try { if (!await canvas.current.read(file)) toast(`The mask had another size; it was stretched to ${image.width} × ${image.height}.`); } catch { toast(`${file.name} cannot be read as a picture.`); }
  };
  const percent = Math.round(100 * painted.value.share), remembers = turns.value.at(-1)?.remembers;
  const note = (/** @type {Model} */ m) => painted.value.share > 0 && !m.capabilities.mask ? 'restored after' : !talking.value || !turns.value.length ? '' : m.id === remembers ? 'remembers the turns' : ask.picked.value.has(m.id) ? 'sees the picture only' : '';
  const check = (/** @type {import('@preact/signals').Signal<boolean>} */ of, /** @type {string} */ label, /** @type {string} */ title) => html`<label class="switch" title=${title}><input type="checkbox" role="switch" checked=${of.value} onChange=${(/** @type {any} */ e) => { of.value = e.currentTarget.checked; }} />${label}</label>`;
  const aside = html`${!hidden && check(talking, 'Continue the conversation', 'A model that made the last turns gets them as they went; any other gets this picture and the words')}
    ${painted.value.share > 0 && ask.chosen.some(m => m.capabilities.mask) && check(exact, 'Keep the outside exactly', 'Also for a model that takes the mask: what it changes outside is put back')}
    <button type="button" class="btn" disabled=${ask.busy.value} onClick=${toBar}>To the prompt bar</button>`;
  return html`<div class="bench" onKeyDown=${keys}>
    <header><h2 id="edit-h">${talking.value ? 'Continue with' : 'Edit'} ${hidden ? 'a picture' : `${tile.name}’s picture`}</h2><span class="sub num" role="status">${painted.value.share ? `${percent || '< 1'} % to be changed` : 'Nothing painted: all of it may change'}</span>${h(Tool, { icon: 'x', label: 'Close the editor', onClick: () => close(false) })}</header>
    <div class="tools" role="toolbar" aria-label="Mask">
      <div class="seg" role="group" aria-label="Tool">${TOOLS.map(([id, name, key]) => html`<button type="button" key=${id} aria-pressed=${tool.value === id} title=${`${name} (${key})`} onClick=${() => { tool.value = id; }}>${name}</button>`)}</div>
      <label>Size <input type="range" min="2" max=${Math.round(Math.max(image.width, image.height) / 3)} value=${size.value} title="[ and ]" onInput=${(/** @type {any} */ e) => { size.value = Number(e.currentTarget.value); }} /><span class="num">${size.value}</span></label>
      <label>Feather <input type="range" min="0" max=${Math.round(Math.max(image.width, image.height) / 20)} value=${feather.value} onInput=${(/** @type {any} */ e) => { feather.value = Number(e.currentTarget.value); }} /><span class="num">${feather.value}</span></label>
      <label>Colour <select value=${colour.value} onChange=${(/** @type {any} */ e) => { colour.value = e.currentTarget.value; }}>${COLOURS.map(([name, value]) => html`<option key=${name} value=${value}>${name}</option>`)}</select></label>
      <span class="set"><button type="button" class="btn small" disabled=${!painted.value.undo} onClick=${() => canvas.current.undo()}>Undo</button><button type="button" class="btn small" disabled=${!painted.value.redo} onClick=${() => canvas.current.redo()}>Redo</button>
        <button type="button" class="btn small" onClick=${() => canvas.current.invert()}>Invert</button><button type="button" class="btn small" disabled=${!painted.value.share} onClick=${() => canvas.current.clear()}>Clear</button></span>
      <span class="set"><label class="btn small" title="A PNG whose transparent part is to be changed">Import<input class="vh" type="file" accept="image/png" aria-label="Import a mask" onChange=${(/** @type {any} */ e) => { read(e.currentTarget.files[0]); e.currentTarget.value = ''; }} /></label><button type="button" class="btn small" onClick=${save}>Export</button></span>
      <span class="set">${h(Tool, { icon: 'minus', label: 'Zoom out', onClick: () => canvas.current.by(.8) })}${h(Tool, { icon: 'scan', label: 'Fit', onClick: () => canvas.current.fit() })}${h(Tool, { icon: 'plus', label: 'Zoom in', onClick: () => canvas.current.by(1.25) })}</span>
    </div>
    <mask-canvas ref=${canvas} src=${image.url} alt=${tile.prompt.slice(0, 120)} tabindex="0" role="application" aria-label="Picture to paint on. Arrows move the brush, Space paints, Enter begins and ends a line or a shape."></mask-canvas>
    ${talking.value && turns.value.length > 0 && h(Turns, { turns: turns.value })}
    ${h(Ask, { ask, label: 'What should change', hint: talking.value ? 'What comes next?' : 'What should change? Every chosen model makes the same edit.', button: 'Make the edit', note, aside, launch })}</div>`;
}
