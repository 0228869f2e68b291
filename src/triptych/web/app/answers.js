// @ts-check
/** What is answered about pictures side by side: a pick for each question, kept by the server and found again whenever just these
 * pictures are compared; and what is rejected, which is the same mark as everywhere and counts as behind the others here. */
import { useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { trying } from './actions.js';
import { call } from './api.js';
import { chosen } from './chosen.js';
import { count } from './format.js';
import { judge, marks } from './marks.js';
import { choose, forget } from './picks.js';
import { called, hide, mixed, secret, sideOf, sides } from './sides.js';
import * as s from './state.js';
import { say } from './ui.js';
/** @typedef {import('./sides.js').Side} Side */

export const QUESTIONS = /** @type {Record<string, string>} */ ({ prettier: 'Prettier', closer: 'Closer to the brief' });
export const AS = /** @type {Record<string, string>} */ ({ prettier: 'the prettier one', closer: 'closer to the brief' });

/** By question, the picture and the id of the pick; `said` is told as the title, with a way back.
 * @typedef {{ won: Record<string, { image: string, pick: string }>, said: { text: () => string, back: () => void } | null }} Given */
const NONE = /** @type {Given} */ ({ won: {}, said: null });

const runs = () => sides.peek().map(a => a.t.run);
/** @param {Side} side */
const named = side => called(side) === side.letter ? side.letter : `${side.letter}: ${called(side)}`;
/** @param {string} image */
const rejected = image => marks.value[image]?.verdict === 'rejected';

/** What was picked of just these pictures before, here or on another page. @param {string[]} ids */
async function found(ids) {
  const { picks } = await call('GET', `/api/picks?pictures=${ids}`), won = picks.filter((/** @type {any} */ p) => p.winner !== null);
  return Object.fromEntries(won.map((/** @type {any} */ p) => [p.question, { image: p.shown[p.winner].picture_id, pick: p.id }]));
}

/** The marks of pictures that stand in no row of this page. @param {string[]} ids */
async function marked(ids) {
  const unknown = ids.filter(id => !marks.peek()[id]);
  if (unknown.length) marks.value = { ...(await call('GET', `/api/gallery/marks?pictures=${unknown}`)).pictures, ...marks.peek() };
}

/** @param {(image: string) => void} [picked] after a pick, with its picture */
export function useAnswers(picked) {
  const question = useSignal('prettier'), given = useSignal(NONE), last = useRef(/** @type {Promise<unknown>} */ (Promise.resolve()));
  /** One answer at a time: what a key asks for while another is on its way waits for it. @param {() => Promise<unknown>} work @param {string} [place] */
  const asking = (work, place = 'compare') => { const next = () => trying(place, work); last.current = last.current.then(next, next); };
  /** What is chosen from is what stood there when it was asked for. @param {Partial<import('./picks.js').Choice>} more */
  const asked = more => {
    const all = sides.peek(), of = runs(), choice = { pictures: all.map(a => a.image.id), winner: null, question: question.peek(), blind: all.every(secret), ...more };
    return () => choose(choice, of);
  };
  const at = (/** @type {Side} */ side) => sides.peek().findIndex(a => a.image.id === side.image.id);
  const several = () => sides.peek().length > 1;
  useSignalEffect(() => {                                // who judges blind is not told what was picked before
    const ids = sides.value.map(a => a.image.id), open = !mixed.value.length;
    chosen.value;
    if (ids.length) asking(async () => { await marked(ids); if (ids.length < 2 || !open) return; const won = await found(ids); if (!mixed.peek().length) given.value = { ...given.peek(), won }; }, 'compare-look');
  });
  /** @param {string} pick */
  const undo = pick => asking(async () => {
    await forget(pick, runs());
    given.value = { won: Object.fromEntries(Object.entries(given.peek().won).filter(([, v]) => v.pick !== pick)), said: null };
  });
  /** And back. @param {Side | undefined} side */
  const reject = side => {
    if (!side) return;
    const image = side.image.id, keep = several() && asked({ rejected: [at(side)] });
    asking(async () => {
      await judge(image, 'rejected');
      const now = marks.peek()[image]?.verdict === 'rejected';
      if (now && keep) await keep();
      given.value = { ...given.peek(), said: now ? { text: () => say('You rejected {0}.', named(side)), back: () => reject(side) } : null };
    });
  };

  return {
    question, given, reject,
    /** @param {Side | undefined} side */
    pick(side) {
      if (!side || !several()) return;
      const what = question.peek(), image = side.image.id, keep = asked({ winner: at(side) });
      asking(async () => {
        const pick = await keep();
        mixed.value = [];
        const text = () => { const now = sideOf(image) ?? side; return say('You picked {0}: {1}, {2}.', now.letter, called(now), say(AS[what])); };
        given.value = { won: { ...given.peek().won, [what]: { image, pick } }, said: { text, back: () => undo(pick) } };
        picked?.(image);
      });
    },
    /** Names hidden or shown again; what was answered before belongs to another order. */
    shuffle() {
      if (!several() || runs().every(s.veiled)) return;
      given.value = NONE;
      if (mixed.peek().length) mixed.value = []; else hide();
    },
    /** The picture that was picked for what is asked now, here or before. */
    first: () => given.value.won[question.value]?.image,
    /** @param {string} image */
    rejected,
    /** What is said about a picture: each by its kind and in words. @param {string} image @returns {[string, string][]} */
    marks(image) {
      const { verdict, stars = 0 } = marks.value[image] ?? {}, won = Object.keys(given.value.won).filter(q => given.value.won[q].image === image);
      return [...won.map(q => /** @type {[string, string]} */ (['picked', say(QUESTIONS[q]).toLowerCase()])),
        ...(verdict === 'rejected' || verdict === 'kept' ? [/** @type {[string, string]} */ ([verdict, say(verdict)])] : []), ...(stars ? [/** @type {[string, string]} */ (['stars', count(stars, 'star')])] : [])];
    },
  };
}
/** @typedef {ReturnType<typeof useAnswers>} Answers */
