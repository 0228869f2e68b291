// @ts-check
/** Whether what a receipt says was done is what had been decided. Like triptych.network.check_way. */
import { LANES } from './filters.js';
import { isObject, isWhole } from './json.js';
import { flag, list, misfit, orNull, shape, text, word } from './kinds.js';
import { counted as count, line } from './line.js';
import { rules } from './named.js';
/** @import { Fields } from './kinds.js' */
/** @import { Files } from './named.js' */

const LISTED = 20, LEEWAY_MS = 60_000;
const ERROR = shape({ code: [orNull(text), null], class: [orNull(text), null] }), EVENTS = shape({ began_ms: [orNull(isWhole), null], hedge: [flag, false] });
const LANE = orNull(word(LANES));
/** @type {Fields} */
const TOLD = {
  state: [text], attempts_in_all: [isWhole], asked_ms: [orNull(isWhole), null], ended_ms: [orNull(isWhole), null], decisions: [isWhole, 1],
  attempts: [list(shape({ number: [isWhole], endpoint: [text], outcome: [word(['running', 'done', 'failed'])], upstream_id: [orNull(text), null], error: [orNull(ERROR), null], events: [orNull(EVENTS), null] }))],
  decision: [orNull(shape({
    taken_ms: [isWhole], picked: [orNull(text), null], not_listed: [isWhole, 0], features: [shape({ n: [isWhole, 1], lane_floor: [LANE, null], no_community: [flag, false] }), {}],
    candidates: [list(shape({ endpoint: [text], rank: [isWhole], reason: [text] }))],
  })), null],
  served: [orNull(shape({ endpoint: [text], lane: [LANE, null] })), null],
};

/** What a receipt says of how it went, and what the policy and the snapshot add where they are those of the receipt.
 * @param {Record<string, any>} payload @param {Files} files */
function told(payload, files) {
  const decision = payload.decision ?? null, decisions = payload.decisions ?? 1, taken = decision?.taken_ms;
  /** @type {any[]} */
  const attempts = payload.attempts, since = one => (one.events?.began_ms ?? null) !== null && one.events.began_ms >= taken;
  const own = decision ? attempts.filter(one => decisions <= 1 || since(one)).sort((a, b) => a.number - b.number) : [];
  const order = (decision?.candidates ?? []).filter(one => one.rank >= 0).sort((a, b) => a.rank - b.rank).map(one => one.endpoint);
  const policy = rules(files.policy), seen = rules(files.snapshot)?.endpoints;
  const states = (Array.isArray(seen) ? seen : []).filter(isObject);
  return {
    state: payload.state, outputs: payload.outputs, served: payload.served ?? null, asked: payload.asked_ms ?? null, ended: payload.ended_ms ?? null,
    inAll: payload.attempts_in_all, decision, decisions, attempts, own, order, hidden: payload.attempts_in_all - attempts.length, n: decision?.features?.n ?? 1,
    brought: attempts.filter(one => one.outcome === 'done' || isLost(one)).map(one => one.endpoint),
    lanes: new Map(states.map(one => [one.endpoint, one.lane])), families: new Map(states.map(one => [one.endpoint, one.family])),
    hedges: policy === null ? null : (policy.hedge ?? null) !== null,
  };
}
/** @typedef {ReturnType<typeof told>} Told */

const isLost = one => one.outcome === 'running' || one.error?.code === 'lost', isHedge = one => one.events?.hedge === true;
const twice = (/** @type {Told} */ it) => new Set(it.outputs.map(one => one.sha256)).size < it.outputs.length;

/** What was decided against what was done. @param {Record<string, any>} payload @param {Files} files */
export function wayLine(payload, files) {
  if (misfit(TOLD, payload) !== null) return line('way', 'FALSE', 'What it says of its decision and its attempts cannot be read.');
  const it = told(payload, files), wrong = [...counted(it), ...timed(it), ...servedBy(it), ...walked(it)];
  if (wrong.length) return line('way', 'FALSE', `What was done is not what was decided: ${wrong.join('; ')}.`);
  const but = unsure(it);
  if (but.length) return line('way', 'not checked', `Nothing in it is against what was decided; but ${but.join('; ')}.`);
  const end = it.state === 'done' && it.served ? `${it.served.endpoint} brought the pictures` : `it ended as ${it.state}`;
  return line('way', 'proved', `What it says was done is what was decided: ${count(it.own.length, 'attempt')}, the first at ${it.own[0].endpoint}; ${end}.`);
}

/** Whether the state fits the pictures and the attempts. @param {Told} it */
function counted(it) {
  const wrong = [];
  if (it.hidden < 0 || (it.hidden > 0 && it.attempts.length < LISTED)) wrong.push(`it counts ${count(it.inAll, 'attempt')} and lists ${it.attempts.length}`);
  if (it.state === 'done') {
    const lacks = /** @type {[string, any][]} */ ([['picture', it.outputs.length], ['attempt', it.attempts.length], ['decision', it.decision], ['endpoint', it.served]]);
    for (const [what, there] of lacks) if (!there) wrong.push(`it is done, and there is no ${what}`);
  } else if (it.outputs.length && it.hidden <= 0) {
    // Pictures that came before another call failed, or the server stopped, are kept.
    const alone = it.n === 1 && it.attempts.length <= 1 && it.state !== 'lost';
    if (alone || !it.brought.length) wrong.push(`it ended as ${it.state}, and has pictures`);
  }
  if (it.outputs.length > Math.max(1, it.n) && twice(it)) wrong.push('it lists a picture twice, and more than were asked for');
  return wrong;
}

/** @param {Told} it */
function timed(it) {
  const steps = /** @type {[string, number | null][]} */ ([['asked for', it.asked], ['decided', it.decision?.taken_ms ?? null], ['over', it.ended]]);
  const known = /** @type {[string, number][]} */ (steps.filter(([, ms]) => ms !== null)), wrong = [];
  for (let at = 1; at < known.length; at++) if (known[at][1] < known[at - 1][1] - LEEWAY_MS) wrong.push(`it was ${known[at][0]} before it was ${known[at - 1][0]}`);
  return wrong;
}

const place = (/** @type {string} */ lane) => LANES.includes(lane) ? LANES.indexOf(lane) : LANES.length;

/** Whether who is said to have served it did, in the lane that it is in. @param {Told} it */
function servedBy(it) {
  const { served } = it, wrong = [];
  if (served === null) return [];
  const done = it.state === 'done', there = done ? it.brought : it.attempts.map(one => one.endpoint), stated = served.lane ?? null;
  if (!there.includes(served.endpoint) && it.hidden <= 0)
    wrong.push(`${served.endpoint} is said to have served it, and no attempt there ${done ? 'brought a picture' : 'was made'}`);
  const floor = it.decision?.features?.lane_floor ?? null, lane = it.lanes.get(served.endpoint);
  if (floor !== null && stated !== null && place(stated) > place(floor)) wrong.push(`it was served in the lane ${stated}, below the floor ${floor}`);
  if (stated === 'community' && it.decision?.features?.no_community) wrong.push('it was served in the lane community, which was left out');
  if (stated !== null && lane !== undefined && it.decisions <= 1) {
    // Of several endpoints the lane is that of the one with the most readers.
    const all = [lane, ...it.brought.map(name => it.lanes.get(name)).filter(one => one !== undefined)];
    if (stated !== lane && stated !== all.reduce((a, b) => place(b) > place(a) ? b : a)) wrong.push(`the lane of ${served.endpoint} is ${lane} and not ${stated}`);
  }
  return wrong;
}

/** Whether the attempts of the decision follow its order. @param {Told} it */
function walked(it) {
  const { decision, own, order } = it, wrong = [];
  if (decision === null) return [];
  const first = order[0] ?? null, picked = decision.picked ?? null;
  if (first !== picked) wrong.push(`${picked || 'nobody'} is said to be picked, and ${first || 'nobody'} is first`);
  const complete = (decision.not_listed ?? 0) === 0 || decision.candidates.some(one => one.rank < 0);
  const out = new Map(decision.candidates.filter(one => one.rank < 0).map(one => [one.endpoint, one.reason]));
  const strange = complete ? [...new Set(own.map(one => one.endpoint).filter(name => !order.includes(name)))] : [];
  for (const name of strange) wrong.push(`${name} was asked, which is ${out.get(name) || 'no candidate'}`);
  if (it.hidden > 0 || strange.length || !own.length) return wrong;
  if (own[0].endpoint !== first) wrong.push(`${own[0].endpoint} was asked first, and ${first} was picked`);
  return [...wrong, ...steps(it)];
}

/** Whether each attempt after the first may follow those before it. Of several calls each goes its own way. @param {Told} it */
function steps(it) {
  const { own, order, n } = it, wrong = [], hedges = own.filter(isHedge).length, at = name => order.includes(name) ? order.indexOf(name) : order.length;
  if (hedges > 1 || (hedges && it.hedges === false)) wrong.push(`${count(hedges, 'request was', 'requests were')} sent beside another, and the policy has ${it.hedges ? 'one' : 'none'}`);
  own.forEach((one, i) => {
    if (!i) return;
    const before = own.slice(0, i), walkers = before.filter(p => !isHedge(p)), leads = p => leadsTo(it, at, p, one, before);
    const fits = isHedge(one) ? walkers.some(p => at(p.endpoint) < at(one.endpoint))
      : n > 1 ? one.endpoint === order[0] || before.some(leads)
        : [...walkers.slice(-1), ...before.filter(p => p.endpoint === one.endpoint && (isHedge(p) || isLost(p)))].some(leads);
    if (!fits) wrong.push(`attempt ${one.number} at ${one.endpoint} does not follow from those before it`);
  });
  return wrong;
}

/** Whether one attempt may be followed by another: again there, or at the next that is left.
 * @param {Told} it @param {(name: string) => number} at @param {any} one @param {any} after @param {any[]} before */
function leadsTo(it, at, one, after, before) {
  const here = at(one.endpoint), there = at(after.endpoint);
  // A job that is taken up again because the server stopped before its pictures were kept.
  if (one.outcome === 'done') return here === there && (after.upstream_id ?? null) !== null;
  const tried = before.filter(isHedge).map(p => p.endpoint), refused = before.filter(p => p.error?.class === 'blocked').map(p => it.families.get(p.endpoint));
  const passed = name => tried.includes(name) || (refused.length > 0 && (!it.families.size || refused.includes(it.families.get(name))));
  return here <= there && it.order.slice(here + 1, there).every(passed);
}

/** What keeps the way from being known. @param {Told} it */
function unsure(it) {
  const { own, decision, attempts } = it, said = [];
  if (it.hidden > 0) said.push(`${count(it.hidden, 'attempt is', 'attempts are')} counted and not listed`);
  if (decision === null && attempts.length) said.push('the decision is not stated');
  else if (own.length < attempts.length) said.push(`${count(attempts.length - own.length, 'attempt was', 'attempts were')} made by an earlier decision, which is not stated`);
  else if (!own.length && !said.length) said.push('nobody was asked');
  if (decision !== null && own.some(one => !it.order.includes(one.endpoint))) said.push('not every candidate is listed');
  const done = attempts.filter(one => one.outcome === 'done').map(one => one.endpoint);
  if (it.state === 'done' && it.served !== null && !done.includes(it.served.endpoint) && it.hidden <= 0)
    said.push('the end of the attempt that brought the pictures was not written down');
  if (twice(it)) said.push('a picture is listed twice');
  return said;
}
