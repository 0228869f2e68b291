// @ts-check
/** The plan follows what is typed, 150 ms behind; an answer to an older text is thrown away. */
import { batch, effect } from '@preact/signals';
import { brief, tell } from './actions.js';
import { call } from './api.js';
import { project } from './project.js';
import * as s from './state.js';

/** A text that may choose the models itself. */
const NAMES = /(--|\u2014|\u2013)m|(^|\s)@\w/i;

export function watchPlan() {
  let timer = 0, flight = new AbortController();
  /** @param {unknown} was told before the last change: what a run tells since then stays */
  const ask = async was => {
    const { signal: cut } = flight = new AbortController();
    try {
      const asked = brief(), answer = await call('POST', '/api/plan', asked, cut), set = new Set(answer.models);
      const byText = answer.chips.some(c => c.name === 'models') || set.size !== asked.models.length || asked.models.some(m => !set.has(m));
      if (!cut.aborted) batch(() => { s.plan.value = answer; s.named.value = byText ? answer.models : null; if (s.problems.peek().prompt === was) tell('prompt'); });
    } catch (error) {
      if (cut.aborted) return;
      s.plan.value = s.named.value = null;
      tell('prompt', error);
    }
  };
  effect(() => {
    const idle = !s.text.value.trim() || !s.selected.value.length && !NAMES.test(s.text.value);
    s.refs.value; s.mask.value; s.fewer.value; s.models.value; s.tier.value; project.value;
    clearTimeout(timer);
    flight.abort();
    if (idle) s.plan.value = s.named.value = null; else timer = setTimeout(ask, 150, s.problems.peek().prompt);
  });
}
