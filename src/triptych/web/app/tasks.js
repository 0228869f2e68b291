// @ts-check
/** A task with a finished picture: more pixels, or its subject alone. Every model that offers it in the server's order, with the
 * size that comes of it and its price; the weights of a tool of this machine are fetched from here, when a person says so. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { price, usually } from './amounts.js';
import { call } from './api.js';
import { during, openBench } from './bench.js';
import { added } from './deeds.js';
import { LANES } from './format.js';
import * as s from './state.js';
import { Icon, Remark, Tool, h, html, say, styled } from './ui.js';
import { toRow } from './torow.js';
import { EVERY_MS, Fetch } from './weights.js';
/** @import { Cost, Picture, Tile } from './types' */

/** @typedef {'upscale' | 'remove_background'} Task */
/** @typedef {{ factor: number | null, width: number | null, height: number | null, ok: boolean, reason: string | null, cost: Cost, notes: string[] }} Way */
/** @typedef {{ task: Task, model: string, name: string, maker: string, lane: string, license: string | null, note: string | null, typical_seconds: [number, number] | null, ways: Way[], weights: import('./weights.js').Weights | null }} Offer */

const FACTORS = [2, 4];

/** @param {Picture} image @param {Tile} tile @param {Task} first */
export async function openTasks(image, tile, first) {
  await styled('tasks');
  openBench(props => h(Tasks, { ...props, first }), image, tile, '[aria-pressed=true]');
}

/** @param {import('./bench.js').BenchProps & { first: Task }} props */
function Tasks({ image, tile, close, first }) {
  const task = useSignal(first), factor = useSignal(2), picked = useSignal(''), again = useSignal(0), busy = useSignal(false);
  const found = useSignal(/** @type {{ offers: Offer[], order_rule: string } | null} */ (null)), ask = /** @type {any} */ ({ busy });
  useEffect(() => {
    let timer = 0, here = true;
    const read = async () => {
      const told = await call('GET', `/api/images/${image.id}/tasks`);
      if (!here) return;
      found.value = told;
      if (told.offers.some((/** @type {Offer} */ o) => o.weights?.state === 'fetching')) timer = setTimeout(() => during(ask, read), EVERY_MS);
    };
    during(ask, read);
    return () => { here = false; clearTimeout(timer); };
  }, [again.value]);
  const larger = task.value === 'upscale', by = larger ? factor.value : null;
  const all = (found.value?.offers ?? []).filter(o => o.task === task.value).map(o => ({ ...o, way: o.ways.find(w => w.factor === by) ?? o.ways[0] }));
  const able = all.filter(o => o.way.ok), chosen = able.find(o => o.model === picked.value) ?? able[0];
  const weigh = (/** @type {Offer} */ o, /** @type {string} */ method) => during(ask, async () => { await call(method, `/api/tools/${o.model.replace(/^tools\//, '')}/weights`); again.value++; });
  const go = (/** @type {any} */ e) => {
    e.preventDefault();
    if (!chosen || busy.value) return;
    during(ask, async () => {
      const made = await call('POST', `/api/images/${image.id}/tasks`, { task: task.peek(), model: chosen.model, ...(larger ? { factor: factor.peek() } : {}) });
      close(false);
      added(tile.run, made);
      if (s.view.peek() !== 'studio') toRow(tile.run, made.id);
    });
  };
  const press = (/** @type {any} */ of, /** @type {any} */ value, /** @type {string} */ name) => html`<button type="button" key=${value} aria-pressed=${of.value === value} onClick=${() => { of.value = value; }}>${name}</button>`;
  return html`<div class="bench">
    <header><h2 id="edit-h">${larger ? say('Enlarge {0}’s picture', tile.name) : say('Remove the background of {0}’s picture', tile.name)}</h2><span class="sub num" role="status">${larger ? `${size(image)} → ${size({ width: image.width * factor.value, height: image.height * factor.value })}` : size(image)}</span>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => close(false) })}</header>
    <div class="tools" role="toolbar" aria-label=${say('Task')}>
      <div class="seg" role="group" aria-label=${say('What is to be done')}>${press(task, 'upscale', say('Enlarge'))}${press(task, 'remove_background', say('Remove the background'))}</div>
      ${larger && html`<div class="seg" role="group" aria-label=${say('How many times as large')}>${FACTORS.map(n => press(factor, n, `${n}×`))}</div>`}
    </div>
    <div class="placing still"><img src=${image.url} alt=${tile.prompt.slice(0, 120)} /></div>
    <form class="ask" onSubmit=${go}>
      <div class="offers" role="radiogroup" aria-label=${say('Who does it')}>${all.map(o => h(One, { key: o.model, o, way: o.way, checked: o === chosen, choose: () => { picked.value = o.model; }, weigh }))}</div>
      ${h(Remark, { of: s.problems.value.edit })}
      <div class="sending"><span class="sub" title=${found.value ? say('In this order: {0}.', found.value.order_rule) : ''}>${!found.value ? say('The models are on their way.') : !chosen ? say('Nobody can do it yet: see above.') : `${larger ? say('A PNG of {0} pixels.', size(chosen.way)) : say('A PNG with transparency.')} ${chosen.lane === 'local' ? say('It stays on this machine.') : say('The picture goes to {0}.', chosen.maker)}`}</span>
        <button class="btn go" disabled=${!chosen || busy.value}>${h(Icon, { name: larger ? 'scan' : 'crop' })}${larger ? say('Enlarge') : say('Remove the background')}</button></div>
    </form></div>`;
}

/** @param {{ width: number | null, height: number | null }} of */
const size = of => `${of.width} × ${of.height}`;

/** @param {{ o: Offer, way: Way, checked: boolean, choose: () => void, weigh: (o: Offer, method: string) => void }} props */
function One({ o, way, checked, choose, weigh }) {
  const weights = way.ok ? null : o.weights, getting = weights?.state === 'fetching', about = [say(LANES[o.lane]?.[0] ?? o.lane), o.license, way.ok && o.typical_seconds && usually(o.typical_seconds)].filter(Boolean).join(' · ');
  return html`<div class="offer" data-ok=${way.ok}>
    <label><input type="radio" name="offer" value=${o.model} checked=${checked} disabled=${!way.ok} onChange=${choose} /><b>${o.name}</b><span class="num">${price(way.cost, true)}</span>
      <span class="sub">${say(o.note ?? '')}</span><span class="sub about">${about}</span></label>
    ${!way.ok && !getting && html`<p class="sub">${weights?.state === 'failed' && weights.reason || way.reason}</p>`}
    ${weights && h(Fetch, { weights, name: o.name, weigh: (/** @type {string} */ method) => weigh(o, method) })}
  </div>`;
}
