// @ts-check
/** What a snapshot says of endpoints that the published catalogue says, too: recomputed for the same request. Like
 * triptych.router.claims. */
import { priceOf } from './cost.js';
import { canonical } from './json.js';
import { counted, line, usd, utc, words } from './line.js';
import { others } from './named.js';
import { requestFor } from './price.js';
import { cardsIn } from './published.js';
import { NoSize } from './sizing.js';
import { readEndpoint, readFeatures, readSnapshot } from './snapshot.js';
/** @import { Given } from './bytes.js' */
/** @import { Files } from './named.js' */
/** @import { Card } from './published.js' */

/** Reasons that a model may give by itself. */
const OWN_WORDS = ['mask_unsupported', 'too_many_inputs', 'size_unsupported', 'request_unsupported'];
const SHOWN = 5;

/** Whether what the snapshot says of endpoints is what the catalogue says. @param {Record<string, any>} payload @param {Given | null} opening @param {Files} known */
export function claimsLine(payload, opening, { policy, snapshot, catalogue }) {
  const what = 'candidates', strange = others(policy, snapshot, catalogue);
  if (strange) return line(what, 'not checked', `They were not compared: ${strange}.`);
  if (snapshot.data === null || catalogue.data === null)
    return line(what, 'not checked', "Give the snapshot, and the catalogue that the policy names, to compute each endpoint's lane, data policy, limits and price again.");
  let found;
  try {
    found = claims(readSnapshot(snapshot.data), cardsIn(catalogue.data), readFeatures(payload.decision.features), requestFor(payload, opening));
  } catch (error) {
    words(error);
    return line(what, 'not checked', 'The snapshot, the catalogue, or what was decided about cannot be read.');
  }
  const endpoints = counted(found.checked, 'endpoint');
  if (found.wrong.length) return line(what, 'FALSE', `The snapshot is not what the catalogue says: ${found.wrong.slice(0, SHOWN).join('; ')}.`);
  if (found.unpriced.length)
    return line(what, 'not checked', `Lanes, data policies and limits of ${endpoints} are the catalogue's; the price of ${found.unpriced.slice(0, SHOWN).join(', ')} cannot be computed again.`);
  return line(what, 'proved', `Lanes, data policies, limits and prices of ${endpoints} are those of the catalogue.`);
}

/** Compares each endpoint with its card. @param {{ endpoints: any[], taken_ms: number }} snapshot @param {Map<string, Card>} cards
 * @param {Record<string, any>} features @param {ReturnType<typeof requestFor>} ask */
function claims(snapshot, cards, features, ask) {
  const there = new Set(snapshot.endpoints.map(one => one.endpoint)), unpriced = [];
  const wrong = [...cards.keys()].filter(name => !there.has(name)).map(name => `${name} is left out`);
  for (const state of snapshot.endpoints) {
    const card = cards.get(state.endpoint);
    if (!card) {
      wrong.push(`the catalogue has no ${state.endpoint}`);
      continue;
    }
    for (const [name, stated, said] of facts(state, card)) if (stated !== said) wrong.push(`${name} of ${card.id} is ${say(said)} and not ${say(stated)}`);
    if (standsAside(state)) continue;
    for (const reason of limits(state, card, features, snapshot.taken_ms)) wrong.push(`${card.id} is ${reason}`);
    const amount = priced(state, card, ask);
    if (amount === undefined) unpriced.push(card.id);
    else if (amount !== state.price_micro_usd) wrong.push(`the price of ${card.id} is ${money(amount)} and not ${money(state.price_micro_usd)}`);
  }
  return { wrong, checked: snapshot.endpoints.length, unpriced };
}

/** Undefined where it cannot be known. @param {any} state @param {Card} card @param {ReturnType<typeof requestFor>} ask @returns {number | null | undefined} */
function priced(state, card, ask) {
  const request = ask(card);
  if (request === null) return undefined;
  if (state.supports.length) return null;
  try {
    return priceOf(card, request).amount;
  } catch (error) {
    if (error instanceof NoSize) return undefined;
    throw error;
  }
}

/** Whether only name, family and lane are noted, as of another model than was asked for. It cannot be picked so. @param {any} state */
const standsAside = state => canonical(state) === canonical(readEndpoint({ endpoint: state.endpoint, family: state.family, lane: state.lane, ready: false }));

/** @param {any} state @param {Card} card @returns {[string, any, any][]} */
function facts(state, card) {
  /** @type {[string, any, any][]} */
  const plain = [['family', state.family, card.family], ['lane', state.lane, card.lane]];
  if (standsAside(state)) return plain;
  const data = dataPolicy(card);
  plain.push(['is_ai', state.is_ai, card.is_ai], ['training', state.training, data.training], ['retention_days', state.retention_days, data.retention_days], ['region', state.region, data.region]);
  if (state.latency_from === 'card') plain.push(['latency_ms', state.latency_ms, card.typical_seconds === null ? null : card.typical_seconds[0] * 1000]);
  return plain;
}

/** The facts of a card, as far as a request can be held to them. Like triptych.router.data_policy. @param {Card} card */
function dataPolicy(card) {
  if (card.lane === 'local') return { training: 'no', retention_days: 0, region: 'here' };
  const value = (/** @type {string} */ topic) => {
    const found = new Set(card.policy.filter(fact => fact.topic === topic && fact.value !== null).map(fact => fact.value));
    return found.size === 1 ? [...found][0] : null;
  };
  const training = value('training'), days = value('retention');
  return { training: training === 'no' || training === 'yes' ? training : null, retention_days: days !== null && /^\d{1,6}$/.test(days) ? Number(days) : null, region: value('region') };
}

/** What it is said not to take and takes by its card, and the other way round.
 * @param {any} state @param {Card} card @param {Record<string, any>} features @param {number} taken */
function limits(state, card, features, taken) {
  const caps = card.capabilities, stated = new Set(state.supports), today = utc(taken).split(' ')[0];
  const crowded = features.input_images > caps.max_input_images, named = features.model === card.id && caps.max_input_images > 0;
  /** @type {[string, boolean][]} */
  const must = [['retired', card.retires !== null && card.retires <= today], ['operation_unsupported', !caps.operations.includes(features.operation)], ['too_many_inputs', crowded && !named]];
  const wrong = must.filter(([reason, applies]) => applies && !stated.has(reason)).map(([reason]) => `${reason}, and not said to be`);
  const own = OWN_WORDS.filter(reason => (reason !== 'mask_unsupported' || features.mask) && (reason !== 'too_many_inputs' || features.input_images)), applies = new Map(must);
  return [...wrong, ...state.supports.filter(reason => !own.includes(reason) && !applies.get(reason)).map(reason => `not ${reason}`)];
}

/** @param {number | null} micro */
const money = micro => micro === null ? 'unknown' : usd(micro);
/** @param {any} value */
const say = value => typeof value === 'boolean' ? (value ? 'yes' : 'no') : value === null ? 'unknown' : String(value);
