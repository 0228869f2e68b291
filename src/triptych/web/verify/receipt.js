// @ts-check
/** Reads a receipt: a JWS (RFC 7515) with Ed25519 (RFC 8037) over canonical JSON. Like triptych.network.receipt. */
import { Wrong, bytes, decodeUrl64, encodeUrl64, sha256, utf8 } from './bytes.js';
import { canonical, isObject, isWhole, parse } from './json.js';
import { list, misfit, orNull, shape, text } from './kinds.js';
import { Unable, signed } from './signature.js';
/** @import { Fields } from './kinds.js' */

const FORMAT = 'triptych-receipt/1', TYPE = 'triptych-receipt', MAX_BYTES = 65_535;

const PICTURES = list(shape({ sha256: [text], media_type: [text], width: [isWhole], height: [isWhole], bytes: [orNull(isWhole), null] }));
/** What every receipt has. @type {Fields} */
const SHAPE = {
  id: [text], seq: [isWhole], issued_ms: [isWhole], state: [text], billed: [text], fee_micro_usd: [isWhole],
  commitments: [value => isObject(value) && Object.values(value).every(text)], inputs: [PICTURES], outputs: [PICTURES],
  attempts: [list(isObject), []], decision: [orNull(isObject), null], cost: [orNull(shape({ amount_micro_usd: [orNull(isWhole)], source: [text] })), null],
};

/** `proved` is false where this browser could not check the signature.
 * @typedef {{ text: string, payload: Record<string, any>, public: Uint8Array, kid: string, proved: boolean }} Receipt */

/** The name of a key: its JWK thumbprint (RFC 7638). @param {Uint8Array} key */
export const kidOf = key => encodeUrl64(sha256(canonical({ crv: 'Ed25519', kty: 'OKP', x: encodeUrl64(key) })));

/** Reads and checks a receipt; one line break at its end is allowed. Throws Wrong. @param {import('./bytes.js').Given} given @returns {Promise<Receipt>} */
export async function readReceipt(given) {
  const data = bytes(given), line = utf8(data)?.replace(/\n$/, '');
  if (line === undefined || data.some(b => b > 127)) throw new Wrong('It is not a line of ASCII text.');
  const parts = line.split('.');
  if (parts.length !== 3 || data.length > MAX_BYTES + 1) throw new Wrong('It is not three parts of base64url with dots between them.');
  const [header, payload, signature] = parts.map(decodeUrl64);
  if (!header || !payload || signature?.length !== 64) throw new Wrong('One of its three parts is not base64url, or the signature is not 64 bytes long.');
  const key = keyIn(object(header, 'header')), claims = object(payload, 'payload'), proved = await check(key, signature, `${parts[0]}.${parts[1]}`);
  if (claims.format !== FORMAT) throw new Wrong(`Its format is ${claims.format}; known is ${FORMAT}.`);
  const wrong = misfit(SHAPE, claims);
  if (wrong !== null) throw new Wrong(`Its payload is not that of a receipt: ${wrong}.`);
  return { text: line, payload: claims, public: key, kid: kidOf(key), proved };
}

/** @param {Uint8Array} key @param {Uint8Array} signature @param {string} body */
async function check(key, signature, body) {
  try {
    if (!await signed(key, signature, body)) throw new Wrong('The signature does not belong to this text.');
    return true;
  } catch (error) {
    if (error instanceof Unable) return false;
    throw error;
  }
}

/** @param {Uint8Array} data @param {string} part @returns {Record<string, any>} */
function object(data, part) {
  try {
    const value = parse(data);
    if (isObject(value) && plain(value) && canonical(value) === utf8(data)) return value;
  } catch (error) {
    if (!(error instanceof Wrong || error instanceof RangeError)) throw error;
  }
  throw new Wrong(`Its ${part} is not canonical JSON.`);
}

/** Whether every name in a value is ASCII. @param {any} value @returns {boolean} */
const plain = value => Array.isArray(value) ? value.every(plain) : !isObject(value) || Object.entries(value).every(([name, item]) => /^[\x00-\x7f]*$/.test(name) && plain(item));

/** @param {Record<string, any>} header */
function keyIn(header) {
  const x = header.jwk?.x, key = typeof x === 'string' ? decodeUrl64(x) : null;
  if (key?.length !== 32) throw new Wrong('Its header has no Ed25519 key.');
  const wanted = { alg: 'EdDSA', jwk: { crv: 'Ed25519', kty: 'OKP', x }, kid: kidOf(key), typ: TYPE };
  if (canonical(header) !== canonical(wanted)) throw new Wrong('Its header is not that of a receipt.');
  return key;
}
