// @ts-check
/** Two to six pictures side by side, all showing the same part; two over each other in four ways; picks; what differs below. */
import { computed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import '../elements/compare-slider.js';
import '../elements/zoom-stage.js';
import { trying } from './actions.js';
import { heard, keyed } from './commands.js';
import { Differences } from './differences.js';
import { letter } from './format.js';
import { alt } from './marks.js';
import { choose, forget } from './picks.js';
import * as s from './state.js';
import { Remark, Tool, h, html, say } from './ui.js';

/** @typedef {{ t: import('./types').Tile, image: import('./types').Picture, letter: string }} Side */
/** Each under the letter it has in its row, with a number where its tile has several pictures; pictures of several rows whose
 * letters meet are lettered anew. */
const sides = computed(() => {
  const all = s.comparing.value.flatMap(({ tile, image }) => {
    const t = tile.value, n = t.images.findIndex(p => p.id === image), row = s.findRow(t.run), at = row ? s.shown(row).findIndex(x => x.peek().id === t.id) : -1;
    return n < 0 ? [] : [{ t: s.open(t, Math.max(at, 0)), image: t.images[n], letter: at < 0 ? '' : `${letter(at)}${t.images.length > 1 ? n + 1 : ''}` }];
  });
  return new Set(all.map(a => a.letter)).size === all.length ? all : all.map((a, i) => ({ ...a, letter: letter(i) }));
});

/** @param {Side} side */
export const called = side => s.veiled(side.t.run) ? side.letter : [side.t.name, s.lazy.value?.apart(side.t)].filter(Boolean).join(' · ');

/** Ways of looking, and whether each is for two only. */
const WAYS = /** @type {[string, string, boolean][]} */ ([['grid', 'Grid', false], ['slider', 'Slider', true], ['overlay', 'Overlay', true], ['difference', 'Difference', true], ['flicker', 'Flicker', false]]);
const QUESTIONS = /** @type {Record<string, string>} */ ({ prettier: 'Prettier', closer: 'Closer to the brief' });
const AS = /** @type {Record<string, string>} */ ({ prettier: 'the prettier one', closer: 'closer to the brief' });

/** What was answered here, by question and picture: the id of the pick. `said` is told below the title, with a way back.
 * @typedef {{ won: Record<string, { image: string, pick: string }>, rejected: Record<string, string>, said: { text: () => string, pick: string } | null }} Answers */

export function Compare() {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null)), stage = useRef(/** @type {import('../elements/zoom-stage.js').ZoomStage | null} */ (null));
  const mode = useSignal('grid'), held = useSignal(false), k = useSignal(1), surround = useSignal(s.local.surround || 'theme');
  const strip = useSignal(s.local.differences ?? (innerWidth > 640 ? 'open' : ''));
  const question = useSignal('prettier'), answers = useSignal(/** @type {Answers} */ ({ won: {}, rejected: {}, said: null })), mix = useSignal('50'), busy = useRef(false);
  const pressed = useRef(0), from = useRef([0, 0]);
  const all = sides.value, two = all.length === 2, how = two || mode.value === 'flicker' && all.length > 1 ? mode.value : 'grid';
  useLayoutEffect(() => {
    box.current?.showModal();
    /** @type {HTMLElement | null} */ (box.current?.querySelector('.plate'))?.focus();
  }, []);
  useLayoutEffect(() => {                                       // the keys go on from the pictures, not from a button nearby
    if (!document.activeElement?.closest('.compare > header')) /** @type {HTMLElement | null} */ (box.current?.querySelector('.plate'))?.focus();
  }, [how]);
  useLayoutEffect(() => {                                       // as large as they can be: in this window, with these shapes
    const el = stage.current;
    if (!el) return undefined;
    const fit = () => el.style.setProperty('--cols', how === 'grid' ? String(columns(all.map(a => a.image.width / a.image.height), el.clientWidth - 24, el.clientHeight - 24)) : '1');
    const size = new ResizeObserver(fit);
    size.observe(el);
    fit();
    return () => size.disconnect();
  }, [how, all.length]);
  useEffect(() => {
    const el = stage.current, told = e => { k.value = e.detail.k; };
    el?.addEventListener('zoom', told);
    return () => el?.removeEventListener('zoom', told);
  }, []);
  if (!all.length) { s.comparing.value = []; return null; }
  const runs = all.map(a => a.t.run), blind = runs.every(s.veiled), won = all.find(a => s.findRow(a.t.run)?.picked === a.image.id);
  const find = (/** @type {string} */ image) => sides.peek().find(a => a.image.id === image);
  /** One answer at a time: what a key asks for while another is on its way is left out. @param {() => Promise<unknown>} work */
  const asking = async work => {
    if (busy.current) return;
    busy.current = true;
    await trying('compare', work);
    busy.current = false;
  };
  const choice = (/** @type {any} */ more) => ({ pictures: all.map(a => a.image.id), winner: null, question: question.peek(), blind, ...more });
  const pick = (/** @type {Side | undefined} */ side) => side && all.length > 1 && asking(async () => {
    const asked = question.peek(), image = side.image.id, before = answers.peek();
    const id = await choose(choice({ winner: all.indexOf(side) }), runs, before.won[asked]?.pick);
    const text = () => { const now = find(image) ?? side; return say('You picked {0}: {1}, {2}.', now.letter, called(now), say(AS[asked])); };
    answers.value = { ...answers.peek(), won: { ...before.won, [asked]: { image, pick: id } }, said: { text, pick: id } };
    plateOf(image)?.focus();
  });
  const reject = (/** @type {Side | undefined} */ side) => side && all.length > 1 && asking(async () => {
    const image = side.image.id, { [image]: known, ...others } = answers.peek().rejected;
    if (known) { await undo(known); return; }
    const id = await choose(choice({ rejected: [all.indexOf(side)] }), runs);
    answers.value = { ...answers.peek(), rejected: { ...others, [image]: id }, said: { text: () => say('You rejected {0}.', called(side) === side.letter ? side.letter : `${side.letter}: ${called(side)}`), pick: id } };
  });
  const undo = async (/** @type {string} */ id) => {
    await forget(id, runs);
    const { won: w, rejected } = answers.peek(), without = (/** @type {any} */ of, /** @type {(v: any) => string} */ pickOf) => Object.fromEntries(Object.entries(of).filter(([, v]) => pickOf(v) !== id));
    answers.value = { won: without(w, v => v.pick), rejected: without(rejected, v => v), said: null };
  };
  const plateOf = (/** @type {string} */ image) => /** @type {HTMLElement | null} */ (box.current?.querySelector(`.plate[data-image="${image}"]`) ?? null);
  const marks = (/** @type {string} */ image) => [...Object.entries(answers.value.won).filter(([, v]) => v.image === image).map(([q]) => say(QUESTIONS[q]).toLowerCase()), ...(answers.value.rejected[image] ? [say('rejected')] : [])];

  const focused = () => /** @type {HTMLElement | null} */ (document.activeElement?.closest('.plate') ?? null);
  const keys = e => {
    const z = stage.current, on = /** @type {HTMLElement} */ (e.target), range = on instanceof HTMLInputElement;
    if (!z || e.ctrlKey || e.metaKey || e.altKey && !/^Arrow/.test(e.key)) return;
    const arrow = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] })[e.key];
    const here = find(focused()?.dataset.image ?? ''), pic = /** @type {HTMLElement | null} */ (focused()?.querySelector('.pic') ?? null);
    const id = heard('compare', e)?.id.slice(5) ?? '', way = WAYS.find(([name, , pair]) => name === id && (two || !pair));
    const run = /** @type {Record<string, () => void>} */ ({ in: () => z.by(1.5), out: () => z.by(1 / 1.5), fit: () => z.fit(), 'out-of': () => takeOut(here), actual: () => z.actual(focused()), reject: () => reject(here) })[id];
    if (/^[1-6]$/.test(e.key)) pick(all[Number(e.key) - 1]);
    else if (run) run();
    else if (way) mode.value = way[0];
    else if (arrow && !range && (e.altKey || e.shiftKey)) { if (pic) z.alone(pic, -arrow[0], -arrow[1]); }
    else if (e.key === ' ' && (!(on instanceof HTMLButtonElement) || on.dataset.hold)) held.value = true;
    else if (arrow && !range && z.k > 1) z.pan(arrow[0] * 10, arrow[1] * 10);
    else if (arrow && !range && on.closest('.plate')) step(arrow[0] + arrow[1] < 0 ? 1 : -1);
    else return;
    e.preventDefault();
  };
  const step = (/** @type {number} */ by) => {
    const plates = /** @type {HTMLElement[]} */ ([...stage.current?.querySelectorAll('.plate') ?? []]), at = plates.indexOf(/** @type {HTMLElement} */ (focused()));
    plates[(at + by + plates.length) % plates.length]?.focus();
  };
  const takeOut = (/** @type {Side | undefined} */ side) => {
    if (!side || all.length < 2) return;
    s.marks.value = s.marks.peek().filter(m => m.image !== side.image.id);
    s.comparing.value = s.comparing.peek().filter(m => m.image !== side.image.id);
    step(0);
  };
  const tag = (/** @type {Side} */ side) => html`${h(Name, { side })}${marks(side.image.id).map(word => html` <span class="mark" data-word=${word}>${word}</span>`)}${all.length > 1 && html`<span class="tools">
    ${h(Tool, { icon: 'check', label: say('Pick {0}', side.letter), title: say('Pick {0} ({1})', side.letter, all.indexOf(side) + 1), class: 'small', onClick: () => pick(side) })}
    ${h(Tool, { icon: 'ban', label: say('Reject {0}', side.letter), title: keyed(say('Reject {0}', side.letter), 'side-reject'), 'aria-pressed': Boolean(answers.value.rejected[side.image.id]), class: 'small', onClick: () => reject(side) })}
    ${all.length > 2 && h(Tool, { icon: 'x', label: say('Take {0} out of the view', side.letter), title: keyed('Take out of the view', 'side-out-of'), class: 'small', onClick: () => takeOut(side) })}</span>`}`;
  const pair = say('{0} and {1}', called(all[0]), all[1] ? called(all[1]) : ''), said = answers.value.said;
  const order = how === 'grid' && held.value && all.length > 1 ? [...all.slice(0, -2), all[all.length - 1], all[all.length - 2]] : all;
  const finger = (/** @type {PointerEvent} */ e) => {      // a long press is the Space bar of a phone
    clearTimeout(pressed.current);
    if (e.type === 'pointerdown' && e.pointerType === 'touch' && e.isPrimary && all.length > 1) { from.current = [e.clientX, e.clientY]; pressed.current = setTimeout(() => { held.value = true; }, 300); }
    else if (e.type !== 'pointerdown' && held.peek()) held.value = false;
  };
  const moved = (/** @type {PointerEvent} */ e) => { if (!held.peek() && Math.hypot(e.clientX - from.current[0], e.clientY - from.current[1]) > 8) clearTimeout(pressed.current); };
  const hold = { onPointerDown: () => { held.value = true; }, onPointerUp: () => { held.value = false; }, onPointerLeave: () => { held.value = false; } };
  return html`<dialog class="compare" ref=${box} aria-label=${say('Side by side')} data-surround=${surround} onClose=${() => { s.comparing.value = []; }} onKeyDown=${keys} onKeyUp=${e => { if (e.key === ' ') held.value = false; }}>
    <header><h2 aria-live="polite">${won && !said ? say('You picked {0}: {1}', won.letter, won.t.name) : said ? said.text() : all.length === 1 ? called(all[0]) : blind ? say('Pick one') : say('{0} side by side', all.length)}</h2>
      ${said && html`<button type="button" class="btn small" onClick=${() => asking(() => undo(said.pick))}>${say('Undo')}</button>`}${(said || won) && html`<a class="more" href="/ranking" onClick=${e => { e.preventDefault(); box.current?.close(); s.go('/ranking'); }}>${say('Your ranking')}</a>`}
      ${all.length > 1 && html`<div class="seg ask" role="group" aria-label=${say('What you pick for')}>${Object.entries(QUESTIONS).map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${question.value === id} title=${say('1–{0} picks: {1}', all.length, say(QUESTIONS[id]))} onClick=${() => { question.value = id; }}>${say(name)}</button>`)}</div>
      <div class="seg" role="group" aria-label=${say('How')}>${WAYS.filter(([, , pair]) => two || !pair).map(([id, name]) => html`<button type="button" key=${id} aria-pressed=${how === id} title=${keyed(name, `side-${id}`)} onClick=${() => { mode.value = id; }}>${say(name)}</button>`)}</div>`}
      ${all.length > 1 && (how === 'grid' || how === 'flicker') && html`<button type="button" class="btn small" title=${say('Hold Space')} data-hold="true" ...${hold}>${say('Hold to swap')}</button>`}
      <div class="zooms" role="group" aria-label=${say('Zoom')}>${h(Tool, { icon: 'minus', label: say('Zoom out'), title: keyed('Zoom out', 'side-out'), onClick: () => stage.current?.by(1 / 1.5) })}<output class="num">${Math.round(k.value * 100)} %</output>${h(Tool, { icon: 'plus', label: say('Zoom in'), title: keyed('Zoom in', 'side-in'), onClick: () => stage.current?.by(1.5) })}
        ${h(Tool, { icon: 'scan', label: say('Fit'), title: keyed('Fit', 'side-fit'), onClick: () => stage.current?.fit() })}<button type="button" class="btn small" title=${keyed('Real size and back', 'side-actual')} onClick=${() => stage.current?.actual(null)}>1:1</button></div>
      <div class="seg surrounds" role="group" aria-label=${say('Surround')}>${[['theme', 'As the page'], ['paper', 'Paper'], ['grey', 'Middle grey'], ['ink', 'Ink']].map(([id, name]) => html`<button type="button" title=${say('Surround: {0}', say(name))} aria-label=${say(name)} aria-pressed=${surround.value === id} onClick=${() => { surround.value = s.local.surround = id; }}><i data-tone=${id}></i></button>`)}</div>
      ${h(Tool, { icon: 'x', label: say('Close'), title: say('Close (Esc)'), onClick: () => box.current?.close() })}</header>
    ${h(Remark, { of: s.problems.value.compare })}
    <zoom-stage ref=${stage} data-how=${how} onPointerDown=${finger} onPointerUp=${finger} onPointerCancel=${finger} onPointerMove=${moved} onContextMenu=${e => { if (held.peek() || e.pointerType === 'touch') e.preventDefault(); }}>
      ${how === 'grid' && order.map(side => h(Plate, { key: side.image.id, side, tag, out: Boolean(answers.value.rejected[side.image.id]) }))}
      ${how === 'flicker' && h(Plate, { key: 'flicker', side: held.value ? all[all.length - 2] : all[all.length - 1], tag })}
      ${(how === 'overlay' || how === 'difference') && html`<figure class="plate" tabindex="0" key=${how} aria-label=${`${pair}: ${how}`}><div class="window pile" style=${`--mix:${mix.value}`}>${all.map(side => html`<div class="layer" key=${side.image.id}>${h(Pic, { side })}</div>`)}</div>
        <figcaption class="tag two"><span>${tag(all[0])}</span><input type="range" min="0" max="100" value=${mix.value} aria-label=${how === 'overlay' ? say('How much of {0} shows over {1}', called(all[1]), called(all[0])) : say('How strongly the difference shows')} onInput=${e => { mix.value = e.currentTarget.value; }} /><span>${tag(all[1])}</span></figcaption></figure>`}
      ${how === 'slider' && html`<figure class="plate" tabindex="0" key="slider" aria-label=${pair}><div class="window"><compare-slider label=${say('Reveal {0} over {1}', called(all[1]), called(all[0]))}>
        ${all.map(side => html`<div class="layer">${h(Pic, { side })}</div>`)}<span class="handle"></span></compare-slider></div>
        <figcaption class="tag two"><span>${tag(all[0])}</span><span>${tag(all[1])}</span></figcaption></figure>`}
    </zoom-stage>
    ${all.length > 1 && h(Differences, { all, strip })}
  </dialog>`;
}

/** @param {{ side: Side }} props */
const Pic = ({ side: { image, t } }) => html`<div class="pic" style=${`--ar:${image.width / image.height}`}><img src=${image.url} alt=${t.maker ? alt(t, image) : t.name} draggable=${false} decoding="async" /></div>`;
/** @param {{ side: Side }} props */
export const Name = ({ side }) => html`<span class="num">${side.letter}</span>${called(side) !== side.letter && ` ${called(side)}`}`;

/** @param {{ side: Side, tag: (side: Side) => any, out?: boolean }} props */
const Plate = ({ side, tag, out = false }) => html`<figure class="plate" tabindex="0" data-image=${side.image.id} data-out=${out} aria-label=${`${side.letter}, ${called(side)}${out ? `, ${say('rejected')}` : ''}`}><div class="window">${h(Pic, { side })}</div><figcaption class="tag">${tag(side)}</figcaption></figure>`;

/** How many columns show the most of pictures of these ratios in a box: what is left of each cell goes to its caption.
 * @param {number[]} ratios @param {number} width @param {number} height */
export function columns(ratios, width, height, gap = 12, caption = innerWidth > 640 ? 34 : 76) {
  const shown = ratios.map((_, i) => i + 1).map(cols => {
    const lines = Math.ceil(ratios.length / cols), w = (width - gap * (cols - 1)) / cols, h = (height - gap * (lines - 1)) / lines - caption;
    return { cols, area: ratios.reduce((sum, r) => sum + Math.min(Math.max(w, 0), Math.max(h, 0) * r) ** 2 / r, 0) };
  });
  return shown.reduce((best, x) => x.area > best.area * 1.01 ? x : best).cols;
}
