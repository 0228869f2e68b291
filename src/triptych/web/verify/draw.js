// @ts-check
/** Draws that anybody can repeat; docs/reference/policy.md has them to the bit. Like triptych.router.draw. */
import { sha256 } from './bytes.js';

const FRACTION_BITS = 32, HASH_BITS = 64n, SHIFT = 64n, WORDS = 12, WORD = 0xffff;
const FULL_WEIGHT = 1n << 40n;

/** Division rounded down, also below zero. @param {bigint} a @param {bigint} b greater than 0 */
export const floorDiv = (a, b) => (a - ((a % b) + b) % b) / b;

/** x: a whole number below 2^64. @param {string} policyId @param {string} nonce @param {string} endpoint */
export function chance(policyId, nonce, endpoint) {
  const hash = sha256(`triptych-draw/1\n${policyId}\n${nonce}\n${endpoint}`);
  return new DataView(hash.buffer).getBigUint64(0);
}

/** z: a normal deviate in thousandths, from -6000 to 6000. @param {string} policyId @param {string} nonce @param {string} endpoint */
export function deviate(policyId, nonce, endpoint) {
  const spread = new DataView(sha256(`triptych-taste/1\n${policyId}\n${nonce}\n${endpoint}`).buffer);
  let total = 0;
  for (let at = 0; at < 2 * WORDS; at += 2) total += spread.getUint16(at);
  return floorDiv(BigInt(total - WORDS / 2 * WORD) * 1000n, BigInt(WORD));
}

/** log2 of 1..2^64, times 2^32, rounded down. @param {bigint} value */
export function log2Fixed(value) {
  const whole = BigInt(value.toString(2).length - 1);
  let rest = whole < HASH_BITS ? value << HASH_BITS - 1n - whole : value >> 1n, result = whole;
  for (let bit = 0; bit < FRACTION_BITS; bit++) {
    rest = rest * rest >> HASH_BITS - 1n;
    result <<= 1n;
    if (rest >> HASH_BITS) {
      result |= 1n;
      rest >>= 1n;
    }
  }
  return result;
}

/** The time at which an endpoint comes in; the earliest is first. @param {bigint} draw @param {bigint} weight at least 1 */
export const race = (draw, weight) => ((HASH_BITS << BigInt(FRACTION_BITS)) - log2Fixed(draw + 1n) << SHIFT) / weight;

/** The weight in a draw: full for the fewest points. @param {bigint} points @param {bigint} least @param {number} power */
export function drawWeight(points, least, power) {
  const weight = FULL_WEIGHT * (least + 1n) ** BigInt(power) / (points + 1n) ** BigInt(power);
  return weight > 1n ? weight : 1n;
}
