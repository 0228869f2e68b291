// @ts-check
/** Weights of a network on this machine: how far their fetch is, and the buttons that begin and end it. */
import { html, say } from './ui.js';

/** @typedef {{ state: 'here' | 'missing' | 'fetching' | 'failed', fetched: number, total: number, reason: string | null, url: string }} Weights */

/** How often a page asks while a fetch is under way, in milliseconds. */
export const EVERY_MS = 700;

/** @param {number} bytes */
export const mega = bytes => `${(bytes / 1e6).toLocaleString(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} MB`;

/** @param {{ weights: Weights, name: string, weigh: (method: 'POST' | 'DELETE') => void }} props */
export const Fetch = ({ weights, name, weigh }) => weights.state === 'fetching'
  ? html`<progress value=${weights.fetched} max=${weights.total} aria-label=${say('Weights of {0}', name)}></progress><span class="num">${mega(weights.fetched)} / ${mega(weights.total)}</span><button type="button" class="btn small" onClick=${() => weigh('DELETE')}>${say('Stop')}</button>`
  : html`<button type="button" class="btn small" title=${weights.url} onClick=${() => weigh('POST')}>${say('Get {0}', mega(weights.total))}</button>`;
