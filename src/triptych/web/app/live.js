// @ts-check
/** The one stream that says what happened; it comes after the first paint. */

import { batch } from '@preact/signals';
import { call } from './api.js';
import * as chosen from './chosen.js';
import * as curtain from './curtain.js';
import { heard } from './marks.js';
import { merge, online } from './state.js';
import { say, toast } from './ui.js';

const kitHeard = (/** @type {any} */ news) => import('./votes.js').then(m => { m.changed.value = news; });

const due = /** @type {[(data: any) => void, any][]} */ ([]);
const tell = () => batch(() => { for (const [each, told] of due.splice(0)) try { each(told); } catch (error) { reportError(error); } });
/** What comes between two frames is drawn at once. @param {(data: any) => void} handle @param {any} data */
function hear(handle, data) {
  if (due.push([handle, data]) === 1) requestAnimationFrame(tell);
}

/** A row of which something was told that is not here. @param {string} id */
export const read = id => call('GET', `/api/runs/${id}`).then(run => merge([run])).catch(() => {});

let late = 0;
/** A short break is not worth a word. @param {boolean} up */
function connected(up) {
  if (!up) { late ||= setTimeout(() => { online.value = document.hidden; }, 1200); return; }
  clearTimeout(late);
  late = 0;
  if (!online.peek()) toast(say('Connected again. This page is up to date.'));
  online.value = true;
}

/** One stream for a visible page, none for a hidden one: six connections to a host are all that HTTP/1.1 allows, so hidden
 * tabs would starve the visible one. A page that comes back asks for what it missed.
 * @param {number} since @param {Record<string, (data: any) => void>} handlers */
export function live(since, handlers) {
  let stream = /** @type {EventSource | null} */ (null), last = String(since), wait = 1000;
  const stop = () => { stream?.close(); stream = null; };
  function sync() {
    if (document.hidden) return stop();
    if (stream) return;
    const now = stream = new EventSource(`/api/events?since=${last}`);
    now.onopen = () => { wait = 1000; connected(true); };
    for (const [name, handle] of Object.entries({ ...handlers, marks: heard, picks: chosen.heard, kit: kitHeard, progress: curtain.heard })) {
      now.addEventListener(name, e => {
        if (stream !== now) return;
        if (e.lastEventId) last = e.lastEventId;
        hear(handle, JSON.parse(e.data));
      });
    }
    now.onerror = () => {
      if (stream !== now) return;
      connected(false);
      if (now.readyState !== EventSource.CLOSED) return;
      stream = null;
      setTimeout(sync, wait);
      wait = Math.min(wait * 2, 15_000);
    };
  }
  document.addEventListener('visibilitychange', sync);
  addEventListener('pagehide', stop);
  addEventListener('pageshow', e => { if (e.persisted) sync(); });
  sync();
  // What waits for a frame is older than what is going to be read from here on.
  return { /** @param {number} id */ from(id) { last = String(id); stop(); tell(); sync(); } };
}
