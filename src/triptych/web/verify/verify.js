// @ts-check
/** Checks a receipt, line by line: what is proved, what was not checked, and what is FALSE. In the words of `triptych verify`
 * (triptych.network.verify), with nothing but what is given: no network, no page; it runs in a worker and in Node as well. */
import { askedLine, requestLine } from './asked.js';
import { Wrong, bytes, decodeUrl64, digest, same, utf8 } from './bytes.js';
import { imageLines } from './images.js';
import { isObject, parse } from './json.js';
import { line, words } from './line.js';
import { ED25519, keyOf, parseKey, parseTrust } from './note.js';
import { readPolicy } from './policy.js';
import { originOf, verifyProof } from './proof.js';
import { kidOf, readReceipt } from './receipt.js';
import { redecide } from './rerun.js';
import { Unable } from './signature.js';
import { wayLine } from './way.js';

/** @typedef {import('./bytes.js').Given} Given */
/** @typedef {import('./receipt.js').Receipt} Receipt */
/** @typedef {import('./line.js').Line} Line */
/** Everything that was brought: the receipt; pictures by the name of their file; public keys that are trusted (a JWK, a JWK set, or
 * verifier keys, one a line) and the trust policy of the log, both as text; the proof of the log; the routing policy and the snapshot
 * to the byte; what its owner has to open the request; what its owner gave for the draw, and what is mixed from it for each tile.
 * @typedef {{ receipt: Given, images?: Record<string, Given>, keys?: Given | null, proof?: Given | null, trust?: Given | null,
 *   policy?: Given | null, snapshot?: Given | null, opening?: Given | null, nonces?: string[] }} Evidence */
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
  const { payload, kid, text, proved } = receipt, decided = decisionLines(payload, evidence);
  const lines = [
    line('signature', 'proved', `Every byte is as it was signed by the key ${kid}.`),
    signer(receipt, [...keys, ...(trust?.logs ?? []).map(key => key.public)]),
    ...imageLines(payload, evidence.images ?? {}),
    ...await logLines(receipt, evidence.proof, trust),
    ...decided.lines,
    wayLine(payload, evidence.policy ?? null, evidence.snapshot ?? null),
    askedLine(payload),
    price(payload),
    fee(payload, evidence.policy ?? null),
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
    line('log', 'proved', `It is entry ${index} of ${size} ${whose}: ${origin}.`),
    cosigned.length ? line('witnesses', 'proved', `The checkpoint is cosigned by ${cosigned.map(key => key.name).join(', ')}.`)
      : line('witnesses', 'not checked', 'No witness that you trust has cosigned: others might be shown another log.'),
  ];
}

/** @param {Record<string, any>} payload @param {Evidence} evidence @returns {{ lines: Line[], again: import('./rerun.js').Again | null }} */
function decisionLines(payload, { policy = null, snapshot = null, nonces = [] }) {
  const stated = payload.decision ?? null, files = Object.entries({ policy, snapshot });
  if (!stated || !Object.keys(stated).length) {
    const none = files.filter(([, data]) => data !== null).map(([what]) => line(what, 'FALSE', 'The receipt names none.'));
    return { lines: [line('decision', 'not checked', 'Nothing was decided: it ended before.'), ...none], again: null };
  }
  const before = [...files.map(([what, data]) => named(what, stated[`${what}_id`], data)),
    line('policy in force', 'not checked', 'Give the log with --log to see which policy was the active one then.')];
  const after = [...dice(stated, nonces), line('outcomes', 'not checked', 'Give the snapshot and the log to count again what the snapshot says of each endpoint.'),
    line('candidates', 'not checked', "Give the snapshot, and the catalogue that the policy names, to compute each endpoint's lane, data policy, limits and price again.")];
  if (policy === null || snapshot === null)
    return { lines: [...before, line('decision', 'not checked', 'Give the policy and the snapshot to compute the decision again.'), ...after], again: null };
  const { differences, again } = redecide(stated, policy, snapshot);
  const others = (stated.candidates ?? []).filter(one => one.endpoint !== stated.picked).length + (stated.other_models ?? 0) + (stated.not_listed ?? 0);
  const said = differences.length ? line('decision', 'FALSE', `Computed again it is another: ${differences.join('; ')}.`)
    : line('decision', 'proved', `Computed again it is the same: ${stated.picked || 'nobody'} is first, and each of the ${others} others is behind or left out for the reason given. ${OWN_WORD}${THROWN[stated.nonce_from] ?? ''}`);
  return { lines: [...before, said, ...after], again };
}

/** Whether the draw was made with what the caller gave. @param {Record<string, any>} stated @param {string[]} nonces */
function dice(stated, nonces) {
  if (!nonces.length) return [];
  if (!nonces.includes(stated.nonce)) return [line('dice', 'FALSE', `The draw was made with ${stated.nonce}, which is not what you gave.`)];
  return [line('dice', 'proved', 'The draw was made with what you gave.')];
}

/** @param {string} what @param {string | undefined} stated @param {Given | null} data */
function named(what, stated, data) {
  if (!stated) return line(what, data === null ? 'not checked' : 'FALSE', `The receipt names no ${what}.`);
  if (data === null) return line(what, 'not checked', `The receipt names the ${what} ${stated}; it was not given.`);
  const hash = digest(data);
  if (hash === stated) return line(what, 'proved', `It is the ${what} that the receipt names.`);
  return line(what, 'FALSE', `Its SHA-256 is ${hash}; the receipt names ${stated}.`);
}

/** The price is computed again by `triptych verify`, which has the catalogue's rules. @param {Record<string, any>} payload */
function price(payload) {
  const amount = payload.cost?.amount_micro_usd ?? null, known = amount === null ? 'nothing is known of the cost' : `the cost is ${amount} micro-dollars`;
  if (amount && (payload.billed === 'no' || payload.cost.source === 'free'))
    return line('price', 'FALSE', `It says that ${payload.billed === 'no' ? 'nothing was billed' : 'it was free'}, and that it cost ${amount} micro-dollars.`);
  return line('price', 'not checked', `As stated: billed ${payload.billed}, ${known}. Give the policy and its catalogue to compute the price again.`);
}

/** @param {Record<string, any>} payload @param {Given | null} policy */
function fee(payload, policy) {
  const stated = payload.fee_micro_usd;
  if (policy === null || digest(policy) !== payload.decision?.policy_id) return line('fee', 'not checked', `As stated: ${stated} micro-dollars. Give the policy, which declares the fee.`);
  let fees;
  try {
    ({ fees } = readPolicy(policy));
  } catch (error) {
    words(error);
    return line('fee', 'not checked', 'The fees of the policy cannot be read.');
  }
  const declared = Math.floor((payload.cost?.amount_micro_usd ?? 0) * fees.per_mille / 1000) + fees.per_request_micro_usd;
  if (stated === declared) return line('fee', 'proved', `${stated} micro-dollars is the fee that the policy declares.`);
  return line('fee', 'FALSE', `${stated} micro-dollars is stated; the policy declares ${declared}.`);
}
