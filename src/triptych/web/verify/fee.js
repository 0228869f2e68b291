// @ts-check
/** Whether the fee that a receipt states is what the policy declares, on each call that was billed. Like triptych.network.check_fee. */
import { isObject, isWhole } from './json.js';
import { counted, line, usd } from './line.js';

/** @typedef {{ per_mille: number, per_request_micro_usd: number }} Fees */

/** The fee of one call: rounded down, none of what costs nothing. Exact, however large. @param {Fees} fees @param {number} amount */
const on = (fees, amount) => amount === 0 ? 0n : BigInt(amount) * BigInt(fees.per_mille) / 1000n + BigInt(fees.per_request_micro_usd);

/** @param {(number | bigint | null | undefined)[]} amounts */
const total = amounts => amounts.reduce((/** @type {bigint} */ sum, one) => sum + BigInt(one ?? 0), 0n);

/** What an attempt was charged for certain, or null. @param {Record<string, any>} one @returns {number | null} */
const charge = one => one.billed === 'yes' ? one.cost?.amount_micro_usd ?? null : null;

/** @param {Record<string, any>} one */
const paid = one => (one.billed ?? 'no') !== 'no';

/** A value, or what stands for one that is not there; null is there. @param {unknown} value @param {unknown} none */
const given = (value, none) => value === undefined ? none : value;

/** @param {unknown} value */
const counts = value => isWhole(value) && value >= 0;

/** @param {unknown} cost */
const readable = cost => cost == null || (isObject(cost) && (cost.amount_micro_usd == null || counts(cost.amount_micro_usd)));

/** @param {Record<string, any>} payload @param {unknown[]} attempts */
const fits = (payload, attempts) => counts(payload.fee_micro_usd) && readable(payload.cost) && (payload.attempts_in_all == null || isWhole(payload.attempts_in_all))
  && attempts.every(one => isObject(one) && typeof given(one.billed, '') === 'string' && readable(one.cost) && counts(given(one.fee_micro_usd, 0)));

/** The stated fee against the `fees` of the policy. Where nobody knows what a call was charged its fee follows the estimate, and only
 * what is too little for the others is FALSE. @param {Record<string, any>} payload @param {Fees} fees */
export function feeLine(payload, fees) {
  /** @type {Record<string, any>[]} */
  const attempts = payload.attempts ?? [], none = fees.per_mille === 0 && fees.per_request_micro_usd === 0;
  if (!fits(payload, attempts)) return line('fee', 'not checked', 'The fees of the policy, or what they are on, cannot be read.');
  const fee = BigInt(payload.fee_micro_usd);
  const hidden = Math.max(0, (payload.attempts_in_all ?? 0) - attempts.length), charges = attempts.filter(paid).map(charge);
  if (charges.length === 1 && charges[0] === null && !hidden && payload.billed === 'yes') charges[0] = payload.cost?.amount_micro_usd ?? null;
  const known = total(charges.map(one => one === null ? 0n : on(fees, one))), unsure = hidden + charges.filter(one => one === null).length;
  if (none || !unsure ? fee !== known : fee < known) return line('fee', 'FALSE', `${usd(fee)} is stated; the policy declares ${usd(known)}${none || !unsure ? '' : ' on what was billed for certain'}.`);
  const wrong = none ? '' : apart(payload, attempts, fees, charges, hidden, unsure);
  if (wrong) return line('fee', 'FALSE', `${usd(fee)} is stated; ${wrong}.`);
  if (!none && unsure) return line('fee', 'not checked', `${usd(fee)} is stated; the policy declares ${usd(known)} of it on what was billed for certain. What ${counted(unsure, 'call')} cost is not said here, and a fee on a bill nobody knows follows the estimate.`);
  return line('fee', 'proved', `${usd(fee)} is the fee that the policy declares.`);
}

/** What the attempts say otherwise than the whole; empty when they agree.
 * @param {Record<string, any>} payload @param {Record<string, any>[]} attempts @param {Fees} fees @param {(number | null)[]} charges @param {number} hidden @param {number} unsure */
function apart(payload, attempts, fees, charges, hidden, unsure) {
  for (const [at, one] of attempts.entries()) {
    const cost = charge(one), right = paid(one) ? cost === null ? null : on(fees, cost) : 0n, said = BigInt(one.fee_micro_usd ?? 0);
    if (right !== null && said !== right) return `the attempt listed as number ${at + 1} says ${usd(said)}, and the policy declares ${usd(right)}`;
  }
  if (!hidden && total(attempts.map(one => one.fee_micro_usd)) !== BigInt(payload.fee_micro_usd)) return 'its attempts add up to another fee';
  const stated = payload.cost?.amount_micro_usd ?? null;
  if (!unsure && stated !== null && total(charges) !== BigInt(stated)) return `the charges that it is on do not add up to the cost of ${usd(stated)}`;
  return '';
}
