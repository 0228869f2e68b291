// @ts-check
/** The prompt bar's last line: what goes along, what Create would do and cost, and Create. */
import * as act from './actions.js';
import './dropping.js';
import { Floor } from './floor.js';
import { Fold, drawing, sum } from './fold.js';
import { chooseImports } from './imports.js';         // with it, what is dropped outside of the prompt bar is a result
import { price, usually } from './amounts.js';
import { count, money } from './format.js';
import * as s from './state.js';
import { Icon, Menu, Tool, h, html, say, styled } from './ui.js';

await styled('foot');                                  // its switch and its lines stand before it shows


const MODIFIER = /Mac|iP(hone|ad)/.test(navigator.platform) ? '⌘' : 'Ctrl';

/** Where the prompt goes, in few words. @param {string[]} those */
function goes(those) {
  const all = those.flatMap(id => s.meant(id) ?? []).filter(m => m.lane !== 'local'), to = [...new Set(all.map(m => s.providers.value.find(p => p.id === m.provider)?.name ?? m.maker))];
  return to.length > 3 ? say('to {0} providers', to.length) : to.length ? say('to {0}', new Intl.ListFormat(document.documentElement.lang).format(to)) : say('stays on this machine');
}

/** Drafts or finals; and what a draft is for each model, with both prices. */
function Tier() {
  const draft = s.tier.value === 'draft', to = (/** @type {string} */ tier) => { s.tier.value = s.local.tier = tier; };
  const items = () => Object.entries(s.plan.value?.per_model ?? {}).flatMap(([id, p]) => p.draft ? { name: `${s.meant(id)?.name ?? id}: ${say(p.draft.words)}`, note: say('{0}, final {1}', price(p.cost, true), price(p.draft.final, true)), disabled: true, run: () => {} } : []);
  return html`<span class="tier" role="group" aria-label=${say('Draft or final')}>${[['draft', 'Draft', 'Every model by its own cheapest setting'], ['final', 'Final', 'As the text says']].map(([tier, name, title]) => html`<button type="button" key=${tier} class="tool num" title=${say(title)} aria-pressed=${s.tier.value === tier} onClick=${() => to(tier)}>${say(name)}</button>`)}</span>
    ${draft && s.plan.value && h(Menu, { label: say('What a draft is'), text: '?', class: 'tool num', heading: say('Of the qualities and sizes that a model’s card lists, the ones with the lowest price for this request. What the text sets itself stays.'), items })}`;
}

/** What Create would do and cost, or why it is off. */
export function Foot() {
  const plan = s.plan.value, why = act.whyNot(), busy = act.creating.value, idle = !s.text.value.trim() || !s.chosen.value.length;
  const open = plan && why === plan.reason && Object.values(plan.per_model).some(p => p.references?.undecided);
  const told = open ? say('Decide about the pictures above.') : why;
  const those = drawing(), each = plan ? plan.prompts * those.length : 0;
  const many = plan && plan.prompts > 1 && plan.images % each === 0 ? `${count(plan.prompts, 'prompt')} × ${count(those.length, 'model')} = ` : '';
  const order = `${s.orderRule.value ? say('The models stand in this order: {0}.', s.orderRule.value) : say('The order of the models follows a rule.')} ${say('None is put forward, all have the same weight.')}`;
  return html`<div class="foot">
    <label class="tool" title=${say('Add pictures: drop, paste or choose')}>${h(Icon, { name: 'image-plus' })}<input class="vh" type="file" accept="image/*" multiple aria-label=${say('Add pictures')} onChange=${e => { act.deed('upload', [...e.currentTarget.files]); e.currentTarget.value = ''; }} /></label>
    ${h(Menu, { label: say('Parameters'), text: '--', class: 'tool num', heading: say('Add to the prompt'), items: () => import('./suggest.js').then(m => m.common()) })}
    ${h(Menu, { label: say('The order of the models'), icon: 'circle-question-mark', heading: order, items: () => [{ name: say('See all models'), run: () => s.go('/models') }] })}
    ${h(Tool, { icon: 'images', label: say('Pictures from the gallery'), onClick: () => { s.over.value = 'pictures'; } })}
    <button type="button" class="tool num" title=${say('X/Y grid (G): any setting along two or three sides')} aria-label=${say('X/Y grid')} onClick=${() => { s.over.value = 'grid'; }}>X/Y</button>
    ${h(Tool, { icon: 'import', label: say('Import as results'), title: say('Import as results: pictures made elsewhere, beside those made here. Or drop them on a row.'), onClick: () => { chooseImports(); } })}
    ${h(Floor, null)}${h(Tier, null)}${h(Fold, { why: idle ? '' : told })}
    <p id="plan" class="sum">${plan && plan.images > 0 && !idle && html`<b>${many}${count(plan.images, 'image')}</b><span class="num">${sum(plan.known_micro_usd, plan.unknown_count, plan.total)}${plan.fee_micro_usd ? say(', of it a fee of {0}', money(plan.fee_micro_usd)) : ''}</span><span class="goes">${goes(those)}</span>${plan.seconds && html`<span class="num">${usually(plan.seconds)}</span>`}`}${why && html`<span class=${idle ? '' : 'stop'}>${told}</span>`}</p>
    <button class="btn go" disabled=${Boolean(why) || busy} aria-describedby="plan">${busy ? say('Sending') : say('Create')}<kbd>${MODIFIER} ↵</kbd></button>
  </div>`;
}
