// @ts-check
/** Every view but the studio, each with its module and its sheet, by the first part of its address. */
import * as s from './state.js';
import { h, html, later, say, styled } from './ui.js';

/** @param {() => Promise<any>} load @param {string} name @param {...string} sheets */
const view = (load, name, ...sheets) => later(() => Promise.all([load(), ...['views', ...sheets].map(styled)]).then(([m]) => m), name);

const VIEWS = /** @type {Record<string, any>} */ ({
  gallery: view(() => import('./gallery.js'), 'Gallery', 'gallery'),
  models: view(() => import('./models.js'), 'Models', 'models'),
  router: view(() => import('./router.js'), 'Router', 'router'),
  drift: view(() => import('./drift.js'), 'Drift', 'drift'),
  network: view(() => import('./network.js'), 'Network', 'network'),
  queue: view(() => import('./queue.js'), 'Queue', 'queue'),
  ranking: view(() => import('./ranking.js'), 'Ranking', 'ranking'),
  lineage: view(() => import('./lineage.js'), 'Lineage', 'lineage'),
  kit: view(() => import('./kit.js'), 'Kit', 'kit'),
});

/** Every view that opens without a picture, for the palette. */
export const NAMES = ['studio', ...Object.keys(VIEWS).filter(name => name !== 'lineage')];

export function View() {
  const found = VIEWS[s.view.value];
  return found ? h(found, { key: s.view.value }) : html`<div class="scroll"><p class="sub">${say('There is nothing at this address.')} <a href="/">${say('Open the studio')}</a>.</p></div>`;
}
