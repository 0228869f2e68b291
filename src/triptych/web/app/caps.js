// @ts-check
import { useLayoutEffect, useRef } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import * as s from './state.js';
import { Tool, h, html } from './ui.js';

/** The most to spend: a run or a day that would pass it is refused before anything is sent.
 * @param {{ close: () => void }} props */
export function Caps({ close }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null)), problem = s.problems.value.caps, caps = s.spend.value?.caps;
  useLayoutEffect(() => { box.current?.showModal(); }, []);
  const save = async e => {
    e.preventDefault();
    const form = new FormData(e.currentTarget), micro = (/** @type {string} */ name) => { const value = String(form.get(name)).trim(); return value === '' ? null : Math.round(Number(value) * 1e6); };
    const answer = await trying('caps', () => call('PUT', '/api/caps', { run: micro('run'), day: micro('day') }));
    if (!answer && s.problems.peek().caps) return;
    s.spend.value = await call('GET', '/api/spend');
    box.current?.close();
  };
  const field = (/** @type {'run' | 'day'} */ name, /** @type {string} */ label) => html`<label class="field"><span>${label}</span><span class="money"><span aria-hidden="true">$</span><input name=${name} type="number" min="0" step="any" inputmode="decimal" placeholder="no cap" value=${caps?.[name] == null ? '' : caps[name] / 1e6} /></span></label>`;
  return html`<dialog class="sheet caps" ref=${box} aria-labelledby="caps-h" onClose=${close}>
    <header><h2 id="caps-h">Spending caps</h2>${h(Tool, { icon: 'x', label: 'Close', onClick: () => box.current?.close() })}</header>
    <form onSubmit=${save}><p>What would pass a cap is refused before anything is sent. Unknown prices count with their estimate.</p>
      ${field('day', 'A day')}${field('run', 'One run')}
      ${problem && html`<p class="remark bad" role="alert">${problem.message} ${problem.hint}</p>`}
      <div class="next"><button class="btn go">Save</button></div></form></dialog>`;
}
