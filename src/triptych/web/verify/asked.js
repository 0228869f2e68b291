// @ts-check
/** Whether what was decided about is what was asked for. Like triptych.network.check_asked. */
import { bytes, hex, hmac, joined, unhex, utf8 } from './bytes.js';
import { isObject, parse } from './json.js';
import { line, words } from './line.js';
/** @import { Given } from './bytes.js' */

const LISTED = 40, SIDE = 1024, TEXT = 200;
/** @type {Record<string, number>} */
const SIDES = { 512: 512, 768: 768, '1k': 1024, '1.5k': 1536, '2k': 2048, '3k': 3072, '4k': 4096 };
const SAID = ['n', 'size', 'aspect_ratio', 'resolution', 'quality', 'seed', 'background', 'output_format', 'output_compression', 'moderation', 'input_fidelity', 'previews', 'task'];
/** The user's own conditions as features of a decision, and what stands for none. @type {Record<string, any>} */
const TERMS = { lane_floor: null, max_price_micro_usd: null, other_models: false, no_training: false, max_retention_days: null, regions: [], no_community: false };

/** The first bytes of a text, as a receipt has them. @param {any} value */
function cut(value) {
  if (typeof value !== 'string') return value ?? null;
  const data = bytes(value);
  let end = Math.min(data.length, TEXT);
  while (end < data.length && (data[end] & 0xc0) === 0x80) end--;
  return utf8(data.slice(0, end));
}

/** A value in words that are the same in every language. @param {any} value */
const say = value => value == null || (Array.isArray(value) && !value.length) ? 'none' : typeof value === 'boolean' ? (value ? 'yes' : 'no') : Array.isArray(value) ? value.join(', ') : String(value);
/** What stands for a value that is not there; null is there. @param {Record<string, any>} all @param {string} name @param {any} none */
const of = (all, name, none) => Object.hasOwn(all, name) ? all[name] : none;
const alike = (/** @type {any} */ one, /** @type {any} */ two) => JSON.stringify(one ?? null) === JSON.stringify(two ?? null);

/** The pictures that the request itself brings: all but those of earlier turns, which it is neither decided nor priced by. They come first.
 * @param {Record<string, any>[]} inputs those of a receipt */
export const ownInputs = inputs => inputs.filter(one => one.role !== 'turn');

/** @param {unknown} value @returns {Record<string, any>[]} */
const objects = value => Array.isArray(value) ? value.filter(isObject) : [];
/** @param {any} value */
const text = value => typeof value === 'string' ? value : '';

/** The pictures that a request brings, in a receipt's order: its own, the mask, and once each those of earlier turns that are not among
 * the others. @param {Record<string, any>} request */
function inputsOf(request) {
  const found = [...objects(request.images).map(one => ({ one, role: text(one.role) })), ...objects([request.mask]).map(one => ({ one, role: 'mask' }))];
  const seen = new Set(found.map(({ one }) => text(one.sha256)));
  for (const turn of objects(request.turns)) {
    for (const one of objects([...objects(turn.images), turn.answer])) {
      if (seen.has(text(one.sha256))) continue;
      seen.add(text(one.sha256));
      found.push({ one, role: 'turn' });
    }
  }
  return found;
}

/** What the receipt says was asked for, against what it says was decided about. @param {Record<string, any>} payload */
export function askedLine({ asked = null, decision, inputs: listed }) {
  const features = decision?.features ?? null, inputs = ownInputs(listed);
  if (!isObject(asked) || !isObject(features) || !Object.keys(features).length) return line('asked', 'not checked', 'Nothing says what was decided about.');
  /** @type {[string, any, any][]} */
  const found = [['model', asked.model, cut(features.model)], ['n', of(asked, 'n', 1), of(features, 'n', 1)], ['megapixels_x100', megapixels(asked), of(features, 'megapixels_x100', 100)],
    ['quality', asked.quality || 'auto', cut(of(features, 'quality', 'auto'))]];
  if (inputs.length < LISTED) {
    const masks = inputs.filter(one => one.role === 'mask').length, pictures = inputs.length - masks;
    found.push(['input_images', pictures, of(features, 'input_images', 0)], ['mask', masks > 0, of(features, 'mask', false)], ['operation', asked.task || (pictures ? 'edit' : 'generate'), features.operation]);
  }
  const wrong = found.filter(([, is, decided]) => !alike(is, decided)).map(([name, is, decided]) => `${name} ${say(is)} and not ${say(decided)}`);
  if (wrong.length) return line('asked', 'FALSE', `It was decided about something else than was asked for: ${wrong.join('; ')}.`);
  return line('asked', 'proved', `What was decided about is what was asked for: model ${say(features.model)}, number ${say(of(features, 'n', 1))}, and the same size, quality and input pictures.`);
}

/** In hundredths, as triptych.router.features has them; null for a size that is none. @param {Record<string, any>} asked */
function megapixels({ size = null, resolution = null }) {
  if (size === null) {
    const side = typeof resolution === 'string' && resolution ? SIDES[resolution.toLowerCase()] ?? SIDE : SIDE;
    return Math.floor(side * side / 10_000);
  }
  const found = /^(\d+)x(\d+)$/.exec(String(size).toLowerCase());
  return found && Number(found[1]) && Number(found[2]) ? Math.floor(Number(found[1]) * Number(found[2]) / 10_000) : null;
}

/** The opening: that it is the one that the receipt is committed to, and that what it says is what the receipt says.
 * @param {Record<string, any>} payload @param {Given | null | undefined} opening */
export function requestLine(payload, opening) {
  if (opening == null) return line('request', 'not checked', 'What was asked for: its owner can open it with --opening.');
  let salt = /** @type {Uint8Array | null} */ (null), kept = /** @type {string | null} */ (null);
  try {
    const raw = parse(opening);
    salt = isObject(raw) && typeof raw.salt === 'string' ? unhex(raw.salt) : null;
    kept = isObject(raw) && typeof raw.request === 'string' ? raw.request : null;
  } catch (error) {
    words(error);
  }
  if (salt === null || kept === null) return line('request', 'FALSE', 'The opening cannot be read.');
  if (hex(hmac(salt, joined(bytes('request\0'), bytes(kept)))) !== payload.commitments.request) return line('request', 'FALSE', 'The opening is not that of this receipt.');
  const request = opened(kept);
  if (!isObject(request)) return line('request', 'FALSE', 'What the receipt is committed to is no request.');
  const wrong = [...otherRequest(payload, request), ...otherTerms(payload, request)];
  if (wrong.length) return line('request', 'FALSE', `The receipt says something else than the request that it is committed to: ${wrong.join('; ')}.`);
  return line('request', 'proved', `The opening is what the receipt is committed to, word for word. ${conditions(request)}`);
}

/** A request may hold fractions, which nothing signed has. @param {string} text */
function opened(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {Record<string, any>} payload @param {Record<string, any>} request */
function otherRequest(payload, request) {
  const asked = payload.asked ?? {}, names = Object.hasOwn(request, 'model') ? ['model', ...SAID] : SAID;
  const wrong = names.filter(name => !alike(cut(request[name]), asked[name])), given = inputsOf(request).slice(0, LISTED);
  if (!alike(given.map(({ one, role }) => [one.sha256 ?? null, role]), payload.inputs.map(one => [one.sha256 ?? null, one.role ?? null]))) wrong.push('inputs');
  return wrong;
}

/** The user's conditions against the features and the dice of the decision. @param {Record<string, any>} payload @param {Record<string, any>} request */
function otherTerms({ decision, attempts = [] }, { terms }) {
  if (!isObject(terms) || !isObject(decision)) return [];
  const features = decision.features ?? {};
  const wrong = Object.keys(TERMS).filter(name => !alike(of(terms, name, TERMS[name]), of(features, name, TERMS[name])))
    .map(name => `${name} was ${say(of(terms, name, TERMS[name]))}, and it was decided by ${say(of(features, name, TERMS[name]))}`);
  if (Object.hasOwn(terms, 'nonce') && (cut(terms.nonce) !== decision.nonce || decision.nonce_from !== 'client')) wrong.push('the dice were given by the caller, and others were thrown');
  if (terms.hedge !== true && attempts.some(one => one.events?.hedge)) wrong.push('a second request was sent, and nobody allowed it');
  return wrong;
}

/** @param {Record<string, any>} request */
function conditions({ terms }) {
  if (!isObject(terms)) return 'It is from before conditions were committed to, so that those are not checked.';
  const said = [...Object.keys(TERMS), 'nonce', 'hedge'].filter(name => Object.hasOwn(terms, name)).map(name => `${name} ${say(terms[name])}`);
  return `Conditions in it: ${said.join(', ') || 'none'}.`;
}
