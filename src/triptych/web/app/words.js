// @ts-check
/** The page in another language than English. A catalogue has a text for each English one, and the forms of what is counted;
 * it is fetched before the first drawing, and only by who reads it. */
import { local } from './state.js';
import { file, words } from './ui.js';

export const LANGUAGES = /** @type {Record<string, string>} */ ({ en: 'English', de: 'Deutsch' });

/** The language that was chosen here, else the browser's first one that there is. */
export const wanted = () => [local.language, ...navigator.languages.map(l => l.slice(0, 2))].find(l => l && LANGUAGES[l]) ?? 'en';

/** Fetches the catalogue. Without it the page stays English. */
export async function learn() {
  const language = wanted();
  if (language === 'en') return;
  const answer = await fetch(file(`lang/${language}.json`)).catch(() => null);
  if (!answer?.ok) return;
  Object.assign(words, await answer.json());
  document.documentElement.lang = language;
}
