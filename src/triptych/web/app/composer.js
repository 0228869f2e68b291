// @ts-check
/** The prompt bar: one text, the chosen models with their prices, and what pressing Create would do and cost. */
import { signal, useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import * as act from './actions.js';
import { LANES, MODEL_STATES, count, money } from './format.js';
import * as s from './state.js';
import { Icon, h, html, later, say } from './ui.js';

const Reading = later(() => import('./reading.js'), 'Reading');
const Tray = later(() => import('./tray.js'), 'Tray');
const References = later(() => import('./tray.js'), 'References');

/** The last line comes after the first paint, over the one that the server drew. */
const foot = signal(/** @type {typeof import('./foot.js') | null} */ (null));
import('./foot.js').then(m => { foot.value = m; });
/** The box that offers parameters after `--` and models after `@`; its module comes with the first of them. */
const suggest = signal(/** @type {typeof import('./suggest.js') | null} */ (null));

export function Composer() {
  const box = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {                                     // browsers without field-sizing
    if (CSS.supports('field-sizing', 'content')) return;
    box.current.style.height = 'auto';
    box.current.style.height = `${box.current.scrollHeight}px`;
  }, [s.text.value]);
  const offer = el => {
    if (suggest.value) suggest.value.look(el);
    else if (/(^|\s)(--|@)\w*$/.test(el.value.slice(0, el.selectionStart))) import('./suggest.js').then(m => { suggest.value = m; m.look(el); });
  };
  const key = e => {
    if (suggest.value?.key(e)) return;
    if (e.altKey && /^Arrow(Up|Down)$/.test(e.key)) { e.preventDefault(); import('./suggest.js').then(m => m.recall(e.key === 'ArrowUp' ? 1 : -1)); }
    else if (e.key === 'Escape') { e.currentTarget.blur(); document.getElementById(s.active.peek())?.focus(); }
  };
  return html`<form class="composer" aria-label=${say('Prompt bar')} onKeyDown=${e => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); act.create(e.shiftKey && { tier: 'final' }); } }} onSubmit=${e => { e.preventDefault(); act.create(); }}>
    ${suggest.value && h(suggest.value.Suggestions, null)}${s.marks.value.length > 0 && h(Tray, null)}${(s.refs.value.length > 0 || s.mask.value) && h(References, null)}
    <label class="vh" for="prompt">${say('Prompt')}</label>
    <textarea id="prompt" name="text" rows="2" ref=${box} placeholder=${say('Describe a picture. Every chosen model draws it.')} autocomplete="off" aria-describedby="plan"
      value=${s.text} onInput=${e => { s.text.value = e.currentTarget.value; offer(e.currentTarget); }} onKeyDown=${key} onBlur=${() => suggest.value?.shut()}
      onPaste=${e => { const files = [...e.clipboardData?.files ?? []]; if (files.length) { e.preventDefault(); act.deed('upload', files); } }}></textarea>
    ${(s.plan.value || s.problems.value.prompt) && h(Reading, null)}${h(Chips, null)}${foot.value ? h(foot.value.Foot, null) : html`<div class="foot"><button class="btn go" disabled>${say('Create')}</button></div>`}
  </form>`;
}

/** With more only the chosen stand there, until all are asked for: no other is put forward. As in `shell.py`. */
const MANY = 14;

/** Every model that could draw now, in the rule's order, all of one size; the others behind one link. */
function Chips() {
  const chosen = new Map(s.chosen.value.map(name => [s.meant(name)?.id ?? name, name])), many = useSignal(s.local.chips === 'all');
  const offered = s.models.value.filter(m => ['ready', 'limited', 'down'].includes(m.state) || chosen.has(m.id)), rest = s.models.value.length - offered.length;
  const few = offered.length > MANY, other = [...chosen.keys()].filter(id => !s.byId.value.has(id));
  return html`<div class="models" role="group" aria-label=${say('Models')} data-few=${few && !many.value}>
    ${s.named.value && html`<button type="button" class="chip more" title=${say('Take --m and @ out of the text: the chips count again')} onClick=${() => act.deed('nameModels')}>${h(Icon, { name: 'x' })}${say('Chosen in the text')}</button>`}
    ${offered.map(m => h(Chip, { key: m.id, model: m, name: chosen.get(m.id) }))}${other.map(id => html`<span class="chip on" key=${id}><span class="name">${id}</span></span>`)}
    ${few && html`<button type="button" class="chip more all" aria-expanded=${many.value} title=${say('Or type @ and a name in the prompt')} onClick=${() => { many.value = !many.value; s.local.chips = many.value ? 'all' : ''; }}>${many.value ? say('Only the chosen') : say('All {0}', offered.length)}${h(Icon, { name: 'chevron-down' })}</button>`}
    <a class="chip more" href="/models" title=${say('Add a key, or switch on community models')} onClick=${stay}>${h(Icon, { name: 'plus' })}${rest ? count(rest, 'more model') : say('Models')}</a>
  </div>`;
}

/** A link that stays in the page. @param {MouseEvent & { currentTarget: HTMLAnchorElement }} e */
export function stay(e) {
  if (e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  s.go(e.currentTarget.getAttribute('href') ?? '/');
}

/** @param {{ model: import('./types').Model, name?: string }} props */
function Chip({ model: m, name }) {
  const on = Boolean(name), was = useRef(on), fit = s.plan.value?.per_model[name ?? m.id], out = s.cannot(m, name), why = out ?? (m.state === 'ready' ? null : m.reason && say(m.reason));
  const micro = fit?.cost ? fit.cost.amount_micro_usd === null ? null : Math.round(fit.cost.amount_micro_usd / (fit.images || 1)) : m.price_micro_usd;
  const cost = m.free ? say('free') : micro === null ? '?' : money(micro), changed = fit?.adjustments.some(a => a.kind !== 'native');
  const title = [say('{0} by {1}.', m.name, m.maker), say(LANES[m.lane]?.[1] ?? ''), !m.is_ai && say('Procedural, not an AI model.'), ...m.data.map(w => say(w)), cost === '?' && say('Price unknown.'), why].filter(Boolean).join(' ');
  const twin = s.models.value.some(o => o.name === m.name && o.id !== m.id), where = [twin && (s.providers.value.find(p => p.id === m.provider)?.name ?? m.provider), m.lane !== 'commercial' && say(LANES[m.lane]?.[0] ?? '')].filter(Boolean).join(', ');
  was.current ||= on;                                         // what was taken out a moment ago does not vanish under the pointer
  return html`<label class=${`chip ${out ? 'out' : ''} ${was.current ? 'was' : ''}`} data-state=${m.state} title=${title}>
    <input class="vh" type="checkbox" checked=${on} onChange=${e => { act.pick(m.id, !on); if (s.named.value) e.currentTarget.checked = on; }} />
    <span class="name">${m.name}</span>${where && html`<span class="word">${where}</span>`}${m.state !== 'ready' && html`<span class="word">${say(MODEL_STATES[m.state] ?? m.state)}</span>`}${m.word && html`<a class="word" href=${m.word.at} onClick=${stay}>${say(m.word.says)}</a>`}
    <span class="num">${cost}${changed && html` ≈<span class="vh"> ${say('something is fitted to it')}</span>`}</span>${why && html`<span class="why">${why}</span>`}</label>`;
}
