// @ts-check
/** The project of now: what is made from here on belongs to it. Remembered in this browser, the same one for all its tabs; what
 * starts a run reads `local.project` itself. */
import { effect, signal } from '@preact/signals';
import * as s from './state.js';
import { styled } from './ui.js';

export const project = signal(s.local.project ?? '');
addEventListener('storage', e => { if (e.key === 'project' || e.key === null) project.value = s.local.project ?? ''; });
effect(() => { if (project.value) styled('everywhere'); });

/** @param {string} name or nothing, for none */
export function choose(name) {
  if (name) s.local.project = name; else delete s.local.project;
  project.value = name;
}
