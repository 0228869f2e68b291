// @ts-check
/** The frame: rail, top line, the view, and what opens over it. All but the studio comes when first asked for. */
import { render } from 'preact';
import { effect } from '@preact/signals';
import * as act from './actions.js';
import { Composer, stay } from './composer.js';
import { Rows, keyboard } from './rows.js';
import * as s from './state.js';
import { Icon, file, h, html, later, say, styled } from './ui.js';

const View = later(() => import('./views.js'), 'View');
const Tools = later(() => import('./more.js'), 'Tools');
const Over = later(() => import('./over.js'), 'Over');
const Welcome = later(() => Promise.all([import('./welcome.js'), styled('views')]).then(([m]) => m), 'Welcome');
const Inspector = later(() => Promise.all([import('./inspector.js'), styled('views')]).then(([m]) => m), 'Inspector');

function Shell() {
  const studio = s.view.value === 'studio', panel = studio && s.inspecting.value;
  return html`<a class="skip" href="#main">${say('Skip to content')}</a><div class="shell" data-panel=${Boolean(panel)}>
    <nav class="rail" aria-label=${say('Workspace')}><img class="mark" src=${file('mark.svg')} alt="" width="22" height="22" />
      ${[['image', 'Studio'], ['images', 'Gallery'], ['crop', 'Kit'], ['list-video', 'Queue'], ['blocks', 'Models'], ['route', 'Router'], ['users', 'Network']].map(([icon, label]) => h(Place, { icon, label }))}<span class="spacer"></span>
      ${h(Tools, null)}</nav>
    <main id="main" tabindex="-1"><header class="top"><h1>${say(s.title.value)}</h1>${s.lazy.value && h(s.lazy.value.Spend, null)}</header>
      ${!s.online.value && html`<p class="offline" role="status">${h(Icon, { name: 'wifi-off' })}${say('The server does not answer. Trying again…')}</p>`}
      ${s.stale.value && html`<p class="offline" role="alert">${h(Icon, { name: 'triangle-alert' })}<span>${say('A part of this page did not load.')} <a href="">${say('Reload the page')}</a></span></p>`}
      ${studio ? html`${s.rows.value.length ? h(Rows, { Top: Welcome }) : html`<div class="scroll">${h(Welcome, null)}</div>`}${h(Composer, null)}` : h(View, null)}
    </main>
    ${panel && h(Inspector, null)}
  </div>
  ${(s.over.value || s.comparing.value.length > 0) && h(Over, null)}
  <div class="toasts" role="status"></div><p class="vh" role="status">${s.said}</p>`;
}

/** @param {{ icon: string, label: string }} props */
const Place = ({ icon, label }) => html`<a class="tool" href=${`/${label === 'Studio' ? '' : label.toLowerCase()}`} aria-label=${say(label)} title=${say(label)} aria-current=${s.title.value === label ? 'page' : null} onClick=${stay}>${h(Icon, { name: icon })}</a>`;

/** Whether keys go into a field. */
const writing = e => e instanceof HTMLElement && e.matches('textarea, select, input:not([type=checkbox], [type=range])');
addEventListener('keydown', e => {
  const mod = e.ctrlKey || e.metaKey, inside = document.querySelector('dialog[open]') ? 2 : writing(e.target) ? 1 : 0;
  if (e.defaultPrevented || e.altKey || inside && !mod) return;
  if (e.key === 'Escape') s.inspecting.value = '';
  if (!mod && e.key === (s.local['key.prompt'] ?? '/') && s.letters.value) { e.preventDefault(); act.focusPrompt(); } else keyboard.then(m => m.press('everywhere', e, undefined, inside));
});

addEventListener('unhandledrejection', e => {          // a module of an older release is gone
  if (/modul|import/i.test(e.reason?.message)) { e.preventDefault(); s.stale.value = true; }
});
if (!/^en/.test(s.local.language ?? navigator.language)) await import('./words.js').then(m => m.learn());
s.start();
import('./plan.js').then(m => m.watchPlan());
import('./sprite.js');
import('./keeper.js');
import('./notify.js');
import('./picks.js').then(m => m.handOver());
import('./caption.js').then(m => { s.lazy.value = m; });
effect(() => {                                         // arrows start from the newest row's first tile
  const newest = s.rows.value.at(-1)?.tiles.value[0];
  if (newest && !s.findTile(s.active.peek())) s.active.value = newest.peek().id;
});
const held = /** @type {any} */ (document.activeElement);   // moved nodes lose the focus
render(h(Shell, null), /** @type {HTMLElement} */ (document.getElementById('app')));
held?.focus();
