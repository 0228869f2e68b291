// @ts-check
import * as s from './state.js';
import { Remark, Tool, h, html, say, styled } from './ui.js';

await styled('reading');                               // before the first chip

/** @typedef {{ name: string, text: string, value: unknown }} Chip */
const plain = (/** @type {string} */ text) => text.replace(/[^\w\s]/g, '\\$&');
/** The names in one `--m`, or none. @param {Chip} c @returns {string[]} */
const names = c => c.name === 'models' ? String(c.value).split(',') : [];

/** Takes a chip out of the text, or of several names only the one. A long parameter comes shortened: it ends at the next.
 * @param {Chip} c @param {string} [name] */
function drop(c, name) {
  const text = s.text.peek(), all = names(c), left = all.filter(n => n !== name), head = c.text.split(' ', 1)[0];
  const cut = new RegExp(all.length ? `${plain(head)}\\s+${all.map(plain).join('[\\s,]+')},?` : `${plain(c.text.replace(/…$/, ''))}${c.text.endsWith('…') ? '.*?(?=\\s--[a-z]|$)' : ''}`, 's');
  s.text.value = text.replace(cut, name && left.length ? `${head} ${left.join(',')}` : ' ').replace(/ {2,}/g, ' ').trim();
  document.getElementById('prompt')?.focus();
}

const chip = (/** @type {string} */ text, /** @type {() => void} */ onClick) => html`<li key=${text} title=${text}><b>${text.replace(/^\W+/, '')}</b>${h(Tool, { icon: 'x', label: say('Remove {0}', text), class: 'tiny', onClick })}</li>`;

/** How the text was read: each parameter as a chip that can be taken out of the text, each remark in words. */
export function Reading() {
  const { chips = [], notes = [], per_model = {} } = s.plan.value ?? {}, problem = s.problems.value.prompt;
  const fitted = Object.entries(per_model).flatMap(([id, { adjustments }]) => adjustments.filter(a => a.kind !== 'native' && !['images', 'roles'].includes(a.feature)).map(a => [s.meant(id)?.name ?? id, say(a.detail)]));
  const out = s.plan.value?.images ? Object.entries(per_model).filter(([, p]) => p.starts < p.images) : [];
  if (!chips.length && !notes.length && !problem && !fitted.length && !out.length) return null;
  return html`<div class="reading">
    ${chips.length + fitted.length > 0 && html`<ul class="params" aria-label=${say('Parameters')}>${chips.map(c => names(c).length > 1 ? names(c).map(name => chip(`${c.text.split(' ', 1)[0]} ${name}`, () => drop(c, name))) : chip(c.text, () => drop(c)))}
      ${fitted.map(([name, detail]) => html`<li class="fit" title=${`${name}: ${detail}`}>≈ ${name}: ${detail}</li>`)}</ul>`}
    ${notes.map(n => h(Remark, { of: n }))}
    ${out.map(([id, { starts, images, reason }]) => h(Remark, { key: id, of: { kind: 'unknown', message: starts ? say('{0} draws {1} of {2} pictures; the others are not counted: {3}', s.meant(id)?.name ?? id, starts, images, say(reason ?? '')) : say('{0} does not draw, and is not counted: {1}', s.meant(id)?.name ?? id, say(reason ?? '')) } }))}
    ${h(Remark, { of: problem })}
  </div>`;
}
