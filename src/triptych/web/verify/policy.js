// @ts-check
/** Policies as JSON: read strictly, named by the hash of their canonical form. Like triptych.router.bundle. */
import { Wrong, bytes } from './bytes.js';
import { FIELDS, OPS } from './filters.js';
import { idOf, isObject, isWhole, parse } from './json.js';

const FORMAT = 'triptych-policy/1';
const MAX_BYTES = 64 << 10, MAX_DEPTH = 8, MAX_PARTS = 64, MOST_TASTE = 10 ** 5, MOST_ASSUMED = 10 ** 10;
const STRATEGIES = ['best', 'draw', 'two_choices', 'thompson'];
const TIES = ['price', 'latency', 'load', 'nonce'];
const LATER = [['weights', 'taste', 0], ['assumed', 'taste_sd', 1000]];

/** @typedef {(value: any, path: string) => any} Reader */

/** @param {string} path @param {any} value @param {string} takes @returns {never} */
function wrong(path, value, takes) {
  throw new Wrong(`In the policy, ${path} is ${String(JSON.stringify(value)).slice(0, 120)}; it takes ${takes}.`);
}

/** @param {number} low @param {number} [high] @returns {Reader} */
const whole = (low, high = Number.MAX_SAFE_INTEGER) => (value, path) =>
  isWhole(value) && low <= value && value <= high ? value : wrong(path, value, low === high ? String(low) : `a whole number from ${low} to ${high}`);
/** @param {Reader} read @returns {Reader} */
const optional = read => (value, path) => value === null ? null : read(value, path);
/** @type {Reader} */
const flag = (value, path) => typeof value === 'boolean' ? value : wrong(path, value, 'true or false');
/** @param {number} low @param {number} high @returns {Reader} */
const text = (low, high) => (value, path) => {
  const length = typeof value === 'string' ? Array.from(value).length : -1;
  return low <= length && length <= high ? value : wrong(path, value, `a text of ${low} to ${high} characters`);
};
/** @param {string[]} allowed @returns {Reader} */
const word = allowed => (value, path) => allowed.includes(value) ? value : wrong(path, value, allowed.join(' or '));
/** @type {Reader} */
const hash = (value, path) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value : wrong(path, value, 'a SHA-256 in lower-case hex, or null');

/** @param {any} value @param {string} path @param {string[]} names @param {string[]} [needed] */
function object(value, path, names, needed = []) {
  if (!isObject(value)) wrong(path, value, 'an object');
  const at = (/** @type {string} */ name) => path === 'policy' ? name : `${path}.${name}`;
  for (const name of Object.keys(value)) if (!names.includes(name)) throw new Wrong(`In the policy, ${at(name)} is not known; there is ${names.join(', ')}.`);
  for (const name of needed) if (!Object.hasOwn(value, name)) throw new Wrong(`In the policy, ${at(name)} is missing.`);
  return value;
}

/** An object whose fields have readers and defaults. @param {Record<string, [Reader, any]>} fields @returns {Reader} */
const record = fields => (value, path) => {
  const given = object(value, path, Object.keys(fields));
  return Object.fromEntries(Object.entries(fields).map(([name, [read, missing]]) => [name, Object.hasOwn(given, name) ? read(given[name], `${path}.${name}`) : missing]));
};

/** @type {Reader} */
function ties(value, path) {
  if (!Array.isArray(value) || !value.length || new Set(value.map(String)).size < value.length) wrong(path, value, `a list of ${TIES.join(', ')}, each once`);
  const read = value.map((item, i) => word(TIES)(item, `${path}[${i}]`)), last = read[read.length - 1];
  return last === 'nonce' ? read : wrong(`${path}[${read.length - 1}]`, last, 'nonce: the last tie-break is the draw, so that nobody is favoured');
}

/** @param {any} value @param {string} path @param {number} [depth] @returns {any} */
function filter(value, path, depth = 1) {
  if (depth > MAX_DEPTH) throw new Wrong(`In the policy, ${path} is nested more than ${MAX_DEPTH} deep.`);
  if (!isObject(value) || ['all', 'any', 'not', 'field'].filter(name => Object.hasOwn(value, name)).length !== 1)
    wrong(path, value, 'an object with one of all, any, not, or with field, op and value');
  if (Object.hasOwn(value, 'field')) return condition(value, path);
  const [[name, inner], ...more] = Object.entries(value);
  if (more.length) wrong(path, value, `${name} alone`);
  if (name === 'not') return { not: filter(inner, `${path}.not`, depth + 1) };
  if (!Array.isArray(inner) || inner.length > MAX_PARTS || (name === 'any' && !inner.length))
    wrong(`${path}.${name}`, inner, `a list of ${name === 'any' ? 1 : 0} to ${MAX_PARTS} filters`);
  return { [name]: inner.map((part, i) => filter(part, `${path}.${name}[${i}]`, depth + 1)) };
}

/** @param {any} value @param {string} path */
function condition(value, path) {
  const given = object(value, path, ['field', 'op', 'value'], ['field', 'op', 'value']);
  const name = word([...FIELDS.keys()])(given.field, `${path}.field`), field = /** @type {import('./filters.js').Field} */ (FIELDS.get(name));
  const op = word(OPS[field.kind])(given.op, `${path}.op`);
  return { field: name, op, value: operand(field, op, given.value, `${path}.value`) };
}

/** @param {import('./filters.js').Field} field @param {string} op @param {any} value @param {string} path */
function operand(field, op, value, path) {
  if (op === 'known') return flag(value, path);
  const read = { number: whole(0), flag, word: field.words ? word(field.words) : text(1, 200) }[field.kind];
  if (op !== 'in' && op !== 'not_in') return read(value, path);
  if (!Array.isArray(value) || !value.length || value.length > MAX_PARTS) wrong(path, value, `a list of 1 to ${MAX_PARTS} values`);
  return value.map((item, i) => read(item, `${path}[${i}]`));
}

const WEIGHTS = { price: 10 ** 4, latency: 10 ** 4, failure: 10 ** 9, load: 10 ** 9, lane: 10 ** 12, taste: 10 ** 9 };
const weights = record(Object.fromEntries(Object.entries(WEIGHTS).map(([name, most]) => [name, [whole(0, most), 0]])));
const assumed = record({
  price_micro_usd: [optional(whole(0, MOST_ASSUMED)), null], latency_ms: [optional(whole(0, MOST_ASSUMED)), null],
  success_per_mille: [whole(0, 1000), 1000], taste_sd: [whole(0, MOST_TASTE), 1000],
});
const fallback = record({ same_model: [flag, true], other_models: [flag, true] });
const retry = record({ max_attempts: [whole(1, 10), 3], wait_limit_s: [whole(0, 3600), 60] });
const hedge = optional(record({ after: [word(['p95']), 'p95'], most: [whole(1, 1), 1], extra_micro_usd: [whole(0, MOST_ASSUMED), 0] }));
const fees = record({ per_mille: [whole(0, 1000), 0], per_request_micro_usd: [whole(0, 1e6), 0] });

/** @type {Record<string, [Reader, any]>} */
const POLICY = {
  name: [text(1, 64), ''], summary: [text(0, 500), ''], filters: [filter, { all: [] }], strategy: [word(STRATEGIES), 'best'],
  draw_power: [whole(1, 4), 1], weights: [weights, weights({}, '')], assumed: [assumed, assumed({}, '')], tie_break: [ties, ['nonce']],
  fallback: [fallback, fallback({}, '')], retry: [retry, retry({}, '')], fees: [fees, fees({}, '')], hedge: [hedge, null], catalogue: [optional(hash), null],
};

/** A policy, every field written out, and its id: SHA-256 of its canonical form. Throws Wrong.
 * @param {import('./bytes.js').Given} given @returns {{ id: string } & Record<string, any>} */
export function readPolicy(given) {
  const data = bytes(given);
  if (data.length > MAX_BYTES) throw new Wrong(`The policy has ${data.length} bytes; at most ${MAX_BYTES} are taken.`);
  const raw = object(parse(data), 'policy', ['format', ...Object.keys(POLICY)], ['format', 'name']);
  if (raw.format !== FORMAT) wrong('format', raw.format, `"${FORMAT}"`);
  const policy = Object.fromEntries(Object.entries(POLICY).map(([name, [read, missing]]) => [name, Object.hasOwn(raw, name) ? read(raw[name], name) : missing]));
  if (policy.fallback.other_models && !policy.fallback.same_model) wrong('fallback.other_models', true, 'false when fallback.same_model is false');
  if (policy.weights.taste && policy.strategy !== 'thompson') wrong('weights.taste', policy.weights.taste, '0 unless strategy is thompson, which draws the taste');
  return /** @type {any} */ ({ ...policy, id: idOf(written(policy)) });
}

/** What is hashed: every field written out, but a hedge only when there is one, and those of LATER when they are not as by default. @param {Record<string, any>} policy */
function written(policy) {
  /** @type {Record<string, any>} */
  const plain = { ...policy, format: FORMAT };
  for (const [part, name, missing] of LATER) {
    plain[part] = { ...plain[part] };
    if (plain[part][name] === missing) delete plain[part][name];
  }
  if (plain.hedge === null) delete plain.hedge;
  return plain;
}
