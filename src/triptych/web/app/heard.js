// @ts-check
/** What the server says, in the page's language. It speaks English, to this page as to any other program; a catalogue has each of
 * its sentences with {0}, {1} for what is put into it. What is not in there stays as it was said. */
import { money } from './format.js';

/** Letters that a sentence has outside of its parts, so that it can be told from another. */
const LEAST = 4;
const SENTENCES = /((?<=[.?!”])\s+(?=\S))/;
/** A name before what it is said of: “xAI does not accept the key.” */
const NAMED = '(\\S.{0,60}?)';

/** @typedef {{ text: string, said: string, sure: string, order: string[], form?: RegExp }} Pattern */

/** @param {Record<string, string>} catalogue @returns {(text: string) => string | undefined} */
export function hearer(catalogue) {
  const memory = /** @type {Map<string, string | undefined>} */ (new Map());
  const long = Object.keys(catalogue).map(k => /** @type {const} */ ([own(k), k])).filter(([n]) => n >= LEAST).sort(([a], [b]) => b - a).map(([, k]) => k);
  const known = long.filter(k => /\{\d\}/.test(k)).map(k => pattern(k, catalogue[k]));
  const verbs = long.filter(k => /^[a-z]\S* /.test(k) && own(k) > 2 * LEAST).map(k => pattern(`{9} ${k}`, `{9} ${catalogue[k]}`));

  /** @param {string} part */
  const told = part => /^[~<]?\$\d+(\.\d+)?$/.test(part) ? part.replace(/\$(.+)/, (_, usd) => money(Number(usd) * 1e6)) : heard(part) ?? part;
  /** @param {string} text @param {Pattern[]} all */
  function match(text, all) {
    for (const one of all) {
      const found = text.includes(one.sure) && (one.form ??= form(one)).exec(text);
      if (found) return one.said.replace(/\{(\d)\}/g, (whole, n) => { const part = found[one.order.indexOf(n) + 1] ?? whole; return n === '9' || one.text.includes(`“{${n}}”`) ? part : told(part); });
    }
  }
  /** Piece by piece, some of them known; in a list all of them. @param {string} text @param {RegExp} between @param {boolean} [list] */
  function apart(text, between, list = false) {
    const pieces = text.split(between);
    if (pieces.length === 1) return;
    const said = pieces.map((piece, i) => i % 2 ? piece : heard(piece));
    return said.some((piece, i) => !(i % 2) && piece !== undefined) && !(list && said.includes(undefined)) ? said.map((piece, i) => piece ?? pieces[i]).join('') : undefined;
  }
  /** @param {string} text @returns {string | undefined} */
  function find(text) {
    const bare = text.replace(/\.$/, ''), stopped = bare !== text;
    return catalogue[text] ?? (stopped ? catalogue[bare]?.concat('.') : catalogue[`${text}.`]?.slice(0, -1)) ?? (text.includes(': ') ? undefined : apart(text, /(, )/, true)) ?? apart(text, SENTENCES, true) ?? match(text, known) ?? apart(text, SENTENCES)
      ?? apart(text, /(; )/) ?? apart(text, /( )(?=\(status )/) ?? match(text, verbs) ?? (stopped ? match(bare, verbs)?.concat('.') : undefined) ?? apart(text, /(: )/);
  }
  /** @param {string} text */
  function heard(text) {
    if (!memory.has(text)) memory.set(text, find(text));
    return memory.get(text);
  }
  return heard;
}

/** @param {string} text */
const own = text => text.replace(/\{\d\}|[^a-z]/gi, '').length;

/** A sum belongs to its part. @param {string} whole @param {string} other @returns {Pattern} */
function pattern(whole, other) {
  const [text, said] = [whole, other].map(t => t.replace(/\$(?=\{\d\})/g, ''));
  const sure = text.split(/\{\d\}/).reduce((a, b) => b.length > a.length ? b : a);
  return { text, said, sure, order: [...text.matchAll(/\{(\d)\}/g)].map(m => m[1]) };
}

/** @param {Pattern} one */
function form({ text, order }) {
  const pieces = text.split(/\{\d\}/).map(p => p.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${pieces.reduce((all, p, i) => `${all}${order[i - 1] === '9' ? NAMED : '(.*?)'}${p}`)}$`, 's');
}
