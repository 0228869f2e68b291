// @ts-check
/** What a provider made of the words, as the words it took out and put in: readable without colour, and read aloud as such. */
import { html, say } from './ui.js';

const MOST = 1200;                                     // words of each text that are compared

/** Words with the space behind them, and marks of their own. @param {string} text */
const words = text => text.match(/[\p{L}\p{N}'’-]+\s*|[^\p{L}\p{N}\s]\s*|\s+/gu) ?? [];
const same = (/** @type {string} */ a, /** @type {string} */ b) => a.trim() === b.trim();

/** The longest common sequence of words, and what is between: `same`, `out` and `in` in turn.
 * @param {string} from @param {string} to @returns {{ kind: 'same' | 'out' | 'in', text: string }[]} */
export function difference(from, to) {
  const a = words(from), b = words(to);
  if (a.length > MOST || b.length > MOST) return [{ kind: 'out', text: from }, { kind: 'in', text: to }];
  const best = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) best[i][j] = same(a[i], b[j]) ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
  const parts = /** @type {{ kind: 'same' | 'out' | 'in', text: string }[]} */ ([]);
  const put = (/** @type {'same' | 'out' | 'in'} */ kind, /** @type {string} */ text) => { const last = parts[parts.length - 1]; if (last?.kind === kind) last.text += text; else parts.push({ kind, text }); };
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(a[i], b[j])) { put('same', b[j]); i++; j++; }
    else if (i < a.length && (j >= b.length || best[i + 1][j] >= best[i][j + 1])) put('out', a[i++]);
    else put('in', b[j++]);
  }
  return parts;
}

/** @param {{ from: string, to: string }} props */
export function Rewrite({ from, to }) {
  const parts = difference(from, to), kept = parts.filter(p => p.kind === 'same').reduce((n, p) => n + words(p.text).length, 0), share = Math.round(100 * kept / Math.max(1, words(from).length));
  return html`<p class="sub">${say('The provider rewrote it; {0} % of your words are in it still.', share)} <del>${say('struck out')}</del> ${say('was taken out')}, <ins>${say('underlined')}</ins> ${say('was put in')}.</p>
    <p class="prompt rewrite">${parts.map(p => p.kind === 'same' ? p.text : p.kind === 'out' ? html`<del><span class="vh"> ${say('taken out:')} </span>${p.text}</del>` : html`<ins><span class="vh"> ${say('put in:')} </span>${p.text}</ins>`)}</p>`;
}
