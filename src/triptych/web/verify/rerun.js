// @ts-check
/** Runs a decision again from nothing but the policy, the snapshot, the features and the nonce, and says what is not as it was
 * stated. Like triptych.router.rerun, and like what `triptych verify` does with a receipt. */
import { Wrong, digest } from './bytes.js';
import { decide, order } from './decide.js';
import { counted, utc } from './line.js';
import { readPolicy } from './policy.js';
import { readCandidate, readFeatures, readSnapshot } from './snapshot.js';

/** @typedef {import('./decide.js').Candidate} Candidate */
/** @typedef {import('./bytes.js').Given} Given */
/** @typedef {{ candidates: Candidate[], order: string[], policy: string, policy_id: string, taken_ms: number }} Again */

/** The decision for these four things. Throws Wrong. @param {Given} policy @param {Given} snapshot @param {any} features @param {string} nonce @returns {Again} */
export function decideAgain(policy, snapshot, features, nonce) {
  const rules = readPolicy(policy), seen = readSnapshot(snapshot);
  const candidates = decide(rules, seen, readFeatures(features), nonce);
  return { candidates, order: order(candidates), policy: rules.name, policy_id: rules.id, taken_ms: seen.taken_ms };
}

/** @param {Candidate} one @param {Candidate | undefined} two */
const equal = (one, two) => two !== undefined && Object.keys(one).every(name => one[name] === two[name]);

/** @param {Candidate[]} candidates */
const byName = candidates => new Map(candidates.map(one => [one.endpoint, one]));

/** Decides a stored decision again (as `GET /v1/router/decisions/{id}` gives it) from the bytes that were published; in words what
 * differs. Throws Wrong for bytes that are no policy or no snapshot.
 * @param {any} stored @param {Given} policy @param {Given} snapshot @returns {Again & { differences: string[] }} */
export function rerun(stored, policy, snapshot) {
  const differences = [], policyHash = digest(policy), snapshotHash = digest(snapshot);
  if (policyHash !== stored.policy_id) differences.push(`the policy has the hash ${policyHash}, the decision names ${stored.policy_id}`);
  if (snapshotHash !== stored.snapshot_id) differences.push(`the snapshot has the hash ${snapshotHash}, the decision names ${stored.snapshot_id}`);
  const again = decideAgain(policy, snapshot, stored.features, stored.nonce), listed = stored.candidates.map(readCandidate);
  const before = order(listed).join(', '), now = again.order.join(', ');
  if (before !== now) differences.push(`the order is ${now}, stored is ${before}`);
  if (again.policy_id !== stored.policy_id && !differences.length) differences.push('the policy was not published in its canonical form');
  const then = byName(listed);
  for (const one of again.candidates) {
    if (!equal(one, then.get(one.endpoint))) differences.push(`${one.endpoint} is not as stored: now ${one.reason}`);
    then.delete(one.endpoint);
  }
  for (const name of then.keys()) differences.push(`${name} is not in the snapshot`);
  return { ...again, differences };
}

/** Computes the decision of a receipt again: in words what is not as stated, and the decision if it could be computed.
 * @param {any} stated @param {Given} policy @param {Given} snapshot @returns {{ differences: string[], again: Again | null }} */
export function redecide(stated, policy, snapshot) {
  let again, listed;
  try {
    listed = (Array.isArray(stated.candidates) ? stated.candidates : []).map(readCandidate);
    again = decideAgain(policy, snapshot, stated.features, String(stated.nonce));
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return { differences: [`it cannot be computed: ${error.message}`], again: null };
  }
  const differences = [];
  if (again.taken_ms !== stated.taken_ms) differences.push(`the snapshot is of ${utc(again.taken_ms)}, and it was decided on ${typeof stated.taken_ms === 'number' ? utc(stated.taken_ms) : 'no date'}`);
  if (again.policy !== stated.policy) differences.push(`the policy is ${again.policy} and not ${stated.policy}`);
  const picked = again.order[0] ?? null, now = byName(again.candidates);
  if (picked !== (stated.picked ?? null)) differences.push(`${picked ?? 'nobody'} is first and not ${stated.picked ?? 'nobody'}`);
  for (const one of listed) {
    if (!equal(one, now.get(one.endpoint))) differences.push(`${one.endpoint} is not as stated`);
    now.delete(one.endpoint);
  }
  const others = [...now.values()].filter(one => one.reason === 'other_model').length;
  if (others !== stated.other_models || now.size - others !== stated.not_listed) differences.push(`${counted(now.size, 'endpoint')} took part that the receipt does not count so`);
  return { differences, again };
}
