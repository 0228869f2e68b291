// @ts-check
/** The picture files of a receipt, also those that got content credentials (C2PA) or a recipe when they were taken home. Like
 * triptych.network.check_images and triptych.imaging.bare. */
import { bytes, digest, joined } from './bytes.js';
import { counted, line, words } from './line.js';
import { header } from './picture.js';
/** @import { Given } from './bytes.js' */

/** A line for each file, one for its content credentials where it has some, and one for pictures that are missing.
 * @param {Record<string, any>} payload @param {Record<string, Given>} given */
export function imageLines(payload, given) {
  const stated = new Map(), bared = new Map(), lines = [], seen = new Set();
  for (const kind of ['inputs', 'outputs']) payload[kind].forEach((picture, i) => stated.set(picture.sha256, { kind: kind.slice(0, -1), place: i + 1, picture }));
  payload.outputs.forEach((picture, i) => {              // the model's own file, of which this one was made
    const came = picture.received;
    if (came && !stated.has(came.sha256)) stated.set(came.sha256, { kind: 'received', place: i + 1, picture: came, of: picture.sha256 });
  });
  for (const [hash, { kind, picture }] of stated) if (kind === 'output' && Object.hasOwn(picture, 'bare_sha256')) bared.set(picture.bare_sha256, hash);
  for (const [name, file] of Object.entries(given)) {
    const data = bytes(file), hash = digest(data), whole = stated.has(hash), left = whole ? data : bare(data), without = whole ? hash : digest(left);
    const found = stated.get(bared.get(without) ?? without);
    if (!found) {
      lines.push(line(`image ${name}`, 'FALSE', `Its SHA-256 is ${hash}, which is no picture of this receipt.`));
      continue;
    }
    seen.add(found.of ?? found.picture.sha256);
    const wrong = unlike(data, whole || stated.has(without) ? left : null, found.picture), how = whole ? '' : takenOut(data);
    lines.push(line(`image ${name}`, wrong ? 'FALSE' : 'proved', wrong ?? `It is ${found.of ? `output ${found.place} as it came from the model` : `${found.kind} ${found.place}`}, byte for byte${how}.`));
    if (spans(data).some(([what]) => what === 'credentials')) lines.push(line(`credentials ${name}`, 'not checked', 'The file has content credentials: they are not read here.'));
  }
  const missing = [...stated].filter(([hash, { kind }]) => kind === 'output' && !seen.has(hash)).length;
  if (missing) lines.push(line('images', 'not checked', `${counted(missing, 'picture of the receipt was', 'pictures of the receipt were')} not given.`));
  return lines;
}

/** What the receipt says of a picture and is not so. `whole` is the file whose length it states, null when that one is not here.
 * @param {Uint8Array} data @param {Uint8Array | null} whole @param {Record<string, any>} picture */
function unlike(data, whole, picture) {
  try {
    /** @type {Record<string, any>} */
    const found = { ...header(data), ...whole && { bytes: whole.length } };
    const wrong = Object.keys(found).filter(name => Object.hasOwn(picture, name) && picture[name] !== found[name]);
    return wrong.length ? `Its ${wrong.join(', ')} ${wrong.length === 1 ? 'is' : 'are'} not as the receipt says.` : null;
  } catch (error) {
    return `It cannot be read as a picture: ${words(error)}`;
  }
}

const PNG = '\x89PNG\r\n\x1a\n', PNG_RECIPE = 'Triptych recipe\0', JPEG_RECIPE = 'Triptych recipe: ';
/** @type {Map<string, Span[0]>} */
const WEBP = new Map([['C2PA', 'credentials'], ['TRPR', 'recipe']]);
const C2PA_BOX = '\x63\x32\x70\x61\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71';   // its type, in the description box of ISO 19566-5

/** @param {Uint8Array} data @param {number} from @param {number} to */
const word = (data, from, to) => String.fromCharCode(...data.subarray(from, to));

/** A number of up to four bytes. @param {Uint8Array} data @param {number} at @param {number} count @param {boolean} [little] */
function number(data, at, count, little) {
  const part = Array.from(data.subarray(at, at + count));
  return (little ? part.reverse() : part).reduce((sum, b) => sum * 256 + b, 0);
}

/** @typedef {['credentials' | 'recipe', number, number]} Span what it is, from byte, to byte */

/** The file without its C2PA manifest store (C2PA specification 2.2, appendix A.3) and its recipe; the same bytes when it has neither. @param {Uint8Array} data */
export function bare(data) {
  const found = spans(data), parts = [];
  if (!found.length) return data;
  let place = 0, gone = 0;
  for (const [, start, end] of found) {
    parts.push(data.subarray(place, start));
    place = end;
    gone += end - start;
  }
  const left = joined(...parts, data.subarray(place));
  if (word(data, 0, 4) === 'RIFF') new DataView(left.buffer).setUint32(4, Math.max(0, number(data, 4, 4, true) - gone), true);
  return left;
}

/** In words what `bare` takes out of the file, which has something of it. @param {Uint8Array} data */
function takenOut(data) {
  const found = new Set(spans(data).map(([what]) => what));
  if (found.size === 2) return ', once its content credentials and its recipe are taken out';
  return found.has('recipe') ? ', once its recipe is taken out' : ', once its content credentials are taken out';
}

/** Where they stand in a PNG, JPEG or WebP, in the order of the file. @param {Uint8Array} data @returns {Span[]} */
function spans(data) {
  if (word(data, 0, 8) === PNG) return inPng(data);
  if (word(data, 0, 4) === 'RIFF' && word(data, 8, 12) === 'WEBP') return inWebp(data);
  return word(data, 0, 2) === '\xff\xd8' ? inJpeg(data) : [];
}

/** @param {Uint8Array} data */
function inPng(data) {
  /** @type {Span[]} */
  const found = [];
  for (let place = PNG.length; place + 12 <= data.length;) {
    const end = place + 12 + number(data, place, 4), kind = word(data, place + 4, place + 8);
    if (kind === 'caBX' && end <= data.length) found.push(['credentials', place, end]);
    else if (kind === 'iTXt' && word(data, place + 8, place + 24) === PNG_RECIPE && end <= data.length) found.push(['recipe', place, end]);
    if (kind === 'IEND') break;
    place = end;
  }
  return found;
}

/** @param {Uint8Array} data */
function inWebp(data) {
  /** @type {Span[]} */
  const found = [];
  for (let place = 12; place + 8 <= data.length;) {
    const size = number(data, place + 4, 4, true), end = place + 8 + size + size % 2;
    const what = WEBP.get(word(data, place, place + 4));
    if (what && place + 8 + size <= data.length) found.push([what, place, Math.min(end, data.length)]);
    place = end;
  }
  return found;
}

/** Segments of one box have its number in common; the first of them begins with the box's description. @param {Uint8Array} data */
function inJpeg(data) {
  /** @type {Span[]} */
  const found = [], ours = new Set();
  for (let place = 2; place + 4 <= data.length && data[place] === 0xff && data[place + 1] !== 0xda;) {
    const end = place + 2 + number(data, place + 2, 2), head = word(data, place + 4, place + 64);
    if (data[place + 1] === 0xeb && head.startsWith('JP') && end <= data.length) {
      if (head.includes(C2PA_BOX)) ours.add(head.slice(2, 4));
      if (ours.has(head.slice(2, 4))) found.push(['credentials', place, end]);
    } else if (data[place + 1] === 0xfe && head.startsWith(JPEG_RECIPE) && end <= data.length) found.push(['recipe', place, end]);
    place = Math.max(end, place + 4);
  }
  return found;
}
