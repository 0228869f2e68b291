// @ts-check
/** Drift watch: prompts that are made again and again by the same models, and whether what comes out has moved. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { stay } from './composer.js';
import { price } from './amounts.js';
import { clock, count, money } from './format.js';
import * as s from './state.js';
import { Menu, Remark, h, html, say } from './ui.js';

const OFTEN = 1000, SELDOM = 15000;                     // milliseconds between two looks, with and without a check at work
const WHEN = /** @type {Record<string, string>} */ ({ off: 'only by hand', daily: 'every day', weekly: 'every week' });

export function Drift() {
  const data = useSignal(/** @type {any} */ (null)), adding = useSignal(false);
  const look = async (/** @type {() => Promise<any>} */ work = () => call('GET', '/api/drift')) => { const found = await trying('drift', work); if (found) data.value = found; return found; };
  const atWork = Boolean(data.value?.watches.some((/** @type {any} */ w) => w.checks[0]?.state === 'running'));
  useEffect(() => {                                       // looked at anew when a check begins, and when it is over
    let timer = 0, over = false;
    const again = async () => { if (!document.hidden) await trying('drift-look', () => call('GET', '/api/drift')).then(d => { if (d && !over) data.value = d; }); if (!over) timer = setTimeout(again, atWork ? OFTEN : SELDOM); };
    again();
    return () => { over = true; clearTimeout(timer); };
  }, [atWork]);
  const all = data.value?.watches ?? [];
  return html`<div class="scroll page"><div class="inner drift">${h(Remark, { of: s.problems.value.drift })}
    <p class="sub">${say('A model is updated and the same prompt suddenly feels different: a watch notices. It makes the same prompts again and measures.')}</p>
    ${all.map((/** @type {any} */ w) => h(Watch, { key: w.id, w, look }))}
    ${data.value && (adding.value || !all.length ? h(Add, { look, done: () => { adding.value = false; }, first: !all.length }) : html`<button type="button" class="btn" onClick=${() => { adding.value = true; }}>${say('Watch more prompts')}</button>`)}
    ${data.value && html`<details><summary>${say('How it is measured')}</summary><p class="sub">${say('{0} Checks run only while Triptych runs; one that was missed is made once.', say(data.value.rule))}</p></details>`}
  </div></div>`;
}

const name = (/** @type {string} */ model) => s.byId.value.get(model)?.name ?? model;
const costs = (/** @type {any} */ w) => w.total.source === 'free' ? say('is free') : say('costs {0}', cost(w));
const cost = (/** @type {any} */ w) => `${w.total.amount_micro_usd ? `${say('about')} ` : ''}${price(w.total)}`;

/** @param {{ look: (work?: () => Promise<any>) => Promise<any>, done: () => void, first: boolean }} props */
function Add({ look, done, first }) {
  const texts = useSignal(s.text.peek().split('\n').filter(Boolean).slice(0, 1).join('\n')), models = useSignal(s.chosen.peek().flatMap(id => s.meant(id)?.id ?? [])), settings = useSignal(''), samples = useSignal(4), plan = useSignal(/** @type {any} */ (null)), why = useSignal('');
  const body = () => ({ texts: texts.peek().split('\n').map(t => t.trim()).filter(Boolean), models: models.peek(), settings: settings.peek(), samples: samples.peek() });
  useEffect(() => {
    const timer = setTimeout(async () => {
      if (!texts.peek().trim() || !models.peek().length) { plan.value = null; why.value = ''; return; }
      try { plan.value = await call('POST', '/api/drift/plan', body()); why.value = ''; } catch (error) { plan.value = null; why.value = [/** @type {any} */ (error).message, /** @type {any} */ (error).hint].filter(Boolean).join(' '); }
    }, 250);
    return () => clearTimeout(timer);
  }, [texts.value, models.value.join(), settings.value, samples.value]);
  const save = async (/** @type {any} */ e) => { e.preventDefault(); if (await look(() => call('POST', '/api/drift', body()))) done(); };
  const flip = (/** @type {string} */ id) => { models.value = models.peek().includes(id) ? models.peek().filter(m => m !== id) : [...models.peek(), id]; };
  return html`<form class="panel" onSubmit=${save} aria-labelledby="add-h"><h2 id="add-h">${first ? say('Watch your first prompts') : say('Watch more prompts')}</h2>
    <label class="field"><span>${say('Prompts, one on each line')}</span><textarea rows="3" value=${texts} onInput=${(/** @type {any} */ e) => { texts.value = e.currentTarget.value; }}></textarea></label>
    <div class="models" role="group" aria-label=${say('Models to watch')}>${s.models.value.filter(m => ['ready', 'limited'].includes(m.state) || models.value.includes(m.id)).map(m => html`<label class="chip" key=${m.id}><input class="vh" type="checkbox" checked=${models.value.includes(m.id)} onChange=${() => flip(m.id)} /><span class="name">${m.name}</span></label>`)}</div>
    <div class="next"><label class="field"><span>${say('Parameters for all')}</span><input placeholder=${'--ar 4:5'} value=${settings} onInput=${(/** @type {any} */ e) => { settings.value = e.currentTarget.value; }} /></label>
      <label class="field"><span>${say('Pictures of each')}</span><select value=${samples} onChange=${(/** @type {any} */ e) => { samples.value = Number(e.currentTarget.value); }}>${[3, 4, 5, 6].map(n => html`<option value=${n} selected=${n === samples.value}>${n}</option>`)}</select></label></div>
    <p class="sub" role="status">${why.value || (plan.value ? say('One check makes {0}: {1}. Models that take a seed get the same one each time.', count(plan.value.images, 'picture'), cost(plan.value)) : say('Nothing is made yet.'))}</p>
    ${plan.value?.reasons.map((/** @type {any} */ r) => h(Remark, { of: { kind: 'warn', message: `${name(r.model)}: ${r.reason}` } }))}
    <div class="next"><button class="btn go" disabled=${!plan.value?.images}>${say('Save the watch')}</button>${!first && html`<button type="button" class="btn" onClick=${done}>${say('Cancel')}</button>`}</div></form>`;
}

/** @param {{ w: any, look: (work?: () => Promise<any>) => Promise<any> }} props */
function Watch({ w, look }) {
  const asking = useSignal(''), cap = useSignal('5'), [newest] = w.checks, running = newest?.state === 'running', done = w.checks.filter((/** @type {any} */ c) => c.state === 'done'), latest = done[0];
  const seen = useSignal(''), shown = done.find((/** @type {any} */ c) => c.id === seen.value) ?? latest;
  const moved = latest?.verdict?.cells.filter((/** @type {any} */ c) => c.moved) ?? [], agreed = w.total.amount_micro_usd, path = `/api/drift/${w.id}`;
  const on = (/** @type {string} */ schedule) => look(() => call('PUT', `${path}/schedule`, schedule === 'off' ? { schedule } : { schedule, agreed_micro_usd: agreed, cap_micro_usd: Math.round(Number(cap.peek()) * 1e6) })).then(found => { if (found) asking.value = ''; });
  const switched = w.schedule !== 'off', verdict = !latest ? say('Not checked yet.') : latest.id === w.good ? say('This is the last good one: later checks are compared with it.') : !latest.verdict ? say('Nothing to compare with.') : moved.length ? say('{0} moved.', [...new Set(moved.map((/** @type {any} */ c) => name(c.model)))].join(', ')) : latest.verdict.cells.some((/** @type {any} */ c) => c.moved === null) ? say('Some prompts have too few pictures to tell.') : say('Nothing moved.');
  return html`<section class="panel" aria-labelledby=${`w-${w.id}`}><header><h2 id=${`w-${w.id}`}>${w.name}</h2>
      <button type="button" class="btn small" disabled=${running || !w.images || agreed === null} onClick=${() => look(() => call('POST', `${path}/check`, { agreed_micro_usd: agreed }))}>${running ? say('Checking') : say('Check now, {0}', cost(w))}</button>
      ${h(Menu, { label: say('More: {0}', w.name), icon: 'ellipsis', items: () => [
        ...(switched ? [{ name: say('Switch the schedule off'), run: () => { on('off'); } }] : []),
        ...(latest && latest.id !== w.good ? [{ name: say('Mark the latest as good'), note: say('compare with it'), run: () => { look(() => call('PUT', `${path}/good`, { check: latest.id })); } }] : []),
        { name: say('Forget this watch'), note: say('its pictures stay'), danger: true, run: () => { look(() => call('DELETE', path)); } },
      ] })}</header>
    <p class="facts"><span>${count(w.texts.length, 'prompt')} × ${count(w.models.length, 'model')} × ${w.samples}</span><span>${say('checked {0}{1}', say(WHEN[w.schedule]), w.next_ms ? say(', next {0}', clock(w.next_ms)) : '')}</span>${w.spent_micro_usd > 0 && html`<span class="num">${say('{0} in 30 days{1}', money(w.spent_micro_usd), w.cap_micro_usd === null ? '' : ` ${say('of {0}', money(w.cap_micro_usd))}`)}</span>`}</p>
    ${w.note && h(Remark, { of: { kind: 'warn', message: w.note } })}
    ${w.reasons.map((/** @type {any} */ r) => h(Remark, { of: { kind: 'warn', message: `${name(r.model)}: ${r.reason}` } }))}
    <p class=${moved.length ? 'said moved' : 'said'} role="status">${verdict}${latest && html` <span class="sub">${clock(latest.created_ms)}${running ? say(', another check is at work') : ''}</span>`}</p>
    ${shown && html`<div class="next">${done.length > 1 && html`<label class="field"><span>${say('Check of')}</span><select value=${shown.id} onChange=${(/** @type {any} */ e) => { seen.value = e.currentTarget.value; }}>${done.map((/** @type {any} */ c) => html`<option key=${c.id} value=${c.id} selected=${c.id === shown.id}>${`${clock(c.created_ms)}${c.id === w.good ? `, ${say('the good one')}` : c.verdict?.cells.some((/** @type {any} */ v) => v.moved) ? `, ${say('moved')}` : ''}`}</option>`)}</select></label>`}<a class="btn small" href=${`/gallery?q=drift:${shown.id}`} onClick=${stay}>${say('Its pictures in the gallery')}</a></div>`}
    ${shown && h(Cells, { w, check: shown, good: w.checks.find((/** @type {any} */ c) => c.id === w.good) })}
    ${!switched && html`<div class="next">${asking.value ? html`<span class="sure" role="group" aria-label=${say('Switch the schedule on?')}><span>${say('A check {0}, {1}, at most $', costs(w), say(WHEN[asking.value]))}</span><input type="number" min="0" step="any" aria-label=${say('Cap for 30 days in dollars')} value=${cap} onInput=${(/** @type {any} */ e) => { cap.value = e.currentTarget.value; }} /><span>${say('in 30 days.')}</span>
        <button type="button" class="btn small go" disabled=${!(Number(cap.value) >= 0) || cap.value === ''} onClick=${() => on(asking.peek())}>${say('Switch on')}</button><button type="button" class="btn small" onClick=${() => { asking.value = ''; }}>${say('Leave it')}</button></span>`
      : ['daily', 'weekly'].map(x => html`<button type="button" class="btn small" disabled=${!w.images || agreed === null} onClick=${() => { asking.value = x; }}>${say('Check {0}…', say(WHEN[x]))}</button>`)}</div>`}
  </section>`;
}

/** Each prompt by each model: how far it is from the good one, and the two side by side. @param {{ w: any, check: any, good: any }} props */
function Cells({ w, check, good }) {
  const of = (/** @type {any} */ c) => check.verdict?.cells.find((/** @type {any} */ v) => v.text === c.text && v.model === c.model);
  const side = async (/** @type {any} */ cell) => {
    const before = good?.cells.find((/** @type {any} */ c) => c.text === cell.text && c.model === cell.model), pick = [...(before?.samples.slice(0, 2) ?? []), ...cell.samples.slice(0, before ? 2 : 4)];
    const found = await trying('drift', () => Promise.all(pick.map((/** @type {any} */ p) => call('GET', `/api/tiles/${p.tile}`))));
    if (found) s.comparing.value = found.map((/** @type {any} */ d, /** @type {number} */ i) => ({ image: pick[i].picture, tile: s.place(d.tile) }));
  };
  return html`<div class="wide" tabindex="0" role="region" aria-label=${say('{0}: what was measured', w.name)}><table><thead><tr><th scope="col">${say('Prompt')}</th><th scope="col">${say('Model')}</th><th scope="col">${say('Pictures')}</th><th scope="col">${say('Edges, of 64')}</th><th scope="col">${say('Colour, of 1000')}</th><th scope="col">${say('Verdict')}</th><th scope="col"><span class="vh">${say('Look')}</span></th></tr></thead>
    <tbody>${check.cells.map((/** @type {any} */ c) => { const v = of(c); return html`<tr key=${`${c.text} ${c.model}`}><th scope="row">${w.texts[c.text]}</th><td>${name(c.model)}${c.served && html`<span class="sub">${c.served}</span>`}</td>
      <td><span class="shots">${c.samples.slice(0, 4).map((/** @type {any} */ p) => html`<img key=${p.picture} src=${`/api/images/${p.picture}/thumb`} alt="" width="40" height="40" loading="lazy" />`)}</span>${c.missing > 0 && html`<span class="sub">${say('{0} did not come', c.missing)}</span>`}</td>
      <td class="num">${v?.shape ? say('{0}, spread {1}', v.shape.between, v.shape.within) : '–'}</td><td class="num">${v?.look ? say('{0}, spread {1}', v.look.between, v.look.within) : '–'}</td>
      <td>${!v ? say('good') : v.moved === null ? say('too few to tell') : v.moved ? html`<b>${say('moved')}</b>` : say('within the spread')}</td>
      <td><button type="button" class="btn small" disabled=${!c.samples.length} aria-label=${say('Side by side: {0}, {1}', w.texts[c.text].slice(0, 40), name(c.model))} onClick=${() => side(c)}>${say('Side by side')}</button></td></tr>`; })}</tbody></table></div>
    <p class="sub">${say('The first number is the middle distance from the last good pictures; the spread is the largest within one day. It has moved above one and a half times the spread and a margin.')}</p>`;
}
