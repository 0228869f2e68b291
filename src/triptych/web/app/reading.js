// @ts-check
import * as s from './state.js';
import { Remark, Tool, h, html, say } from './ui.js';

/** How the text was read: each parameter as a chip that can be taken out of the text, each remark in words. */
export function Reading() {
  const { chips = [], notes = [], per_model = {} } = s.plan.value ?? {}, problem = s.problems.value.prompt;
  const drop = part => { s.text.value = s.text.peek().replace(part, ' ').replace(/ {2,}/g, ' ').trim(); document.getElementById('prompt')?.focus(); };
  const fitted = Object.entries(per_model).flatMap(([id, { adjustments }]) => adjustments.filter(a => a.kind !== 'native' && !['images', 'roles'].includes(a.feature)).map(a => [s.meant(id)?.name ?? id, a.detail]));
  if (!chips.length && !notes.length && !problem && !fitted.length) return null;
  return html`<div class="reading">
    ${chips.length + fitted.length > 0 && html`<ul class="params" aria-label=${say('Parameters')}>${chips.map(c => html`<li key=${c.text}>${c.text.replace(/^\W+/, '')}${h(Tool, { icon: 'x', label: say('Remove {0}', c.text), class: 'tiny', onClick: () => drop(c.text) })}</li>`)}
      ${fitted.map(([name, detail]) => html`<li class="fit" title=${`${name}: ${detail}`}>≈ ${name}: ${detail}</li>`)}</ul>`}
    ${notes.map(n => h(Remark, { of: n }))}
    ${h(Remark, { of: problem })}
  </div>`;
}
