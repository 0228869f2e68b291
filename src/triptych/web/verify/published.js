// @ts-check
/** The catalogue as it is published beside a log: of each card what a decision and a price depend on. Like
 * triptych.network.published. */
import { Wrong, bytes, utf8 } from './bytes.js';
import { LANES, OPERATIONS } from './filters.js';
import { isObject, isWhole } from './json.js';
import { flag, list, orNull, reader, text, word } from './kinds.js';
/** @import { Fields, Kind } from './kinds.js' */

const MOST = Number.MAX_SAFE_INTEGER, MOST_SIDE = 65_536, SIZE = /^[1-9]\d{0,4}x[1-9]\d{0,4}$/, LIMIT = /^\d{1,6}(\.\d{1,6})?$/;
const UNITS = ['image', 'input_image', 'megapixel', 'input_text_token', 'input_image_token', 'output_image_token', 'output_text_token'];
/** @type {Kind} */
const real = value => typeof value === 'number' && Number.isFinite(value);
/** @param {number} low @param {number} high @returns {Kind} */
const within = (low, high) => value => isWhole(value) && low <= value && value <= high;
const texts = list(text), side = within(1, MOST_SIDE);
/** @type {Kind} */
const when = value => isObject(value) && Object.values(value).every(text) && LIMIT.test(value.max_megapixels ?? '1');
/** @type {Kind} */
const seconds = value => Array.isArray(value) && value.length === 2 && value.every(isWhole);

/** @type {Fields} */
const RULE = {
  multiple: [side, 1], min_side: [side, 64], max_side: [side, 4096], max_short_side: [side, MOST_SIDE], min_pixels: [within(0, MOST_SIDE ** 2), 0], max_pixels: [within(0, MOST_SIDE ** 2), 2 ** 26],
  min_ratio: [real, 1 / 16], max_ratio: [real, 16],
};
/** @type {Fields} */
const CAPABILITIES = {
  operations: [list(word(OPERATIONS)), ['generate']], sizes: [list(value => text(value) && SIZE.test(value)), []], size_rule: [orNull(isObject), null],
  resolutions: [texts, []], default_resolution: [orNull(text), null], qualities: [texts, []], default_quality: [orNull(text), null],
  max_images_per_call: [within(0, MOST_SIDE), 1], max_input_images: [within(0, MOST_SIDE), 0], mask: [flag, false], pictures_option: [orNull(text), null],
};
/** @type {Fields} */
const PRICE = { unit: [word(UNITS)], micro_usd_per_million: [within(0, MOST)], when: [when, {}], source: [text], as_of: [text] };
/** @type {Fields} */
const FACT = { topic: [word(['training', 'retention', 'publication', 'region', 'readers'])], statement: [text], source: [text], as_of: [text], value: [orNull(text), null] };
/** @type {Fields} */
const CARD = {
  id: [text], provider: [text], capabilities: [isObject], family: [text], lane: [word(LANES)], prices: [Array.isArray, []], free: [flag, false], is_ai: [flag, true],
  policy: [Array.isArray, []], typical_seconds: [orNull(seconds), null], retires: [orNull(text), null],
};
const readCard = reader(CARD, 'a card'), readCaps = reader(CAPABILITIES, 'capabilities'), readRule = reader(RULE, 'a size rule'), readPrice = reader(PRICE, 'a price'), readFact = reader(FACT, 'a fact');

/** @typedef {{ multiple: number, min_side: number, max_side: number, max_short_side: number, min_pixels: number, max_pixels: number, min_ratio: number, max_ratio: number }} Rule */
/** @typedef {{ operations: string[], sizes: string[], size_rule: Rule | null, resolutions: string[], default_resolution: string | null, qualities: string[],
 *   default_quality: string | null, max_images_per_call: number, max_input_images: number, mask: boolean, pictures_option: string | null }} Capabilities */
/** @typedef {{ unit: string, micro_usd_per_million: number, when: Record<string, string> }} PriceLine */
/** @typedef {{ id: string, provider: string, capabilities: Capabilities, family: string, lane: string, prices: PriceLine[], free: boolean, is_ai: boolean,
 *   policy: { topic: string, value: string | null }[], typical_seconds: [number, number] | null, retires: string | null }} Card */

/** @param {any} raw @returns {Card} */
function card(raw) {
  const read = readCard(raw), caps = readCaps(read.capabilities), rule = caps.size_rule === null ? null : readRule(caps.size_rule);
  if (rule && (rule.min_side > Math.min(rule.max_side, rule.max_short_side) || rule.min_pixels > rule.max_pixels || !(rule.min_ratio > 0 && rule.min_ratio <= rule.max_ratio && rule.max_ratio <= MOST_SIDE)))
    throw new Wrong('a size rule that allows nothing');
  return /** @type {any} */ ({ ...read, capabilities: { ...caps, size_rule: rule }, prices: read.prices.map(readPrice), policy: read.policy.map(readFact) });
}

/** The cards of a published catalogue by their ids. Throws Wrong. @param {import('./bytes.js').Given} given @returns {Map<string, Card>} */
export function cardsIn(given) {
  try {
    // A catalogue has fractions, which nothing signed has; its hash is over its bytes.
    const raw = JSON.parse(utf8(bytes(given)) ?? '');
    if (Array.isArray(raw)) return new Map(raw.map(card).map(one => [one.id, one]));
  } catch (error) {
    if (!(error instanceof Wrong || error instanceof SyntaxError)) throw error;
  }
  throw new Wrong('the catalogue cannot be read');
}
