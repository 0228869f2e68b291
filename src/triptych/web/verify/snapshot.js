// @ts-check
/** Snapshots and features as a decision takes them: every field there, and of its kind. Like triptych.router.sealed. */
import { Wrong } from './bytes.js';
import { BREAKERS, LANES, OPERATIONS } from './filters.js';
import { isWhole, parse } from './json.js';
import { flag, list, orNull, reader, text, word } from './kinds.js';
/** @import { Fields } from './kinds.js' */

const FORMAT = 'triptych-snapshot/1';
export const REASONS = [
  'picked', 'ranked_lower', 'other_model', 'no_key', 'disabled', 'operation_unsupported', 'mask_unsupported', 'too_many_inputs',
  'size_unsupported', 'lane_floor', 'no_community', 'price_cap', 'unhealthy', 'retired', 'request_unsupported', 'price_unknown', 'policy_filter',
  'data_training', 'data_retention', 'data_region', 'probation',
];

/** @type {Fields} */
const ENDPOINT = {
  endpoint: [text], family: [text], lane: [word(LANES)], ready: [flag], enabled: [flag, true], is_ai: [flag, true],
  supports: [list(word(REASONS)), []], price_micro_usd: [orNull(isWhole), null], latency_ms: [orNull(isWhole), null],
  latency_from: [orNull(word(['here', 'endpoint', 'card'])), null], p95_ms: [orNull(isWhole), null], peak_ms: [orNull(isWhole), null],
  success_per_mille: [orNull(isWhole), null], in_flight: [isWhole, 0], breaker: [word(BREAKERS), 'closed'], open_until_ms: [orNull(isWhole), null],
  training: [orNull(word(['no', 'yes'])), null], retention_days: [orNull(isWhole), null], region: [orNull(text), null],
  taste: [orNull(isWhole), null], taste_sd: [orNull(isWhole), null], newcomer: [orNull(isWhole), null],
};

/** @type {Fields} */
const FEATURES = {
  model: [text], operation: [word(OPERATIONS)], n: [isWhole, 1], megapixels_x100: [isWhole, 100], quality: [text, 'auto'], input_images: [isWhole, 0],
  mask: [flag, false], lane_floor: [orNull(word(LANES)), null], max_price_micro_usd: [orNull(isWhole), null], other_models: [flag, false],
  no_training: [flag, false], max_retention_days: [orNull(isWhole), null], regions: [list(text), []], no_community: [flag, false],
};

/** @type {Fields} */
const CANDIDATE = {
  endpoint: [text], rank: [isWhole], reason: [word(REASONS)], price_micro_usd: [orNull(isWhole), null], latency_ms: [orNull(isWhole), null],
  points: [orNull(isWhole), null], detail: [orNull(text), null], taste: [orNull(isWhole), null],
};

/** @type {Fields} */
const SNAPSHOT = {
  format: [word([FORMAT])], taken_ms: [isWhole], endpoints: [Array.isArray], operation: [orNull(word(OPERATIONS)), null], share: [text, ''],
  epoch: [text, ''], events: [isWhole, 0],
};

const readBody = reader(SNAPSHOT, 'the snapshot');
export const readEndpoint = reader(ENDPOINT, 'an endpoint');
export const readFeatures = reader(FEATURES, 'the features');
export const readCandidate = reader(CANDIDATE, 'a candidate');

/** A snapshot, every field written out. Throws Wrong.
 * @param {import('./bytes.js').Given} given @returns {{ taken_ms: number, endpoints: any[] } & Record<string, any>} */
export function readSnapshot(given) {
  const raw = parse(given), snapshot = readBody(raw), strange = Object.keys(raw).find(name => !Object.hasOwn(SNAPSHOT, name));
  if (strange !== undefined) throw new Wrong(`This is not a snapshot: ${strange} is not known.`);
  return /** @type {any} */ ({ ...snapshot, endpoints: snapshot.endpoints.map(readEndpoint) });
}
