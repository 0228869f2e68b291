// @ts-check
/** What a picture shows, in a person's own words: read out by screen readers, and put into exported sheets. */
import { signal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import { alt, heard, marks, put } from './marks.js';
import { useSheet } from './sheet.js';
import * as s from './state.js';
import { useTyped } from './typed.js';
import { Tool, h, html, say, styled } from './ui.js';
/** @import { Picture, Tile } from './types' */

const MOST = 1000;
styled('everywhere');

const about = signal(/** @type {{ tile: Pick<Tile, 'prompt'>, image: Pick<Picture, 'id' | 'thumb'> } | null} */ (null));

/** Opens the words for one picture, wherever it is shown. @param {Pick<Tile, 'prompt'>} tile @param {Pick<Picture, 'id' | 'thumb'>} image */
export async function describe(tile, image) {
  if (!marks.peek()[image.id] && !await trying('toast', async () => { heard(await call('GET', `/api/gallery/marks?pictures=${image.id}`)); return true; })) return;
  about.value = { tile, image };
  s.over.value = 'alt';
}

/** The same words in a sheet of their own. @param {{ close: () => void }} props */
export function AltSheet({ close }) {
  const box = useSheet(close), of = about.value;
  return of && html`<dialog class="sheet settings" ref=${box} aria-label=${say('What it shows')} onClick=${e => { if (e.target === box.current) box.current?.close(); }}>
    <header><img src=${of.image.thumb} alt="" width="72" />${h(Tool, { icon: 'x', label: say('Close'), onClick: () => box.current?.close() })}</header>
    ${h(AltText, { ...of, saved: () => box.current?.close() })}</dialog>`;
}

/** @param {{ tile: Pick<Tile, 'prompt'>, image: Pick<Picture, 'id'>, saved?: () => void }} props */
export function AltText({ tile, image, saved }) {
  const now = alt(tile, image), text = useTyped(now, image.id), own = marks.value[image.id]?.alt ?? '';
  const save = e => {
    e.preventDefault();
    const words = text.peek().trim();
    if (words !== now) put(image.id, { alt: words === tile.prompt.slice(0, 120) ? '' : words }, say('The description was changed.'));
    saved?.();
  };
  return html`<form class="alt" onSubmit=${save}><label for=${`alt-${image.id}`}><h3>${say('What it shows')}</h3></label>
    <textarea id=${`alt-${image.id}`} rows="2" maxlength=${MOST} value=${text} aria-describedby=${`alt-note-${image.id}`} onInput=${e => { text.value = e.currentTarget.value; }}></textarea>
    <p class="sub" id=${`alt-note-${image.id}`}>${own ? say('In your own words. Screen readers and exported sheets say it.') : say('So far the prompt. Screen readers and exported sheets say it.')}</p>
    <div class="next"><button class="btn small" disabled=${text.value.trim() === now}>${say('Save')}</button>${own && html`<button type="button" class="btn small" onClick=${() => put(image.id, { alt: '' }, say('The description was changed.'))}>${say('Back to the prompt')}</button>`}</div></form>`;
}
