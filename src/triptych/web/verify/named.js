// @ts-check
/** Which of the files that were brought are those that a receipt names. On others nothing is computed: what came of it would be
 * said of something else than was decided and paid by. Like triptych.network.named. */
import { Wrong, digest } from './bytes.js';
import { isObject, parse } from './json.js';
import { line } from './line.js';
/** @import { Given } from './bytes.js' */

/** One file and the line about it. `data` is there when it is what is named; `other` says that one was brought which is not.
 * @typedef {{ what: string, line: import('./line.js').Line | null, data: Given | null, other: boolean }} File */
/** @typedef {{ policy: File, snapshot: File, catalogue: File }} Files */

/** @param {string} what @param {import('./line.js').Line | null} said @param {Given | null} data @param {boolean} other @returns {File} */
const file = (what, said, data, other) => ({ what, line: said, data, other });

/** Looks at what was brought. @param {Record<string, any>} payload @param {{ policy?: Given | null, snapshot?: Given | null, catalogue?: Given | null }} given @returns {Files} */
export function files(payload, { policy = null, snapshot = null, catalogue = null }) {
  const stated = payload.decision ?? {}, rules = named('policy', stated, policy);
  return { policy: rules, snapshot: named('snapshot', stated, snapshot), catalogue: published(rules, catalogue) };
}

/** In words, which of them are not those that are named; empty when none is. @param {...File} given */
export function others(...given) {
  const wrong = given.filter(one => one.other).map(one => `the ${one.what}`), many = wrong.length > 1;
  return wrong.length ? `${wrong.join(' and ')} that ${many ? 'were' : 'was'} given ${many ? 'are not those that are named' : 'is not the one that is named'}` : '';
}

/** What a policy or a snapshot says; null when the one that is named is not here, or cannot be read.
 * @param {File} one @returns {Record<string, any> | null} */
export function rules({ data }) {
  if (data === null) return null;
  try {
    const found = parse(data);
    return isObject(found) ? found : null;
  } catch (error) {
    if (error instanceof Wrong) return null;
    throw error;
  }
}

/** @param {string} what @param {Record<string, any>} decision @param {Given | null} data @returns {File} */
function named(what, decision, data) {
  if (!Object.keys(decision).length) return file(what, data === null ? null : line(what, 'FALSE', 'The receipt names none.'), null, data !== null);
  const stated = decision[`${what}_id`];
  if (!stated) return file(what, line(what, data === null ? 'not checked' : 'FALSE', `The receipt names no ${what}.`), null, data !== null);
  if (data === null) return file(what, line(what, 'not checked', `The receipt names the ${what} ${stated}; it was not given.`), null, false);
  const hash = digest(data);
  if (hash === stated) return file(what, line(what, 'proved', `It is the ${what} that the receipt names.`), data, false);
  return file(what, line(what, 'FALSE', `Its SHA-256 is ${hash}; the receipt names ${stated}.`), null, true);
}

/** @param {File} policy @param {Given | null} data @returns {File} */
function published(policy, data) {
  const what = 'catalogue';
  if (data === null) return file(what, null, null, false);
  const hash = digest(data), said = rules(policy);
  if (said === null)
    return file(what, line(what, 'not checked', `Its SHA-256 is ${hash}; ${others(policy) || 'the policy, which names the catalogue, was not given'}.`), null, false);
  if (said.catalogue !== hash) return file(what, line(what, 'FALSE', `Its SHA-256 is ${hash}; the policy names ${said.catalogue ?? 'none'}.`), null, true);
  return file(what, line(what, 'proved', 'It is the catalogue that the policy names.'), data, false);
}
