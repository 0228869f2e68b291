// @ts-check
/** What your picks say of the models: strengths on one axis with their 95 % intervals, in plain words; and the picks. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { stay } from './composer.js';
import { clock, count } from './format.js';
import * as s from './state.js';
import { Remark, h, html } from './ui.js';

const QUESTIONS = /** @type {[string, string][]} */ ([['', 'Both questions'], ['prettier', 'Prettier'], ['closer', 'Closer to the brief']]);
const TASKS = /** @type {Record<string, string>} */ ({ generate: 'New pictures', edit: 'Edits', mixed: 'Mixed' });
const Z = 1.96;

/** Times of 100 that a model of this strength, in milli-logits, is picked beside an average one. @param {number} strength */
const chance = strength => Math.round(100 / (1 + Math.exp(-strength / 1000)));
/** @param {{ strength: number, sd: number }} m */
const span = m => [m.strength - Z * m.sd, m.strength + Z * m.sd];

export function Ranking() {
  const task = useSignal('generate'), question = useSignal(''), data = useSignal(/** @type {any} */ (null)), picks = useSignal(/** @type {any[]} */ ([])), asking = useSignal(false);
  const read = async () => {
    const all = await trying('ranking', () => Promise.all([call('GET', `/api/ranking?task=${encodeURIComponent(task.peek())}${question.peek() && `&question=${question.peek()}`}`), call('GET', '/api/picks')]));
    if (all) [data.value, picks.value] = [all[0], all[1].picks];
  };
  useEffect(() => { read(); }, [task.value, question.value]);
  const change = (/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ body) => trying('ranking', () => call(method, path, body)).then(read);
  if (!data.value) return html`<div class="scroll page"><div class="inner">${h(Remark, { of: s.problems.value.ranking })}</div></div>`;
  const of = data.value, tasks = [...new Set(['generate', ...of.tasks])], any = picks.value.length > 0;
  return html`<div class="scroll page"><div class="inner ranking">
    ${h(Remark, { of: s.problems.value.ranking })}
    ${any && html`<div class="filters">${tasks.length > 1 && h(Choice, { label: 'Kind of task', of: tasks.map(t => [t, TASKS[t] ?? t]), at: task })}${h(Choice, { label: 'Question', of: QUESTIONS, at: question })}</div>`}
    ${any ? h(Strengths, { of }) : html`<section class="panel first"><h2>Nothing picked yet</h2>
      <ol><li>Make a picture with two models or more.</li><li>Press <kbd>Enter</kbd> on one of them: the row opens side by side.</li><li>Press <kbd>1</kbd> to <kbd>6</kbd> for the one you like best.</li></ol>
      <p class="sub">Add <code>--blind</code> to a prompt and the makers stay hidden until you have picked.</p><a class="btn" href="/" onClick=${stay}>To the studio</a></section>`}
    <section class="panel" aria-labelledby="use-h"><h2 id="use-h">What your picks are used for</h2>
      ${h(Switch, { on: of.learning, name: 'Let the router learn from them', note: 'Only its policy “best-for-me” looks at your taste. Off: picks are kept and ranked, and nothing else.', onChange: on => change('PUT', '/api/picks/learning', { learning: on }) })}
      ${h(Switch, { on: of.ordering, name: 'Show the models in their order', note: s.orderRule.value && `Order of models everywhere now: ${s.orderRule.value}. None is left out.`, onChange: on => change('PUT', '/api/picks/learning', { ordering: on }) })}
      <p class="sub">${of.publishing ? 'Each new pick is also stated in the public log, without prompts or pictures, because the settings say so.' : 'Your picks stay on this machine.'}</p></section>
    ${any && html`<section class="panel" aria-labelledby="picks-h"><header><h2 id="picks-h">${count(picks.value.length, 'pick')}</h2><a class="btn small" href="/api/picks?download=1" download="triptych-picks.jsonl">Export</a>
      ${asking.value ? html`<span class="sure" role="group" aria-label="Forget all picks?"><span>What was learned from them goes too.</span><button type="button" class="btn small" ref=${(/** @type {any} */ b) => b?.focus()} onClick=${() => { asking.value = false; change('DELETE', '/api/picks'); }}>Forget all ${picks.value.length}</button><button type="button" class="btn small" onClick=${() => { asking.value = false; }}>Keep them</button></span>`
        : html`<button type="button" class="btn small" onClick=${() => { asking.value = true; }}>Forget all…</button>`}</header>
      <ul class="list">${picks.value.slice(-30).reverse().map(p => html`<li key=${p.id}><p><span>${h(Said, { pick: p })}</span><button type="button" class="btn small" aria-label=${`Forget the pick of ${clock(p.created_ms)}`} onClick=${() => change('DELETE', `/api/picks/${p.id}`)}>Forget</button></p></li>`)}</ul>
      ${picks.value.length > 30 && html`<p class="sub">The latest 30; the export has all.</p>`}</section>`}
  </div></div>`;
}

/** @param {{ label: string, of: [string, string][], at: import('@preact/signals').Signal<string> }} props */
const Choice = ({ label, of, at }) => html`<div class="seg" role="group" aria-label=${label}>${of.map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${at.value === id} onClick=${() => { at.value = id; }}>${name}</button>`)}</div>`;

/** @param {{ on: boolean, name: string, note: string, onChange: (on: boolean) => void }} props */
const Switch = ({ on, name, note, onChange }) => html`<div><label class="switch"><input type="checkbox" role="switch" checked=${on} onChange=${e => onChange(e.currentTarget.checked)} />${name}</label><p class="sub">${note}</p></div>`;

/** @param {{ pick: any }} props */
function Said({ pick: p }) {
  const name = (/** @type {any} */ x) => s.byId.value.get(x.endpoint)?.name ?? x.family, won = p.winner === null ? null : p.shown[p.winner], out = p.rejected.map((/** @type {number} */ i) => name(p.shown[i])).join(', ');
  const others = p.shown.filter((/** @type {any} */ x, /** @type {number} */ i) => i !== p.winner && !p.rejected.includes(i)).map(name).join(', ');
  return html`<b>${won ? name(won) : `Not ${out}`}</b> ${won ? 'over' : 'beside'} ${others || 'nothing else'} <span class="sub">${[p.question === 'closer' ? 'closer to the brief' : 'prettier', p.blind && 'blind', clock(p.created_ms)].filter(Boolean).join(' · ')}</span>`;
}

/** In words, whether the first is ahead or only leads so far. @param {any} of */
function verdict(of) {
  const [first, second] = of.models;
  if (of.verdict === 'none') return 'No pick of this kind yet.';
  if (of.verdict === 'separated') return `${first.name} is ahead of ${second.name} by more than chance explains.`;
  return `${first.name} is leaning ahead: it leads, but more picks could still turn that around.`;
}

/** @param {{ of: any }} props */
function Strengths({ of }) {
  const seen = of.models.filter((/** @type {any} */ m) => m.comparisons > 0), rest = of.models.length - seen.length;
  const ends = seen.flatMap(span), low = Math.min(-1500, ...ends), high = Math.max(1500, ...ends), at = (/** @type {number} */ v) => `${(100 * (v - low) / (high - low)).toFixed(2)}%`;
  return html`<section class="panel" aria-labelledby="strengths-h"><header><h2 id="strengths-h">${verdict(of)}</h2></header>
    ${seen.length > 0 && html`<div class="wide" tabindex="0" role="region" aria-label="Strengths"><table><thead><tr><th scope="col">Model</th><th scope="col"><span class="axis" aria-hidden="true">${[10, 25, 50, 75, 90].map(c => html`<i style=${{ insetInlineStart: at(1000 * Math.log(c / (100 - c))) }}>${c}</i>`)}</span><span class="vh">Strength</span></th><th scope="col">Picked beside an average one</th><th scope="col">Won</th><th scope="col">How sure</th></tr></thead>
      <tbody>${seen.map((/** @type {any} */ m) => { const [from, to] = span(m); return html`<tr key=${m.model}><th scope="row">${m.name}${m.imported && html` <span class="sub">imported</span>`}</th>
        <td class="track"><span><i class="even" style=${{ insetInlineStart: at(0) }}></i><i class="span" style=${{ insetInlineStart: at(from), insetInlineEnd: `calc(100% - ${at(to)})` }}></i><i class="dot" style=${{ insetInlineStart: at(m.strength) }}></i></span></td>
        <td class="num">${chance(m.strength)} of 100 <span class="sub">${chance(from)}–${chance(to)}</span></td><td class="num">${m.wins} of ${m.comparisons}</td><td>${m.separated === null ? '' : m.separated ? 'ahead of the next' : 'leaning'}</td></tr>`; })}</tbody></table></div>
    <p class="sub">The dot is how often a model would be picked out of 100 beside an average one, the line its 95 % interval. From ${count(of.picks, 'pick')} with something to compare.</p>`}
    ${rest > 0 && html`<details><summary>${count(rest, 'model')} never compared</summary><p class="sub">${of.models.filter((/** @type {any} */ m) => !m.comparisons).map((/** @type {any} */ m) => m.name).join(', ')}</p></details>`}</section>`;
}
