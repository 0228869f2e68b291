// @ts-check
/** The rows, newest at the bottom beside the prompt bar. Nothing moves under the pointer: the page follows its end only
 * for what was asked here, or while it stands at the end and the pointer is elsewhere. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { deed, follow } from './actions.js';
import { clock, count } from './format.js';
import * as s from './state.js';
import { TileView } from './tile.js';
import { Icon, Menu, Remark, h, html, later, say, styled } from './ui.js';
/** @import { Row, TileSignal } from './types' */

const Matrix = later(() => Promise.all([import('./matrix.js'), styled('views'), styled('grid')]).then(([m]) => m), 'Matrix');

/** Whether the page follows its end, and how far from the end it stands otherwise: kept while another view is shown. */
const stuck = { current: true }, edge = { current: 0 };
/** Keys that come before it wait for it, in their order: each is first for its tile. */
export const keyboard = import('./keyboard.js');

/** `Top` stands above the sample, and with `more` below it, until something was made. @param {{ Top: any }} props */
export function Rows({ Top }) {
  const box = useRef(/** @type {any} */ (null)), below = useSignal(-1);
  const list = s.rows.value, first = list[0]?.id, last = list.at(-1)?.id, fresh = list.every(row => row.id === s.sample.value) || list.length < 2 && s.sample.value === 'offer';
  const toEnd = () => { const el = box.current; if (el) { el.scrollTop = el.scrollHeight; stuck.current = true; below.value = 0; } };

  useLayoutEffect(() => {                                   // older rows went in above: what was looked at stays where it is
    if (edge.current && !stuck.current) box.current.scrollTop = box.current.scrollHeight - edge.current;
  }, [first]);
  useLayoutEffect(() => {
    if (fresh) stuck.current = false;                       // a first visit begins at the top
    if (stuck.current && (below.peek() < 0 || !box.current.matches(':has(.tile:hover)'))) toEnd(); else below.value++;
  }, [last]);
  useEffect(() => {
    const el = box.current, size = new ResizeObserver(() => { if (stuck.current && !el.matches(':has(.tile:hover)')) el.scrollTop = el.scrollHeight; });
    size.observe(el);
    size.observe(el.firstElementChild);
    return () => size.disconnect();
  }, []);
  useSignalEffect(() => { if (follow.value) requestAnimationFrame(toEnd); });

  const scrolled = () => {
    const el = box.current;
    if (!el) return;
    edge.current = el.scrollHeight - el.scrollTop;
    stuck.current = edge.current - el.clientHeight < 48;
    if (stuck.current) below.value = 0;
    if (el.scrollTop < 600 && s.before.peek()) deed('older');
  };
  return html`<div class="scroll rows" ref=${box} onScroll=${scrolled} onKeyDown=${e => { keyboard.then(m => m.keys(e)); }}><div class="inner">
    ${fresh && h(Top, null)}${s.before.value && html`<button type="button" class="btn small earlier" onClick=${() => deed('older')}>${say('Earlier rows')}</button>`}
    ${list.map(row => h(RowView, { key: row.id, row }))}${fresh && h(Top, { more: true })}</div></div>
    ${below.value > 0 && html`<div class="newer"><button type="button" class="btn small" onClick=${toEnd}>${h(Icon, { name: 'arrow-down' })}${count(below.value, 'new row')}</button></div>`}`;
}

/** @param {{ row: Row }} props */
function RowView({ row }) {
  const tiles = s.shown(row), ratio = useComputed(() => Math.max(...s.shown(row).map(t => t.still.value.ratio || 1))).value, [head, more] = row.text.split(/\n(.*)/s);
  const title = head.replace(PARAMETER, '').trim() || head;
  return html`<section class="row" aria-labelledby=${`h-${row.id}`}>
    <header><h2 id=${`h-${row.id}`} title=${row.text}>${title}${more && ' …'}</h2>
      <ul class="params" aria-label=${say('Parameters')}>${[...row.text.matchAll(PARAMETER)].slice(0, 6).map(m => html`<li>${m[1]}</li>`)}</ul>
      ${h(Tally, { row, tiles })}${h(Menu, { label: say('Row: {0}', title.slice(0, 60)), icon: 'ellipsis', items: () => deed('rowMenu', row) })}</header>
    ${row.id === s.sample.value && h(Remark, { of: { kind: 'info', message: say('A sample by the offline painters: they are not AI models.') } })}${row.notes.map(n => h(Remark, { of: n }))}${h(Remark, { of: s.problems.value[row.id] })}
    ${row.settings?.grid ? h(Matrix, { row, tiles }) : html`<ul class="tiles" style=${`--n:${tiles.length};--r:${ratio.toFixed(4)}`}>${tiles.map((tile, index) => h(TileView, { key: tile.peek().id, tile, index }))}</ul>${innerWidth < 641 && tiles.length > 1 && html`<div class="reel">${s.lazy.value && h(s.lazy.value.Film, { tiles })}</div>`}`}
  </section>`;
}

/** Only how a row is labelled; how a prompt was understood is the server's word, in the plan. */
const PARAMETER = /(?<!\S)--([a-z]+(?:\s+(?!--)\S.*?)?)(?=\s+--[a-z]|\s*$)/gim;

/** @param {{ row: Row, tiles: TileSignal[] }} props */
function Tally({ row, tiles }) {
  const came = useComputed(() => s.shown(row).filter(t => t.still.value.state === 'done').length);
  return html`<p class="num tally"><time dateTime=${new Date(row.created_ms).toISOString()}>${clock(row.created_ms)}</time><span title=${say('Pictures that came')}>${came}/${tiles.length}</span>${s.lazy.value ? h(s.lazy.value.Facts, { row, tiles }) : html`<span />`}</p>`;
}
