// @ts-check
/** One model's place in a row: reserved at its final shape, then a picture, a live job or an explained failure. */
import { useComputed, useSignal } from '@preact/signals';
import { deed } from './actions.js';
import { letter } from './format.js';
import * as s from './state.js';
import { Remark, h, html, later, say } from './ui.js';
/** @import { Picture, Tile, TileSignal } from './types' */

const Toolbar = later(() => import('./toolbar.js'), 'Toolbar');

/** @param {{ tile: TileSignal, index: number }} props */
export function TileView({ tile, index }) {
  const t = s.open(tile.still.value, index), tab = useComputed(() => s.active.value === tile.peek().id ? 0 : -1).value, at = useSignal(0), more = s.lazy.value, away = useSignal(!!more?.waits), live = !s.FINAL.has(t.state);
  const which = () => Math.min(at.value, tile.still.value.images.length - 1), image = t.images[which()], marked = useComputed(() => s.marks.value.some(m => m.image === tile.still.value.images[which()]?.id)).value;
  if (more && image) tile.seen ||= !(more.waits && tab && away.value);
  return html`<li class="tile" data-state=${t.state}>
    <div class="frame" id=${t.id} role="group" tabindex=${tab} aria-label=${[letter(index), t.name, more?.spoken(t)].filter(Boolean).join(', ')} data-image=${image?.id}
      onFocusIn=${() => { s.active.value = t.id; }} onFocus=${() => { if (s.inspecting.peek()) s.inspecting.value = t.id; }} onDblClick=${() => image && deed('openCompare', tile, image.id)}>
      <div class="stage"><div class="plate" style=${`aspect-ratio:${t.ratio}`} data-marked=${marked} onContentVisibilityAutoStateChange=${e => { away.value = e.skipped; }}>
        ${image && h(Shot, { key: image.id, t, image, tile })}${more && live && t.preview && !image && h(more.Preview, { tile, away })}${more && (live || !image) && h(more.status(t), { t, tile, tab, away })}
      </div>${image && tile.seen && h(Toolbar, { tile, t, image, marked, tab })}</div>
      ${more && t.images.length > 1 && more.Strip({ t, image, tab, at })}${more ? h(more.Caption, { t, tile, index, live, tab }) : html`<div class="cap"><p><b>${t.name || '…'}</b></p><p class="sub">${t.maker || '…'}</p></div>`}${Remark({ of: s.problems.value[t.id] })}
    </div></li>`;
}

/** @param {{ t: Tile, image: Picture, tile: TileSignal }} props */
function Shot({ t, image, tile }) {
  const here = useSignal(false), lost = useSignal(false);
  if (lost.value) return h(Remark, { of: { message: say('This picture did not load.'), hint: say('Reload the page.') } });
  return html`${!here.value && t.preview && html`<img class="preview" src=${t.preview} alt="" />`}
    <img class=${here.value ? 'picture in' : 'picture'} src=${image.view} alt=${t.maker && s.lazy.value?.alt(t, image) || t.name} width=${image.width} height=${image.height} decoding="async" loading="lazy"
      onLoad=${() => { here.value = true; }} onError=${() => { lost.value = true; }} onClick=${e => { if (e.pointerType === 'touch') deed('openCompare', tile, image.id); }} />`;
}
