// @ts-check
/** A tile without a picture: what is going on; or what happened, whether it cost anything, and what to do next. */
import { signal, useComputed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { deed } from './actions.js';
import { price, ticking, usually } from './amounts.js';
import { clock, money } from './format.js';
import { trashTile } from './marks.js';
import * as s from './state.js';
import { Menu, Tool, h, html, say } from './ui.js';
/** @import { Signal } from '@preact/signals' @import { Tile, TileSignal } from './types' */

/** @param {string} billed @param {import('./types').Cost | null} [cost] */
export const wasBilled = (billed, cost) => billed === 'no' ? say('Not billed.') : billed !== 'yes' ? say('It may have been billed.') : cost?.amount_micro_usd ? say('Billed: {0}.', money(cost.amount_micro_usd)) : say('Billed.');
/** Goes on while a tile is being made. Who reads it in a computed is drawn anew when what it shows changes, and not with each step. */
const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden && s.rows.peek().some(r => r.tiles.peek().some(t => !s.FINAL.has(t.peek().state)))) now.value = Date.now();
}, 500);
/** Seconds since a tile was sent; ticks. @param {Tile} t */
export const elapsed = t => t.started_ms ? Math.max(0, (now.value - t.started_ms) / 1000) : 0;
/** @param {number} n */
const nth = n => document.documentElement.lang === 'en' ? `${n}${['th', 'st', 'nd', 'rd'][n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] ?? 'th'}` : `${n}.`;
const HEADS = /** @type {Record<string, string>} */ ({ blocked: 'Refused', failed: 'Failed', cancelled: 'Stopped', lost: 'Lost' });
/** What goes on, by state. */
const STATES = /** @type {Record<string, string>} */ ({ queued: 'Queued', sent: 'Sent', working: 'Working', receiving: 'Receiving' });
const KEY_TROUBLE = ['auth', 'not_configured', 'billing'];

/** What stands in the place of a picture. @param {Tile} t */
export const status = t => t.state === 'waiting' ? Waiting : s.FINAL.has(t.state) ? Failure : Working;

/** Fetched while it could be seen; `away` while it is far from what is in sight. @param {{ tile: TileSignal, away: Signal<boolean> }} props */
export function Preview({ tile, away }) {
  const last = useRef(/** @type {string | null} */ (null));
  return html`<img class="preview" src=${useComputed(() => last.current = away.value && last.current || tile.value.preview)} alt="" />`;
}

/** What is going on, as far as anyone knows: a real share when the provider tells one, else time against what is usual,
 * as a grey line that stops at 95 %. What is told again and again goes straight into its place.
 * @param {{ t: Tile, tile: TileSignal, tab: number, away: Signal<boolean> }} props */
function Working({ t, tile, tab, away }) {
  const [low, high] = t.typical_seconds ?? [0, 0], real = t.progress !== null && t.state === 'working';
  const slow = useComputed(() => late(tile.still.value)).value, last = useRef(0), told = useComputed(() => last.current = away.value && last.current || (tile.value.progress ?? 0)), percent = useComputed(() => `${Math.round(told.value * 100)} %`), wide = useComputed(() => `--share:${told.value}`), left = useComputed(() => tile.value.eta_s);
  const word = t.state === 'queued' && t.queue_position ? say('{0} in the queue', nth(t.queue_position)) : real ? percent : say(STATES[t.state] ?? t.state);
  const hint = slow ? say('Slower than usual') : left.value ? say('about {0} to go', ticking(left.value)) : high && !real && t.state !== 'receiving' ? say('usually {0}', usually(t.typical_seconds)) : '';
  return html`<div class="status">
    ${t.cancellable !== false && Tool({ icon: 'x', label: say('Stop {0}', t.name), class: 'stopper', tabindex: tab, onClick: () => deed('tell', t, 'cancel') })}
    <div class=${slow ? 'pace slow' : 'pace'}><p><b>${word}</b><span class="hint">${hint}</span>${t.note && html`<span>${say(t.note)}</span>`}</p>
      ${slow && h(Menu, { label: say('Also try… another model besides {0}', t.name), text: say('Also try…'), class: 'btn small', tabindex: tab, heading: say('Starts a second model. {0} goes on.', t.name), items: () => deed('alsoTry', t) })}</div>
    ${real ? html`<progress max="1" value=${told} style=${wide} aria-label=${say('{0}, progress', t.name)}></progress>` : t.state !== 'queued' && h(Line, { key: t.started_ms, t, usual: (low + high) / 2 })}
  </div>`;
}

/** Whether it takes longer than usual, where enough was learnt to tell. @param {Tile} t */
const late = t => t.knows_slow && ['sent', 'working'].includes(t.state) && Boolean(t.typical_seconds?.[1]) && elapsed(t) > Number(t.typical_seconds?.[1]);

/** The browser moves it by itself, from where it would be by now. @param {{ t: Tile, usual: number }} props */
function Line({ t, usual }) {
  const since = useMemo(() => t.started_ms ? Math.max(0, Date.now() - t.started_ms) : 0, []);
  return html`<span class="line" style=${t.state === 'receiving' ? '--share:0.97' : usual && t.started_ms && `--share:0.95;animation:${.95 * usual}s linear ${-since}ms grow`}></span>`;
}

/** @param {{ t: Tile, tile: TileSignal, tab: number }} props */
function Waiting({ t, tile, tab }) {
  const left = useComputed(() => Math.max(0, Math.ceil(((tile.still.value.retry?.until_ms ?? 0) - now.value) / 1000))).value;
  return html`<div class="fail"><strong>${say('Waiting')}</strong><p>${say(t.error?.message ?? t.note ?? 'The provider asks to wait.')}</p>
    ${t.retry && html`<p>${left ? html`${say('Trying again by itself in')} <span class="num">${left} s</span>` : say('Trying again now')} (${say('try {0} of {1}', t.retry.attempt, t.retry.of)}).</p>`}
    <div class="next"><button type="button" class="btn small" tabindex=${tab} onClick=${() => deed('tell', t, 'retry-now')}>${say('Try now')}</button>
      ${h(Menu, { label: say('Also try… another model besides {0}', t.name), text: say('Also try…'), class: 'btn small', tabindex: tab, heading: say('Starts a second model. {0} goes on.', t.name), items: () => deed('alsoTry', t) })}
      <button type="button" class="btn small" tabindex=${tab} onClick=${() => deed('tell', t, 'cancel')}>${say('Stop')}</button></div></div>`;
}

/** @param {{ t: Tile, tab: number }} props */
function Failure({ t, tab }) {
  const asking = useSignal(false), e = t.error, billed = e?.billed ?? t.billed, row = s.findRow(t.run), again = t.state !== 'blocked' && e?.code !== 'rejected';
  const provider = s.providers.value.find(p => p.id === e?.provider), who = provider?.name ?? t.maker, button = (name, onClick) => html`<button type="button" class="btn small" tabindex=${tab} onClick=${onClick}>${name}</button>`;
  if (asking.value) return html`<div class="fail" role="group" aria-label=${say('Send it again?')}><strong>${say('Send it again?')}</strong>
    <p>${billed === 'yes' ? say('This try was billed.') : say('This try may have been billed.')} ${t.estimate && (t.estimate.source === 'free' ? say('Another one costs {0}.', price(t.estimate, true)) : say('Another one costs {0} more.', price(t.estimate, true)))}</p>
    <div class="next">${h(Sure, { tab, name: say('Send again'), onClick: () => deed('retry', t, { confirm: true }) })}${button(say('Leave it'), () => { asking.value = false; })}</div></div>`;
  if (t.trashed_ms) return html`<div class="fail thrown"><strong>${say(HEADS[t.state] ?? 'No picture')}</strong></div>`;
  return html`<div class="fail"><strong>${say(HEADS[t.state] ?? 'No picture')}</strong>
    <p>${e ? say(e.message.replace(/ It may be called again in \d+ s\./, '')) : (t.state === 'cancelled' ? say('Stopped on request.') : say('There is no picture.'))}</p>
    ${!/\bbilled\b/i.test(e?.message ?? '') && html`<p class="billed">${wasBilled(billed, t.cost)}</p>`}
    ${e?.hint && html`<p>${say(e.hint)}</p>`}
    ${again && h(Countdown, { until: (t.ended_ms ?? 0) + (e?.retry_after_s ?? 0) * 1000 })}
    ${e?.upstream && !e.message.includes(e.upstream) && html`<details><summary tabindex=${tab}>${say('In {0}’s own words', who)}</summary><p class="upstream">“${e.upstream}”</p></details>`}
    <div class="next">
      ${KEY_TROUBLE.includes(e?.code ?? '') && button(provider?.consent && !provider.consent.given ? say('Switch on {0} in Models', provider.name) : say('Fix key'), () => s.go(`/models#${e?.provider ?? ''}`))}
      ${t.state === 'blocked' && row && button(say('Edit prompt'), () => deed('reuse', row, false))}
      ${again && button(say('Retry'), () => { if (billed === 'no') deed('retry', t); else asking.value = true; })}
      ${h(Menu, { label: say('Try on… another model instead of {0}', t.name), text: say('Try on…'), class: 'btn small', tabindex: tab, heading: say('In this place, on'), items: () => deed('tryInstead', t) })}
      ${h(Tool, { icon: 'trash-2', label: say('Trash'), title: say('Trash'), tabindex: tab, onClick: () => trashTile(t) })}
      ${h(Tool, { icon: 'copy', label: say('Copy details'), tabindex: tab, onClick: () => deed('copy', t) })}
      ${t.maker && h(Tool, { icon: 'panel-right', label: say('Inspector'), title: say('Inspector'), tabindex: tab, onClick: () => { s.inspecting.value = t.id; } })}
    </div></div>`;
}

/** What was asked is answered where the focus stood. @param {{ tab: number, name: string, onClick: () => void }} props */
function Sure({ tab, name, onClick }) {
  const button = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => button.current.focus(), []);
  return html`<button type="button" class="btn small" ref=${button} tabindex=${tab} onClick=${onClick}>${name}</button>`;
}

/** How long the provider asks to be left alone. @param {{ until: number }} props */
function Countdown({ until }) {
  const left = useSignal(Math.ceil((until - Date.now()) / 1000));
  useEffect(() => {
    const timer = setInterval(() => { left.value = Math.ceil((until - Date.now()) / 1000); if (left.value <= 0) clearInterval(timer); }, 500);
    return () => clearInterval(timer);
  }, [until]);
  return left.value > 0 ? html`<p>${say('You can retry after {0}, in {1}.', clock(until), ticking(left.value))}</p>` : null;
}
