// @ts-check
/** Of a picture that was made elsewhere: what its file says, and that nobody has checked it. */
import { html, say } from './ui.js';

const READ = /** @type {Record<string, string>} */ ({ midjourney: 'its description', webui: 'its parameters', comfyui: 'its graph', invokeai: 'its InvokeAI metadata', triptych: 'its recipe' });

/** @param {{ of: { maker: string, file: string, source: string | null, job: string | null, model: string | null, seed: string | null } }} props */
export function Origin({ of }) {
  const told = [['Maker', of.maker], ['Model', of.model], ['Job', of.job], ['Seed', of.seed], ['File', of.file], ['Read from', of.source && say(READ[of.source] ?? of.source)]];
  return html`<section><h3>${say('Imported')}</h3><p class="sub">${say('Imported, not made here: no receipt, no cost, and it counts nowhere. What its file says of its maker nobody has checked.')}</p>
    <dl>${told.filter(([, v]) => v).map(([k, v]) => html`<div><dt>${say(String(k))}</dt><dd class=${k === 'Job' ? 'num hash' : ''}>${v}</dd></div>`)}</dl></section>`;
}
