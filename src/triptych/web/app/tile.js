// @ts-check
/** One model's place in a row: reserved at its final shape, then a picture, a live job or an explained failure. */
import { useSignal } from '@preact/signals';
import { deed } from './actions.js';
import { letter } from './format.js';
import * as s from './state.js';
import { Remark, h, html, later, say } from './ui.js';
/** @import { Picture, Tile, TileSignal } from './types' */

const Status = later(() => import('./status.js'), 'Status');
const Toolbar = later(() => import('./toolbar.js'), 'Toolbar');
const SPOKEN = { waiting: 'waiting to try again', blocked: 'refused', cancelled: 'stopped' };

/** @param {{ tile: TileSignal, index: number }} props */
export function TileView({ tile, index }) {
  const t = s.open(tile.value, index), tab = s.active.value === t.id ? 0 : -1, at = useSignal(0), live = !s.FINAL.has(t.state);
  const image = t.images[Math.min(at.value, t.images.length - 1)], marked = s.marks.value.some(m => m.image === image?.id);
  return html`<li class="tile" data-state=${t.state}>
    <div class="frame" id=${t.id} role="group" tabindex=${tab} aria-label=${[letter(index), t.name, s.lazy.value?.apart(t), say(SPOKEN[t.state] ?? t.state)].filter(Boolean).join(', ')} data-image=${image?.id}
      onFocusIn=${() => { s.active.value = t.id; }} onFocus=${() => { if (s.inspecting.peek()) s.inspecting.value = t.id; }} onDblClick=${() => image && deed('openCompare', tile, image.id)}>
      <div class="stage"><div class="plate" style=${`aspect-ratio:${t.ratio}`} data-marked=${marked}>
        ${image ? h(Shot, { key: image.id, t, image, tile }) : live && t.preview && html`<img class="preview" src=${t.preview} alt="" />`}
        ${(live || !image) && h(Status, { t, tab, live })}
      </div>${image && h(Toolbar, { tile, t, image, marked, tab })}</div>
      ${t.images.length > 1 && html`<div class="strip" role="group" aria-label=${say('Pictures of this tile')}>${t.images.map((i, n) => html`<button type="button" key=${i.id} class="thumb" tabindex=${tab} aria-pressed=${i.id === image?.id} aria-label=${say('Picture {0} of {1}', n + 1, t.images.length)} onClick=${() => { at.value = n; }}><img src=${i.thumb} alt="" loading="lazy" /></button>`)}</div>`}
      ${s.lazy.value ? h(s.lazy.value.Caption, { t, index, live, tab }) : html`<div class="cap"><p><b>${t.name || '…'}</b></p><p class="sub">${t.maker || '…'}</p></div>`}${h(Remark, { of: s.problems.value[t.id] })}
    </div></li>`;
}

/** @param {{ t: Tile, image: Picture, tile: TileSignal }} props */
function Shot({ t, image, tile }) {
  const here = useSignal(false), lost = useSignal(false);
  if (lost.value) return h(Remark, { of: { message: say('This picture did not load.'), hint: say('Reload the page.') } });
  return html`${!here.value && t.preview && html`<img class="preview" src=${t.preview} alt="" />`}
    <img class=${here.value ? 'picture in' : 'picture'} src=${image.url} alt=${t.maker ? s.lazy.value?.alt(t, image) : t.name} width=${image.width} height=${image.height} decoding="async" loading="lazy"
      onLoad=${() => { here.value = true; }} onError=${() => { lost.value = true; }} onClick=${e => { if (e.pointerType === 'touch') deed('openCompare', tile, image.id); }} />`;
}
