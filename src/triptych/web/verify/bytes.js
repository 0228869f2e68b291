// @ts-check
/** Bytes, their spellings and their SHA-256. Everything here runs in a page, a worker and Node alike. */

/** What is wrong with a file that was given: the text says what. */
export class Wrong extends Error {}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @typedef {Uint8Array | ArrayBuffer | string} Given */

/** @param {Given} given @returns {Uint8Array} */
export const bytes = given => typeof given === 'string' ? encoder.encode(given) : given instanceof Uint8Array ? given : new Uint8Array(given);

/** The text of UTF-8 bytes, or null. @param {Uint8Array} data */
export function utf8(data) {
  try {
    return decoder.decode(data);
  } catch {
    return null;
  }
}

/** @param {Uint8Array} data */
export const hex = data => Array.from(data, b => b.toString(16).padStart(2, '0')).join('');

/** The bytes of an even number of hex digits, or null. @param {string} text */
export const unhex = text => /^([0-9a-f]{2})*$/i.test(text) ? Uint8Array.from(text.match(/../g) ?? [], pair => parseInt(pair, 16)) : null;

/** Standard base64 with padding (RFC 4648 section 4). @param {Uint8Array} data */
export const encode64 = data => btoa(Array.from(data, b => String.fromCharCode(b)).join(''));

/** What `text` spells in base64, or null; only the one canonical spelling is taken. @param {string} text */
export function decode64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4) return null;
  const data = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  return encode64(data) === text ? data : null;
}

/** Base64url without padding (RFC 7515 section 2). @param {Uint8Array} data */
export const encodeUrl64 = data => encode64(data).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');

/** What `text` spells in base64url, or null; only the one canonical spelling is taken. @param {string} text */
export function decodeUrl64(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  return decode64(text.replaceAll('-', '+').replaceAll('_', '/') + '='.repeat(-text.length & 3));
}

/** @param {Uint8Array} one @param {Uint8Array} two */
export const same = (one, two) => one.length === two.length && one.every((b, i) => b === two[i]);

/** @param {...Uint8Array} parts */
export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The order of two texts by their code points, which is that of their UTF-8 bytes; JavaScript's own is by UTF-16 units.
 * @param {string} one @param {string} two */
export function byCodePoint(one, two) {
  if (one === two) return 0;
  const [a, b] = [Array.from(one), Array.from(two)];
  const at = a.findIndex((letter, i) => letter !== b[i]);
  if (at < 0) return -1;
  return at >= b.length || /** @type {number} */ (a[at].codePointAt(0)) > /** @type {number} */ (b[at].codePointAt(0)) ? 1 : -1;
}

// SHA-256 (FIPS 180-4 section 6.2). It is computed here because WebCrypto's is asynchronous, which a decision is not, and
// because a page that is not on HTTPS has none.

const PRIMES = Array.from({ length: 312 }, (_, n) => n).filter(n => n > 1 && !Array.from({ length: n - 2 }, (_, k) => k + 2).some(k => n % k === 0)).slice(0, 64);

/** The first 32 bits of the fraction of an integer's root, computed in whole numbers. @param {number} n @param {bigint} degree */
function fractionOfRoot(n, degree) {
  const target = BigInt(n) << 32n * degree;
  let low = 0n, high = 1n << 40n;
  while (high - low > 1n) {
    const middle = low + high >> 1n;
    if (middle ** degree <= target) low = middle;
    else high = middle;
  }
  return Number(BigInt.asUintN(32, low));
}

const START = Int32Array.from(PRIMES.slice(0, 8), n => fractionOfRoot(n, 2n));
const ROUND = Int32Array.from(PRIMES, n => fractionOfRoot(n, 3n));
const words = new Int32Array(64);

/** SHA-256. @param {Given} given @returns {Uint8Array} */
export function sha256(given) {
  const data = bytes(given), state = START.slice(), whole = data.length & ~63;
  const input = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < whole; at += 64) compress(state, input, at);
  const rest = data.length - whole, tail = new Uint8Array(rest < 56 ? 64 : 128), end = new DataView(tail.buffer);
  tail.set(data.subarray(whole));
  tail[rest] = 0x80;
  end.setUint32(tail.length - 8, Math.floor(data.length / 0x20000000));
  end.setUint32(tail.length - 4, data.length << 3);
  for (let at = 0; at < tail.length; at += 64) compress(state, end, at);
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => out.setInt32(4 * i, word));
  return new Uint8Array(out.buffer);
}

/** One block of 64 bytes. @param {Int32Array} state @param {DataView} input @param {number} at */
function compress(state, input, at) {
  for (let i = 0; i < 16; i++) words[i] = input.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15], y = words[i - 2];
    words[i] = words[i - 16] + words[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const one = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + ROUND[i] + words[i] | 0;
    const two = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
    h = g; g = f; f = e; e = d + one | 0; d = c; c = b; b = a; a = one + two | 0;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

/** SHA-256 in lower-case hex. @param {Given} given */
export const digest = given => hex(sha256(given));

/** HMAC-SHA-256 (RFC 2104). @param {Uint8Array} key @param {Uint8Array} data */
export function hmac(key, data) {
  const block = new Uint8Array(64);
  block.set(key.length > 64 ? sha256(key) : key);
  return sha256(joined(block.map(b => b ^ 0x5c), sha256(joined(block.map(b => b ^ 0x36), data))));
}
