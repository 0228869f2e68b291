// @ts-check
/** What the views over one picture share (edit, extend, vary): the window, and its form with a text, models and their price. */
import { render } from 'preact';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { focusPrompt, startRun, tell } from './actions.js';
import { call } from './api.js';
import { price } from './amounts.js';
import { count, money } from './format.js';
import * as s from './state.js';
import { stand } from './torow.js';
import { Icon, Remark, h, html, say, styled } from './ui.js';
/** @import { Model, Picture, Tile } from './types' */
/** @import { Signal } from '@preact/signals' */

/** @typedef {{ image: Picture, tile: Tile, talk?: boolean, close: (toPrompt: boolean) => void }} BenchProps */

/** Opens over everything. @param {(props: BenchProps) => any} part @param {Picture} image @param {Tile} tile of which the id is
 * empty where no model here drew the picture @param {string} first what gets the focus @param {boolean} [talk] */
export async function openBench(part, image, tile, first, talk = false) {
  import('./source.js');                               // the row that comes of it begins with it: nothing moves then
  await Promise.all(['views', 'edit', 'source'].map(styled));
  const by = /** @type {HTMLElement | null} */ (document.activeElement);
  const dialog = Object.assign(document.createElement('dialog'), { className: 'editor' });
  dialog.setAttribute('aria-labelledby', 'edit-h');
  const close = (/** @type {boolean} */ toPrompt) => {
    dialog.close(); render(null, dialog); dialog.remove(); tell('edit');
    if (toPrompt) focusPrompt(); else by?.isConnected && by.focus();
  };
  dialog.addEventListener('cancel', e => { e.preventDefault(); close(false); });
  document.body.append(dialog);
  render(h(part, { image, tile, talk, close }), dialog);
  dialog.showModal();
  /** @type {HTMLElement | null} */ (dialog.querySelector(first))?.focus();
}

/** @param {Model} m */
const able = m => ['ready', 'limited'].includes(m.state) && m.capabilities?.operations?.includes('edit');

/** The text, the models and whether it is being sent. At first those models are chosen that the prompt bar has, and the one
 * that drew the picture where `own` asks for it. @param {Tile} tile @param {boolean} [own] */
export function useAsk(tile, own = false) {
  const models = s.models.value.filter(able), has = (/** @type {string} */ id) => models.some(m => m.id === id), maker = tile.endpoint ?? tile.model;
  const text = useSignal(''), busy = useSignal(false);
  const picked = useSignal(new Set(own && has(maker) && !s.veiled(tile.run) ? [maker] : s.selected.peek().filter(has)));
  return { models, text, busy, picked, chosen: models.filter(m => picked.value.has(m.id)) };
}
/** @typedef {ReturnType<typeof useAsk>} Asking */

/** Does something while the form is shut; what goes wrong is told in it. @param {Asking} ask @param {() => Promise<void>} work */
export async function during(ask, work) {
  ask.busy.value = true;
  tell('edit');
  try { await work(); } catch (error) { tell('edit', error); }
  ask.busy.value = false;
}

/** Starts the run; true when it did. The page goes to the new row from wherever it was asked for. @param {Asking} ask @param {Picture} image @param {Tile} tile @param {any} more */
export async function send(ask, image, tile, more) {
  await startRun('edit', { models: ask.chosen.map(m => m.id), ...(tile.id ? { parent: { tile: tile.id, picture: image.id } } : {}), text: ask.text.peek(), project: s.local.project, ...more });
  const sent = !s.problems.peek().edit;
  if (sent && s.view.peek() !== 'studio') { s.go('/'); stand(s.active.peek()); }
  return sent;
}

/** A text that the studio proposes; what stands in the field is what is sent. @param {Signal<string>} text @param {string} name */
export function useProposed(text, name) {
  const last = useSignal('');
  useEffect(() => {
    let here = true;
    proposals().then(all => { if (here && (!text.peek().trim() || text.peek() === last.peek())) text.value = last.value = all.instructions[name]; }, () => {});
    return () => { here = false; };
  }, [name]);
}
let asked = /** @type {Promise<any> | null} */ (null);
/** The published texts and shapes. @returns {Promise<{ instructions: Record<string, string>, formats: Record<string, string> }>} */
export const proposals = () => asked ??= call('GET', '/api/instructions').catch(error => { asked = null; throw error; });

/** @param {{ ask: Asking, label: string, hint: string, button: string, icon?: string, count?: number, note?: (m: Model) => string, why?: string, aside?: any, launch: () => void }} props */
export function Ask({ ask, label, hint, button, icon = 'brush', count: each = 1, note, why: other = '', aside, launch }) {
  const { models, text, busy, picked, chosen } = ask, sum = each * chosen.reduce((n, m) => n + (m.price_micro_usd ?? 0), 0), unpriced = chosen.some(m => !m.free && m.price_micro_usd === null);
  const why = other || (!text.value.trim() ? say('Say what should change.') : !chosen.length ? say('Choose at least one model.') : '');
  const go = (/** @type {any} */ e) => { e.preventDefault(); if (!why && !busy.value) launch(); };
  return html`<form class="ask" onSubmit=${go} onKeyDown=${(/** @type {any} */ e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) go(e); }}>
    <label class="vh" for="edit-text">${label}</label>
    <textarea id="edit-text" rows="2" placeholder=${hint} value=${text.value} onInput=${(/** @type {any} */ e) => { text.value = e.currentTarget.value; }}></textarea>
    <div class="models" role="group" aria-label=${say('Models for this edit')}>${models.map(m => { const said = note?.(m); return html`<label class="chip" key=${m.id} data-state=${m.state} title=${m.capabilities.mask ? say('Takes the mask itself') : say('Takes no mask: gets the picture whole; what it changes outside the mask is put back')}><input class="vh" type="checkbox" checked=${picked.value.has(m.id)} onChange=${(/** @type {any} */ e) => { const next = new Set(picked.value); if (e.currentTarget.checked) next.add(m.id); else next.delete(m.id); picked.value = next; }} />
      <span class="name">${m.name}</span>${said && html`<span class="word">${said}</span>`}<span class="num">${m.free ? say('free') : m.price_micro_usd === null ? '?' : money(m.price_micro_usd)}</span></label>`; })}
      ${!models.length && html`<p class="sub">${say('No model that edits is ready.')}</p>`}</div>
    ${h(Remark, { of: s.problems.value.edit })}
    <div class="sending"><span class="sub">${why || `${count(each * chosen.length, 'picture')}, ${unpriced ? say('price not known') : sum ? price({ amount_micro_usd: sum, source: 'table' }, true) : say('free')}`}</span>
      ${aside}<button class="btn go" disabled=${Boolean(why) || busy.value}>${h(Icon, { name: icon })}${button}</button></div>
  </form>`;
}
