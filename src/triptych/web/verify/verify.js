// @ts-check
/** Checks a receipt, line by line: what is proved, what was not checked, and what is FALSE. In the words of `triptych verify`
 * (triptych.network.verify), with nothing but what is given: no network, no page; it runs in a worker and in Node as well. */
import { askedLine, requestLine } from './asked.js';
import { Wrong, bytes, decodeUrl64, same, utf8 } from './bytes.js';
import { claimsLine } from './claims.js';
import { imageLines } from './images.js';
import { isObject, parse } from './json.js';
import { counted, line, words } from './line.js';
import { files, others } from './named.js';
import { ED25519, keyOf, parseKey, parseTrust } from './note.js';
import { priceLines } from './price.js';
import { originOf, verifyProof } from './proof.js';
import { kidOf, readReceipt } from './receipt.js';
import { redecide } from './rerun.js';
import { Unable } from './signature.js';
import { wayLine } from './way.js';

/** @typedef {import('./bytes.js').Given} Given */
/** @typedef {import('./receipt.js').Receipt} Receipt */
/** @typedef {import('./line.js').Line} Line */
/** @typedef {import('./named.js').Files} Files */
/** Everything that was brought: the receipt; pictures by the name of their file; public keys that are trusted (a JWK, a JWK set, or
 * verifier keys, one a line) and the trust policy of the log, both as text; the proof of the log; the routing policy, the snapshot and
 * the catalogue to the byte; what its owner has to open the request; what its owner gave for the draw, and what is mixed from it for each tile.
 * @typedef {{ receipt: Given, images?: Record<string, Given>, keys?: Given | null, proof?: Given | null, trust?: Given | null,
 *   policy?: Given | null, snapshot?: Given | null, catalogue?: Given | null, opening?: Given | null, nonces?: string[] }} Evidence */
/** `ok`: nothing is FALSE. `receipt` is null when the text is none; `decision` is what came out when it was computed again.
 * @typedef {{ ok: boolean, lines: Line[], receipt: { text: string, payload: Record<string, any>, kid: string } | null,
 *   decision: import('./rerun.js').Again | null }} Report */

/** What no receipt can prove. */
export const UNPROVABLE = [
  'Which model a provider really ran behind its API: the receipt says which one was asked for and who answered.',
  'What a provider does with what it was sent, and what it charges in the end.',
  "That the signer's words about its own doings are true: they are signed, so that they cannot be taken back.",
  "Which endpoints had a key and were switched on, what a model refused in its own words, and the signer's own taste.",
  'That the signer threw its dice only once: give a nonce of your own with the request, and compare it with --nonce.',
];

const OWN_WORD = "Who had a key and was switched on, and what a model refused in its own words, is the signer's word.";
/** @type {Record<string, string>} */
const THROWN = {
  router: ' The signer threw the dice, and could have thrown them again.',
  client: " The dice are said to be the caller's: compare with --nonce.",
};

/** Checks everything that the evidence allows. What is wrong with the evidence is a line; `keys` or `trust` that cannot be read are a
 * mistake of the caller: then it throws Wrong. Where the browser cannot check Ed25519, nothing at all is said to be proved.
 * @param {Evidence} evidence @returns {Promise<Report>} */
export async function verify(evidence) {
  const trust = evidence.trust == null ? null : trustIn(evidence.trust), keys = evidence.keys == null ? [] : keysIn(evidence.keys);
  let receipt;
  try {
    receipt = await readReceipt(evidence.receipt);
  } catch (error) {
    return { ok: false, lines: [line('signature', 'FALSE', words(error))], receipt: null, decision: null };
  }
  const { payload, kid, text, proved } = receipt, known = files(payload, evidence), decided = decisionLines(payload, known, evidence);
  const lines = [
    line('signature', 'proved', `Every byte is as it was signed by the key ${kid}.`),
    signer(receipt, [...keys, ...(trust?.logs ?? []).map(key => key.public)]),
    ...imageLines(payload, evidence.images ?? {}),
    ...await logLines(receipt, evidence.proof, trust),
    ...decided.lines,
    wayLine(payload, known),
    askedLine(payload),
    ...priceLines(payload, evidence.opening ?? null, known),
    requestLine(payload, evidence.opening),
  ];
  return { ok: lines.every(one => one.verdict !== 'FALSE'), lines: proved ? lines : lines.map(unproved), receipt: { text, payload, kid }, decision: decided.again };
}

/** A line of a receipt whose signature this browser could not check. @param {Line} one */
function unproved(one) {
  if (one.verdict !== 'proved') return one;
  return line(one.what, 'not checked', one.what === 'signature' ? 'This browser cannot check Ed25519.' : `${one.detail} But the signature was not checked.`);
}

/** @param {Given} given */
function trustIn(given) {
  const text = utf8(bytes(given));
  if (text === null) throw new Wrong('The trust policy is not UTF-8 text.');
  return parseTrust(text);
}

/** The public keys in a text: a JWK, a JWK set, or verifier keys, one a line. Throws Wrong. @param {Given} given */
export function keysIn(given) {
  const text = utf8(bytes(given)) ?? '';
  let found;
  if (text.trimStart().startsWith('{')) {
    const raw = parse(text), listed = Array.isArray(raw.keys) ? raw.keys : [raw];
    found = listed.map(one => isObject(one) && typeof one.x === 'string' ? decodeUrl64(one.x) : null);
  } else found = text.split(/\s+/).filter(Boolean).map(one => parseKey(one).public);
  if (!found.length || found.some(key => key?.length !== 32)) throw new Wrong('The key file has no Ed25519 key in it.');
  return /** @type {Uint8Array[]} */ (found);
}

/** @param {Receipt} receipt @param {Uint8Array[]} trusted */
function signer(receipt, trusted) {
  if (!trusted.length) return line('signer', 'not checked', `Whose key ${receipt.kid} is: give a key that you trust with --key, or a trust policy that names the log.`);
  if (trusted.some(key => same(key, receipt.public))) return line('signer', 'proved', 'It is a key that you trust.');
  return line('signer', 'FALSE', `It is signed by ${receipt.kid}; you trust ${[...new Set(trusted.map(kidOf))].sort().join(', ')}.`);
}

/** @param {Receipt} receipt @param {Given | null | undefined} given @param {import('./note.js').Trust | null} trust */
async function logLines(receipt, given, trust) {
  if (given == null) return [line('log', 'not checked', 'Whether the log has it: give its proof with --proof, or the log with --log.')];
  const proof = bytes(given);
  let found;
  try {
    // Without a policy: whatever log the receipt's own key signs.
    found = await verifyProof(proof, receipt.text, trust ?? { logs: [keyOf(originOf(proof), ED25519, receipt.public)], witnesses: new Map(), groups: new Map(), quorum: null });
  } catch (error) {
    if (error instanceof Unable) return [line('log', 'not checked', error.message)];
    return [line('log', 'FALSE', words(error))];
  }
  const { index, checkpoint: { size, origin }, cosigned } = found, whose = trust ? 'of a log that you trust' : 'of the log that the same key signs';
  return [
    line('log', 'proved', `It is entry ${index}, counted from 0, ${whose}, ${origin}, which has ${counted(Number(size), 'entry', 'entries')}.`),
    cosigned.length ? line('witnesses', 'proved', `The checkpoint is cosigned by ${cosigned.map(key => key.name).join(', ')}.`)
      : line('witnesses', 'not checked', 'No witness that you trust has cosigned: others might be shown another log.'),
  ];
}

/** @param {Record<string, any>} payload @param {Files} known @param {Evidence} evidence @returns {{ lines: Line[], again: import('./rerun.js').Again | null }} */
function decisionLines(payload, known, { nonces = [], opening = null }) {
  const stated = payload.decision ?? null, { policy, snapshot } = known, named = [policy, snapshot].flatMap(one => one.line ?? []);
  if (!stated || !Object.keys(stated).length) return { lines: [line('decision', 'not checked', 'Nothing was decided: it ended before.'), ...named], again: null };
  const before = [...named, line('policy in force', 'not checked', 'Give the log with --log to see which policy was the active one then.')];
  const after = [...dice(stated, nonces), outcomes(known), claimsLine(payload, opening, known)];
  const unread = (/** @type {string} */ why) => ({ lines: [...before, line('decision', 'not checked', why), ...after], again: null });
  const strange = others(policy, snapshot);
  if (strange) return unread(`It was not computed again: ${strange}.`);
  if (policy.data === null || snapshot.data === null) return unread('Give the policy and the snapshot to compute the decision again.');
  const { differences, again } = redecide(stated, policy.data, snapshot.data);
  const said = differences.length ? line('decision', 'FALSE', `Computed again it is another: ${differences.join('; ')}.`)
    : line('decision', 'proved', `Computed again it is the same: ${stated.picked || 'nobody'} is first, ${behind(stated)}. ${OWN_WORD}${THROWN[stated.nonce_from] ?? ''}`);
  return { lines: [...before, said, ...after], again };
}

/** What became of those who were not picked. @param {Record<string, any>} stated */
function behind({ candidates = [], picked, other_models = 0, not_listed = 0 }) {
  const rest = candidates.filter(one => one.endpoint !== picked).length + other_models + not_listed;
  return rest === 0 ? 'and nobody else took part' : `and ${rest === 1 ? 'the other' : `each of the ${rest} others`} is behind or left out for the reason given`;
}

/** The whole log is read by `triptych verify`. @param {Files} known */
function outcomes({ snapshot }) {
  const strange = others(snapshot);
  return line('outcomes', 'not checked', strange ? `They were not counted again: ${strange}.` : 'Give the snapshot and the log to count again what the snapshot says of each endpoint.');
}

/** Whether the draw was made with what the caller gave. @param {Record<string, any>} stated @param {string[]} nonces */
function dice(stated, nonces) {
  if (!nonces.length) return [];
  if (!nonces.includes(stated.nonce)) return [line('dice', 'FALSE', `The draw was made with ${stated.nonce}, which is not what you gave.`)];
  return [line('dice', 'proved', 'The draw was made with what you gave.')];
}
