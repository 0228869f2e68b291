// @ts-check
/** Above the prompt: pictures that go along with it, and pictures put aside to be looked at side by side. */
import { deed } from './actions.js';
import * as s from './state.js';
import { Icon, Tool, h, html, say, styled } from './ui.js';
import { done } from './undo.js';
import { Who } from './who.js';
/** @import { Ref } from './types' */

styled('refs');

const ROLES = [
  ['edit', 'Edit this', 'The picture to be changed'], ['subject', 'Subject', 'This person, product or thing'],
  ['style', 'Style', 'How it should look'], ['layout', 'Layout', 'Where things stand'],
];

/** Pictures that go along, each with what it is for. */
export function References() {
  const all = s.refs.value, mask = s.mask.value;
  const role = (/** @type {Ref} */ ref, /** @type {string} */ to) => {
    const put = (/** @type {string} */ as) => { s.refs.value = s.refs.peek().map(r => r.key === ref.key ? { ...r, role: as } : r); };
    put(to);
    done(say('Another role for a picture.'), () => put(ref.role), true);
  };
  const without = (/** @type {Ref} */ ref) => {
    const before = s.refs.peek();
    s.refs.value = before.filter(x => x.key !== ref.key);
    done(say('A picture was taken out.'), () => { s.refs.value = [...s.refs.peek(), ref].sort((a, b) => before.findIndex(r => r.key === a.key) - before.findIndex(r => r.key === b.key)); });
  };
  const thumb = (/** @type {Ref} */ r) => r.url ? html`<img src=${r.url} alt="" />` : html`<span class="blank" />`;
  return html`<ul class="refs" aria-label=${say('Pictures that go along')}>
    ${all.map((r, i) => html`<li key=${r.key} class=${r.problem ? 'ref bad' : 'ref'}>${thumb(r)}
      <span class="about"><span class="num">@img${i + 1}</span>${r.problem ? html`<span role="alert">${r.problem}</span>`
        : html`<select aria-label=${say('What picture {0} is for', i + 1)} value=${r.role} onChange=${e => role(r, e.currentTarget.value)}>${ROLES.map(([value, name, title]) => html`<option value=${value} title=${say(title)} selected=${value === r.role}>${say(name)}</option>`)}</select>`}</span>
      ${r.role === 'edit' && !mask && !r.problem && html`<label class="tool" title=${say('Attach a mask: a PNG whose transparent pixels are to be changed')}>${h(Icon, { name: 'brush' })}<input class="vh" type="file" accept="image/png" aria-label=${say('Attach a mask')} onChange=${e => { deed('upload', [...e.currentTarget.files], 'mask'); e.currentTarget.value = ''; }} /></label>`}
      ${h(Tool, { icon: 'x', label: say('Remove picture {0}', i + 1), onClick: () => without(r) })}</li>`)}
    ${mask && html`<li class=${mask.problem ? 'ref bad' : 'ref'}>${thumb(mask)}<span class="about"><span class="num">${say('mask')}</span><span>${mask.problem || (mask.sha256 ? say('Its transparent part is changed') : say('Uploading'))}</span></span>
      ${h(Tool, { icon: 'x', label: say('Remove the mask'), onClick: () => { s.mask.value = null; done(say('The mask was taken out.'), () => { s.mask.value = mask; }); } })}</li>`}
  </ul>${h(Who, null)}`;
}

export function Tray() {
  const marks = s.marks.value;
  return html`<div class="tray" role="group" aria-label=${say('Side by side')}><ul>${marks.map(({ image, tile }) => {
    const found = tile.value.images.find(i => i.id === image), label = `Take out ${s.veiled(tile.value.run) ? 'a picture' : tile.value.name}`;
    return found && html`<li key=${image}><button type="button" class="thumb" aria-label=${label} title=${label} onClick=${() => deed('mark', tile, image)}><img src=${found.thumb} alt="" /></button></li>`;
  })}</ul>
    <button type="button" class="btn small" disabled=${marks.length < 2} onClick=${() => { s.comparing.value = marks; }}>${h(Icon, { name: 'columns-2' })}${marks.length < 2 ? say('Choose one more') : say('Compare {0}', marks.length)}</button>
    ${h(Tool, { icon: 'x', label: say('Clear the comparison'), onClick: () => { s.marks.value = []; } })}</div>`;
}
