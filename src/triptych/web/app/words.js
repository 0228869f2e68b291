// @ts-check
/** The page in another language than English. One catalogue has a text for each English one, and the forms of what is counted;
 * the other what the server says. They are fetched before the first drawing, and only by who reads them. */
import { local, text } from './state.js';
import { file, words } from './ui.js';

export const LANGUAGES = /** @type {Record<string, string>} */ ({ en: 'English', de: 'Deutsch' });

/** The language that was chosen here, else the browser's first one that there is. */
export const wanted = () => [local.language, ...navigator.languages.map(l => l.slice(0, 2))].find(l => l && LANGUAGES[l]) ?? 'en';

/** Fetches the catalogue. Without it the page stays English. */
export async function learn() {
  const language = wanted();
  if (language === 'en') return;
  const read = (/** @type {string} */ path) => fetch(file(path)).then(answer => answer.ok ? answer.json() : null).catch(() => null);
  const [own, told, { hearer }] = await Promise.all([read(`lang/${language}.json`), read(`lang/told/${language}.json`), import('./heard.js')]);
  document.documentElement.lang = own ? language : 'en';
  text.value = /** @type {HTMLTextAreaElement | null} */ (document.getElementById('prompt'))?.value || text.peek();  // what was typed meanwhile
  if (!own) return;
  Object.assign(words, own, told && { ' ': hearer(told) });
}
