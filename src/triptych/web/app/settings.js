// @ts-check
/** The page's own settings, kept in this browser: theme, language, motion, keys, and what tells that pictures are done. */
import { useSignal } from '@preact/signals';
import { ApiError } from './api.js';
import { allowed, tone } from './notify.js';
import { leave, reach, reachable } from './push.js';
import { useSheet } from './sheet.js';
import * as s from './state.js';
import { Tool, h, html, say } from './ui.js';
import { LANGUAGES, wanted } from './words.js';

const REFUSED = /** @type {Record<string, string>} */ ({ denied: 'This browser does not let the page notify. Its site settings change that.', none: 'This browser has no notifications.' });

/** @param {{ close: () => void }} props */
export function Settings({ close }) {
  const box = useSheet(close), theme = useSignal(s.local.theme || ''), calm = useSignal(s.local.motion || '');
  const sound = useSignal(s.local.sound === 'on'), notices = useSignal(s.local.notices === 'on' && allowed() === 'granted'), refused = useSignal('');
  const pushed = useSignal(s.local.push === 'on' && notices.peek()), waiting = useSignal(false);
  const root = document.documentElement;
  const put = (/** @type {string} */ name, /** @type {string} */ value) => {
    if (value) { s.local[name] = value; root.dataset[name] = value; } else { delete s.local[name]; delete root.dataset[name]; }
  };
  const choices = (/** @type {string} */ label, /** @type {any} */ at, /** @type {[string, string][]} */ all, /** @type {string} */ name) => html`<div class="seg" role="group" aria-label=${label}>${all.map(([value, text]) => html`<button type="button" key=${value} aria-pressed=${at.value === value} onClick=${() => { at.value = value; put(name, value); }}>${text}</button>`)}</div>`;
  const flip = (/** @type {any} */ at, /** @type {string} */ label, /** @type {(on: boolean) => unknown} */ change, busy = false) => html`<label class="switch"><input type="checkbox" role="switch" checked=${at} disabled=${busy} onChange=${e => change(e.currentTarget.checked)} />${label}</label>`;
  const notify = async (/** @type {boolean} */ on) => {
    refused.value = '';
    if (on && allowed() === 'default') await Notification.requestPermission();
    notices.value = on && allowed() === 'granted';
    if (on && !notices.value) refused.value = REFUSED[allowed()] ?? '';
    s.local.notices = notices.value ? 'on' : 'off';
    if (!notices.value && pushed.value) await push(false);
    const shown = /** @type {HTMLInputElement | null} */ (box.current?.querySelector('#notices input'));
    if (shown) shown.checked = notices.value;
  };
  const push = async (/** @type {boolean} */ on) => {
    refused.value = '';
    waiting.value = true;
    pushed.value = on;
    await (on ? reach() : leave()).catch(e => {
      pushed.value = !on;
      refused.value = e instanceof ApiError ? `${e.message} ${e.hint}` : say('This browser’s push service cannot be had: it may be switched off there, or need a way to the internet.');
    });
    s.local.push = pushed.value ? 'on' : 'off';
    waiting.value = false;
  };
  return html`<dialog class="sheet settings" ref=${box} aria-labelledby="settings-h" onClick=${e => { if (e.target === box.current) box.current?.close(); }}>
    <header><h2 id="settings-h">${say('Settings')}</h2>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => box.current?.close() })}</header>
    <fieldset><legend>${say('Theme')}</legend>${choices(say('Theme'), theme, [['', say('As the system')], ['light', say('Light')], ['dark', say('Dark')]], 'theme')}</fieldset>
    <fieldset><legend><label for="language">${say('Language')}</label></legend><select id="language" value=${wanted()} onChange=${e => { s.local.language = e.currentTarget.value; document.cookie = `triptych-language=${e.currentTarget.value}; path=/; max-age=31536000; samesite=strict`; location.reload(); }}>${Object.entries(LANGUAGES).map(([id, name]) => html`<option key=${id} value=${id} lang=${id} selected=${id === wanted()}>${name}</option>`)}</select></fieldset>
    <fieldset><legend>${say('Motion')}</legend>${choices(say('Motion'), calm, [['', say('As the system')], ['less', say('None')]], 'motion')}</fieldset>
    <fieldset><legend>${say('When pictures are done')}</legend><p>${say('The title of this page says it while you look elsewhere.')}</p>
      ${flip(sound, say('A short tone'), on => { sound.value = on; s.local.sound = on ? 'on' : 'off'; if (on) tone(); })}
      <div id="notices">${flip(notices, say('A notification of the system'), notify)}</div>
      ${notices.value && reachable() && html`${flip(pushed, say('Also when no page is open'), push, waiting.value)}<p>${say('The push service of this browser’s maker carries it. It learns that something came, not what: the message is sealed and only says how many.')}</p>`}
      <p role="status">${say(refused.value)}</p></fieldset>
    <fieldset><legend>${say('Keys')}</legend>${flip(s.letters, say('Single-key shortcuts'), on => { s.letters.value = on; s.local.letters = on ? 'on' : 'off'; })}
      <button type="button" class="btn small" onClick=${() => { s.over.value = 'help'; }}>${say('All shortcuts')}</button></fieldset>
  </dialog>`;
}
