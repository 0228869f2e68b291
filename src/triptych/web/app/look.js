// @ts-check
/** One picture by itself, as large as the window; with a second one it is before and after, under a line that is drawn across. */
import { render } from 'preact';
import { useSignal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import * as s from './state.js';
import { toRow } from './torow.js';
import '../elements/compare-slider.js';
import { Remark, Tool, h, html, say, styled } from './ui.js';

/** `over` is a mask that darkens what is kept; `after` what was made of the picture; `parent` the tile that drew it.
 * @typedef {{ title: string, url: string, words?: string, over?: string, after?: string, parent?: string }} Sight */

/** Opens over everything; the focus goes back to where it was. @param {Sight} sight */
export async function look(sight) {
  await Promise.all(['views', 'source'].map(styled));
  if (document.querySelector('dialog.look[open]')) return;   // pressed twice
  const by = /** @type {HTMLElement | null} */ (document.activeElement), dialog = Object.assign(document.createElement('dialog'), { className: 'look' });
  dialog.setAttribute('aria-labelledby', 'look-h');
  dialog.onclose = () => { render(null, dialog); dialog.remove(); if (by?.isConnected) by.focus(); };
  document.body.append(dialog);
  render(h(Look, { ...sight, close: () => dialog.close() }), dialog);
  dialog.showModal();
  /** @type {HTMLElement | null} */ (dialog.querySelector('input'))?.focus();
}

/** @param {string} tile */
const rowOf = tile => trying('toast', async () => { const run = s.findTile(tile)?.peek().run ?? (await call('GET', `/api/tiles/${tile}`)).tile.run; await toRow(run, tile); });

/** @param {Sight & { close: () => void }} props */
function Look({ title, url, words = '', over, after, parent, close }) {
  const gone = useSignal(false), shot = (/** @type {string} */ src, /** @type {string} */ alt) => html`<img src=${src} alt=${alt} draggable=${false} onError=${() => { gone.value = true; }} />`;
  return html`<header><h2 id="look-h">${title}</h2><span class="sub">${words}</span>
      ${parent && html`<button type="button" class="btn small" onClick=${() => { close(); rowOf(parent); }}>${say('Go to its row')}</button>`}${h(Tool, { icon: 'x', label: say('Close'), onClick: close })}</header>
    <div class="sight">${gone.value ? h(Remark, { of: { message: say('This picture is not here any more.') } })
      : after ? html`<compare-slider label=${say('Reveal the result over the source')}><div class="layer">${shot(url, say('Source'))}</div><div class="layer">${shot(after, say('Result'))}</div><span class="handle"></span></compare-slider>`
        : html`${shot(url, title)}${over && html`<img class="kept" src=${over} alt="" />`}`}</div>
    ${after && html`<footer class="sub"><span>${say('Source')}</span><span>${say('Result')}</span></footer>`}`;
}
