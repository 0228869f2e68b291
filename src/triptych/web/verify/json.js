// @ts-check
/** JSON as everything signed or hashed here is made of it (RFC 8785), and of a part of it: whole numbers that every reader
 * takes (up to 2^53 - 1), texts, booleans, null. A number with a fraction or an exponent, or one that is larger, is
 * refused: nothing of ours has one, and how those are written is where implementations differ. */
import { Wrong, bytes, sha256, hex, utf8 } from './bytes.js';

/** @param {unknown} value @returns {value is Record<string, any>} */
export const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param {unknown} value @returns {value is number} */
export const isWhole = value => Number.isSafeInteger(value);

/** A JSON text as a value. Throws Wrong. @param {import('./bytes.js').Given} given @returns {any} */
export function parse(given) {
  const text = utf8(bytes(given));
  if (text === null) throw new Wrong('it is not UTF-8');
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Wrong('it is not JSON');
  }
  if (!/\d[.eE]|\d{16}/.test(text)) return value;        // no number that is refused, not even within a text
  // What is left without the texts are signs and numbers.
  const number = /-?\d[\w.+-]*/g;
  for (const [found] of text.replace(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(number))
    if (!/^-?\d+$/.test(found) || !Number.isSafeInteger(Number(found))) throw new Wrong(`${found.slice(0, 40)} is no whole number that every reader takes`);
  return value;
}

/** The canonical text of a value (RFC 8785). Throws Wrong for what is outside the part above. @param {any} value @returns {string} */
export function canonical(value) {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && isWhole(value)) return String(value);
  if (typeof value === 'string' && !/\p{Surrogate}/u.test(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  // RFC 8785 section 3.2.3: names in the order of their UTF-16 units, which is how JavaScript sorts.
  if (isObject(value)) return `{${Object.keys(value).sort().map(name => `${canonical(name)}:${canonical(value[name])}`).join(',')}}`;
  throw new Wrong(`${String(value).slice(0, 40)} has no canonical form here`);
}

/** SHA-256 of the canonical bytes of a value, in lower-case hex: its name. @param {any} value */
export const idOf = value => hex(sha256(canonical(value)));
