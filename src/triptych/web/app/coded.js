// @ts-check
/** A sentence with code in it: what stands between backticks. One text stays one text, so it can be said in any language. */
import { html } from './ui.js';

/** @param {string} text */
export const coded = text => text.split('`').map((part, i) => i % 2 ? html`<code>${part}</code>` : part);
