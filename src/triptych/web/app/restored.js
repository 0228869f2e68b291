// @ts-check
/** What an edit had changed outside of its mask before it was put back, where, and the picture as the model made it. */
import { useSignal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import { Remark, h, html, say } from './ui.js';
import * as s from './state.js';
/** @import { Picture, Tile } from './types' */

/** @param {{ tile: Tile }} props */
export const Restored = ({ tile }) => html`${tile.images.filter(i => i.restored).map(i => h(One, { key: i.id, tile, image: i }))}`;

/** @param {{ tile: Tile, image: Picture }} props */
function One({ tile, image }) {
  const map = useSignal(false), of = /** @type {NonNullable<Picture['restored']>} */ (image.restored);
  const use = () => trying(tile.id, async () => {
    const made = await call('PUT', `/api/images/${image.id}/restored`, { unrestored: !of.unrestored }), known = s.findTile(tile.id);
    if (known) known.value = { ...known.peek(), ...made };
  });
  return html`<section><h3>${say('Outside your mask')}</h3><p>${say(of.words)}.${of.unrestored ? ` ${say('The unrestored picture is shown.')}` : ''}</p>
    ${map.value && of.heat && html`<figure class="heat"><img src=${image.url} alt="" /><img src=${of.heat} alt=${say('Where it had changed: amber a little, red a lot')} /></figure>`}
    <p class="next">${of.choice && html`<button type="button" class="btn small" onClick=${use}>${of.unrestored ? say('Use restored') : say('Use unrestored')}</button>`}${of.heat && html`<button type="button" class="btn small" aria-pressed=${map.value} onClick=${() => { map.value = !map.value; }}>${say('Heat map')}</button>`}</p>
    ${h(Remark, { of: s.problems.value[tile.id] })}</section>`;
}
