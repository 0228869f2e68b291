// @ts-check
/** Objects read field by field: each is there or has a default, and is of its kind. */
import { Wrong } from './bytes.js';
import { isObject } from './json.js';

/** @typedef {(value: any) => boolean} Kind */
/** Each field's kind, and its default; one without a default is needed. @typedef {Record<string, [Kind, any?]>} Fields */

/** @type {Kind} */
export const text = value => typeof value === 'string';
/** @type {Kind} */
export const flag = value => typeof value === 'boolean';
/** @param {string[]} words @returns {Kind} */
export const word = words => value => words.includes(value);
/** @param {Kind} kind @returns {Kind} */
export const orNull = kind => value => value === null || kind(value);
/** @param {Kind} kind @returns {Kind} */
export const list = kind => value => Array.isArray(value) && value.every(kind);
/** An object that has these fields, and perhaps others. @param {Fields} fields @returns {Kind} */
export const shape = fields => value => isObject(value) && misfit(fields, value) === null;

/** The first field that is missing or of another kind, or null. @param {Fields} fields @param {Record<string, any>} value */
export function misfit(fields, value) {
  for (const name of Object.keys(fields)) {
    const given = Object.hasOwn(value, name);
    if (given ? !fields[name][0](value[name]) : fields[name].length === 1) return `${name} is ${given ? 'of another kind' : 'missing'}`;
  }
  return null;
}

/** Reads objects with these fields, each filled in; other fields are left out. Throws Wrong. @param {Fields} fields @param {string} what */
export const reader = (fields, what) => (/** @type {any} */ value) => {
  if (!isObject(value)) throw new Wrong(`${what} is no object`);
  const wrong = misfit(fields, value);
  if (wrong !== null) throw new Wrong(`in ${what}, ${wrong}`);
  /** @type {Record<string, any>} */
  const read = {};
  for (const name of Object.keys(fields)) read[name] = Object.hasOwn(value, name) ? value[name] : fields[name][1];
  return read;
};
