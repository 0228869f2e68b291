// @ts-check
/** Pictures out of the gallery for the prompt: looked for by words, chosen by click or keys. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { deed, focusPrompt, trying } from './actions.js';
import { call } from './api.js';
import { count } from './format.js';
import { useSheet } from './sheet.js';
import { Tool, h, html, say } from './ui.js';

const PAGE = 60;

/** @param {{ close: () => void }} props */
export function Picker({ close }) {
  const box = useSheet(close), query = useSignal(''), found = useSignal(/** @type {any[] | null} */ (null)), next = useSignal(/** @type {number | null} */ (null));
  const chosen = useSignal(/** @type {ReadonlyMap<string, any>} */ (new Map())), timer = useRef(0), cut = useRef(new AbortController());
  const look = async (/** @type {number | null} */ cursor = null) => {
    cut.current.abort();
    const { signal } = cut.current = new AbortController(), asked = new URLSearchParams({ q: query.peek(), limit: String(PAGE), ...(cursor === null ? {} : { cursor: String(cursor) }) });
    const page = await trying('toast', () => call('GET', `/api/gallery?${asked}`, undefined, signal).catch(error => { if (!signal.aborted) throw error; }));
    if (!page || signal.aborted) return;
    found.value = cursor === null ? page.pictures : [...found.peek() ?? [], ...page.pictures];
    next.value = page.next;
  };
  useEffect(() => { look(); return () => { clearTimeout(timer.current); cut.current.abort(); }; }, []);
  const toggle = (/** @type {any} */ e) => { const all = new Map(chosen.peek()); if (!all.delete(e.id)) all.set(e.id, e); chosen.value = all; };
  const add = async () => { await deed('addPictures', [...chosen.peek().values()]); box.current?.close(); focusPrompt(); };
  const arrows = (/** @type {any} */ e) => {
    const all = [...e.currentTarget.querySelectorAll('button')], here = all.indexOf(document.activeElement), wide = all.filter(b => b.offsetTop === all[0].offsetTop).length;
    const to = all[here + (({ ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide })[e.key] ?? 0)];
    if (e.key.startsWith('Arrow') && to) { e.preventDefault(); to.focus(); }
  };
  const n = chosen.value.size;
  return html`<dialog class="sheet picker" ref=${box} aria-labelledby="picker-h" onClick=${(/** @type {any} */ e) => { if (e.target === box.current) box.current?.close(); }}>
    <header><h2 id="picker-h">${say('Pictures from the gallery')}</h2>${h(Tool, { icon: 'x', label: say('Close'), onClick: () => box.current?.close() })}</header>
    <input type="search" aria-label=${say('Search the gallery')} placeholder="fox model:seedream kept:yes" autofocus value=${query} onInput=${(/** @type {any} */ e) => { query.value = e.currentTarget.value; clearTimeout(timer.current); timer.current = setTimeout(look, 160); }} />
    <div class="found" role="group" aria-label=${say('Pictures')} onKeyDown=${arrows}>${found.value?.map(e => html`<button type="button" key=${e.id} class="thumb" aria-pressed=${chosen.value.has(e.id)} aria-label=${`${e.name}: ${e.prompt.slice(0, 80)}`} title=${e.prompt} onClick=${() => toggle(e)}><img src=${e.thumb} alt="" loading="lazy" /></button>`)}
      ${next.value !== null && found.value && html`<button type="button" class="btn small" onClick=${() => look(next.peek())}>${say('More')}</button>`}</div>
    ${found.value?.length === 0 && html`<p class="sub">${query.value ? say('Nothing fits that.') : say('Nothing was made yet.')}</p>`}
    <footer><span class="sub" role="status">${n ? count(n, 'picture') : say('Click to choose.')}</span><button type="button" class="btn go" disabled=${!n} onClick=${add}>${n > 1 ? say('Add {0} pictures', n) : say('Add')}</button></footer>
  </dialog>`;
}
