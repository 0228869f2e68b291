// @ts-check
/** Tells who looks elsewhere that pictures are done: in the page's title, and as chosen in the settings with a tone or a
 * notification of the system. A hidden page holds no stream, so it asks for its unfinished rows now and then. */
import { call } from './api.js';
import * as s from './state.js';
import { file, say } from './ui.js';
/** @import { Tile } from './types' */

const EVERY_MS = 3000, NOTES = [[659.3, 0], [880, .14]];   // two notes: hertz, and when they begin
const due = /** @type {Set<string>} */ (new Set());     // rows of which a tile ended just now
let came = 0, timer = 0;

const live = () => s.rows.peek().filter(r => r.tiles.peek().some(t => !s.FINAL.has(t.peek().state)));

/** What a tile that ended means for its row. @param {Tile} t */
export function ended(t) {
  if (document.hidden && t.state === 'done') { came += t.images.length; title(); }
  if (!due.size) setTimeout(announce);                 // tiles that end together are told once
  due.add(t.run);
}

function announce() {
  const rows = [...due].map(id => s.findRow(id)).filter(r => r !== undefined).map(r => r.tiles.peek().map(x => x.peek())).filter(all => all.every(x => s.FINAL.has(x.state)));
  due.clear();
  if (rows.length && s.local.sound === 'on') tone();
  if (s.local.notices !== 'on' || !document.hidden) return;
  for (const all of rows) tell(all[0].run, say('{0} of {1} tiles have a picture.', all.filter(x => x.state === 'done').length, all.length));
}

const bare = () => document.title.replace(/^\(\d+\) .*? · /, '');
const title = () => { document.title = came ? `(${came}) ${say('done')} · ${bare()}` : bare(); };

/** Two soft notes; a browser that wants a click before any sound stays silent. */
export function tone() {
  const audio = new AudioContext(), gain = audio.createGain(), from = audio.currentTime, end = from + .6;
  gain.gain.setValueAtTime(.12, from);
  gain.gain.exponentialRampToValueAtTime(.0001, end);
  gain.connect(audio.destination);
  for (const [pitch, after] of NOTES) {
    const note = audio.createOscillator();
    note.type = 'sine';
    note.frequency.value = pitch;
    note.connect(gain);
    note.start(from + after);
    note.stop(end);
    note.onended = () => { audio.close().catch(() => {}); };
  }
}

// Only says that the server is not there; a browser without it, or one that forbids it, loses nothing else.
if (isSecureContext) navigator.serviceWorker?.register('/sw.js', { updateViaCache: 'none' }).catch(() => {});

// A subscription may have ended, or the server have another key by now. What fails is tried again with the next page.
if (s.local.push === 'on' && 'Notification' in window && Notification.permission === 'granted') import('./push.js').then(m => m.reach()).catch(() => {});

/** Whether the system lets this page notify: `granted`, `denied`, `default` (not asked yet) or `none`. */
export const allowed = () => 'Notification' in window ? Notification.permission : 'none';

/** What was written stays here: a notification says how many, never the prompt. @param {string} tag @param {string} body */
async function tell(tag, body) {
  if (allowed() !== 'granted') return;
  const look = { tag, body, icon: file('icons/192.png'), lang: document.documentElement.lang }, title = say('Your pictures are done');
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker?.active) { await worker.showNotification(title, look); return; }
  const note = new Notification(title, look);
  note.onclick = () => { window.focus(); note.close(); };
}

/** The unfinished rows as they are now; none is left out by one that cannot be had. */
async function ask() {
  clearTimeout(timer);
  const rows = document.hidden ? live() : [];
  if (!rows.length) return;
  const found = await Promise.all(rows.map(r => call('GET', `/api/runs/${r.id}`).catch(() => null)));
  if (document.hidden) s.merge(found.filter(Boolean));
  timer = setTimeout(ask, EVERY_MS);
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) { timer = setTimeout(ask, EVERY_MS); return; }
  clearTimeout(timer);
  came = 0;
  title();
});
