// @ts-check
/** Whether what a receipt says it cost is the catalogue's price for what was asked and delivered, plus the declared fee. Like
 * triptych.network.check_price. */
import { ownInputs } from './asked.js';
import { Wrong, bytes, hex, hmac, joined, unhex } from './bytes.js';
import { delivered, estimate, fromUsage, hasUnpriced } from './cost.js';
import { feeLine } from './fee.js';
import { isObject, isWhole, parse } from './json.js';
import { TASKS } from './filters.js';
import { orNull, text, word } from './kinds.js';
import { line, usd, words } from './line.js';
import { others } from './named.js';
import { readPolicy } from './policy.js';
import { cardsIn } from './published.js';
import { NoSize, pair } from './sizing.js';
/** @import { Given } from './bytes.js' */
/** @import { Files } from './named.js' */
/** @import { Card } from './published.js' */
/** @import { Ask, Pair } from './sizing.js' */

const LISTED = 40, MOST_N = 10_000, MOST_SIDE = 65_536;

/** Why a price cannot be computed again. */
class Unknown extends Error {}

/** The catalogue, the price and the fee. @param {Record<string, any>} payload @param {Given | null} opening @param {Files} known */
export const priceLines = (payload, opening, known) => [...known.catalogue.line ? [known.catalogue.line] : [], price(payload, opening, known), fee(payload, known)];

/** What was asked for, as far as the receipt and its opening say it, for one card after the other: null where what it costs there cannot
 * be known. @param {Record<string, any>} payload @param {Given | null} opening @returns {(card: Card) => Ask | null} */
export const requestFor = (payload, opening) => card => {
  try {
    const ask = request(payload, opening, card);
    return ownInputs(payload.inputs).length >= LISTED ? null : ask;
  } catch (error) {
    if (error instanceof Unknown) return null;
    throw error;
  }
};

/** @param {Record<string, any>} payload @param {Given | null} opening @param {Files} known */
function price(payload, opening, { policy, catalogue }) {
  const stated = payload.cost?.amount_micro_usd ?? null, source = payload.cost?.source, known = stated === null ? 'nothing is known of the cost' : `the cost is ${usd(stated)}`;
  if (stated && (payload.billed === 'no' || source === 'free'))
    return line('price', 'FALSE', `It says that ${payload.billed === 'no' ? 'nothing was billed' : 'it was free'}, and that it cost ${usd(stated)}.`);
  const told = `As stated: billed ${payload.billed}, ${known}.`, strange = others(policy, catalogue);
  if (strange) return line('price', 'not checked', `${told} It was not computed again: ${strange}.`);
  if (catalogue.data === null) return line('price', 'not checked', `${told} Give the policy and its catalogue to compute the price again.`);
  if (stated === null) return line('price', 'not checked', told);
  try {
    return compared(stated, source, prices(payload, opening, catalogue.data), payload);
  } catch (error) {
    if (error instanceof Unknown) return line('price', 'not checked', `As stated ${known}, from ${source}. It cannot be computed again: ${error.message}`);
    throw error;
  }
}

/** The calls that were billed, or may have been. @param {Record<string, any>} payload @returns {any[]} */
const paidCalls = ({ attempts = [] }) => attempts.filter(one => one.billed !== 'no');

/** `given` is what the catalogue gives: by the table, by the tokens that were counted, and for all that were asked for.
 * @param {number} stated @param {string} source @param {{ table: number | null, usage: number | null, all: number | null, free: number | null }} given @param {Record<string, any>} payload */
function compared(stated, source, given, payload) {
  if (source === 'provider') {
    const by = given.usage ?? given.table;
    if (by === null) return line('price', 'not checked', `${usd(stated)} is the provider's word; the catalogue has no price.`);
    const apart = stated === by ? 'just that' : `${usd(Math.abs(stated - by))} ${by > stated ? 'less' : 'more'}`;
    return line('price', 'not checked', `${usd(stated)} is the provider's word, and not to be proved; by the catalogue it would be ${usd(by)}, so it took ${apart}.`);
  }
  const expected = source === 'table' || source === 'usage' || source === 'free' ? given[source] : null;
  if (expected === null) return line('price', 'not checked', `The catalogue has no price of the kind ${source} for this.`);
  // Each call is rounded by itself, so that several may differ from their sum by as many micro-dollars.
  const calls = Math.max(1, paidCalls(payload).length);
  if (Math.abs(stated - expected) < calls) return line('price', 'proved', `${usd(stated)} is the catalogue's price for these parameters.`);
  if (source === 'table' && expected < stated && expected < (given.all ?? 0) && stated < (given.all ?? 0) + calls)
    return line('price', 'not checked', `${usd(stated)} is stated, by the catalogue it is ${usd(expected)} for what came; fewer pictures came than were asked for, and a failed one may be billed.`);
  return line('price', 'FALSE', `${usd(stated)} is stated; by the catalogue it is ${usd(expected)}.`);
}

/** @param {Record<string, any>} payload @param {Given | null} opening @param {Given} catalogue */
function prices(payload, opening, catalogue) {
  const card = paidCard(payload, catalogue), ask = request(payload, opening, card), outputs = payload.outputs.length;
  if (hasUnpriced(card, ask)) throw new Unknown('the request had options of this provider that no price list tells of.');
  if (ownInputs(payload.inputs).length >= LISTED || outputs >= LISTED) throw new Unknown('the receipt does not list every picture.');
  const paid = paidCalls(payload).length;
  if (paid > Math.ceil(ask.n / Math.max(1, card.capabilities.max_images_per_call))) throw new Unknown('more calls were paid for than the request needs: one that failed was billed, too.');
  try {
    return {
      table: (outputs ? delivered(card, ask, outputs) : estimate(card, ask)).amount, all: delivered(card, ask, ask.n).amount, free: card.free ? 0 : null,
      usage: fromUsage(card, usageOf(payload), ask),
    };
  } catch (error) {
    if (error instanceof NoSize) throw new Unknown('the card of this endpoint allows no size.');
    throw error;
  }
}

const COUNTS = ['input_tokens', 'input_text_tokens', 'input_image_tokens', 'output_tokens', 'output_image_tokens', 'total_tokens'];

/** @param {Record<string, any>} payload */
function usageOf({ usage = null }) {
  if (usage === null) return {};
  if (!isObject(usage) || !COUNTS.every(name => orNull(isWhole)(usage[name] ?? null))) throw new Unknown('the usage cannot be read.');
  return usage;
}

/** The card of the one endpoint that was paid. Throws Unknown. @param {Record<string, any>} payload @param {Given} catalogue @returns {Card} */
function paidCard(payload, catalogue) {
  const paid = new Set(paidCalls(payload).map(one => one.endpoint)), [name] = paid.size ? paid : [payload.served?.endpoint];
  if (paid.size > 1 || typeof name !== 'string' || (payload.attempts_in_all ?? 0) > (payload.attempts ?? []).length) throw new Unknown('not one endpoint alone was paid.');
  if (payload.state !== 'done') throw new Unknown('it did not end with pictures.');
  let card;
  try {
    card = cardsIn(catalogue).get(name);
  } catch (error) {
    throw new Unknown(`${words(error)}.`);
  }
  if (!card) throw new Unknown(`the catalogue has no ${name}.`);
  return card;
}

/** The request without its words: from its opening where there is one, else from what the receipt says was asked. Throws Unknown.
 * @param {Record<string, any>} payload @param {Given | null} opening @param {Card} card @returns {Ask} */
function request(payload, opening, card) {
  const asked = isObject(payload.asked) ? payload.asked : {}, open = opened(payload, opening);
  if (open === null && Array.isArray(asked.options_for) && asked.options_for.includes(card.provider)) throw new Unknown('the request had options of this provider; give its opening.');
  const said = open ?? asked, { n = null, size = null, aspect_ratio = null, resolution = null, quality = null, background = null, task = null } = said, options = open?.options || {};
  const shapes = [sides(typeof size === 'string' ? size.toLowerCase() : size, 'x'), sides(typeof aspect_ratio === 'string' ? aspect_ratio.trim() : aspect_ratio, ':')];
  const readable = (n === null || (isWhole(n) && n >= 1 && n <= MOST_N)) && [resolution, quality, background].every(orNull(text)) && orNull(word(TASKS))(task) && isObject(options) && Object.values(options).every(isObject);
  if (!readable || shapes.includes(undefined)) throw new Unknown('what was asked cannot be read.');
  return {
    n: n ?? 1, size: shapes[0] ?? null, aspect_ratio: shapes[1] ?? null, resolution, quality, background, task, options,
    inputs: ownInputs(payload.inputs).filter(one => one.role !== 'mask').length,
  };
}

/** A size or a ratio; undefined where it cannot be read. @param {any} given @param {string} sign @returns {Pair | null | undefined} */
function sides(given, sign) {
  if (given === null) return null;
  const found = typeof given === 'string' ? pair(given, sign) : isObject(given) ? { width: given.width, height: given.height } : null;
  return found && [found.width, found.height].every(one => isWhole(one) && one >= 1 && one <= MOST_SIDE) ? found : undefined;
}

/** @param {Record<string, any>} payload @param {Given | null} opening @returns {Record<string, any> | null} */
function opened(payload, opening) {
  if (opening === null) return null;
  try {
    const raw = parse(opening), salt = isObject(raw) && typeof raw.salt === 'string' && typeof raw.request === 'string' ? unhex(raw.salt) : null;
    if (salt === null || hex(hmac(salt, joined(bytes('request\0'), bytes(raw.request)))) !== payload.commitments.request) return null;
    const found = JSON.parse(raw.request);               // a request may hold fractions, which nothing signed has
    return isObject(found) ? found : null;
  } catch (error) {
    if (error instanceof Wrong || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** @param {Record<string, any>} payload @param {Files} known */
function fee(payload, { policy }) {
  const stated = payload.fee_micro_usd, strange = others(policy), told = `As stated: ${usd(stated)}.`;
  if (strange) return line('fee', 'not checked', `${told} It was not computed again: ${strange}.`);
  if (policy.data === null) return line('fee', 'not checked', `${told} Give the policy, which declares the fee.`);
  let fees;
  try {
    ({ fees } = readPolicy(policy.data));
  } catch (error) {
    words(error);
    return line('fee', 'not checked', 'The fees of the policy cannot be read.');
  }
  return feeLine(payload, fees);
}
