// @ts-check
/** <zoom-stage>: every `.pic` inside shows the same part of its picture. One view, a zoom and the point in the middle in percent
 * of a picture, is written as CSS variables, so that pictures of any size and number of pixels stay in step. In real size
 * (`actual`) each is as large as its own pixels and the middle is still the same. One can be moved and zoomed against the
 * others: its offset is in percent of its picture too, so that it stays at its place at every zoom, and it goes by `data-of`,
 * so that it stays with its picture however that is shown.
 * Wheel and pinch zoom at the pointer, dragging pans; with Alt both are for one picture alone. Methods: by, fit, actual, pan,
 * alone, aloneBy, back, settle. Event: `zoom` with detail { k, real, of }: the zoom, whether it counts in pixels, and by
 * `data-of` how many hundredths of a screen's pixel one of the picture's takes. */

const MOST = 16, APART = 4;                            // how far all are zoomed, and one against the others
/** @typedef {{ x: number, y: number, k: number }} Alone in percent of the picture, and how much larger than the others */

const clamp = (/** @type {number} */ v, /** @type {number} */ least, /** @type {number} */ most) => Math.min(most, Math.max(least, v));

export class ZoomStage extends HTMLElement {
  #x = 0; #y = 0; #k = 1; #real = false;               // the middle, from that of the picture, in percent of the picture
  #alone = /** @type {Map<string, Alone>} */ (new Map());
  #touches = /** @type {Map<number, PointerEvent>} */ (new Map());
  #sized = new ResizeObserver(() => this.settle());

  connectedCallback() {
    this.addEventListener('wheel', this, { passive: false });
    for (const type of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel']) this.addEventListener(type, this);
    this.addEventListener('load', this, { capture: true });
    this.#sized.observe(this);
    this.settle();
  }
  disconnectedCallback() { this.#sized.disconnect(); }

  /** Whether there is anything to pan: more of some picture than is seen. */
  get wide() { return this.#most() > 1; }

  /** @param {number} factor */
  by(factor) { this.#set(this.#x, this.#y, this.#k * factor); }
  fit() { this.#alone.clear(); this.#real = false; this.#set(0, 0, 1); }

  /** Every picture in its own pixels, one on one of the screen's, or back. */
  actual() {
    if (this.#real && Math.abs(this.#k - 1) < .001) { this.fit(); return; }
    this.#real = true;
    this.#set(this.#x, this.#y, 1);
  }
  /** @param {number} dx @param {number} dy in percent of a plate @param {HTMLElement | null} [pic] the one that is held */
  pan(dx, dy, pic) {
    const k = pic ? this.#scale(pic) : this.#most();
    this.#set(this.#x - dx / k, this.#y - dy / k, this.#k);
  }

  /** Moves one picture against the others. @param {HTMLElement} pic @param {number} dx @param {number} dy in percent of a plate */
  alone(pic, dx, dy) {
    const own = this.#own(pic), k = this.#scale(pic);
    this.#part(pic, { ...own, x: own.x + dx / k, y: own.y + dy / k });
  }
  /** Zooms one against the others, around a point in percent of its plate from the middle. @param {HTMLElement} pic @param {number} factor */
  aloneBy(pic, factor, px = 0, py = 0) {
    const own = this.#own(pic), all = this.#scale(pic), at = this.#at(pic), k = clamp(own.k * factor, 1 / APART, APART), f = k / own.k;
    const sx = (px - at.x) / all, sy = (py - at.y) / all;
    this.#part(pic, { x: sx - (sx - own.x) * f, y: sy - (sy - own.y) * f, k });
  }
  /** Puts one back among the others. @param {HTMLElement} pic */
  back(pic) { this.#alone.delete(pic.dataset.of ?? ''); this.settle(); }

  /** Writes the view again: pictures have come, or have changed places or sizes. */
  settle() {
    const wide = this.#real || this.wide, seen = this.#pics().map(pic => ({ pic, at: this.#at(pic), own: this.#own(pic), k: this.#scale(pic), pixels: this.#pixels(pic) }));
    for (const { pic, at, own, k } of seen) {          // what is measured comes before what is written
      const shown = { x: `${at.x.toFixed(3)}%`, y: `${at.y.toFixed(3)}%`, k: k.toFixed(4), 'own-x': `${own.x.toFixed(3)}%`, 'own-y': `${own.y.toFixed(3)}%`, 'own-k': own.k.toFixed(4) };
      for (const [name, value] of Object.entries(shown)) pic.style.setProperty(`--${name}`, value);
    }
    this.toggleAttribute('zoomed', wide);
    const of = seen.filter(s => s.pixels).map(({ pic, own, k, pixels }) => [pic.dataset.of, k * own.k / pixels * 100]);
    this.dispatchEvent(new CustomEvent('zoom', { detail: { k: this.#k, real: this.#real, of: Object.fromEntries(of) } }));
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === 'load') { this.settle(); return; }
    const pic = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('.plate')?.querySelector('.pic') ?? null);
    if (event instanceof WheelEvent) { if (pic) { event.preventDefault(); this.#zoom(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), pic, event); } return; }
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
    if (was && is) this.#zoom(is.apart / was.apart, pic, is);
    else if (e.altKey) this.alone(pic, dx, dy);
    else if (this.wide) this.pan(dx, dy, pic);
  }

  #spread() {
    if (this.#touches.size !== 2) return null;
    const [a, b] = this.#touches.values();
    return { apart: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2, altKey: false };
  }

  /** Zooms and keeps the point under the pointer where it is.
   * @param {number} factor @param {HTMLElement} pic @param {{ clientX: number, clientY: number, altKey: boolean }} point */
  #zoom(factor, pic, point) {
    const box = pic.getBoundingClientRect(), px = ((point.clientX - box.left) / box.width - .5) * 100, py = ((point.clientY - box.top) / box.height - .5) * 100;
    if (point.altKey) { this.aloneBy(pic, factor, px, py); return; }
    const was = this.#scale(pic), at = this.#at(pic), is = was * this.#held(this.#k * factor) / this.#k;
    this.#set((px - at.x) / was - px / is, (py - at.y) / was - py / is, this.#k * factor);
  }

  #pics() { return /** @type {HTMLElement[]} */ ([...this.querySelectorAll('.pic')]); }
  /** @param {HTMLElement} pic @returns {Alone} */
  #own(pic) { return this.#alone.get(pic.dataset.of ?? '') ?? { x: 0, y: 0, k: 1 }; }
  /** How much larger than its plate a picture is in its own pixels; 0 before it is there. @param {HTMLElement} pic */
  #pixels(pic) {
    const across = pic.getBoundingClientRect().width * devicePixelRatio;
    return across && (pic.querySelector('img')?.naturalWidth ?? 0) / across;
  }
  /** How much larger than its plate it is shown. @param {HTMLElement} pic */
  #scale(pic) { return this.#real ? this.#k * (this.#pixels(pic) || 1) : this.#k; }
  #most() { return Math.max(...this.#pics().map(pic => this.#scale(pic)), this.#real ? 0 : this.#k); }
  /** Where it is shown, in percent of its plate: the middle is that of all, but none goes further than its edge. @param {HTMLElement} pic */
  #at(pic) {
    const k = this.#scale(pic), reach = Math.max(0, (k - 1) * 50);
    return { x: clamp(-this.#x * k, -reach, reach), y: clamp(-this.#y * k, -reach, reach) };
  }
  /** A zoom as far as it goes: out until the largest fits its plate. @param {number} k */
  #held(k) {
    const largest = this.#real ? Math.max(1, ...this.#pics().map(pic => this.#pixels(pic))) : 1;
    return clamp(k, 1 / largest, MOST);
  }

  /** Half of it stays in sight, wherever it is put. @param {HTMLElement} pic @param {Alone} own */
  #part(pic, own) {
    const reach = 50 * Math.max(own.k, 1);
    this.#alone.set(pic.dataset.of ?? '', { x: clamp(own.x, -reach, reach), y: clamp(own.y, -reach, reach), k: own.k });
    this.settle();
  }

  /** @param {number} x @param {number} y @param {number} k */
  #set(x, y, k) {
    this.#k = this.#held(k);
    const reach = Math.max(0, 50 - 50 / this.#most());
    this.#x = clamp(x, -reach, reach); this.#y = clamp(y, -reach, reach);
    this.settle();
  }
}
customElements.define('zoom-stage', ZoomStage);
