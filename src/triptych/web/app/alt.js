// @ts-check
/** What a picture shows, in a person's own words: read out by screen readers, and put into exported sheets. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { alt, marks, put } from './marks.js';
import { html, say, styled } from './ui.js';
/** @import { Picture, Tile } from './types' */

const MOST = 1000;
styled('everywhere');

/** @param {{ tile: Tile, image: Picture }} props */
export function AltText({ tile, image }) {
  const now = alt(tile, image), text = useSignal(now), own = marks.value[image.id]?.alt ?? '';
  useEffect(() => { text.value = now; }, [now]);
  const save = e => {
    e.preventDefault();
    const words = text.peek().trim();
    if (words !== now) put(image.id, { alt: words === tile.prompt.slice(0, 120) ? '' : words }, say('The description was changed.'));
  };
  return html`<form class="alt" onSubmit=${save}><label for=${`alt-${image.id}`}><h3>${say('What it shows')}</h3></label>
    <textarea id=${`alt-${image.id}`} rows="2" maxlength=${MOST} value=${text} aria-describedby=${`alt-note-${image.id}`} onInput=${e => { text.value = e.currentTarget.value; }}></textarea>
    <p class="sub" id=${`alt-note-${image.id}`}>${own ? say('In your own words. Screen readers and exported sheets say it.') : say('So far the prompt. Screen readers and exported sheets say it.')}</p>
    <div class="next"><button class="btn small" disabled=${text.value.trim() === now}>${say('Save')}</button>${own && html`<button type="button" class="btn small" onClick=${() => put(image.id, { alt: '' }, say('The description was changed.'))}>${say('Back to the prompt')}</button>`}</div></form>`;
}
