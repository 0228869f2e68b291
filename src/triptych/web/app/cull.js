// @ts-check
/** One picture after the other, on the whole screen: rated, kept or rejected with one key each, until a shortlist is left. */
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { command, heard, keyOf, shown } from './commands.js';
import { count } from './format.js';
import { Tool, h, html, say } from './ui.js';

const GOOD = 3;                                        // stars with which a picture comes into the next round
const signOf = (/** @type {string} */ id) => shown(keyOf(command(`cull-${id}`)));
const show = (/** @type {string} */ id) => `/api/images/${id}`;

/** @param {{ ids: string[], close: (kept: string[]) => void }} props */
export function Cull({ ids, close }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null)), list = useSignal(ids), n = useSignal(0), round = useSignal(1);
  const kept = useSignal(/** @type {string[]} */ ([])), past = useSignal(/** @type {{ kept: string[], before: any }[]} */ ([]));
  useLayoutEffect(() => { box.current?.showModal(); box.current?.focus(); }, []);
  const id = list.value[n.value], left = list.value.length - n.value;
  const next = (/** @type {any} */ change, /** @type {boolean} */ good) => {
    if (!id) return;
    const step = { kept: kept.peek(), before: change && trying('toast', () => call('PATCH', '/api/gallery', { pictures: [id], ...change })) };
    past.value = [...past.peek(), step];
    if (good) kept.value = [...kept.peek(), id];
    n.value++;
  };
  const back = async () => {
    const step = past.peek().at(-1);
    if (!step) return;
    past.value = past.peek().slice(0, -1);
    kept.value = step.kept;
    n.value--;
    const done = await step.before;
    if (done) await trying('toast', () => call('POST', '/api/gallery/undo', { before: done.before }));
  };
  const again = () => { list.value = kept.peek(); kept.value = []; past.value = []; n.value = 0; round.value++; box.current?.focus(); };
  const key = (/** @type {KeyboardEvent} */ e) => {
    const done = { keep: () => next({ verdict: 'kept' }, true), reject: () => next({ verdict: 'rejected' }, false), skip: () => next(null, false), back }[heard('cull', e)?.id.slice(5) ?? ''];
    if (e.ctrlKey || e.metaKey || e.altKey || (e.key === ' ' && (!id || e.target instanceof HTMLButtonElement))) return;
    if (done) done(); else if (/^[1-5]$/.test(e.key)) next({ stars: Number(e.key) }, Number(e.key) >= GOOD); else return;
    e.preventDefault();
  };
  return html`<dialog class="cull" tabindex="-1" ref=${box} aria-label=${say('Cull')} onKeyDown=${key} onCancel=${e => { e.preventDefault(); close(kept.peek()); }}>
    <header><h2>${say('Round {0}', round.value)}</h2><p class="num" role="status">${id ? say('{0} left', left.toLocaleString(document.documentElement.lang)) : say('{0} on the shortlist', count(kept.value.length, 'picture'))}</p>${h(Tool, { icon: 'x', label: say('Stop culling'), onClick: () => close(kept.peek()) })}</header>
    ${id ? html`<img class="one" key=${id} src=${show(id)} alt=${say('The picture to decide on')} />${list.value[n.value + 1] && html`<link rel="prefetch" as="image" href=${show(list.value[n.value + 1])} />`}
      <div class="bar" role="toolbar" aria-label=${say('Decide')} onMouseDown=${e => e.preventDefault()}><button type="button" class="btn small" disabled=${!past.value.length} onClick=${back}>${say('Back')} <kbd>${signOf('back')}</kbd></button><button type="button" class="btn small" onClick=${() => next({ verdict: 'rejected' }, false)}>${say('Reject')} <kbd>${signOf('reject')}</kbd></button>
        <span class="rate" role="group" aria-label=${say('Stars')}>${[1, 2, 3, 4, 5].map(v => html`<button type="button" key=${v} class="tool" aria-label=${count(v, 'star')} onClick=${() => next({ stars: v }, v >= GOOD)}>${v}★</button>`)}</span>
        <button type="button" class="btn small" onClick=${() => next(null, false)}>${say('Skip')} <kbd>${signOf('skip')}</kbd></button><button type="button" class="btn small go" onClick=${() => next({ verdict: 'kept' }, true)}>${say('Keep')} <kbd>${signOf('keep')}</kbd></button></div>`
    : html`<div class="short">${kept.value.length ? html`<ul aria-label=${say('Shortlist')}>${kept.value.map(k => html`<li key=${k}><img src=${`${show(k)}/thumb`} alt="" /></li>`)}</ul>` : html`<p>${say('Nothing was kept. {0} keeps; {1} stars or more do, too.', signOf('keep'), GOOD)}</p>`}
        <div class="bar">${past.value.length > 0 && html`<button type="button" class="btn" onClick=${back}>${say('Back')}</button>`}<button type="button" class="btn" onClick=${() => close(kept.peek())}>${say('Done')}</button>${kept.value.length > 1 && html`<button type="button" class="btn go" onClick=${again}>${say('Round {0}', round.value + 1)}</button>`}</div></div>`}
  </dialog>`;
}
