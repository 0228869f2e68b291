// @ts-check
/** How far prompts may go, and whether anybody may learn from them: for everything that is asked here, in the prompt bar and on the page Network. */
import { computed, effect, signal } from '@preact/signals';
import { settling, trying } from './actions.js';
import { call } from './api.js';
import * as s from './state.js';
import { Menu, h, say } from './ui.js';

export const REACHES = /** @type {[string, string, string, string][]} */ ([
  ['anywhere', 'Anywhere', 'Every model that is switched on may be asked.', 'every model'],
  ['no_community', 'No community', 'No machine of a volunteer whom nobody here knows.', 'no volunteers'],
  ['known', 'Only people I know', 'This machine, and nodes of people whose invite you accepted.', 'and this machine'],
  ['here', 'Only this machine', 'Nothing leaves this machine.', 'nothing leaves it'],
]);
const boot = JSON.parse(document.getElementById('boot')?.textContent ?? '{}');
export const reach = signal(boot.reach ?? 'anywhere');
/** Only models whose card says that nobody learns from what is sent. */
export const unlearnt = signal(boot.no_training ?? false);
export const UNLEARNT = /** @type {[string, string, string]} */ (['Nobody may learn from it', 'Only models whose provider says that what is sent is never used for training. Where nothing is said, nothing is sent.', 'only who says so']);

/** @param {any} found */
export function bounds(found) {
  if (found) { reach.value = found.reach; unlearnt.value = found.no_training; }
}

const barred = computed(() => s.models.value.filter(m => m.reason_code === 'floor' || m.reason_code === 'training').map(m => m.id + m.reason_code).join());
let seen = false;
effect(() => {                                         // it may have been switched in another window
  barred.value;
  if (seen) trying('reach', () => call('GET', '/api/network/reach')).then(bounds);
  seen = true;
});

/** @param {any} to */
function go(to) {
  settling.now = trying('prompt', () => call('PUT', '/api/network/reach', to)).then(bounds);
}

/** The switch in the prompt bar: a menu, which comes with its first opening. */
export function Floor() {
  const now = REACHES.find(([id]) => id === reach.value) ?? REACHES[0], label = [say('How far prompts may go: {0}', say(now[1])), unlearnt.value && say(UNLEARNT[0])].filter(Boolean).join('. ');
  const items = () => REACHES.map(([id, name, , more]) => ({ name: `${id === now[0] ? '✓ ' : ''}${say(name)}`, note: say(more), run: () => go({ reach: id }) }))
    .concat({ name: `${unlearnt.value ? '✓ ' : ''}${say(UNLEARNT[0])}`, note: say(UNLEARNT[2]), run: () => go({ no_training: !unlearnt.value }) });
  const text = [now[0] !== 'anywhere' && say(now[1]), unlearnt.value && say('nobody learns')].filter(Boolean).join(' · ');
  return h(Menu, { label, icon: now[0] === 'here' ? 'hard-drive' : 'users', text, class: 'tool num', heading: say('For everything that is asked from now on'), items });
}
