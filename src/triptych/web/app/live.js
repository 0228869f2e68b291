// @ts-check
/** The one stream that says what happened; it comes after the first paint. */

import { heard } from './marks.js';

/** One stream for a visible page, none for a hidden one: six connections to a host are all that HTTP/1.1 allows, so hidden
 * tabs would starve the visible one. A page that comes back asks for what it missed.
 * @param {number} since @param {Record<string, (data: any) => void>} handlers @param {(up: boolean) => void} told */
export function live(since, handlers, told) {
  let stream = /** @type {EventSource | null} */ (null), last = String(since), wait = 1000;
  const stop = () => { stream?.close(); stream = null; };
  function sync() {
    if (document.hidden) return stop();
    if (stream) return;
    const now = stream = new EventSource(`/api/events?since=${last}`);
    now.onopen = () => { wait = 1000; told(true); };
    for (const [name, handle] of Object.entries({ ...handlers, marks: heard })) {
      now.addEventListener(name, e => {
        if (stream !== now) return;
        if (e.lastEventId) last = e.lastEventId;
        handle(JSON.parse(e.data));
      });
    }
    now.onerror = () => {
      if (stream !== now) return;
      told(false);
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
  return { /** @param {number} id */ from(id) { last = String(id); stop(); sync(); } };
}
