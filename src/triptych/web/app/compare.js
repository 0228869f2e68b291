// @ts-check
/** Two to six pictures side by side, all showing the same part; two over each other in four ways; picks; what differs below. */
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { QUESTIONS, useAnswers } from './answers.js';
import { keyed } from './commands.js';
import { keys } from './comparekeys.js';
import { Differences } from './differences.js';
import { Panes, Scale, WAYS, real, swapped } from './panes.js';
import { called, mixed, secret, sides } from './sides.js';
import * as s from './state.js';
import { Icon, Menu, Remark, Tool, h, html, say } from './ui.js';
/** @typedef {import('./sides.js').Side} Side */
/** @typedef {ReturnType<typeof useView>} View */

const SURROUNDS = [['theme', 'As the page'], ['paper', 'Paper'], ['grey', 'Middle grey'], ['ink', 'Ink']];

/** What the parts of this view share: its elements, how it is looked at, what is answered. */
function useView() {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null)), stage = useRef(/** @type {import('./panes.js').ZoomStage | null} */ (null));
  const plate = (/** @type {string} */ which) => /** @type {HTMLElement | null} */ (box.current?.querySelector(`.plate${which}`) ?? null);
  const focused = () => /** @type {HTMLElement | null} */ (document.activeElement?.closest('.plate') ?? null);
  /** Moves the focus among the pictures. @param {number} by */
  const step = by => {
    const plates = /** @type {HTMLElement[]} */ ([...stage.current?.querySelectorAll('.plate') ?? []]), at = plates.indexOf(/** @type {HTMLElement} */ (focused()));
    plates[(at + by + plates.length) % plates.length]?.focus();
  };
  return {
    box, stage, plate, focused, step,
    mode: useSignal('grid'), held: useSignal(false), k: useSignal(1), mix: useSignal('50'),
    surround: useSignal(s.local.surround || 'theme'), strip: useSignal(s.local.differences ?? (innerWidth > 640 ? 'open' : '')),
    answers: useAnswers(image => plate(`[data-image="${image}"]`)?.focus()),
    /** @param {Side | undefined} side */
    takeOut(side) {
      if (!side || sides.peek().length < 2) return;
      s.marks.value = s.marks.peek().filter(m => m.image !== side.image.id);
      s.comparing.value = s.comparing.peek().filter(m => m.image !== side.image.id);
      step(0);
    },
  };
}

export function Compare() {
  const view = useView(), all = sides.value, { box, plate, held, mode } = view;
  const blind = useRef(false), how = all.length === 2 || mode.value === 'flicker' && all.length > 1 ? mode.value : 'grid';
  useLayoutEffect(() => { box.current?.showModal(); plate('')?.focus(); }, []);
  useLayoutEffect(() => {                                       // the keys go on from the pictures, not from a button nearby
    if (!document.activeElement?.closest('.compare > header')) plate('')?.focus();
  }, [how]);
  useLayoutEffect(() => {                                       // nor from nowhere, where the one with the focus was taken out
    if (!document.activeElement?.closest('.compare')) plate('')?.focus();
  }, [all.length]);
  if (!all.length) { s.comparing.value = []; return null; }
  const hidden = all.some(secret);
  blind.current ||= hidden;
  const shut = () => { s.comparing.value = mixed.value = []; }, release = e => { if (e.key === ' ') held.value = false; };
  // At once, and not with the dialog's own event: that comes a moment later, and would shut what has been opened since.
  const leave = () => { box.current?.close(); shut(); };
  return html`<dialog class="compare" ref=${box} aria-label=${say('Side by side')} data-surround=${view.surround.value} onCancel=${e => { e.preventDefault(); leave(); }} onClose=${() => box.current && shut()} onKeyDown=${keys(view)} onKeyUp=${release}>
    <header><div class="looks"><div class="answer">${h(Title, { view, all })}</div>
      ${all.length > 1 && h(Ways, { view, all, how })}
      ${h(Zooms, { view })}
      ${h(Surrounds, { view })}</div>
      ${h(Tool, { icon: 'x', label: say('Close'), title: say('Close (Esc)'), onClick: leave })}</header>
    ${h(Remark, { of: s.problems.value.compare })}
    ${h(Panes, { view, all, how })}
    ${all.length > 1 && h(Differences, { all, strip: view.strip, hidden, over: blind.current })}
  </dialog>`;
}

/** What was answered last, with a way back, or how many there are. @param {{ view: View, all: Side[] }} props */
function Title({ view: { answers, box }, all }) {
  const { said } = answers.given.value, blind = all.every(secret), first = answers.first(), won = all.find(a => a.image.id === first);
  const rank = e => { e.preventDefault(); box.current?.close(); s.go('/ranking'); };
  return html`<h2 aria-live="polite" title=${title()}>${title()}</h2>
    ${said && html`<button type="button" class="btn small" onClick=${() => said.back()}>${say('Undo')}</button>`}${(said || won) && html`<a class="more" href="/ranking" onClick=${rank}>${say('Your ranking')}</a>`}`;
  function title() {
    if (said) return said.text();
    if (won && !blind) return say('You picked {0}: {1}', won.letter, won.t.name);
    if (all.length === 1) return called(all[0]);
    return blind ? say('Pick one') : say('{0} side by side', all.length);
  }
}

/** What is asked, and how it is looked at. @param {{ view: View, all: Side[], how: string }} props */
function Ways({ view: { answers, mode, held }, all, how }) {
  const { question } = answers, veiled = all.every(a => s.veiled(a.t.run)), ways = WAYS.filter(([, , pair]) => all.length === 2 || !pair), [a, b] = swapped(all);
  const hold = { onPointerDown: () => { held.value = true; }, onPointerUp: () => { held.value = false; }, onPointerLeave: () => { held.value = false; } };
  return html`<div class="seg ask" role="group" aria-label=${say('What you pick for')}>${Object.entries(QUESTIONS).map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${question.value === id} title=${say('1–{0} picks: {1}', all.length, say(QUESTIONS[id]))} onClick=${() => { question.value = id; }}>${say(name)}</button>`)}</div>
    <div class="seg" role="group" aria-label=${say('How')}>${ways.map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${how === id} title=${keyed(name, `side-${id}`)} onClick=${() => { mode.value = id; }}>${say(name)}</button>`)}</div>
    <button type="button" class="btn small" aria-pressed=${mixed.value.length > 0 || veiled} disabled=${veiled} title=${keyed('Names and prices hidden and the order shuffled, until you pick', 'side-blind')} onClick=${answers.shuffle}>${say('Blind')}</button>
    ${(how === 'grid' || how === 'flicker') && html`<button type="button" class="tool" aria-label=${say('Hold to swap {0} and {1}', a.letter, b.letter)} title=${say('Hold to swap {0} and {1}: Space. The one with the focus, and the one that had it before.', a.letter, b.letter)} data-hold="true" ...${hold}>${h(Icon, { name: 'arrow-left-right' })}</button>${all.length > 2 && html`<span class="num swap">${a.letter} ⇄ ${b.letter}</span>`}`}`;
}

/** @param {{ view: View }} props */
const Zooms = ({ view: { stage } }) => html`<div class="zooms" role="group" aria-label=${say('Zoom')}>${h(Tool, { icon: 'minus', label: say('Zoom out'), title: keyed('Zoom out', 'side-out'), onClick: () => stage.current?.by(1 / 1.5) })}${h(Scale, null)}${h(Tool, { icon: 'plus', label: say('Zoom in'), title: keyed('Zoom in', 'side-in'), onClick: () => stage.current?.by(1.5) })}
  ${h(Tool, { icon: 'scan', label: say('Fit'), title: keyed('Fit', 'side-fit'), onClick: () => stage.current?.fit() })}<button type="button" class="btn small" aria-pressed=${real.value} title=${keyed('Real size and back', 'side-actual')} onClick=${() => stage.current?.actual()}>1:1</button></div>`;

/** What lies around the pictures, in a menu. @param {{ view: View }} props */
function Surrounds({ view: { surround } }) {
  const items = () => SURROUNDS.map(([id, name]) => ({ name: say(name), note: surround.value === id ? '✓' : '', run: () => { surround.value = s.local.surround = id; } }));
  return h(Menu, { label: say('Surround: {0}', say(SURROUNDS.find(([id]) => id === surround.value)?.[1] ?? 'As the page')), icon: 'contrast', heading: say('Surround'), items });
}
