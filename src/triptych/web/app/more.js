// @ts-check
/** The rail's end: notices, help, settings and the look; where the rail is short they stand in one menu, with the pages that have no
 * place on it. */
import { signal } from '@preact/signals';
import * as act from './actions.js';
import * as s from './state.js';
import { Menu, Tool, h, html, say } from './ui.js';
import { NAMES } from './views.js';

const short = matchMedia('(max-width: 640px), (max-height: 560px)'), narrow = signal(short.matches);
short.addEventListener('change', () => { narrow.value = short.matches; });

const TOOLS = /** @type {[string, string, () => void][]} */ ([
  ['history', 'Notices', () => { s.over.value = 'notices'; }],
  ['circle-question-mark', 'Shortcuts', () => { s.over.value = 'help'; }],
  ['settings-2', 'Settings', () => { s.over.value = 'settings'; }],
  ['sun-moon', 'Switch light and dark', () => act.deed('flipTheme')],
]);

/** The pages that the rail leads to itself where it is short. As in `shell.py`, less what `phone.css` leaves out. */
const RAIL = ['studio', 'gallery', 'kit', 'queue', 'models', 'router'];

/** The lineage is that of the tile that was last looked at. @returns {import('./types').Item[]} */
function items() {
  const of = s.findTile(s.active.peek()) && s.active.peek();
  return [...NAMES.filter(name => !RAIL.includes(name)).map(name => ({ name: say(name[0].toUpperCase() + name.slice(1)), run: () => s.go(`/${name}`) })),
    ...of ? [{ name: say('Lineage'), run: () => s.go(`/lineage/${of}`) }] : [],
    ...TOOLS.map(([, name, run]) => ({ name: say(name), run }))];
}

export const Tools = () => narrow.value ? h(Menu, { label: say('More'), icon: 'ellipsis', items }) : html`${TOOLS.map(([icon, label, onClick]) => h(Tool, { key: icon, icon, label: say(label), onClick }))}`;
