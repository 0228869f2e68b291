// @ts-check
/** Filters as data: which fields there are, and whether a filter holds. Like triptych.router.filters. */

export const LANES = ['local', 'pinned', 'attested', 'community', 'commercial'];
export const TASKS = ['upscale', 'remove_background'];
export const OPERATIONS = ['generate', 'edit', ...TASKS];
export const BREAKERS = ['closed', 'open', 'half_open'];

const EQUAL = ['eq', 'ne', 'in', 'not_in', 'known'];
/** @type {Record<string, string[]>} */
export const OPS = { number: [...EQUAL, 'lt', 'le', 'gt', 'ge'], word: EQUAL, flag: ['eq', 'ne'] };

/** @typedef {{ kind: 'number' | 'word' | 'flag', see: (e: any, f: any) => any, words?: string[] }} Field */

/** @param {Field['kind']} kind @param {string} name @param {string[]} [words] @returns {Field} */
const ofEndpoint = (kind, name, words) => ({ kind, see: e => e[name], words });
/** @param {Field['kind']} kind @param {string} name @param {string[]} [words] @returns {Field} */
const ofRequest = (kind, name, words) => ({ kind, see: (_, f) => f[name], words });

/** @type {Map<string, Field>} */
export const FIELDS = new Map([
  ['endpoint', ofEndpoint('word', 'endpoint')],
  ['provider', { kind: 'word', see: e => e.endpoint.split('/', 1)[0] }],
  ['family', ofEndpoint('word', 'family')],
  ['lane', ofEndpoint('word', 'lane', LANES)],
  ['is_ai', ofEndpoint('flag', 'is_ai')],
  ['price_micro_usd', ofEndpoint('number', 'price_micro_usd')],
  ['latency_ms', ofEndpoint('number', 'latency_ms')],
  ['p95_ms', ofEndpoint('number', 'p95_ms')],
  ['success_per_mille', ofEndpoint('number', 'success_per_mille')],
  ['in_flight', ofEndpoint('number', 'in_flight')],
  ['breaker', ofEndpoint('word', 'breaker', BREAKERS)],
  ['training', ofEndpoint('word', 'training', ['no', 'yes'])],
  ['retention_days', ofEndpoint('number', 'retention_days')],
  ['region', ofEndpoint('word', 'region')],
  ['operation', ofRequest('word', 'operation', OPERATIONS)],
  ['n', ofRequest('number', 'n')],
  ['megapixels_x100', ofRequest('number', 'megapixels_x100')],
  ['quality', ofRequest('word', 'quality')],
  ['input_images', ofRequest('number', 'input_images')],
  ['mask', ofRequest('flag', 'mask')],
]);

/** @type {Record<string, (seen: any, value: any) => boolean>} */
const COMPARE = {
  eq: (seen, value) => seen === value,
  ne: (seen, value) => seen !== value,
  lt: (seen, value) => seen < value,
  le: (seen, value) => seen <= value,
  gt: (seen, value) => seen > value,
  ge: (seen, value) => seen >= value,
  in: (seen, value) => value.includes(seen),
  not_in: (seen, value) => !value.includes(seen),
};

/** Whether an endpoint passes a filter for a request. @param {any} rule @param {any} state @param {any} features @returns {boolean} */
export function holds(rule, state, features) {
  if (rule.all) return rule.all.every(part => holds(part, state, features));
  if (rule.any) return rule.any.some(part => holds(part, state, features));
  if (rule.not) return !holds(rule.not, state, features);
  const seen = /** @type {Field} */ (FIELDS.get(rule.field)).see(state, features);
  if (rule.op === 'known') return (seen !== null) === rule.value;
  return seen !== null && COMPARE[rule.op](seen, rule.value);
}

/** The path to the first part of a filter that an endpoint does not pass, or null.
 * @param {any} rule @param {any} state @param {any} features @param {string} [path] @returns {string | null} */
export function failing(rule, state, features, path = 'filters') {
  if (!rule.all) return holds(rule, state, features) ? null : path;
  for (const [i, part] of rule.all.entries()) {
    const found = failing(part, state, features, `${path}.all[${i}]`);
    if (found !== null) return found;
  }
  return null;
}
