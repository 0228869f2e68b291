// @ts-check
/** A mask out of a file, as the server reads it: what is transparent is to be changed; in a file that cannot be transparent
 * what is white is, as the programs around open models and picture editors write masks. */

const FAINT = 8;                                       // of 255: what a lossy copy leaves of black

/** Whether a PNG can be transparent: by the type of its colours, or by a chunk before its pixels (PNG, third edition, 11.3.1).
 * @param {DataView} file */
function pngAlpha(file) {
  if (file.getUint8(25) & 4) return true;
  for (let at = 8; at + 8 < file.byteLength; at += 12 + file.getUint32(at)) {
    const kind = file.getUint32(at + 4);
    if (kind === 0x74524e53) return true;              // tRNS
    if (kind === 0x49444154) return false;             // IDAT
  }
  return false;
}

/** @param {Blob} file @param {Uint8ClampedArray} pixels */
async function alpha(file, pixels) {
  const bytes = new DataView(await file.arrayBuffer());
  if (bytes.byteLength > 26 && bytes.getUint32(0) === 0x89504e47) return pngAlpha(bytes);
  for (let i = 3; i < pixels.length; i += 4) if (pixels[i] < 255) return true;
  return false;
}

/** What is to be changed as the opacity of a canvas, by what that was read, and whether it is nothing. Rejects for what is no
 * picture. @param {Blob} file @returns {Promise<{ painted: HTMLCanvasElement, by: 'transparency' | 'brightness', nothing: boolean }>} */
export async function readMask(file) {
  const picture = await createImageBitmap(file), painted = document.createElement('canvas');
  painted.width = picture.width; painted.height = picture.height;
  const c = /** @type {CanvasRenderingContext2D} */ (painted.getContext('2d', { willReadFrequently: true }));
  c.drawImage(picture, 0, 0);
  picture.close();
  const image = c.getImageData(0, 0, painted.width, painted.height), { data } = image, open = await alpha(file, data);
  let most = 0;
  for (let i = 0; i < data.length; i += 4) {
    const changed = open ? 255 - data[i + 3] : (299 * data[i] + 587 * data[i + 1] + 114 * data[i + 2]) / 1000;   // ITU-R BT.601
    data[i] = data[i + 1] = data[i + 2] = 0;
    data[i + 3] = changed;
    if (changed > most) most = changed;
  }
  c.putImageData(image, 0, 0);
  return { painted, by: open ? 'transparency' : 'brightness', nothing: most < FAINT };
}
