// @ts-check
/** <zoom-stage>: every `.pic` inside shows the same part of its picture. One view { x, y, k }, in percent of a picture,
 * is written as CSS variables on this element, so pictures of any size and number of pixels stay in step.
 * Wheel and pinch zoom at the pointer, dragging pans, Alt and dragging moves one picture alone. Methods: by, fit, actual,
 * pan, alone. Event: `zoom` with detail { k }. */
export class ZoomStage extends HTMLElement {
  #x = 0; #y = 0; #k = 1;
  #touches = /** @type {Map<number, PointerEvent>} */ (new Map());

  connectedCallback() {
    this.addEventListener('wheel', this, { passive: false });
    for (const type of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel']) this.addEventListener(type, this);
    this.#set(this.#x, this.#y, this.#k);
  }

  get k() { return this.#k; }

  /** @param {number} factor */
  by(factor) { this.#set(this.#x * factor, this.#y * factor, this.#k * factor); }
  fit() {
    for (const pic of this.querySelectorAll('.pic')) /** @type {HTMLElement} */ (pic).style.removeProperty('--alone');
    this.#set(0, 0, 1);
  }
  /** One picture pixel on one screen pixel, or back. @param {HTMLElement | null} pic */
  actual(pic) {
    const img = /** @type {HTMLImageElement | null} */ ((pic ?? this).querySelector('img')), box = img?.closest('.pic');
    const k = img && box ? img.naturalWidth / (box.getBoundingClientRect().width * devicePixelRatio) : 2;
    if (Math.abs(this.#k - k) < .01 || k <= 1) this.fit(); else this.#set(this.#x, this.#y, k);
  }
  /** @param {number} dx @param {number} dy in percent */
  pan(dx, dy) { this.#set(this.#x + dx, this.#y + dy, this.#k); }

  /** Moves one picture against the others. @param {HTMLElement} pic @param {number} dx @param {number} dy in percent */
  alone(pic, dx, dy) {
    const [ox, oy] = (pic.style.getPropertyValue('--alone') || '0% 0%').split(' ').map(parseFloat);
    pic.style.setProperty('--alone', `${ox + dx}% ${oy + dy}%`);
  }

  /** @param {Event} event */
  handleEvent(event) {
    const pic = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('.plate')?.querySelector('.pic') ?? null);
    if (event instanceof WheelEvent) { if (pic) { event.preventDefault(); this.#at(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), pic, event); } return; }
    const e = /** @type {PointerEvent} */ (event);
    if (e.type === 'pointerdown') { if (pic && !/** @type {Element} */ (e.target).closest('button, input')) this.#touches.set(e.pointerId, e); }
    else if (e.type === 'pointermove') this.#moved(e, pic);
    else this.#touches.delete(e.pointerId);
  }

  /** @param {PointerEvent} e @param {HTMLElement | null} pic */
  #moved(e, pic) {
    const from = this.#touches.get(e.pointerId);
    if (!from || !pic) return;
    const was = this.#spread();
    this.#touches.set(e.pointerId, e);
    const is = this.#spread(), box = pic.getBoundingClientRect();
    const dx = (e.clientX - from.clientX) / box.width * 100, dy = (e.clientY - from.clientY) / box.height * 100;
    if (was && is) this.#at(is.apart / was.apart, pic, is);
    else if (e.altKey) this.alone(pic, dx, dy);
    else if (this.#k > 1) this.pan(dx, dy);
  }

  #spread() {
    if (this.#touches.size !== 2) return null;
    const [a, b] = this.#touches.values();
    return { apart: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 };
  }

  /** Zooms and keeps the point under the pointer where it is.
   * @param {number} factor @param {HTMLElement} pic @param {{ clientX: number, clientY: number }} point */
  #at(factor, pic, point) {
    const box = pic.getBoundingClientRect(), k = Math.min(16, Math.max(1, this.#k * factor)), f = k / this.#k;
    const px = ((point.clientX - box.left) / box.width - .5) * 100, py = ((point.clientY - box.top) / box.height - .5) * 100;
    this.#set(px - (px - this.#x) * f, py - (py - this.#y) * f, k);
  }

  /** @param {number} x @param {number} y @param {number} k */
  #set(x, y, k) {
    this.#k = Math.min(16, Math.max(1, k));
    const reach = (this.#k - 1) * 50, hold = (/** @type {number} */ v) => Math.min(reach, Math.max(-reach, v));
    this.#x = hold(x); this.#y = hold(y);
    for (const [name, value] of [['--x', `${this.#x.toFixed(3)}%`], ['--y', `${this.#y.toFixed(3)}%`], ['--k', this.#k.toFixed(4)]]) this.style.setProperty(name, value);
    this.toggleAttribute('zoomed', this.#k > 1);
    this.dispatchEvent(new CustomEvent('zoom', { detail: { k: this.#k } }));
  }
}
customElements.define('zoom-stage', ZoomStage);
