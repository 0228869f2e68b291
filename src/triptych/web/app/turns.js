// @ts-check
/** The turns that led to a picture, each with its instruction, over the form in which the next one is written. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { html, say } from './ui.js';
/** @import { Signal } from '@preact/signals' */
/** @typedef {{ tile: string, picture: string, thumb: string, prompt: string, name: string, remembers: string | null }} Turn */

/** The turns, once they are asked for. @param {string} picture @param {boolean} on @returns {Signal<Turn[]>} */
export function useTurns(picture, on) {
  const turns = useSignal(/** @type {Turn[]} */ ([]));
  useEffect(() => {
    if (on && !turns.peek().length) trying('edit', () => call('GET', `/api/images/${picture}/turns`)).then(a => { if (a) turns.value = a.turns; });
  }, [on]);
  return turns;
}

/** @param {{ turns: Turn[] }} props */
export const Turns = ({ turns }) => html`<ol class="turns" aria-label=${say('The conversation so far')} tabindex="0">${turns.map((t, i) => html`<li key=${t.picture}><img src=${t.thumb} alt=${say('Picture of turn {0}', i + 1)} /><p><span class="num">${i + 1}</span> <b>${t.name}</b></p><p class="said" title=${t.prompt}>${t.prompt}</p></li>`)}</ol>`;
