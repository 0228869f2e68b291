// @ts-check
/** Above the prompt: pictures that go along with it, and pictures put aside to be looked at side by side. */
import { deed } from './actions.js';
import { carry, pictured } from './dropping.js';
import * as s from './state.js';
import { Icon, Menu, Tool, h, html, say, styled } from './ui.js';
import { done } from './undo.js';
import { Who } from './who.js';
/** @import { Ref } from './types' */

styled('refs');

const ROLES = [
  ['edit', 'Edit this', 'The picture to be changed'], ['subject', 'Subject', 'This person, product or thing'],
  ['style', 'Style', 'How it should look'], ['layout', 'Layout', 'Where things stand'],
];

const paint = (/** @type {Ref} */ ref) => import('./edit.js').then(m => m.openRef(ref));

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
  /** Puts a picture at another place; what had the focus keeps it. */
  const place = (/** @type {Ref} */ ref, /** @type {number} */ to) => {
    const from = all.indexOf(ref), at = /** @type {HTMLElement | null} */ (document.activeElement);
    if (to < 0 || to >= all.length || to === from) return;
    const put = (/** @type {number} */ where) => {
      const others = s.refs.peek().filter(r => r.key !== ref.key), now = s.refs.peek().find(r => r.key === ref.key);
      if (now) s.refs.value = others.toSpliced(where, 0, now);
    };
    put(to);
    done(say('Picture {0} is now picture {1} of {2}.', from + 1, to + 1, all.length), () => put(from), true);
    queueMicrotask(() => at?.focus());                 // a moved node loses it: back before the next key
  };
  const places = (/** @type {Ref} */ ref, /** @type {number} */ i) => {
    const go = (/** @type {string} */ name, /** @type {number} */ to) => ({ name, disabled: to === i || to < 0 || to >= all.length, run: () => place(ref, to) });
    return [go(say('One place forward'), i - 1), go(say('One place back'), i + 1), go(say('To the front'), 0), go(say('To the end'), all.length - 1)];
  };
  const moved = (/** @type {KeyboardEvent} */ e, /** @type {Ref} */ ref, /** @type {number} */ i) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!step || !e.altKey || e.ctrlKey || e.metaKey) return;
    e.preventDefault();                                // and no going back in the browser
    place(ref, i + step);
  };
  const drag = (/** @type {DragEvent} */ e, /** @type {Ref} */ { parent }) => {
    const tile = parent && s.findTile(parent.tile)?.peek(), image = tile?.images.find(i => i.id === parent?.picture);
    if (tile && image) carry(e, pictured(image, tile));
  };
  const thumb = (/** @type {Ref} */ r) => r.url ? html`<img src=${r.url} alt="" onDragStart=${e => drag(e, r)} />` : html`<span class="blank" />`;
  return html`<ul class="refs" aria-label=${say('Pictures that go along')}>
    ${all.map((r, i) => html`<li key=${r.key} class=${r.problem ? 'ref bad' : 'ref'} onKeyDown=${e => moved(e, r, i)}>${thumb(r)}
      <span class="about">${all.length > 1 ? h(Menu, { label: say('@img{0}: its place', i + 1), text: `@img${i + 1}`, class: 'num place', heading: say('Its place (Alt with ← or →)'), items: () => places(r, i) }) : html`<span class="num">@img${i + 1}</span>`}${r.problem ? html`<span role="alert">${r.problem}</span>`
        : html`<select aria-label=${say('What picture {0} is for', i + 1)} value=${r.role} onChange=${e => role(r, e.currentTarget.value)}>${ROLES.map(([value, name, title]) => html`<option value=${value} title=${say(title)} selected=${value === r.role}>${say(name)}</option>`)}</select>`}</span>
      ${r.sha256 && !r.problem && h(Tool, { icon: 'brush', label: say('Paint what is to change in picture {0}', i + 1), onClick: () => paint(r) })}
      ${r.role === 'edit' && !mask && !r.problem && html`<label class="tool" title=${say('Attach a mask, a PNG: its transparent part is to be changed, or without transparency its white part')}>${h(Icon, { name: 'import' })}<input class="vh" type="file" accept="image/png" aria-label=${say('Attach a mask')} onChange=${e => { deed('upload', [...e.currentTarget.files], 'mask'); e.currentTarget.value = ''; }} /></label>`}
      ${h(Tool, { icon: 'x', label: say('Remove picture {0}', i + 1), onClick: () => without(r) })}</li>`)}
    ${mask && html`<li class=${mask.problem ? 'ref bad' : 'ref'}>${thumb(mask)}<span class="about"><span class="num">${say('mask')}</span><span>${mask.problem || (!mask.sha256 ? say('Uploading') : mask.alpha === false ? say('Its white part is changed') : say('Its transparent part is changed'))}</span></span>
      ${h(Tool, { icon: 'x', label: say('Remove the mask'), onClick: () => { s.mask.value = null; done(say('The mask was taken out.'), () => { s.mask.value = mask; }); } })}</li>`}
  </ul>${h(Who, null)}`;
}

export function Tray() {
  const marks = s.marks.value;
  return html`<div class="tray" role="group" aria-label=${say('Side by side')}><ul>${marks.map(({ image, tile }) => {
    const found = tile.value.images.find(i => i.id === image), label = s.veiled(tile.value.run) ? say('Take out a picture') : say('Take out {0}', tile.value.name);
    return found && html`<li key=${image}><button type="button" class="thumb" aria-label=${label} title=${label} onClick=${() => deed('mark', tile, image)}><img src=${found.thumb} alt="" onDragStart=${e => carry(e, pictured(found, tile.peek()))} /></button></li>`;
  })}</ul>
    <button type="button" class="btn small" disabled=${marks.length < 2} onClick=${() => { s.comparing.value = marks; }}>${h(Icon, { name: 'columns-2' })}${marks.length < 2 ? say('Choose one more') : say('Compare {0}', marks.length)}</button>
    ${h(Tool, { icon: 'x', label: say('Clear the comparison'), onClick: () => { s.marks.value = []; } })}</div>`;
}
