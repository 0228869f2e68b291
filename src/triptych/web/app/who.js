// @ts-check
/** Before a run: which model gets which of the pictures that go along, and what is to be decided where one cannot take all. */
import { useRef } from 'preact/hooks';
import { focusPrompt } from './actions.js';
import * as s from './state.js';
import { html, say } from './ui.js';
/** @typedef {{ index: number, role: string, place: number | null }} Fate */

const SAID = /** @type {Record<string, string>} */ ({ edit: 'is the one to change', subject: 'shows the subject', style: 'shows the style', layout: 'shows the layout' });
const ORDINAL = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'];
const named = (/** @type {Fate[]} */ fates) => fates.map(f => `@img${f.index}`).join(', ');

export function Who() {
  const told = useRef({ plan: s.plan.peek(), refs: s.refs.peek() });
  if (told.current.plan !== s.plan.value) told.current = { plan: s.plan.value, refs: s.refs.peek() };
  const fresh = told.current.refs === s.refs.value;        // else the plan is still of what the pictures were for before
  const all = Object.entries(s.plan.value?.per_model ?? {}).filter(([, p]) => p.references?.fates.length).map(([id, p]) => {
    const r = /** @type {NonNullable<typeof p.references>} */ (p.references), sent = r.fates.filter(f => f.place).sort((a, b) => Number(a.place) - Number(b.place));
    return { id, name: s.meant(id)?.name ?? id, takes: r.takes, sent, left: r.fates.filter(f => !f.place), undecided: r.undecided, plain: p.adjustments.some(a => a.feature === 'roles' && a.kind === 'unsupported') };
  }).filter(m => m.takes);
  if (!all.length) return null;
  const whole = all.filter(m => !m.left.length), some = all.filter(m => m.left.length), plain = all.filter(m => m.plain), most = all.reduce((a, b) => b.sent.length > a.sent.length ? b : a);
  const agree = (/** @type {string} */ id, /** @type {boolean} */ yes) => { const rest = s.fewer.peek().filter(x => x !== id); s.fewer.value = yes ? [...rest, id] : rest; };
  const words = most.sent.filter(f => f.role !== 'edit').map(f => `The ${ORDINAL[Number(f.place) - 1] ?? f.place} picture ${SAID[f.role]}.`).join(' ');
  const write = () => { s.text.value = s.text.peek().replace(/(\s--[a-z].*)?$/is, (/** @type {string} */ tail) => ` ${words}${tail}`).trim(); focusPrompt(); };
  return html`<ul class="who" aria-label=${say('Which model gets which picture')}>
    ${whole.length > 0 && html`<li>${whole.map(m => say('{0} takes {1}', m.name, m.takes)).join(', ')}: ${whole[0].sent.length === 1 ? whole.length > 1 ? say('each gets it') : say('gets it') : whole.length > 1 ? say('each gets all') : say('gets all')}.</li>`}
    ${some.map(m => html`<li key=${m.id} data-open=${Boolean(m.undecided)}><span>${say('{0} takes {1}: gets {2}, not {3}.', m.name, m.takes, named(m.sent), named(m.left))}</span>
      ${m.undecided ? html`<button type="button" class="btn small" onClick=${() => agree(m.id, true)}>${say('Run without {0}', named(m.left))}</button>` : html`<button type="button" class="btn small" onClick=${() => agree(m.id, false)}>${say('Not without {0}', named(m.left))}</button>`}</li>`)}
    ${plain.length > 0 && html`<li><span>${plain.map(m => m.name).join(', ')}${say(': no field says what a picture is for, so each goes as a plain picture.')}</span>${words && !s.text.value.includes(words) && html`<button type="button" class="btn small" title=${words} disabled=${!fresh} onClick=${write}>${say('Say it in the prompt')}</button>`}</li>`}
  </ul>`;
}
