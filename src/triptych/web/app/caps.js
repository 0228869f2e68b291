// @ts-check
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { spent } from './caption.js';
import { money } from './format.js';
import { choose, project } from './project.js';
import { useSheet } from './sheet.js';
import * as s from './state.js';
import { Tool, h, html, say } from './ui.js';

/** What a day has come to, and what of it is this server's own fee.
 * @param {{ today: import('./types').Spend['today'] }} props */
const Today = ({ today: { amount_micro_usd: all, guessed_micro_usd: guessed = 0, unknown, fee_micro_usd: fee = 0 } }) => html`<p class="num">${say('Spent today: {0}.', spent(all, guessed, unknown))} ${fee > 0 && say('{0} of it is the fee of this server; the rest is what providers charge.', money(fee))}</p>`;

/** What a project may be called, as the server takes it. */
const NAME = '[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}';

/** The project of now, and the most to spend: a run or a day that would pass it is refused before anything is sent.
 * @param {{ close: () => void }} props */
export function Caps({ close }) {
  const box = useSheet(close), problem = s.problems.value.caps, caps = s.spend.value?.caps;
  const known = useSignal(/** @type {string[]} */ ([]));
  useEffect(() => { call('GET', '/api/gallery/fields').then(a => { known.value = a.projects; }, () => {}); }, []);
  const save = async e => {
    e.preventDefault();
    const form = new FormData(e.currentTarget), micro = (/** @type {string} */ name) => { const value = String(form.get(name)).trim(); return value === '' ? null : Math.round(Number(value) * 1e6); };
    choose(String(form.get('project')).trim());
    const answer = await trying('caps', () => call('PUT', '/api/caps', { run: micro('run'), day: micro('day') }));
    if (!answer && s.problems.peek().caps) return;
    s.spend.value = await call('GET', '/api/spend');
    box.current?.close();
  };
  const field = (/** @type {'run' | 'day'} */ name, /** @type {string} */ label) => html`<label class="field"><span>${label}</span><span class="money"><span aria-hidden="true">$</span><input name=${name} type="number" min="0" step="any" inputmode="decimal" placeholder=${say('no cap')} defaultValue=${caps?.[name] == null ? '' : caps[name] / 1e6} /></span></label>`;
  return html`<dialog class="sheet caps" ref=${box} aria-labelledby="caps-h">
    <header><h2 id="caps-h">${say('Project and spending caps')}</h2>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => box.current?.close() })}</header>
    ${s.spend.value && h(Today, { today: s.spend.value.today })}
    <form onSubmit=${save}><label class="field"><span>${say('Project')}</span><input name="project" type="text" list="known-projects" maxlength="64" pattern=${NAME} title=${say('Letters, digits, dots, dashes and underscores')} placeholder=${say('no project')} autocomplete="off" spellcheck="false" defaultValue=${project.value} /></label>
      <datalist id="known-projects">${known.value.map(name => html`<option key=${name} value=${name} />`)}</datalist><p>${say('What you make from here on belongs to this project, in this browser. Retries stay in the project of their row.')}</p><p>${say('What would pass a cap is refused before anything is sent. Unknown prices count with their estimate.')}</p>
      ${field('day', say('A day'))}${field('run', say('One run'))}
      ${problem && html`<p class="remark bad" role="alert">${problem.message} ${problem.hint}</p>`}
      <div class="next"><button class="btn go">${say('Save')}</button></div></form></dialog>`;
}
