// @ts-check
/** A client's votes, dropped or pasted anywhere on the page. */
import { signal } from '@preact/signals';
import { trying } from './actions.js';
import { call } from './api.js';
import { count } from './format.js';
import * as s from './state.js';
import { say, toast } from './ui.js';

export const arrived = signal(0);                        // grows with each that was kept
/** What the stream said last of a kit: `version` null and no `votes` for one that is gone. */
export const changed = signal(/** @type {{ id: string, version: number | null, votes: boolean } | null} */ (null));
const MARK = /"triptych"\s*:\s*"votes\/1"/;

/** Keeps what a client sent; says whose kit it is about. @param {Blob | string} what @param {string} [problem] where a refusal is shown */
export async function keepVotes(what, problem = 'toast') {
  const kept = await trying(problem, () => call('POST', '/api/votes', new Blob([what], { type: 'application/json' })));
  if (!kept) return;
  const to = `/kit/${kept.kit}`;
  arrived.value++;
  toast(`${kept.client || say('A client')}: ${count(kept.answers, 'answer')}.`, s.path.peek() === to ? undefined : { name: say('Open the kit'), run: () => s.go(to) });
}

const given = (/** @type {DataTransfer | null} */ d) => [...d?.items ?? []].some(i => i.kind === 'file' && i.type === 'application/json');
addEventListener('dragover', e => { if (given(e.dataTransfer)) e.preventDefault(); }, true);
addEventListener('drop', e => {
  const files = [...e.dataTransfer?.files ?? []].filter(f => f.name.endsWith('.json'));
  if (!files.length) return;
  e.preventDefault();
  e.stopPropagation();
  for (const file of files) keepVotes(file);
}, true);
addEventListener('paste', e => {
  const text = e.clipboardData?.getData('text/plain') ?? '';
  if (!MARK.test(text)) return;
  e.preventDefault();
  e.stopPropagation();
  keepVotes(text);
}, true);
