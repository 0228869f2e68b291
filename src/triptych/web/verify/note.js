// @ts-check
/** Signed notes, the checkpoints in them, and whom to trust (C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy).
 * Like triptych.tlog.note, checkpoint and policy. */
import { Wrong, bytes, decode64, hex, joined, same, sha256, utf8 } from './bytes.js';
import { signed } from './signature.js';

export const ED25519 = 1, COSIGNATURE_V1 = 4;
const SIZES = { [ED25519]: 64, [COSIGNATURE_V1]: 72 };
const MAX_NOTE = 1_000_000, MAX_SIGNATURES = 100, DASH = '— ', MAX_NUMBER = (1n << 63n) - 1n;
export const EMPTY_ROOT = sha256('');

/** @typedef {{ name: string, algorithm: number, public: Uint8Array, id: string }} Key */
/** @typedef {{ name: string, id: string, raw: Uint8Array }} Signature */
/** @typedef {{ text: string, signatures: Signature[] }} Note */
/** @typedef {{ origin: string, size: bigint, root: Uint8Array }} Checkpoint */
/** @typedef {{ logs: Key[], witnesses: Map<string, Key>, groups: Map<string, { threshold: bigint, members: string[] }>, quorum: string | null }} Trust */

/** The number below 2^63 that ASCII digits without leading zeroes spell, or null. @param {string} text */
export function decimal(text) {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) return null;
  return BigInt(text) <= MAX_NUMBER ? BigInt(text) : null;
}

/** @param {string} name */
function checkName(name) {
  if (!name || /[+\x00-\x20\x85\p{Z}]/u.test(name)) throw new Wrong(`'${name}' cannot name a key: it is empty or has a space, plus or control sign.`);
  return name;
}

/** A public key by name. Throws Wrong. @param {string} name @param {number} algorithm @param {Uint8Array} key @returns {Key} */
export function keyOf(name, algorithm, key) {
  checkName(name);
  if (!(algorithm in SIZES) || key.length !== 32) throw new Wrong(`The key of ${name} is not an Ed25519 key of type 0x01 or 0x04.`);
  return { name, algorithm, public: key, id: hex(sha256(joined(bytes(`${name}\n`), Uint8Array.of(algorithm), key)).slice(0, 4)) };
}

/** Reads `<name>+<hex id>+<base64(type || key)>`. Throws Wrong. @param {string} vkey */
export function parseKey(vkey) {
  const [, name, id, encoded] = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(vkey) ?? [], data = encoded ? decode64(encoded) : null;
  if (!data?.length) throw new Wrong('A verifier key is <name>+<8 hex digits>+<base64 of type and key>.');
  const key = keyOf(name, data[0], data.slice(1));
  if (id !== key.id) throw new Wrong(`The key id of ${key.name} is ${key.id}, not ${id.slice(0, 16)}.`);
  return key;
}

/** Takes a note apart; nothing in it is to be believed yet. Throws Wrong. @param {Uint8Array} data @returns {Note} */
export function parseNote(data) {
  if (data.length > MAX_NOTE) throw new Wrong(`The note is longer than ${MAX_NOTE} bytes.`);
  const whole = utf8(data);
  if (whole === null) throw new Wrong('The note is not UTF-8 text.');
  if (/[\x00-\x09\x0b-\x1f]/.test(whole)) throw new Wrong('The note has control characters in it.');
  const at = whole.lastIndexOf('\n\n'), lines = whole.slice(at + 2);
  if (at < 0 || !lines.endsWith('\n')) throw new Wrong('The note has no empty line before its signatures, or does not end its last line.');
  const found = lines.slice(0, -1).split('\n');
  if (found.length > MAX_SIGNATURES) throw new Wrong(`Signatures are 1 to ${MAX_SIGNATURES} whole lines.`);
  return { text: whole.slice(0, at + 1), signatures: found.map(parseSignature) };
}

/** @param {string} line @returns {Signature} */
function parseSignature(line) {
  const rest = line.startsWith(DASH) ? line.slice(DASH.length) : '', space = rest.indexOf(' ');
  const data = space < 0 ? null : decode64(rest.slice(space + 1));
  if (!data || data.length < 5) throw new Wrong('A signature line is an em dash, a key name and base64 of at least five bytes.');
  return { name: checkName(rest.slice(0, space)), id: hex(data.slice(0, 4)), raw: data.slice(4) };
}

/** Throws Wrong, or Unable. @param {Key} key @param {string} text @param {Signature} signature */
async function check(key, text, { raw }) {
  const wrong = new Wrong(`The signature of ${key.name} does not belong to this text.`);
  if (raw.length !== SIZES[key.algorithm]) throw wrong;
  let message = text, made = raw;
  if (key.algorithm === COSIGNATURE_V1) {
    const time = new DataView(raw.buffer, raw.byteOffset).getBigUint64(0);
    if (time > MAX_NUMBER) throw wrong;
    message = `cosignature/v1\ntime ${time}\n${text}`;
    made = raw.slice(8);
  }
  if (!await signed(key.public, made, message)) throw wrong;
}

/** @param {Key | Signature} one */
const named = one => `${one.name} ${one.id}`;

/** Which of `keys` have signed. Throws Wrong when there is none or one is wrong, or Unable. @param {Note} note @param {Key[]} keys */
async function verified(note, keys) {
  const known = new Map(keys.map(key => [named(key), key])), found = new Set();
  for (const signature of note.signatures) {
    const key = known.get(named(signature));
    if (key) {
      await check(key, note.text, signature);
      found.add(key);
    }
  }
  if (!found.size) throw new Wrong('The note is not signed by any of the trusted keys.');
  return /** @type {Key[]} */ ([...found]);
}

/** Reads the text of a checkpoint's note. Throws Wrong. @param {string} text @returns {Checkpoint} */
export function parseCheckpoint(text) {
  const lines = text.split('\n'), end = lines.pop();
  if (lines.length < 3 || end || lines.includes('')) throw new Wrong('A checkpoint is three or more lines of text: origin, size, root.');
  const size = decimal(lines[1]), root = decode64(lines[2]);
  if (size === null) throw new Wrong('The second line of a checkpoint is its size, a plain decimal.');
  if (root?.length !== 32) throw new Wrong('The third line of a checkpoint is base64 of a SHA-256 root.');
  if (size === 0n && !same(root, EMPTY_ROOT)) throw new Wrong('The root of no entries at all is another one.');
  return { origin: lines[0], size, root };
}

/** The checkpoint in a note, if a log of `trust` signed it and the quorum cosigned it. Throws Wrong, or Unable.
 * @param {Trust} trust @param {Uint8Array} data @returns {Promise<{ checkpoint: Checkpoint, cosigned: Key[] }>} */
export async function trusted(trust, data) {
  const note = parseNote(data), checkpoint = parseCheckpoint(note.text), logs = trust.logs.filter(key => key.name === checkpoint.origin);
  // A log speaks only under its own name: its key must not sign for another log of the policy.
  if (!logs.length) throw new Wrong(`The policy knows no log named ${checkpoint.origin}.`);
  await verified(note, logs);
  const witnesses = [...trust.witnesses.values()], names = new Set(witnesses.map(named));
  const cosigned = note.signatures.some(s => names.has(named(s))) ? await verified(note, witnesses) : [];
  if (trust.quorum !== null && !counts(trust, trust.quorum, cosigned)) throw new Wrong(`The checkpoint of ${checkpoint.origin} is not cosigned by ${trust.quorum}.`);
  return { checkpoint, cosigned };
}

/** @param {Trust} trust @param {string} name @param {Key[]} present @returns {boolean} */
function counts(trust, name, present) {
  const witness = trust.witnesses.get(name), group = trust.groups.get(name);
  if (witness) return present.includes(witness);
  return !!group && BigInt(group.members.filter(member => counts(trust, member, present)).length) >= group.threshold;
}

/** Reads a trust policy. Throws Wrong with the number of the line that is wrong. @param {string} text @returns {Trust} */
export function parseTrust(text) {
  const read = new TrustReader();
  for (const [at, line] of text.split('\n').entries()) {
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) throw new Wrong(`Line ${at + 1} of the policy has control characters in it.`);
    const words = line.replaceAll('\t', ' ').split(' ').filter(Boolean);
    if (!words.length || words[0].startsWith('#')) continue;
    try {
      read.line(words);
    } catch (error) {
      if (error instanceof Wrong) throw new Wrong(`Line ${at + 1} of the policy: ${error.message}`);
      throw error;
    }
  }
  return read.done();
}

class TrustReader {
  /** @type {Trust} */
  trust = { logs: [], witnesses: new Map(), groups: new Map(), quorum: null };
  members = new Set();
  /** @type {string[]} */
  quorum = [];

  /** @param {string[]} words */
  line([kind, ...words]) {
    if (!['log', 'witness', 'group', 'quorum'].includes(kind)) throw new Wrong(`'${kind}' is none of log, witness, group and quorum.`);
    this[kind === 'quorum' ? 'asks' : kind](words);
  }

  done() {
    if (this.quorum.length !== 1) throw new Wrong('A policy has exactly one quorum line; `quorum none` asks for no witness.');
    return { ...this.trust, quorum: this.quorum[0] === 'none' ? null : this.quorum[0] };
  }

  /** @param {string[]} words */
  log(words) {
    if (words.length < 1 || words.length > 2) throw new Wrong('a log line is `log <vkey> [<url>]`.');
    this.trust.logs.push(this.key(words[0], ED25519, this.trust.logs));
  }

  /** @param {string[]} words */
  witness(words) {
    if (words.length < 2 || words.length > 3) throw new Wrong('a witness line is `witness <name> <vkey> [<url>]`.');
    this.fresh(words[0]);
    this.trust.witnesses.set(words[0], this.key(words[1], COSIGNATURE_V1, [...this.trust.witnesses.values()]));
  }

  /** @param {string[]} words */
  group([name, count, ...members]) {
    const threshold = count === 'any' ? 1n : count === 'all' ? BigInt(members.length) : decimal(count ?? '');
    if (!members.length || !threshold || threshold > members.length) throw new Wrong('a group line is `group <name> all|any|<number> <member>…`.');
    this.fresh(name);
    for (const member of members) {
      this.defined(member);
      if (this.members.has(member)) throw new Wrong(`${member} is a member already; each may count only once.`);
      this.members.add(member);
    }
    this.trust.groups.set(name, { threshold, members });
  }

  /** @param {string[]} words */
  asks(words) {
    if (words.length !== 1) throw new Wrong('a quorum line is `quorum <name>` or `quorum none`.');
    if (words[0] !== 'none') this.defined(words[0]);
    this.quorum.push(words[0]);
  }

  /** @param {string} vkey @param {number} algorithm @param {Key[]} known */
  key(vkey, algorithm, known) {
    const key = parseKey(vkey), code = (/** @type {number} */ n) => `0x${n.toString(16).padStart(2, '0')}`;
    if (key.algorithm !== algorithm) throw new Wrong(`the key of ${key.name} has type ${code(key.algorithm)}, not ${code(algorithm)}.`);
    if (known.some(other => same(other.public, key.public))) throw new Wrong(`the key of ${key.name} is listed twice.`);
    return key;
  }

  /** @param {string} name */
  fresh(name) {
    if (name === 'none' || this.trust.witnesses.has(name) || this.trust.groups.has(name)) throw new Wrong(`the name ${name} is taken.`);
  }

  /** @param {string} name */
  defined(name) {
    if (!this.trust.witnesses.has(name) && !this.trust.groups.has(name)) throw new Wrong(`${name} is not defined on a line before.`);
  }
}
