// @ts-check
/** The decision: a pure function of policy, snapshot, features and nonce. The rules are told in docs/concepts/routing.md, and
 * this is their second writing: triptych.router.decide is the first, and golden vectors hold both.
 *
 * Points are big integers on the way, because a product may pass 2^53; a whole sum never does. */
import { byCodePoint } from './bytes.js';
import { chance, deviate, drawWeight, floorDiv, race } from './draw.js';
import { LANES, failing } from './filters.js';

const AUTO = 'auto';

/** An endpoint that can be picked. `group` comes before points, `draw` is its number in every draw of this nonce.
 * @typedef {{ state: any, group: number[], points: bigint, draw: bigint, taste: bigint | null }} Runner */
/** @typedef {{ endpoint: string, rank: number, reason: string, price_micro_usd: number | null, latency_ms: number | null, points: number | null, detail: string | null, taste: number | null }} Candidate */

/** Orders all endpoints of the snapshot: each of them is in the answer once, with the reason for its place.
 * @param {any} policy from readPolicy @param {any} snapshot from readSnapshot @param {any} features from readFeatures @param {string} nonce
 * @returns {Candidate[]} */
export function decide(policy, snapshot, features, nonce) {
  const pinned = snapshot.endpoints.find(e => e.endpoint === features.model)?.family ?? null;
  const others = features.other_models && policy.fallback.other_models;
  /** @type {Candidate[]} */
  const out = [];
  /** @type {Runner[]} */
  const able = [];
  const letIn = chance(policy.id, nonce, 'newcomers') < 2n ** 64n / 20n;
  for (const state of snapshot.endpoints) {
    const far = distance(features.model, state, pinned);
    const refused = far > 0 && !others ? ['other_model'] : refusal(policy, snapshot, state, features);
    if (refused) out.push(candidate(state, refused[0], { detail: refused[1] ?? null }));
    else able.push(runner(policy, state, [far, Number(features.model === AUTO && !state.is_ai), late(state, features, letIn)], nonce));
  }
  const ordered = groups(able).flatMap(group => within(policy, group));
  return [...ordered.map((r, rank) => placed(policy, rank, r)), ...out.sort((a, b) => byCodePoint(a.endpoint, b.endpoint))];
}

/** Endpoints to try, best first. @param {Candidate[]} candidates */
export const order = candidates => candidates.filter(c => c.rank >= 0).sort((a, b) => a.rank - b.rank).map(c => c.endpoint);

/** @param {string} model @param {any} state @param {string | null} pinned */
function distance(model, state, pinned) {
  if (pinned !== null) return state.endpoint === model ? 0 : state.family === pinned ? 1 : 2;
  return model === AUTO || model === state.family ? 0 : 2;
}

/** How far behind an endpoint stands as a newcomer. @param {any} state @param {any} features @param {boolean} letIn */
function late(state, features, letIn) {
  if (state.newcomer === null || state.endpoint === features.model) return 0;
  return state.newcomer ? 2 : Number(!letIn);
}

/** Why an endpoint is out, with the path of the filter that it fails, or null. @param {any} policy @param {any} snapshot @param {any} state @param {any} features */
function refusal(policy, snapshot, state, features) {
  const reason = exclusion(state, features);
  if (reason) return [reason];
  const path = failing(policy.filters, state, features);
  if (path !== null) return ['policy_filter', path];
  return state.breaker === 'open' || (state.open_until_ms ?? 0) > snapshot.taken_ms ? ['unhealthy'] : null;
}

/** The first of the request's own limits, or of the endpoint's, that puts it out of the question. @param {any} state @param {any} f @returns {string | undefined} */
function exclusion(state, f) {
  const price = state.price_micro_usd, limit = f.max_price_micro_usd, days = f.max_retention_days;
  if (state.supports.length) return state.supports[0];
  /** @type {[boolean, string][]} */
  const rules = [
    [f.lane_floor !== null && LANES.indexOf(state.lane) > LANES.indexOf(f.lane_floor), 'lane_floor'],
    [f.no_community && state.lane === 'community', 'no_community'],
    [f.no_training && state.training !== 'no', 'data_training'],
    [days !== null && (state.retention_days === null || state.retention_days > days), 'data_retention'],
    [f.regions.length > 0 && !f.regions.includes(state.region), 'data_region'],
    [!state.enabled, 'disabled'],
    [!state.ready, 'no_key'],
    [limit !== null && price === null, 'price_unknown'],
    [limit !== null && price !== null && price > limit, 'price_cap'],
  ];
  return rules.find(([applies]) => applies)?.[1];
}

/** @param {any} policy @param {any} state @param {number[]} group @param {string} nonce @returns {Runner} */
function runner(policy, state, group, nonce) {
  const { unknown, points } = score(policy, state), thompson = policy.strategy === 'thompson';
  const taste = thompson ? drawnTaste(policy, state, nonce) : null;
  return { state, group: [...group, unknown], points: points - BigInt(policy.weights.taste) * (taste ?? 0n), draw: chance(policy.id, nonce, state.endpoint), taste };
}

/** How many weighed numbers nobody knows, and the points for the rest. @param {any} policy @param {any} state */
function score({ weights, assumed }, state) {
  const price = state.price_micro_usd ?? assumed.price_micro_usd, latency = state.latency_ms ?? assumed.latency_ms;
  const success = state.success_per_mille ?? assumed.success_per_mille;
  const parts = [[weights.price, price ?? 0], [weights.latency, latency ?? 0], [weights.failure, 1000 - success],
    [weights.load, state.in_flight], [weights.lane, LANES.indexOf(state.lane)]];
  const unknown = Number(weights.price > 0 && price === null) + Number(weights.latency > 0 && latency === null);
  return { unknown, points: parts.reduce((sum, [weight, units]) => sum + BigInt(weight) * BigInt(units), 0n) };
}

/** How much the user may like this endpoint, in milli-logits, drawn by the nonce. @param {any} policy @param {any} state @param {string} nonce */
const drawnTaste = (policy, state, nonce) =>
  BigInt(state.taste ?? 0) + floorDiv(BigInt(state.taste_sd ?? policy.assumed.taste_sd) * deviate(policy.id, nonce, state.endpoint), 1000n);

/** Compares keys part by part; `false` comes before `true`. @param {any[]} one @param {any[]} two */
function compare(one, two) {
  for (const [i, a] of one.entries()) {
    const b = two[i], by = typeof a === 'string' ? byCodePoint(a, b) : a < b ? -1 : a > b ? 1 : 0;
    if (by) return by;
  }
  return 0;
}

/** @template T @param {T[]} items @param {(item: T) => any[]} key @returns {T[]} */
const sorted = (items, key) => items.map(item => /** @type {[any[], T]} */ ([key(item), item])).sort(([a], [b]) => compare(a, b)).map(([, item]) => item);

/** @param {Runner[]} able @returns {Runner[][]} */
function groups(able) {
  /** @type {Runner[][]} */
  const found = [];
  for (const r of sorted(able, one => one.group)) {
    const last = found.at(-1);
    if (last && !compare(last[0].group, r.group)) last.push(r);
    else found.push([r]);
  }
  return found;
}

/** A group by the policy's strategy. Names come last in every key. @param {any} policy @param {Runner[]} group */
function within(policy, group) {
  if (policy.strategy === 'draw') {
    const least = group.reduce((low, r) => r.points < low ? r.points : low, group[0].points);
    return sorted(group, r => [race(r.draw, drawWeight(r.points, least, policy.draw_power)), r.state.endpoint]);
  }
  if (policy.strategy === 'two_choices') {
    const drawn = sorted(group, r => [r.draw, r.state.endpoint]);
    return [...sorted(drawn.slice(0, 2), peakLoad), ...drawn.slice(2)];
  }
  return sorted(group, r => [r.points, ...policy.tie_break.flatMap(tie => tieKey(tie, r)), r.state.endpoint]);
}

/** Peak latency times what is under way there; what was never measured goes behind what was. @param {Runner} runner */
function peakLoad({ state }) {
  const peak = state.peak_ms ?? state.latency_ms;
  return [peak === null, BigInt(peak ?? 0) * BigInt(state.in_flight + 1)];
}

/** @param {string} tie @param {Runner} runner @returns {any[]} */
function tieKey(tie, { draw, state }) {
  if (tie === 'nonce') return [draw];
  if (tie === 'load') return [state.in_flight];
  const value = tie === 'price' ? state.price_micro_usd : state.latency_ms;
  return [value === null, value ?? 0];
}

/** @param {any} policy @param {number} rank @param {Runner} runner */
const placed = (policy, rank, { state, group, points, taste }) => candidate(state, !rank ? 'picked' : group[2] ? 'probation' : 'ranked_lower', {
  rank: !rank || policy.fallback.same_model ? rank : -1, points: Number(points), taste: taste === null ? null : Number(taste),
});

/** @param {any} state @param {string} reason @param {Partial<Candidate>} more @returns {Candidate} */
const candidate = (state, reason, more) => ({
  endpoint: state.endpoint, rank: -1, reason, price_micro_usd: state.price_micro_usd, latency_ms: state.latency_ms, points: null, detail: null, taste: null, ...more,
});
