// @ts-check
/** What your picks say of the models: strengths on one axis with their 95 % intervals, in plain words; and the picks. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { coded } from './coded.js';
import { stay } from './composer.js';
import { clock, count } from './format.js';
import * as s from './state.js';
import { Remark, h, html, say } from './ui.js';

const QUESTIONS = /** @type {[string, string][]} */ ([['prettier', 'Prettier'], ['closer', 'Closer to the brief']]);
const TASKS = /** @type {Record<string, string>} */ ({ generate: 'New pictures', edit: 'Edits', upscale: 'Enlarged', remove_background: 'Cut out', mixed: 'Mixed' });
const Z = 1.96, EVERY_MS = 4000;

/** Times of 100 that a model of this strength, in milli-logits, is picked beside an average one. @param {number} strength */
const chance = strength => Math.round(100 / (1 + Math.exp(-strength / 1000)));
/** @param {{ strength: number, sd: number }} m */
const span = m => [m.strength - Z * m.sd, m.strength + Z * m.sd];

export function Ranking() {
  const task = useSignal('generate'), question = useSignal(''), data = useSignal(/** @type {any} */ (null)), picks = useSignal(/** @type {any[]} */ ([])), source = useSignal(''), asking = useSignal(false);
  const only = (/** @type {string} */ sign) => source.peek() && `${sign}source=${source.peek()}`;
  const asked = useRef(0), shown = useRef(0);
  const read = async (as = 'ranking') => {
    const mine = ++asked.current, all = await trying(as, () => Promise.all([call('GET', `/api/ranking?task=${encodeURIComponent(task.peek())}${question.peek() && `&question=${question.peek()}`}${source.peek() && `&source=${source.peek()}`}`), call('GET', `/api/picks${only('?')}`)]));
    if (!all || mine < shown.current) return;            // an answer to an earlier question that comes later
    shown.current = mine;
    [data.value, picks.value] = [all[0], all[1].picks];
  };
  useEffect(() => { read(); }, [task.value, question.value, source.value]);
  useEffect(() => {                                      // picks are made on other pages too
    const again = setInterval(() => { if (!document.hidden) read('ranking-look'); }, EVERY_MS);
    return () => clearInterval(again);
  }, []);
  const change = (/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ body = undefined) => trying('ranking', () => call(method, path, body)).then(() => read());
  if (!data.value) return html`<div class="scroll page"><div class="inner">${h(Remark, { of: s.problems.value.ranking })}</div></div>`;
  const questions = QUESTIONS.map(([id, text]) => /** @type {[string, string]} */ ([id, say(text)]));
  const of = data.value, tasks = [...new Set(['generate', ...of.tasks])], any = picks.value.length > 0 || of.sources?.length > 0, some = picks.value.length > 0;
  return html`<div class="scroll page"><div class="inner ranking">
    ${h(Remark, { of: s.problems.value.ranking })}
    ${any && html`<div class="filters">${tasks.length > 1 && h(Choice, { label: say('Kind of task'), of: tasks.map(t => /** @type {[string, string]} */ ([t, say(TASKS[t] ?? t)])), on: task.value, choose: id => { task.value = id; } })}${h(Choice, { label: say('Question'), of: questions, on: of.question, choose: id => { question.value = id; } })}${of.sources?.includes('client') && h(Choice, { label: say('Whose picks'), of: [['', say('All picks')], ['own', say('Your own')], ['client', say('Of clients')]], on: source.value, choose: id => { source.value = id; } })}</div>`}
    ${any ? h(Strengths, { of }) : html`<section class="panel first"><h2>${say('Nothing picked yet')}</h2>
      <ol><li>${say('Make a picture with two models or more.')}</li><li>${say('Press')} <kbd>Enter</kbd> ${say('on one of them: the row opens side by side.')}</li><li>${say('Press')} <kbd>1</kbd> ${say('to')} <kbd>6</kbd> ${say('for the one you like best.')}</li></ol>
      <p class="sub">${coded(say('Add `--blind` to a prompt and the makers stay hidden until you have picked.'))}</p><a class="btn" href="/" onClick=${stay}>${say('To the studio')}</a></section>`}
    <section class="panel" aria-labelledby="use-h"><h2 id="use-h">${say('What your picks are used for')}</h2>
      ${h(Switch, { on: of.learning, name: say('Let the router learn from them'), note: say('Only its policy “best-for-me” looks at your taste. Off: picks are kept and ranked, and nothing else.'), onChange: on => change('PUT', '/api/picks/learning', { learning: on }) })}
      ${h(Switch, { on: of.ordering, name: say('Show the models in their order'), note: s.orderRule.value && say('Order of models everywhere now: {0}. None is left out.', say(s.orderRule.value)), onChange: on => change('PUT', '/api/picks/learning', { ordering: on }) })}
      <div class="by"><p><b>${say('Both go by')}</b></p>${h(Choice, { label: say('Both go by'), of: questions, on: of.counts, choose: id => change('PUT', '/api/picks/learning', { question: id }) })}<p class="sub">${say('Each question has a ranking of its own. Picks for the other one are kept, and change neither the router nor the order.')}</p></div>
      <p class="sub">${of.publishing ? say('Each new pick is also stated in the public log, without prompts or pictures, because the settings say so.') : say('Your picks stay on this machine.')}</p></section>
    ${any && html`<section class="panel" aria-labelledby="picks-h"><header><h2 id="picks-h">${count(picks.value.length, 'pick')}</h2><a class="btn small" href=${`/api/picks?download=1${only('&')}`} download="triptych-picks.jsonl">${say('Export')}</a>
      ${asking.value ? html`<span class="sure" role="group" aria-label=${say('Forget all picks?')}><span>${say('What was learned from them goes too.')}</span><button type="button" class="btn small" ref=${(/** @type {any} */ b) => b?.focus()} onClick=${() => { asking.value = false; change('DELETE', `/api/picks${only('?')}`); source.value = ''; }}>${say('Forget all {0}', picks.value.length)}</button><button type="button" class="btn small" onClick=${() => { asking.value = false; }}>${say('Keep them')}</button></span>`
        : html`<button type="button" class="btn small" disabled=${!some} onClick=${() => { asking.value = true; }}>${say('Forget all…')}</button>`}</header>
      <ul class="list">${picks.value.slice(-30).reverse().map(p => html`<li key=${p.id}><p><span>${h(Said, { pick: p })}</span><button type="button" class="btn small" aria-label=${say('Forget the pick of {0}', clock(p.created_ms))} onClick=${() => change('DELETE', `/api/picks/${p.id}`)}>${say('Forget')}</button></p></li>`)}</ul>
      ${picks.value.length > 30 && html`<p class="sub">${say('The latest 30; the export has all.')}</p>`}</section>`}
  </div></div>`;
}

/** @param {{ label: string, of: [string, string][], on: string, choose: (id: string) => void }} props */
const Choice = ({ label, of, on, choose }) => html`<div class="seg" role="group" aria-label=${label}>${of.map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${on === id} onClick=${() => choose(id)}>${name}</button>`)}</div>`;

/** @param {{ on: boolean, name: string, note: string, onChange: (on: boolean) => void }} props */
const Switch = ({ on, name, note, onChange }) => html`<div><label class="switch"><input type="checkbox" role="switch" checked=${on} onChange=${e => onChange(e.currentTarget.checked)} />${name}</label><p class="sub">${note}</p></div>`;

/** @param {{ pick: any }} props */
function Said({ pick: p }) {
  const name = (/** @type {any} */ x) => s.byId.value.get(x.endpoint)?.name ?? x.family, won = p.winner === null ? null : p.shown[p.winner], out = p.rejected.map((/** @type {number} */ i) => name(p.shown[i])).join(', ');
  const others = p.shown.filter((/** @type {any} */ x, /** @type {number} */ i) => i !== p.winner && !p.rejected.includes(i)).map(name).join(', ');
  return html`<b>${won ? name(won) : say('Not {0}', out)}</b> ${won ? say('over') : say('beside')} ${others || say('nothing else')} <span class="sub">${[p.question === 'closer' ? say('closer to the brief') : say('prettier'), p.blind && say('blind'), p.source === 'client' && say('of a client'), clock(p.created_ms)].filter(Boolean).join(' · ')}</span>`;
}

/** In words, whether the first is ahead or only leads so far. @param {any} of */
function verdict(of) {
  const [first, second] = of.models;
  if (of.verdict === 'none') return say('No pick of this kind yet.');
  if (of.verdict === 'separated') return say('{0} is ahead of {1} by more than chance explains.', first.name, second.name);
  return say('{0} is leaning ahead: it leads, but more picks could still turn that around.', first.name);
}

/** @param {{ of: any }} props */
function Strengths({ of }) {
  const seen = of.models.filter((/** @type {any} */ m) => m.comparisons > 0), rest = of.models.length - seen.length;
  const ends = seen.flatMap(span), low = Math.min(-1500, ...ends), high = Math.max(1500, ...ends), at = (/** @type {number} */ v) => `${(100 * (v - low) / (high - low)).toFixed(2)}%`;
  return html`<section class="panel" aria-labelledby="strengths-h"><header><h2 id="strengths-h">${verdict(of)}</h2><span class="sub">${say(QUESTIONS.find(([id]) => id === of.question)?.[1] ?? '')}</span></header>
    ${seen.length > 0 && html`<div class="wide" tabindex="0" role="region" aria-label=${say('Strengths')}><table><thead><tr><th scope="col">${say('Model')}</th><th scope="col"><span class="axis" aria-hidden="true">${[10, 25, 50, 75, 90].map(c => html`<i style=${{ insetInlineStart: at(1000 * Math.log(c / (100 - c))) }}>${c}</i>`)}</span><span class="vh">${say('Strength')}</span></th><th scope="col">${say('Picked beside an average one')}</th><th scope="col">${say('Won')}</th><th scope="col">${say('How sure')}</th></tr></thead>
      <tbody>${seen.map((/** @type {any} */ m) => { const [from, to] = span(m); return html`<tr key=${m.model}><th scope="row">${m.name}${m.imported && html` <span class="sub">${say('imported')}</span>`}</th>
        <td class="track"><span><i class="even" style=${{ insetInlineStart: at(0) }}></i><i class="span" style=${{ insetInlineStart: at(from), insetInlineEnd: `calc(100% - ${at(to)})` }}></i><i class="dot" style=${{ insetInlineStart: at(m.strength) }}></i></span></td>
        <td class="num">${say('{0} of 100', chance(m.strength))} <span class="sub">${chance(from)}–${chance(to)}</span></td><td class="num">${say('{0} of {1}', m.wins, m.comparisons)}</td><td>${m.separated === null ? '' : m.separated ? say('ahead of the next') : say('leaning')}</td></tr>`; })}</tbody></table></div>
    <p class="sub">${say('The dot is how often a model would be picked out of 100 beside an average one, the line its 95 % interval. From {0} with something to compare.', count(of.picks, 'pick'))}</p>`}
    ${rest > 0 && html`<details><summary>${say('{0} never compared', count(rest, 'model'))}</summary><p class="sub">${of.models.filter((/** @type {any} */ m) => !m.comparisons).map((/** @type {any} */ m) => m.name).join(', ')}</p></details>`}</section>`;
}
