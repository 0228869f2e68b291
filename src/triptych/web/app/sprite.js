// @ts-check
/** The icons as a part of the page: drawn from their file, each would ask for it again, which takes fifteen times as long. */
import { file, icons } from './ui.js';

fetch(file('icons.svg')).then(answer => answer.ok ? answer.text() : Promise.reject(answer)).then(text => {
  const all = document.importNode(new DOMParser().parseFromString(text, 'image/svg+xml').documentElement, true);
  for (const each of all.querySelectorAll('symbol')) each.id = `i-${each.id}`;
  all.style.display = 'none';
  document.body.append(all);
  icons.at = '#i-';
}).catch(() => {});                                    // then they are drawn from the file
