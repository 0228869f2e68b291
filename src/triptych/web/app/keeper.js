// @ts-check
/** When the thing that has the focus goes away or is switched off, the focus goes to the nearest thing that is still there:
 * whoever works by keyboard goes on from where they were. */
export {};
const CONTROL = ':is(a[href], button, input, select, textarea, summary):not(:disabled, [tabindex="-1"])';

/** The focused element and everything around it. */
let trail = /** @type {HTMLElement[]} */ ([]);
addEventListener('focusin', e => {
  trail = [];
  for (let el = /** @type {HTMLElement | null} */ (e.target); el; el = el.parentElement) trail.push(el);
});

const gone = (/** @type {any} */ el) => !el.isConnected || el.disabled;

new MutationObserver(() => {
  const at = document.activeElement;
  if (!trail.length || !gone(trail[0]) || at && at !== document.body && !gone(at)) return;
  const near = trail.find(el => el.isConnected && el !== trail[0]);
  if (!near || !document.hasFocus()) return;
  const wide = near.matches('.composer *, .composer, .inner, .scroll, main, .shell, #app, body') && !near.closest('.frame, .card, .ways, .ref, .refs');
  const to = near.closest('.frame') ?? (wide ? document.getElementById('prompt') ?? document.getElementById('main')
    : near.querySelector(CONTROL) ?? near.closest('.card, .ways, .sheet, .compare, .inspector, .composer')?.querySelector(CONTROL));
  /** @type {HTMLElement | null | undefined} */ (to)?.focus({ preventScroll: true });
}).observe(/** @type {HTMLElement} */ (document.getElementById('app')), { childList: true, subtree: true, attributeFilter: ['disabled'] });
