// @ts-check
/** The prompt bar's last line: what goes along, what Create would do and cost, and Create. */
import * as act from './actions.js';
import { count, money, price, usually } from './format.js';
import * as s from './state.js';
import { Icon, Menu, h, html } from './ui.js';

const MODIFIER = /Mac|iP(hone|ad)/.test(navigator.platform) ? '⌘' : 'Ctrl';

/** Where the prompt goes, in few words. */
function goes() {
  const all = s.chosen.value.flatMap(id => s.meant(id) ?? []).filter(m => m.lane !== 'local'), to = [...new Set(all.map(m => s.providers.value.find(p => p.id === m.provider)?.name ?? m.maker))];
  return to.length > 3 ? `to ${to.length} providers` : to.length ? `to ${to.join(' and ')}` : 'stays on this machine';
}

/** Drafts or finals; and what a draft is for each model, with both prices. */
function Tier() {
  const draft = s.tier.value === 'draft', to = (/** @type {string} */ tier) => { s.tier.value = s.local.tier = tier; };
  const items = () => Object.entries(s.plan.value?.per_model ?? {}).flatMap(([id, p]) => p.draft ? { name: `${s.meant(id)?.name ?? id}: ${p.draft.words}`, note: `${price(p.cost, true)}, final ${price(p.draft.final, true)}`, disabled: true, run: () => {} } : []);
  return html`<span role="group" aria-label="Draft or final">${[['draft', 'Draft', 'Every model by its own cheapest setting'], ['final', 'Final', 'As the text says']].map(([tier, name, title]) => html`<button type="button" key=${tier} class="tool num" title=${title} aria-pressed=${s.tier.value === tier} onClick=${() => to(tier)}>${name}</button>`)}</span>
    ${draft && s.plan.value && h(Menu, { label: 'What a draft is', text: '?', class: 'tool num', heading: 'Of the qualities and sizes that a model’s card lists, the ones with the lowest price for this request. What the text sets itself stays.', items })}`;
}

/** What Create would do and cost, or why it is off. */
export function Foot() {
  const plan = s.plan.value, why = act.whyNot(), busy = act.creating.value, idle = !s.text.value.trim() || !s.chosen.value.length;
  const many = plan && plan.prompts > 1 ? `${count(plan.prompts, 'prompt')} × ${count(s.chosen.value.length, 'model')} = ` : '';
  const order = `${s.orderRule.value ? `The models stand in this order: ${s.orderRule.value}.` : 'The order of the models follows a rule.'} None is put forward, all have the same weight.`;
  return html`<div class="foot">
    <label class="tool" title="Add pictures: drop, paste or choose">${h(Icon, { name: 'image-plus' })}<input class="vh" type="file" accept="image/*" multiple aria-label="Add pictures" onChange=${e => { act.deed('upload', [...e.currentTarget.files]); e.currentTarget.value = ''; }} /></label>
    ${h(Menu, { label: 'Parameters', text: '--', class: 'tool num', heading: 'Add to the prompt', items: () => import('./suggest.js').then(m => m.common()) })}
    ${h(Menu, { label: 'The order of the models', icon: 'circle-question-mark', heading: order, items: () => [{ name: 'See all models', run: () => s.go('/models') }] })}
    <button type="button" class="tool num" title="X/Y grid (G): any setting along two or three sides" aria-label="X/Y grid" onClick=${() => { s.over.value = 'grid'; }}>X/Y</button>
    ${h(Tier, null)}
    <p id="plan" class="sum">${plan && !idle && html`<b>${many}${count(plan.images, 'image')}</b><span class="num">${plan.unknown_count ? plan.known_micro_usd ? `about ${money(plan.known_micro_usd)}, ${count(plan.unknown_count, 'price')} unknown` : 'price unknown' : `${plan.total.amount_micro_usd ? 'about ' : ''}${price(plan.total)}`}${plan.fee_micro_usd ? `, of it a fee of ${money(plan.fee_micro_usd)}` : ''}</span><span>${goes()}</span>${plan.seconds && html`<span class="num">${usually(plan.seconds)}</span>`}`}${why && html`<span class=${idle ? '' : 'stop'}>${why}</span>`}</p>
    <button class="btn go" disabled=${Boolean(why) || busy} aria-describedby="plan">${busy ? 'Sending' : 'Create'}<kbd>${MODIFIER} ↵</kbd></button>
  </div>`;
}
