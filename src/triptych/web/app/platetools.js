// @ts-check
/** Below a picture side by side: who made it and how long it took, what was said of it, and what can be done with it. */
import { seconds } from './amounts.js';
import { AS } from './answers.js';
import { keyed } from './commands.js';
import { items } from './sidemenu.js';
import { called, Name, secret } from './sides.js';
import { Menu, Tool, h, html, say } from './ui.js';
/** @typedef {import('./sides.js').Side} Side */
/** @typedef {import('./compare.js').View} View */

/** Its name at one edge, what can be done at the other, so that a name that is told later moves nothing.
 * @param {{ view: View, all: Side[], side: Side }} props */
export const Tag = ({ view, all, side }) => html`<span class="who" title=${[called(side), took(side)].filter(Boolean).join(' · ')}><span class="called">${h(Name, { side })}</span>${took(side) && html` <span class="num took">${took(side)}</span>`}</span><span class="marked">${view.answers.marks(side.image.id).map(([kind, word]) => html` <span class="mark" data-kind=${kind}>${word}</span>`)}</span>${h(Tools, { view, all, side })}`;

/** How long it took; '' while nobody is to know who made it. @param {Side} side */
const took = side => !secret(side) && side.t.started_ms && side.t.ended_ms ? seconds((side.t.ended_ms - side.t.started_ms) / 1000) : '';

/** @param {{ view: View, all: Side[], side: Side }} props */
function Tools({ view, all, side }) {
  const { question, given, pick, reject } = view.answers, { letter } = side, number = all.indexOf(side) + 1;
  const picked = given.value.won[question.value]?.image === side.image.id;
  return html`<span class="tools">
    ${all.length > 1 && html`<button type="button" class="tool small num" aria-label=${`${say('Pick {0}: {1}', letter, say(AS[question.value]))}, ${number}`} aria-pressed=${picked} title=${say('Pick {0} ({1})', letter, number)} onClick=${() => pick(side)}>${number}</button>
    ${h(Tool, { icon: 'ban', label: say('Reject {0}, in the gallery too', letter), title: keyed(say('Reject {0}, in the gallery too', letter), 'side-reject'), 'aria-pressed': view.answers.rejected(side.image.id), class: 'small', onClick: () => reject(side) })}`}
    ${all.length > 2 && h(Tool, { icon: 'x', label: say('Take {0} out of the view', letter), title: keyed('Take out of the view', 'side-out-of'), class: 'small', onClick: () => view.takeOut(side) })}
    ${h(Menu, { label: say('More with {0}', letter), icon: 'ellipsis', items: () => items(side) })}</span>`;
}
