// @ts-check
/** Ed25519 (RFC 8032) by the browser's own WebCrypto. Where there is none, nothing is said to be proved. */
import { bytes, unhex } from './bytes.js';

/** A signature could be neither proved nor refuted here. */
export class Unable extends Error {}

// RFC 8032 section 7.1, test 2: what a working implementation takes.
const KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
const SIGNED = '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00';

/** @param {Uint8Array} key @param {Uint8Array} signature @param {Uint8Array} data */
async function check(key, signature, data) {
  const { subtle } = globalThis.crypto, name = 'Ed25519';
  const whole = (/** @type {Uint8Array} */ part) => /** @type {Uint8Array<ArrayBuffer>} */ (part);
  return subtle.verify({ name }, await subtle.importKey('raw', whole(key), { name }, false, ['verify']), whole(signature), whole(data));
}

/** @type {Promise<boolean> | undefined} */
let works;

/** Whether this browser can check Ed25519: it takes a known signature, and refuses it over other bytes. */
async function able() {
  const key = /** @type {Uint8Array} */ (unhex(KEY)), signature = /** @type {Uint8Array} */ (unhex(SIGNED));
  try {
    return await check(key, signature, Uint8Array.of(0x72)) && !await check(key, signature, Uint8Array.of(0x73));
  } catch {
    return false;
  }
}

/** Whether a signature belongs to data. Throws Unable. @param {Uint8Array} key 32 bytes @param {Uint8Array} signature 64 bytes @param {import('./bytes.js').Given} data */
export async function signed(key, signature, data) {
  if (!await (works ??= able())) throw new Unable('This browser cannot check Ed25519.');
  try {
    return await check(key, signature, bytes(data));
  } catch {
    return false;                                        // the key is no point of the curve
  }
}
