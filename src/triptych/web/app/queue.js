// @ts-check
/** The queue: each batch with what is at work, what waits and in which order, what the rest costs and takes. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { coded } from './coded.js';
import { heard, signOf } from './commands.js';
import { stay } from './composer.js';
import { ticking, usually } from './amounts.js';
import { count, money } from './format.js';
import * as s from './state.js';
import { Menu, Remark, Tool, h, html, say } from './ui.js';

const OFTEN = 1200, SELDOM = 5000;                      // milliseconds between two looks, with and without a batch

export function Queue() {
  const data = useSignal(/** @type {any} */ (null)), asked = useRef(0);
  const look = async (/** @type {() => Promise<any>} */ work = () => call('GET', '/api/queue')) => {
    const mine = ++asked.current, found = await trying('queue', work);
    if (found && mine === asked.current) data.value = found;
  };
  useEffect(() => {
    let timer = 0;
    const again = async () => { if (!document.hidden) await look(); timer = setTimeout(again, data.peek()?.batches.length ? OFTEN : SELDOM); };
    again();
    return () => clearTimeout(timer);
  }, []);
  const send = (/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ body = {}) => look(() => call(method, `/api/queue/${path}`, body));
  const all = data.value?.batches ?? [];
  return html`<div class="scroll page"><div class="inner queue">${h(Remark, { of: s.problems.value.queue })}
    <p class="sub">${say('A run of more than {0} pictures is a batch: {0} of it are made at a time. Batches outlive a restart, and a paused one stays paused.', data.value?.at_once ?? 8)}</p>
    ${data.value && !all.length && html`<section class="panel"><h2>${say('Nothing waits')}</h2><p class="sub">${coded(say('Write `{red, blue}` in a prompt, or open the X/Y grid with `G`.'))}</p><a class="btn" href="/" onClick=${stay}>${say('To the studio')}</a></section>`}
    ${all.map((/** @type {any} */ b) => h(Batch, { key: b.run, b, send, look }))}
  </div></div>`;
}

/** @param {{ b: any, send: (method: string, path: string, body?: any) => Promise<void>, look: (work?: () => Promise<any>) => Promise<void> }} props */
function Batch({ b, send, look }) {
  const name = b.text.replaceAll('\n', ' ').slice(0, 160), held = useRef(''), open = useSignal(20), ids = b.waiting.map((/** @type {any} */ t) => t.id);
  const order = (/** @type {string[]} */ tiles) => send('PUT', `${b.run}/order`, { tiles });
  const focus = (/** @type {string} */ id) => requestAnimationFrame(() => document.getElementById(`q-${id}`)?.focus());
  /** @param {string} id @param {number} to */
  const move = async (id, to) => {
    const rest = ids.filter((/** @type {string} */ other) => other !== id), place = Math.max(0, Math.min(rest.length, to));
    await order([...rest.slice(0, place), id, ...rest.slice(place)]);
    focus(id);
  };
  const stop = async (/** @type {string} */ id) => { const next = ids[ids.indexOf(id) + 1] ?? ids[ids.indexOf(id) - 1]; await look(() => call('POST', `/api/tiles/${id}/cancel`, {}).then(() => call('GET', '/api/queue'))); if (next) focus(next); };
  const alone = (/** @type {any} */ t) => send('POST', `${b.run}/cancel`, { keep: t.id, running: true });
  const key = (/** @type {KeyboardEvent} */ e, /** @type {any} */ t) => {
    const i = ids.indexOf(t.id), step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    const meant = heard('queue', e)?.id;
    if (e.target !== e.currentTarget || !meant && (e.ctrlKey || e.metaKey || e.altKey && !step)) return;
    if (step && e.altKey) move(t.id, i + step);
    else if (step) focus(ids[i + step] ?? t.id);
    else if (meant === 'queue-front') move(t.id, 0);
    else if (meant === 'queue-stop') stop(t.id);
    else return;
    e.preventDefault();
  };
  const items = (/** @type {any} */ t) => [
    { name: say('To the front'), note: signOf('queue-front'), run: () => { move(t.id, 0); } }, { name: say('Stop this one'), note: signOf('queue-stop'), run: () => { stop(t.id); } },
    { name: say('Stop all but this'), note: b.running.length ? say('what is at work may be billed') : '', danger: true, run: () => { alone(t); } },
  ];
  const left = b.unknown ? b.known_micro_usd ? say('about {0}, {1} unknown', money(b.known_micro_usd), count(b.unknown, 'price')) : say('{0} unknown', count(b.unknown, 'price')) : b.known_micro_usd === null ? say('cost hidden') : b.known_micro_usd ? say('about {0} to come', money(b.known_micro_usd)) : say('free');
  return html`<section class="panel batch" aria-labelledby=${`b-${b.run}`}>
    <header><h2 id=${`b-${b.run}`}>${b.watch ? say('Drift check: {0}', name) : name}</h2>
      ${b.pause ? html`<button type="button" class="btn small go" onClick=${() => send('POST', `${b.run}/resume`)}>${say('Resume')}</button>` : html`<button type="button" class="btn small" disabled=${!b.veiled && !b.waiting.length} onClick=${() => send('POST', `${b.run}/pause`)}>${say('Pause')}</button>`}
      <button type="button" class="btn small" disabled=${!b.veiled && !b.waiting.length} title=${say('Nothing of what waits was sent or billed')} onClick=${() => send('POST', `${b.run}/cancel`)}>${say('Stop the rest')}</button></header>
    <p class="facts"><span class="num">${say('{0} of {1} done', b.done, b.total)}</span>${b.ended > 0 && html`<span class="num">${say('{0} without a picture', b.ended)}</span>`}<span class="num">${say('{0} at work', b.running.length)}</span><span class="num">${say('{0} wait', b.waiting.length)}</span><span class="num">${left}</span>${b.seconds && html`<span class="num">${usually(b.seconds)}</span>`}</p>
    <progress max=${b.total} value=${b.done + b.ended} aria-label=${say('{0}: how much is over', name)}></progress>
    ${b.pause && html`<p class="remark warn" role="alert"><span>${say(b.pause.reason)} ${say(b.pause.hint ?? '')}</span></p>`}
    ${b.running.length > 0 && html`<h3>${say('At work')}</h3><ul class="list">${b.running.map((/** @type {any} */ t) => html`<li key=${t.id}><p><b>${t.name || say('A picture')}</b><span class="what">${t.prompt}</span><span class="num">${say(t.state)}${t.started_ms ? ` · ${ticking((Date.now() - t.started_ms) / 1000)}` : ''}</span>${h(Tool, { icon: 'x', label: say('Stop {0}', t.name || say('this picture')), onClick: () => stop(t.id) })}${h(Menu, { label: say('More: {0}', t.name || say('this picture')), icon: 'ellipsis', items: () => items(t).slice(1) })}</p></li>`)}</ul>`}
    ${b.waiting.length > 0 && html`<h3 id=${`w-${b.run}`}>${say('Waiting')}</h3><p class="sub">${say('Alt ↑ ↓ moves one, {0} brings it to the front, {1} stops it. Or drag.', signOf('queue-front') || '–', signOf('queue-stop') || '–')}</p>
      <ol class="list" aria-labelledby=${`w-${b.run}`}>${b.waiting.slice(0, open.value).map((/** @type {any} */ t, /** @type {number} */ i) => html`<li key=${t.id} id=${`q-${t.id}`} tabindex=${i ? -1 : 0} draggable onKeyDown=${(/** @type {any} */ e) => key(e, t)}
        onDragStart=${() => { held.current = t.id; }} onDragOver=${(/** @type {any} */ e) => { if (held.current) { e.preventDefault(); e.currentTarget.dataset.over = ''; } }} onDragLeave=${(/** @type {any} */ e) => { delete e.currentTarget.dataset.over; }}
        onDrop=${(/** @type {any} */ e) => { e.preventDefault(); delete e.currentTarget.dataset.over; const id = held.current; held.current = ''; if (id && id !== t.id) move(id, i); }}>
        <p><span class="num">${i + 1}</span><b>${t.name || say('A picture')}</b><span class="what">${t.prompt}</span><span class="num">${t.estimate?.amount_micro_usd ? `~${money(t.estimate.amount_micro_usd)}` : ''}</span>
        ${h(Tool, { icon: 'arrow-up', label: say('Up: place {0}', i + 1), onClick: () => move(t.id, i - 1) })}${h(Tool, { icon: 'arrow-down', label: say('Down: place {0}', i + 1), onClick: () => move(t.id, i + 1) })}${h(Menu, { label: say('More: place {0}', i + 1), icon: 'ellipsis', items: () => items(t) })}</p></li>`)}</ol>
      ${b.waiting.length > open.value && html`<button type="button" class="btn small" onClick=${() => { open.value += 100; }}>${say('Show {0} more', Math.min(100, b.waiting.length - open.value))}</button>`}`}
  </section>`;
}
