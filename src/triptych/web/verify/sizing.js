// @ts-check
/** Which size or class a model is asked for when it cannot make exactly what was wanted. Like triptych.spec.sizing. */

/** @import { Capabilities, Rule } from './published.js' */
/** @typedef {{ width: number, height: number }} Pair a size in pixels, or a ratio */
/** @typedef {{ n: number, size: Pair | null, aspect_ratio: Pair | null, resolution: string | null, quality: string | null, background: string | null,
 *   inputs: number, task: string | null, options: Record<string, Record<string, any>> }} Ask what a price depends on; `inputs` are pictures without the mask */

/** @type {Record<string, number>} */
const SIDES = { 512: 512, 768: 768, '1k': 1024, '1.5k': 1536, '2k': 2048, '3k': 3072, '4k': 4096 };
/** The rule of a card allows no size, so that nothing can be computed from it. */
export class NoSize extends Error {}

const SQUARE = { width: 1, height: 1 };
const pixelsOf = (/** @type {Pair} */ one) => one.width * one.height;
const valueOf = (/** @type {Pair} */ one) => one.width / one.height;
const far = (/** @type {number} */ ratio) => Math.abs(Math.log(ratio));

/** Side in pixels of the square that a size class like `2k` stands for; 1024 for a class nobody knows. @param {string} name */
export function resolutionSide(name) {
  const key = name.toLowerCase();
  return Object.hasOwn(SIDES, key) ? SIDES[key] : 1024;
}

/** `1536x1024` or, by another sign, `4:5`; null for anything else. @param {string} text @param {string} sign @returns {Pair | null} */
export function pair(text, sign) {
  const found = new RegExp(`^(\\d+)${sign}(\\d+)$`).exec(text);
  if (!found || !Number(found[1]) || !Number(found[2])) return null;
  return { width: Number(found[1]), height: Number(found[2]) };
}

const sized = (/** @type {string} */ text) => /** @type {Pair} */ (pair(text, 'x'));

/** @param {Pair} size */
function lowest(size) {
  let [a, b] = [size.width, size.height];
  while (b) [a, b] = [b, a % b];
  return { width: size.width / a, height: size.height / a };
}

/** Whether the rule takes this size as it is. @param {Rule} rule @param {Pair} size */
function allowed(rule, { width, height }) {
  return width % rule.multiple === 0 && height % rule.multiple === 0 && Math.min(width, height) >= rule.min_side && Math.max(width, height) <= rule.max_side
    && Math.min(width, height) <= rule.max_short_side
    && rule.min_pixels <= width * height && width * height <= rule.max_pixels && rule.min_ratio <= width / height && width / height <= rule.max_ratio;
}

/** The size nearest to that shape and about that many pixels which the rule allows. Throws NoSize.
 * @param {Rule} rule @param {Pair} ratio @param {number} about @returns {Pair} */
export function sizeWithin(rule, ratio, about) {
  const value = Math.min(Math.max(valueOf(ratio), rule.min_ratio), rule.max_ratio), pixels = Math.min(Math.max(about, rule.min_pixels), rule.max_pixels);
  const step = rule.multiple, ideal = Math.sqrt(pixels * value);
  /** @type {Pair | null} */
  let best = null;
  let least = Infinity;
  for (let width = Math.ceil(rule.min_side / step) * step; width <= rule.max_side; width += step)
    for (const height of heights(rule, width, width / value)) {
      if (!allowed(rule, { width, height })) continue;
      const cost = 8 * far(width / height / value) + far(width / ideal);
      if (cost < least) [best, least] = [{ width, height }, cost];
    }
  if (best === null) throw new NoSize();
  return best;
}

/** The heights worth trying at a width: around the shape, and at the edges of what the rule allows there.
 * @param {Rule} rule @param {number} width @param {number} wanted */
function heights(rule, width, wanted) {
  const step = rule.multiple, low = Math.max(rule.min_side, Math.ceil(rule.min_pixels / width), Math.ceil(width / rule.max_ratio));
  const widest = width <= rule.max_short_side ? rule.max_side : Math.min(rule.max_side, rule.max_short_side);
  const high = Math.min(widest, Math.floor(rule.max_pixels / width), Math.floor(width / rule.min_ratio)), near = Math.floor(wanted / step) * step;
  return [...new Set([near, near + step, Math.ceil(low / step) * step, Math.floor(high / step) * step])].filter(height => low <= height && height <= high);
}

/** The pixel size for a card that lists sizes or has a rule for them; null when nothing was asked for, or when the card has
 * neither. Throws NoSize. @param {Capabilities} caps @param {Ask} ask @returns {Pair | null} */
export function chooseSize(caps, { size, aspect_ratio, resolution }) {
  if (size === null && aspect_ratio === null && resolution === null) return null;
  if (size !== null && caps.size_rule !== null && allowed(caps.size_rule, size)) return size;
  const side = resolutionSide(resolution || caps.default_resolution || '1k'), ratio = aspect_ratio ?? (size ? lowest(size) : SQUARE), pixels = size ? pixelsOf(size) : side * side;
  if (!caps.sizes.length) return caps.size_rule === null ? null : sizeWithin(caps.size_rule, ratio, pixels);
  /** @param {Pair} one @returns {[number, number]} */
  const apart = one => [far(one.width / one.height / valueOf(ratio)), Math.abs(pixelsOf(one) - pixels)];
  return caps.sizes.map(sized).reduce((best, one) => {
    const [shape, count] = apart(one), [least, fewest] = apart(best);
    return shape < least || (shape === least && count < fewest) ? one : best;
  });
}

/** The size class from the card's list: as asked, else the smallest that covers a pixel size, else null. @param {Capabilities} caps @param {Ask} ask */
export function chooseResolution(caps, { resolution, size }) {
  if (!caps.resolutions.length || (resolution === null && size === null)) return null;
  const side = resolution ? resolutionSide(resolution) : size ? Math.floor(Math.sqrt(pixelsOf(size))) : 1024;
  const offered = [...caps.resolutions].sort((a, b) => resolutionSide(a) - resolutionSide(b));
  return offered.find(name => resolutionSide(name) >= side * 0.9) ?? offered[offered.length - 1];
}

/** The pixel size that will be sent, as far as the card tells. @param {Capabilities} caps @param {Ask} ask @returns {Pair | null} */
export function sentSize(caps, ask) {
  const chosen = chooseSize(caps, ask);
  if (chosen !== null) return chosen;
  if (caps.sizes.length) return sized(caps.sizes[0]);
  const side = resolutionSide(chooseResolution(caps, ask) || caps.default_resolution || '1k');
  if (caps.size_rule !== null) return sizeWithin(caps.size_rule, SQUARE, side * side);
  return caps.resolutions.length ? { width: side, height: side } : ask.size;
}
