// @ts-check
/** The edit view: paint what is to be changed, say how, and send the same edit to several models. A model that takes no mask
 * gets the picture whole, and what it changes outside is put back. The picture is in the prompt bar's tray as well. */
import { render } from 'preact';
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import '../elements/mask-canvas.js';
import { focusPrompt, startRun, tell } from './actions.js';
import { call } from './api.js';
import { count, money, price } from './format.js';
import * as s from './state.js';
import { Icon, Remark, Tool, h, html, styled, toast } from './ui.js';
/** @import { Model, Picture, Tile } from './types' */

const TOOLS = [['brush', 'Brush', 'B'], ['eraser', 'Eraser', 'E'], ['lasso', 'Lasso', 'L'], ['rectangle', 'Rectangle', 'R']];
const COLOURS = [['Red', '#fb3b1e'], ['Green', '#14b84b'], ['Blue', '#2a7bff'], ['White', '#ffffff']];

/** Opens over everything. @param {Picture} image @param {Tile} tile */
export async function openEditor(image, tile) {
  await Promise.all(['views', 'edit'].map(styled));
  const by = /** @type {HTMLElement | null} */ (document.activeElement);
  const dialog = Object.assign(document.createElement('dialog'), { className: 'editor' });
  dialog.setAttribute('aria-labelledby', 'edit-h');
  const close = (/** @type {boolean} */ toPrompt) => {
    dialog.close(); render(null, dialog); dialog.remove(); tell('edit');
    if (toPrompt) focusPrompt(); else by?.isConnected && by.focus();
  };
  dialog.addEventListener('cancel', e => { e.preventDefault(); close(false); });
  document.body.append(dialog);
  render(h(Editor, { image, tile, close }), dialog);
  dialog.showModal();
  /** @type {HTMLElement | null} */ (dialog.querySelector('mask-canvas'))?.focus();
}

/** @param {Model} m */
const able = m => ['ready', 'limited'].includes(m.state) && m.capabilities?.operations?.includes('edit');

/** @param {{ image: Picture, tile: Tile, close: (toPrompt: boolean) => void }} props */
function Editor({ image, tile, close }) {
  const canvas = useRef(/** @type {any} */ (null)), tool = useSignal('brush'), size = useSignal(Math.round(Math.max(image.width, image.height) / 16));
  const feather = useSignal(0), colour = useSignal(COLOURS[0][1]), painted = useSignal({ share: 0, undo: false, redo: false });
  const text = useSignal(''), busy = useSignal(false), models = s.models.value.filter(able);
  const picked = useSignal(new Set(s.selected.peek().filter(id => models.some(m => m.id === id))));
  const chosen = models.filter(m => picked.value.has(m.id)), hidden = s.veiled(tile.run);
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
  const during = async (/** @type {() => Promise<void>} */ work) => {
    busy.value = true;
    tell('edit');
    try { await work(); } catch (error) { tell('edit', error); }
    busy.value = false;
  };
  const launch = () => during(async () => {
    const made = await mask(), others = s.refs.peek().filter(r => r.sha256 && r.sha256 !== image.sha256).map(r => ({ sha256: r.sha256, role: r.role === 'edit' ? 'subject' : r.role }));
    await startRun('edit', {
      text: text.peek(), models: chosen.map(m => m.id), images: [{ sha256: image.sha256, role: 'edit' }, ...others], ...(made ? { mask: made.sha256 } : {}), parent: { tile: tile.id, picture: image.id },
    });
    if (s.problems.peek().edit) return;
    s.refs.value = s.refs.peek().filter(r => r.sha256 !== image.sha256);
    close(false);
  });
  const toBar = () => during(async () => { const made = await mask(); s.mask.value = made && given(made); close(true); });
  const save = async () => {
    const url = URL.createObjectURL(await canvas.current.png());
    Object.assign(document.createElement('a'), { href: url, download: `${image.filename.replace(/\.\w+$/, '')}_mask.png` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  const read = async (/** @type {File | undefined} */ file) => {
    if (!file) return;
    try { if (!await canvas.current.read(file)) toast(`The mask had another size; it was stretched to ${image.width} × ${image.height}.`); } catch { toast(`${file.name} cannot be read as a picture.`); }
  };
  const percent = Math.round(100 * painted.value.share), sum = chosen.reduce((n, m) => n + (m.price_micro_usd ?? 0), 0), unpriced = chosen.some(m => !m.free && m.price_micro_usd === null);
  const why = !text.value.trim() ? 'Say what should change.' : !chosen.length ? 'Choose at least one model.' : '';
  return html`<div class="bench" onKeyDown=${keys}>
    <header><h2 id="edit-h">Edit ${hidden ? 'a picture' : `${tile.name}’s picture`}</h2><span class="sub num" role="status">${painted.value.share ? `${percent || '< 1'} % to be changed` : 'Nothing painted: all of it may change'}</span>${h(Tool, { icon: 'x', label: 'Close the editor', onClick: () => close(false) })}</header>
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
    <form class="ask" onSubmit=${(/** @type {any} */ e) => { e.preventDefault(); if (!why && !busy.value) launch(); }} onKeyDown=${(/** @type {any} */ e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); if (!why && !busy.value) launch(); } }}>
      <label class="vh" for="edit-text">What should change</label>
      <textarea id="edit-text" rows="2" placeholder="What should change? Every chosen model makes the same edit." value=${text.value} onInput=${(/** @type {any} */ e) => { text.value = e.currentTarget.value; }}></textarea>
      <div class="models" role="group" aria-label="Models for this edit">${models.map(m => html`<label class="chip" key=${m.id} data-state=${m.state} title=${m.capabilities.mask ? 'Takes the mask itself' : 'Takes no mask: gets the picture whole; what it changes outside the mask is put back'}><input class="vh" type="checkbox" checked=${picked.value.has(m.id)} onChange=${(/** @type {any} */ e) => { const next = new Set(picked.value); if (e.currentTarget.checked) next.add(m.id); else next.delete(m.id); picked.value = next; }} />
        <span class="name">${m.name}</span>${painted.value.share > 0 && !m.capabilities.mask && html`<span class="word">restored after</span>`}<span class="num">${m.free ? 'free' : m.price_micro_usd === null ? '?' : money(m.price_micro_usd)}</span></label>`)}
        ${!models.length && html`<p class="sub">No model that edits is ready.</p>`}</div>
      ${h(Remark, { of: s.problems.value.edit })}
      <div class="sending"><span class="sub">${why || `${count(chosen.length, 'picture')}, ${unpriced ? 'price not known' : sum ? price({ amount_micro_usd: sum, source: 'table' }, true) : 'free'}`}</span>
        <button type="button" class="btn" disabled=${busy.value} onClick=${toBar}>To the prompt bar</button><button class="btn go" disabled=${Boolean(why) || busy.value}>${h(Icon, { name: 'brush' })}Make the edit</button></div>
    </form></div>`;
}
