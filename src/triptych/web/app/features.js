// @ts-check
/** What may be asked for beyond the words, as a person calls it: the server's own names, which its adjustments have, too. */
import { say } from './ui.js';

const NAMES = /** @type {Record<string, string>} */ ({ size: 'size', aspect_ratio: 'aspect ratio', resolution: 'resolution', quality: 'quality', seed: 'seed', negative_prompt: 'negative prompt', background: 'background', output_format: 'file format', images: 'pictures', roles: 'roles', mask: 'mask', n: 'number', parts: 'weights' });
const ROLES = /** @type {Record<string, string>} */ ({ edit: 'Source', subject: 'Subject', style: 'Style', layout: 'Layout' });

/** A setting; what the prompt calls by a name of its own (`stylize`, `chaos`) has that in every language. @param {string} name */
export const feature = name => say(NAMES[name] ?? name.replaceAll('_', ' '));
/** What a picture that went along was for. @param {string} role */
export const roleOf = role => say(ROLES[role] ?? role);
