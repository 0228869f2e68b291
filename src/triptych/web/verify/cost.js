// @ts-check
/** What a call costs, from the price lines of a card: exact in whole numbers, in micro-dollars outside. Like triptych.spec.price and
 * what triptych.router.parts makes of it for several calls. */
import { isObject } from './json.js';
import { chooseResolution, sentSize } from './sizing.js';
/** @import { Card, PriceLine } from './published.js' */
/** @import { Ask, Pair } from './sizing.js' */

/** What something costs; an amount of null when nobody knows. @typedef {{ amount: number | null, source: string }} Cost */

const MILLION = 1_000_000n, FREE = { amount: 0, source: 'free' }, UNKNOWN = { amount: null, source: 'unknown' };
const FREE_OPTIONS = new Set(['cfg_scale', 'enable_safety_checker', 'guidance', 'guidance_scale', 'moderation', 'negative_prompt', 'safetySettings', 'safety_checker', 'safety_settings', 'safety_tolerance', 'seed', 'user', 'watermark']);

/** Half up; a price above zero is at least one micro-dollar. @param {bigint} amount in a million-millionth of a dollar */
function whole(amount) {
  const rounded = Number((2n * amount + MILLION * MILLION) / (2n * MILLION * MILLION));
  return amount > 0n ? Math.max(1, rounded) : 0;
}

/** @param {Card} card @param {Ask} ask */
const calls = (card, ask) => Math.ceil(ask.n / Math.max(1, card.capabilities.max_images_per_call));

/** What the card's `pictures_option` says in this request, or null. @param {Card} card @param {Ask} ask */
function askedPictures(card, ask) {
  /** @type {any} */
  let found = own(ask.options, card.provider);
  for (const name of (card.capabilities.pictures_option ?? '').split('.')) found = own(found, name);
  return typeof found === 'number' && found >= 1 && found <= 1_000_000 ? Math.ceil(found) : null;
}

/** @param {any} from @param {string} name */
const own = (from, name) => isObject(from) && Object.hasOwn(from, name) ? from[name] : undefined;

/** Whether the user's own options for this provider may change the price in a way that no card tells. @param {Card} card @param {Ask} ask */
export function hasUnpriced(card, ask) {
  const given = own(ask.options, card.provider);
  if (!isObject(given)) return false;
  const [top, ...deeper] = (card.capabilities.pictures_option ?? '').split('.'), counted = askedPictures(card, ask) !== null;
  return !Object.entries(given).every(([name, value]) => name === top && deeper.length ? counted && isObject(value) && Object.keys(value).every(one => one === deeper[0])
    : FREE_OPTIONS.has(name) || (counted && name !== '' && top.startsWith(name)));
}

/** What a request would cost by the card's table, before it is sent. Throws NoSize. @param {Card} card @param {Ask} ask */
export function estimate(card, ask) {
  const most = askedPictures(card, ask);
  return byTable(card, ask, most === null ? ask.n : Math.max(ask.n, calls(card, ask) * most));
}

/** The card's table for the pictures that came. Throws NoSize. @param {Card} card @param {Ask} ask @param {number} pictures */
export const delivered = (card, ask, pictures) => byTable(card, ask, Math.max(1, pictures));

/** @param {Card} card @param {Ask} ask @param {number} pictures @returns {Cost} */
function byTable(card, ask, pictures) {
  if (card.free) return FREE;
  if (hasUnpriced(card, ask)) return UNKNOWN;
  const { size, rate } = sheet(card, ask), each = rate('image'), area = rate('megapixel');
  if ((each === null && area === null) || (area !== null && size === null)) return UNKNOWN;
  const inputs = Math.min(ask.inputs, card.capabilities.max_input_images), pixels = size ? BigInt(size.width) * BigInt(size.height) : 0n;
  const amount = BigInt(pictures) * ((each ?? 0n) * MILLION + (area ?? 0n) * pixels) + BigInt(calls(card, ask)) * BigInt(inputs) * (rate('input_image') ?? 0n) * MILLION;
  return { amount: whole(amount), source: 'table' };
}

/** The charge for the token counts that a provider reported; null when a count or a rate that matters is missing.
 * @param {Card} card @param {Record<string, any>} usage @param {Ask} ask */
export function fromUsage(card, usage, ask) {
  const counts = tokens(usage, ask);
  if (counts === null) return null;
  const { rate } = sheet(card, ask);
  let amount = 0n;
  for (const [unit, count] of Object.entries(counts)) {
    const found = rate(unit);
    if (found === null && count) return null;
    amount += BigInt(count) * (found ?? 0n);
  }
  return whole(amount * MILLION);
}

/** Tokens by what they are charged as; null when they cannot be told apart. @param {Record<string, any>} usage @param {Ask} ask @returns {Record<string, number> | null} */
function tokens(usage, ask) {
  const out = usage.output_image_tokens ?? usage.output_tokens ?? null, all = usage.input_tokens ?? null;
  if (!out) return null;
  let text = usage.input_text_tokens ?? null, image = usage.input_image_tokens ?? null;
  if (all !== null) {
    if (text === null && image === null && !ask.inputs) [text, image] = [all, 0];
    if (text === null && image !== null) text = Math.max(0, all - image);
    if (image === null && text !== null) image = Math.max(0, all - text);
  }
  if (text === null || (image === null && ask.inputs)) return null;
  return { input_text_token: text, input_image_token: image ?? 0, output_image_token: out, output_text_token: Math.max(0, (usage.output_tokens || out) - out) };
}

/** What a card charges for one shape of request: micro-dollars per million units, null where no line applies. @param {Card} card @param {Ask} ask */
function sheet(card, ask) {
  const caps = card.capabilities, size = sentSize(caps, ask);
  let quality = ask.quality !== 'auto' && ask.quality !== null && caps.qualities.includes(ask.quality) ? ask.quality : null;
  if (quality === null && (ask.quality === null || ask.quality === 'auto') && caps.default_quality !== 'auto') quality = caps.default_quality;
  /** @type {Record<string, string | null>} */
  const settings = {
    resolution: chooseResolution(caps, ask) || caps.default_resolution, size: size && `${size.width}x${size.height}`, quality,
    operation: ask.task || (ask.inputs ? 'edit' : 'generate'), background: ask.background || 'auto', max_megapixels: size && String(size.width * size.height),
  };
  return { size, rate: (/** @type {string} */ unit) => rateOf(card, unit, settings) };
}

/** @param {Card} card @param {string} unit @param {Record<string, string | null>} settings */
function rateOf(card, unit, settings) {
  const fitting = card.prices.filter(one => one.unit === unit).map(one => ({ one, match: matched(one, settings) }));
  const applying = fitting.flatMap(({ one, match }) => match === null ? [] : [{ one, match }]);
  if (!applying.length) return null;
  // The first of equals: where a setting is open the dearest, else the one with the most conditions, and of those the tightest.
  const better = applying.some(({ match }) => match.open) ? (a, b) => a.one.micro_usd_per_million > b.one.micro_usd_per_million
    : (a, b) => a.match.held > b.match.held || (a.match.held === b.match.held && below(limit(a.one), limit(b.one)));
  return BigInt(applying.reduce((best, next) => better(next, best) ? next : best).one.micro_usd_per_million);
}

/** How many conditions hold and whether one of them is open; null when one does not hold. @param {PriceLine} price @param {Record<string, string | null>} settings */
function matched({ when }, settings) {
  let held = 0, open = false;
  for (const [key, wanted] of Object.entries(when)) {
    const value = (Object.hasOwn(settings, key) ? settings[key] : null) ?? null;
    if (value === null) open = true;
    else if (key === 'max_megapixels' ? below(fraction(wanted), [BigInt(value), MILLION]) : value.toLowerCase() !== wanted.toLowerCase()) return null;
    else held++;
  }
  return { held, open };
}

/** A decimal as two whole numbers, above and below the line. @param {string} text @returns {[bigint, bigint]} */
function fraction(text) {
  const [before, after = ''] = text.split('.');
  return [BigInt(before + after), 10n ** BigInt(after.length)];
}

/** @param {PriceLine} one */
const limit = one => fraction(one.when.max_megapixels ?? String(MILLION));
/** @param {[bigint, bigint]} one @param {[bigint, bigint]} two */
const below = (one, two) => one[0] * two[1] < two[0] * one[1];

/** What a request costs at an endpoint, all its calls together (each call pays for the input pictures again). @param {Card} card @param {Ask} ask @returns {Cost} */
export function priceOf(card, ask) {
  const each = Math.max(1, card.capabilities.max_images_per_call), parts = Math.ceil(ask.n / each);
  if (parts <= 1) return estimate(card, ask);
  const first = estimate(card, { ...ask, n: each }), last = estimate(card, { ...ask, n: ask.n - each * (parts - 1) });
  if (first.amount === null) return first;
  return last.amount === null ? last : { amount: first.amount * (parts - 1) + last.amount, source: first.source };
}
