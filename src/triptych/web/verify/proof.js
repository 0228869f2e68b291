// @ts-check
/** Proofs that a log has an entry (C2SP tlog-proof over RFC 6962 section 2.1.1). Like triptych.tlog.proof and merkle. */
import { Wrong, bytes, decode64, joined, same, sha256, utf8 } from './bytes.js';
import { decimal, parseCheckpoint, parseNote, trusted } from './note.js';

const HEADER = 'c2sp.org/tlog-proof@v1';
const MAX_HASHES = 63, MAX_PROOF = 1_000_000;
/** @typedef {import('./note.js').Trust} Trust */

/** Takes a proof file apart. The checkpoint in it is not looked at. Throws Wrong. @param {Uint8Array} data */
function parseProof(data) {
  if (data.length > MAX_PROOF) throw new Wrong(`The proof is longer than ${MAX_PROOF} bytes.`);
  const cut = data.findIndex((b, i) => b === 10 && data[i + 1] === 10), ends = cut >= 0;
  const head = ends ? data.subarray(0, cut) : data, checkpoint = ends ? data.subarray(cut + 2) : new Uint8Array();
  if (head.some(b => b > 127)) throw new Wrong('The first part of a proof is ASCII text.');
  const lines = /** @type {string} */ (utf8(head)).split('\n');
  if (lines.shift() !== HEADER || !ends) throw new Wrong(`This is no proof: it does not begin with ${HEADER}.`);
  if (lines[0]?.startsWith('extra ') && decode64(/** @type {string} */ (lines.shift()).slice(6)) === null) throw new Wrong('The extra data of the proof is not base64.');
  const first = lines.shift() ?? '', index = first.startsWith('index ') ? decimal(first.slice(6)) : null;
  if (index === null) throw new Wrong('The proof does not say its index as a plain decimal.');
  if (lines.length > MAX_HASHES) throw new Wrong(`No proof has more than ${MAX_HASHES} hashes.`);
  const hashes = lines.map(line => decode64(line) ?? new Uint8Array());
  if (hashes.some(hash => hash.length !== 32)) throw new Wrong('A line of the proof is not base64 of a SHA-256 hash.');
  return { index, hashes, checkpoint };
}

/** Throws Wrong unless the hashes lead from the entry at `index` to the root (RFC 9162 section 2.1.3.2).
 * @param {Uint8Array} leaf @param {bigint} index @param {bigint} size @param {Uint8Array[]} hashes @param {Uint8Array} root */
function checkInclusion(leaf, index, size, hashes, root) {
  if (index >= size) throw new Wrong(`A tree of ${size} entries has no entry ${index}.`);
  /** @type {boolean[]} whether each hash, from the root down, stands to the left */
  const left = [];
  for (let start = 0n, end = size; end - start > 1n;) {
    const middle = start + (1n << BigInt((end - start - 1n).toString(2).length - 1));
    left.push(index >= middle);
    if (index < middle) end = middle;
    else start = middle;
  }
  if (hashes.length !== left.length) throw new Wrong(`The proof has ${hashes.length} hashes where ${left.length} belong.`);
  const node = (/** @type {Uint8Array} */ a, /** @type {Uint8Array} */ b) => sha256(joined(Uint8Array.of(1), a, b));
  const top = left.reverse().reduce((below, isLeft, i) => isLeft ? node(hashes[i], below) : node(below, hashes[i]), sha256(joined(Uint8Array.of(0), leaf)));
  if (!same(top, root)) throw new Wrong(`The proof does not lead from entry ${index} to the root of ${size} entries.`);
}

/** Checks that a log of `trust` has the entry, under a checkpoint that `trust` accepts. Throws Wrong, or Unable.
 * @param {Uint8Array} proof @param {import('./bytes.js').Given} leaf @param {Trust} trust */
export async function verifyProof(proof, leaf, trust) {
  const { index, hashes, checkpoint: note } = parseProof(proof), { checkpoint, cosigned } = await trusted(trust, note);
  checkInclusion(bytes(leaf), index, checkpoint.size, hashes, checkpoint.root);
  return { index, checkpoint, cosigned };
}

/** What the log that a proof is of calls itself. Throws Wrong. @param {Uint8Array} proof */
export const originOf = proof => parseCheckpoint(parseNote(parseProof(proof).checkpoint).text).origin;
