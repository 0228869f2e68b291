// @ts-check
/** Formats made by models: how, which formats, with which words, on which models, and what it costs before it is sent. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { tell, trying } from './actions.js';
import { call } from './api.js';
import { price } from './amounts.js';
import { count, money } from './format.js';
import * as s from './state.js';
import { Icon, Remark, Tool, h, html, say } from './ui.js';
/** @import { Kit } from './kit.js' */
/** @import { Model } from './types' */

const WAYS = [['outpaint', 'Outpaint', 'The picture stays as it is; what is beyond its edges is drawn.'], ['again', 'Make again', 'The same words in the new shape, with the key visual as reference.']];
const PLACES = /** @type {[number, string][]} */ ([[0, 'Left or top'], [500, 'In the middle'], [1000, 'Right or bottom']]);
/** @param {Model} m */
const able = m => ['ready', 'limited'].includes(m.state) && m.capabilities?.operations?.includes('edit');

/** Whether the key visual fills a format as it is. @param {import('./kit.js').Format} f @param {Kit} of */
const fits = (f, of) => Boolean(of.picture) && Math.abs(f.width * /** @type {any} */ (of.picture).height / f.height / /** @type {any} */ (of.picture).width - 1) < .002;

/** @param {{ of: Kit, from: string, close: () => void }} props */
export function Make({ of, from, close }) {
  const box = useRef(/** @type {any} */ (null)), way = useSignal('outpaint'), texts = useSignal(of.texts), busy = useSignal(false), plans = useSignal(/** @type {any[] | null} */ (null));
  const models = s.models.value.filter(able), picked = useSignal(new Set(s.selected.peek().filter(id => models.some(m => m.id === id))));
  const formats = useSignal(new Set(of.formats.filter(f => f.id === from || !from && !fits(f, of)).map(f => f.id)));
  const at = useSignal(500);
  const full = (/** @type {import('./kit.js').Format} */ f) => way.value === 'outpaint' && fits(f, of);
  useLayoutEffect(() => { const by = /** @type {any} */ (document.activeElement), el = box.current; el.showModal(); return () => { el.close(); if (by?.isConnected) by.focus(); }; }, []);
  const wishes = of.formats.filter(f => formats.value.has(f.id) && !full(f)).map(f => ({ format: f.id, way: way.value, models: models.filter(m => picked.value.has(m.id)).map(m => m.id), text: texts.value[way.value], ...(way.value === 'outpaint' ? { at: at.value } : {}) }));
  const asked = JSON.stringify(wishes), empty = !texts.value[way.value].trim() ? say('Say what the picture should show.') : !wishes.length ? say('Choose at least one format that the picture does not fill.') : !wishes[0]?.models.length ? say('Choose at least one model.') : '';
  useEffect(() => {
    plans.value = null;
    tell('kitmake');
    if (empty) return;
    const cut = new AbortController(), wait = setTimeout(async () => {
      const found = await trying('kitmake', () => Promise.all(wishes.map(w => call('POST', `/api/kits/${of.id}/plan`, w, cut.signal)))).catch(e => { if (!cut.signal.aborted) throw e; });
      if (found && !cut.signal.aborted) plans.value = found;
    }, 200);
    return () => { clearTimeout(wait); cut.abort(); };
  }, [asked]);
  const all = plans.value, stops = all?.find(p => !p.allowed)?.reason, why = empty || stops || '';
  const sum = all?.reduce((n, p) => n + p.known_micro_usd, 0) ?? 0, unknown = all?.reduce((n, p) => n + p.unknown_count, 0) ?? 0, images = all?.reduce((n, p) => n + p.images, 0) ?? 0;
  const fitted = [...new Set((all ?? []).flatMap(p => Object.entries(p.per_model).flatMap(([id, m]) => /** @type {any} */ (m).adjustments.map((/** @type {any} */ a) => `${s.byId.value.get(id)?.name ?? id}: ${say(a.detail)}`))))];
  const flip = (/** @type {any} */ of, /** @type {string} */ id) => { const next = new Set(of.value); if (!next.delete(id)) next.add(id); of.value = next; };
  const go = async () => {
    busy.value = true;
    for (const wish of wishes) {                           // one call for each, so that one that is lost is never paid twice
      const run = await trying('kitmake', () => call('POST', `/api/kits/${of.id}/takes`, wish));
      if (!run) { busy.value = false; return; }
      if (!s.findRow(run.id)) s.merge([run]);
      formats.value = new Set([...formats.peek()].filter(id => id !== wish.format));
    }
    close();
    import('./votes.js').then(m => { m.arrived.value++; });  // the kit is read again
  };
  return html`<dialog class="sheet make" ref=${box} aria-labelledby="make-h" onCancel=${(/** @type {any} */ e) => { e.preventDefault(); close(); }}>
    <header><h2 id="make-h">${say('Make formats')}</h2>${h(Tool, { icon: 'x', label: say('Close'), onClick: close })}</header>
    <form onSubmit=${(/** @type {any} */ e) => { e.preventDefault(); if (!why && all && !busy.value) go(); }}>
      <div class="seg" role="group" aria-label=${say('How')}>${WAYS.map(([id, name]) => html`<button type="button" key=${id} autofocus=${way.peek() === id} aria-pressed=${way.value === id} onClick=${() => { way.value = id; }}>${say(name)}</button>`)}</div>
      <p class="sub">${say(WAYS.find(([id]) => id === way.value)?.[2] ?? '')}</p>
      <div class="models" role="group" aria-label=${say('Formats to make')}>${of.formats.map(f => html`<label class="chip" key=${f.id} data-state=${full(f) ? 'off' : 'ready'}><input class="vh" type="checkbox" disabled=${full(f)} checked=${formats.value.has(f.id) && !full(f)} onChange=${() => flip(formats, f.id)} /><span class="name">${f.title}</span>${full(f) ? html`<span class="word">${say('filled already')}</span>` : html`<span class="num">${f.width} × ${f.height}</span>`}</label>`)}</div>
      ${way.value === 'outpaint' && html`<div class="seg" role="group" aria-label=${say('Where the picture lies in the new shape')}>${PLACES.map(([to, name]) => html`<button type="button" key=${to} aria-pressed=${at.value === to} onClick=${() => { at.value = to; }}>${say(name)}</button>`)}</div>`}
      <label for="make-text">${say('Words')}</label><textarea id="make-text" rows="3" value=${texts.value[way.value]} onInput=${(/** @type {any} */ e) => { texts.value = { ...texts.value, [way.value]: e.currentTarget.value }; }}></textarea>
      <div class="models" role="group" aria-label=${say('Models to make them')}>${models.map(m => html`<label class="chip" key=${m.id} data-state=${m.state}><input class="vh" type="checkbox" checked=${picked.value.has(m.id)} onChange=${() => flip(picked, m.id)} /><span class="name">${m.name}</span><span class="num">${m.free ? say('free') : m.price_micro_usd === null ? '?' : money(m.price_micro_usd)}</span></label>`)}
        ${!models.length && html`<p class="sub">${say('No model that starts from a picture is ready. Crops need none.')}</p>`}</div>
      ${h(Remark, { of: s.problems.value.kitmake })}${fitted.length > 0 && html`<ul class="sub">${fitted.slice(0, 6).map(text => html`<li key=${text}>${text}</li>`)}</ul>`}
      <div class="sending"><span class="sub" role="status">${why || (all ? `${count(images, 'picture')}, ${unknown ? sum ? say('{0} and {1} not known', price({ amount_micro_usd: sum, source: 'table' }, true), count(unknown, 'price')) : say('{0} not known', count(unknown, 'price')) : sum ? price({ amount_micro_usd: sum, source: 'table' }, true) : say('free')}` : say('Reckoning…'))}</span>
        <button class="btn go" disabled=${Boolean(why) || !all || busy.value}>${h(Icon, { name: 'brush' })}${say('Make')}</button></div>
    </form></dialog>`;
}
