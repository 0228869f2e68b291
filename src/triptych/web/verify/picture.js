// @ts-check
/** What a picture's header says: type and pixels. Like triptych.imaging.header, from the same specifications: PNG (W3C PNG third
 * edition, section 5), JPEG (ITU T.81 annex B), GIF89a, WebP (RFC 9649), AVIF (ISO/IEC 23000-22), Exif orientation (tag 0x0112). */
import { Wrong } from './bytes.js';

const MAX_BYTES = 100 << 20, MAX_PIXELS = 64_000_000, MAX_FRAMES = 500;
const NAMES = { png: 'PNG', jpeg: 'JPEG', gif: 'GIF', webp: 'WEBP', avif: 'AVIF' };

/** @typedef {{ width: number, height: number, frames?: number, exif?: Bytes | null }} Found */

/** The bytes end before the header does. */
class Short extends Error {}

/** Bytes that are read at places, never past their end. */
class Bytes {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
  }

  get length() {
    return this.data.length;
  }

  /** A number of so many bytes. @param {number} at @param {number} count @param {boolean} [little] */
  take(at, count, little = false) {
    if (at < 0 || at + count > this.length) throw new Short();
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + this.data[little ? at + count - 1 - i : at + i];
    return value;
  }

  /** A few bytes as Latin letters; fewer at the end. @param {number} at @param {number} count */
  word(at, count) {
    return String.fromCharCode(...this.data.subarray(at, at + count));
  }

  /** @param {number} from @param {number} to */
  part(from, to) {
    return new Bytes(this.data.subarray(from, to));
  }
}

/** @param {Uint8Array} data @returns {{ media_type: string, width: number, height: number }} */
export function header(data) {
  if (!data.length) throw new Wrong('The picture is empty: 0 bytes.');
  if (data.length > MAX_BYTES) throw new Wrong(`The picture has ${Math.round(data.length / 2 ** 20)} MiB; the limit is ${MAX_BYTES >> 20} MiB.`);
  const whole = new Bytes(data), kind = sniff(whole);
  if (!kind) throw new Wrong('This is not a picture that is opened here.');
  try {
    const { exif, frames = 1, ...found } = READERS[kind](whole);
    const turned = exif && [5, 6, 7, 8].includes(orientation(exif));
    return { media_type: `image/${kind}`, ...withinCaps(kind, turned ? { width: found.height, height: found.width } : found, frames) };
  } catch (error) {
    if (error instanceof Short) throw new Wrong(`The ${NAMES[kind]} is cut off or damaged: its structure ends early.`);
    throw error;
  }
}

/** @param {string} kind @param {{ width: number, height: number }} size @param {number} frames */
function withinCaps(kind, size, frames) {
  if (!size.width || !size.height) throw new Wrong(`The ${NAMES[kind]} claims a side of zero pixels.`);
  if (size.width * size.height > MAX_PIXELS) throw new Wrong(`The picture claims ${size.width}x${size.height} pixels; the limit is ${MAX_PIXELS / 1e6} megapixels.`);
  if (frames > MAX_FRAMES) throw new Wrong(`The picture claims ${frames} frames; the limit is ${MAX_FRAMES}.`);
  return size;
}

/** @param {Bytes} d */
function sniff(d) {
  if (d.word(0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (d.word(0, 3) === '\xff\xd8\xff') return 'jpeg';
  if (/^GIF8[79]a/.test(d.word(0, 6))) return 'gif';
  if (d.word(0, 4) === 'RIFF' && d.word(8, 4) === 'WEBP') return 'webp';
  if (d.word(4, 4) !== 'ftyp') return null;
  const end = Math.min(d.take(0, 4), 256), brands = [d.word(8, 4)];
  for (let at = 16; at < end; at += 4) brands.push(d.word(at, 4));
  return brands.some(brand => brand === 'avif' || brand === 'avis') ? 'avif' : null;
}

/** @param {Bytes} exif */
function orientation(exif) {
  const tiff = exif.word(0, 6) === 'Exif\0\0' ? exif.part(6, exif.length) : exif, order = tiff.word(0, 2);
  if (order !== 'II' && order !== 'MM') return 1;
  const little = order === 'II';
  try {
    const first = tiff.take(4, 4, little), entries = Math.min(tiff.take(first, 2, little), 200);
    for (let entry = 0; entry < entries; entry++) {
      const at = first + 2 + 12 * entry;
      if (tiff.take(at, 2, little) === 0x0112) return tiff.take(at + 8, 2, little);
    }
  } catch (error) {
    if (!(error instanceof Short)) throw error;
  }
  return 1;
}

/** @param {Bytes} d @returns {Found} */
function png(d) {
  if (d.word(12, 4) !== 'IHDR') throw new Short();
  const size = { width: d.take(16, 4), height: d.take(20, 4) };
  let frames = 1, exif = /** @type {Bytes | null} */ (null), seen = false;
  for (let at = 8; ;) {
    const length = d.take(at, 4), kind = d.word(at + 4, 4);
    if (at + 12 + length > d.length) throw new Short();
    if (kind === 'IEND') break;
    seen ||= kind === 'IDAT';
    if (kind === 'acTL') frames = d.take(at + 8, 4);
    if (kind === 'eXIf') exif = d.part(at + 8, at + 8 + length);
    at += 12 + length;
  }
  if (!seen) throw new Short();
  return { ...size, frames, exif };
}

/** @param {Bytes} d @returns {Found} */
function jpeg(d) {
  let at = 2, exif = /** @type {Bytes | null} */ (null);
  for (;;) {
    while (d.take(at, 1) !== 0xff) at++;
    const marker = d.take(at + 1, 1);
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) throw new Short();
    const length = d.take(at + 2, 2);
    if (marker === 0xe1 && d.word(at + 4, 6) === 'Exif\0\0') exif = d.part(at + 4, at + 2 + length);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) break;
    at += 2 + length;
  }
  let end = d.length - 2;
  while (end >= at && !(d.data[end] === 0xff && d.data[end + 1] === 0xd9)) end--;
  if (end < at) throw new Short();
  return { width: d.take(at + 7, 2), height: d.take(at + 5, 2), exif };
}

/** @param {Bytes} d @returns {Found} */
function gif(d) {
  const table = (/** @type {number} */ flags) => flags & 0x80 ? 3 * (2 << (flags & 7)) : 0;
  let at = 13 + table(d.take(10, 1)), frames = 0;
  for (let kind = d.take(at, 1); kind !== 0x3b && frames <= MAX_FRAMES; kind = d.take(at, 1)) {
    if (kind !== 0x21 && kind !== 0x2c) throw new Short();
    if (kind === 0x2c) frames++;
    if (frames > MAX_FRAMES) break;
    at += kind === 0x21 ? 2 : 11 + table(d.take(at + 9, 1));
    for (let length = d.take(at, 1); length; length = d.take(at, 1)) at += 1 + length;
    at++;
  }
  if (!frames) throw new Short();
  return { width: d.take(6, 2, true), height: d.take(8, 2, true), frames };
}

/** @param {Bytes} d @returns {Found} */
function webp(d) {
  const end = 8 + d.take(4, 4, true), chunks = [];
  if (end > d.length + 1) throw new Short();
  for (let at = 12; at + 8 <= Math.min(end, d.length);) {
    const length = d.take(at + 4, 4, true);
    if (at + 8 + length > d.length) throw new Short();
    chunks.push({ kind: d.word(at, 4), at: at + 8, length });
    at += 8 + length + (length & 1);
  }
  const shape = WEBP[chunks[0]?.kind], exif = chunks.find(chunk => chunk.kind === 'EXIF');
  if (!shape) throw new Short();
  const frames = chunks.filter(chunk => chunk.kind === 'ANMF').length || 1;
  return { ...shape(d, chunks[0].at), frames, exif: exif && d.part(exif.at, exif.at + exif.length) };
}

/** @type {Record<string, (d: Bytes, at: number) => { width: number, height: number }>} */
const WEBP = {
  'VP8 ': (d, at) => ({ width: d.take(at + 6, 2, true) & 0x3fff, height: d.take(at + 8, 2, true) & 0x3fff }),
  VP8L: (d, at) => {
    const bits = d.take(at + 1, 4, true);
    return { width: (bits & 0x3fff) + 1, height: (bits >>> 14 & 0x3fff) + 1 };
  },
  VP8X: (d, at) => ({ width: d.take(at + 4, 3, true) + 1, height: d.take(at + 7, 3, true) + 1 }),
};

/** The ISO boxes between two places. @param {Bytes} d @param {number} at @param {number} end */
function boxes(d, at, end) {
  const found = [];
  while (at + 8 <= end) {
    const short = d.take(at, 4), size = short === 1 ? d.take(at + 8, 8) : short, start = at + (short === 1 ? 16 : 8), stop = size === 0 ? end : at + size;
    if (stop > end || stop < start) throw new Short();
    found.push({ kind: d.word(at + 4, 4), start, stop });
    at = stop;
  }
  return found;
}

/** @param {Bytes} d @returns {Found} */
function avif(d) {
  const inside = (/** @type {ReturnType<typeof boxes>} */ among, /** @type {string} */ kind, skip = 0) => {
    const box = among.findLast(one => one.kind === kind);
    return box ? boxes(d, box.start + skip, box.stop) : [];
  };
  const top = boxes(d, 0, d.length);
  if (!['meta', 'mdat'].every(kind => top.some(box => box.kind === kind))) throw new Short();
  const properties = inside(inside(inside(top, 'meta', 4), 'iprp'), 'ipco');
  const shapes = properties.filter(box => box.kind === 'ispe').map(box => ({ width: d.take(box.start + 4, 4), height: d.take(box.start + 8, 4) }));
  if (!shapes.length) throw new Short();
  const { width, height } = shapes.reduce((most, one) => one.width * one.height > most.width * most.height ? one : most);
  const turned = properties.some(box => box.kind === 'irot' && d.take(box.start, 1) & 1);
  return turned ? { width: height, height: width } : { width, height };
}

/** @type {Record<string, (d: Bytes) => Found>} */
const READERS = { png, jpeg, gif, webp, avif };
