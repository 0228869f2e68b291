// @ts-check
/** <mask-canvas src=…>: a picture with a mask painted over it. What is painted is to be changed; the PNG that comes out is
 * transparent there. Everything painted is kept as steps, so that it can be undone. Brush, eraser, lasso and rectangle work
 * by mouse, pen, touch and keyboard (arrows move a cursor, Space puts the tool down). Wheel and pinch zoom, two fingers or
 * Space and dragging pan. Properties: tool, size, feather, colour. Methods: undo, redo, invert, clear, read, png, by, fit.
 * Events: `paint` with detail { share, undo, redo }, `view` with detail { k }. */
import { readMask } from './mask-file.js';
/** @typedef {{ x: number, y: number }} Point */
/** @typedef {{ kind: 'stroke' | 'area' | 'invert' | 'clear' | 'picture', erase?: boolean, size?: number, points?: Point[], picture?: HTMLCanvasElement }} Step */

/** A box of the picture that has changed, in its pixels. @typedef {{ x: number, y: number, w: number, h: number }} Box */

const STEP = 1 / 50;                                   // of the long side, by which an arrow moves the cursor

export class MaskCanvas extends HTMLElement {
  #steps = /** @type {Step[]} */ ([]);
  #undone = /** @type {Step[]} */ ([]);
  #now = /** @type {Step | null} */ (null);
  #touches = /** @type {Map<number, PointerEvent>} */ (new Map());
  #x = 0; #y = 0; #k = 1; #feather = 0; #colour = '#fb3b1e'; #panning = false; #space = false;
  #cursor = /** @type {Point} */ ({ x: 0, y: 0 });
  #baked = document.createElement('canvas');           // all that is finished
  #mask = document.createElement('canvas');            // and what is being painted
  #seen = document.createElement('canvas');
  #frame = 0; #stale = /** @type {Box | null} */ (null);
  #ring = document.createElement('i');
  #plate = document.createElement('div');
  tool = 'brush';
  size = 40;
  ready = Promise.resolve();

  connectedCallback() {
    const img = Object.assign(new Image(), { alt: this.getAttribute('alt') ?? '', draggable: false });
    this.#plate.className = 'plate';
    this.#ring.className = 'ring';
    this.#plate.append(img, this.#seen, this.#ring);
    this.append(this.#plate);
    this.ariaBusy = 'true';                            // until the picture stands, nothing can be painted on it
    this.ready = new Promise((done, lost) => { img.onload = () => { this.#begin(img); done(); }; img.onerror = () => lost(new Error('The picture did not load.')); });
    img.src = this.getAttribute('src') ?? '';
    for (const type of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel', 'pointerleave', 'keydown', 'keyup']) this.addEventListener(type, this);
    this.addEventListener('wheel', this, { passive: false });
  }

  get feather() { return this.#feather; }
  set feather(px) { this.#feather = px; this.#show(this.#whole); }
  set colour(/** @type {string} */ value) { this.#colour = value; this.#show(this.#whole); }
  get width() { return this.#mask.width; }
  get height() { return this.#mask.height; }

  /** @param {HTMLImageElement} img */
  #begin(img) {
    for (const c of [this.#baked, this.#mask, this.#seen]) { c.width = img.naturalWidth; c.height = img.naturalHeight; }
    this.#plate.style.aspectRatio = `${this.width} / ${this.height}`;
    this.style.setProperty('--ratio', String(this.width / this.height));
    this.#cursor = { x: this.width / 2, y: this.height / 2 };
    this.ariaBusy = null;
    this.#bake();
  }

  // What is painted

  /** @param {Step} step */
  #take(step) { this.#steps.push(step); this.#undone = []; this.#apply(this.#context(this.#baked), step); this.#done(); }
  undo() { const step = this.#steps.pop(); if (step) { this.#undone.push(step); this.#bake(); } }
  redo() { const step = this.#undone.pop(); if (step) { this.#steps.push(step); this.#apply(this.#context(this.#baked), step); this.#done(); } }
  invert() { this.#take({ kind: 'invert' }); }
  clear() { this.#take({ kind: 'clear' }); }

  /** A mask from a file takes the place of what is painted, unless it would change nothing. Resolves to by what it was read,
   * whether it was nothing, and whether it had the picture's size. @param {Blob} file */
  async read(file) {
    const { painted, by, nothing } = await readMask(file);
    if (!nothing) this.#take({ kind: 'picture', picture: painted });
    return { by, nothing, same: painted.width === this.width && painted.height === this.height };
  }

  /** The mask as a PNG as large as the picture: transparent where it is to be changed. @returns {Promise<Blob>} */
  png() {
    const out = document.createElement('canvas');
    out.width = this.width; out.height = this.height;
    const c = /** @type {CanvasRenderingContext2D} */ (out.getContext('2d'));
    c.fillRect(0, 0, out.width, out.height);
    c.globalCompositeOperation = 'destination-out';
    if (this.#feather) c.filter = `blur(${this.#feather / 2}px)`;
    c.drawImage(this.#mask, 0, 0);
    return new Promise((done, lost) => out.toBlob(b => b ? done(b) : lost(new Error('The mask could not be written.')), 'image/png'));
  }

  /** @param {HTMLCanvasElement} canvas */
  #context(canvas) { return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')); }
  get #whole() { return { x: 0, y: 0, w: this.width, h: this.height }; }

  /** Every step anew: one cannot be taken out of what is baked. */
  #bake() {
    const c = this.#context(this.#baked);
    c.globalCompositeOperation = 'source-over';
    c.clearRect(0, 0, this.width, this.height);
    for (const step of this.#steps) this.#apply(c, step);
    this.#done();
  }

  /** What is painted is as it stands: it is shown, and told. */
  #done() {
    if (!this.width) return;
    this.#compose(this.#whole);
    this.#show(this.#whole);
    this.dispatchEvent(new CustomEvent('paint', { detail: { share: this.#share(), undo: this.#steps.length > 0, redo: this.#undone.length > 0 } }));
  }

  /** What is baked, and over it what is being painted, within a box. @param {Box} box */
  #compose({ x, y, w, h }) {
    const c = this.#context(this.#mask);
    c.save();
    c.beginPath(); c.rect(x, y, w, h); c.clip();
    c.globalCompositeOperation = 'source-over';
    c.clearRect(x, y, w, h);
    c.drawImage(this.#baked, x, y, w, h, x, y, w, h);
    if (this.#now) this.#apply(c, this.#now);
    c.restore();
  }

  /** Shows a box of the mask in its colour, at the next frame: many samples of the pointer come in one. @param {Box} box */
  #show(box) {
    const was = this.#stale;
    const x = Math.min(box.x, was?.x ?? box.x), y = Math.min(box.y, was?.y ?? box.y);
    this.#stale = { x, y, w: Math.max(box.x + box.w, was ? was.x + was.w : 0) - x, h: Math.max(box.y + box.h, was ? was.y + was.h : 0) - y };
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    const box = this.#stale;
    this.#frame = 0; this.#stale = null;
    if (!box || !this.width) return;
    if (this.#now) this.#compose(box);
    const soft = Math.ceil(this.#feather * 1.5) + 1;    // as far as a blur reaches
    const x = Math.max(0, Math.floor(box.x - soft)), y = Math.max(0, Math.floor(box.y - soft)), w = Math.min(this.width, Math.ceil(box.x + box.w + soft)) - x, h = Math.min(this.height, Math.ceil(box.y + box.h + soft)) - y;
    if (w <= 0 || h <= 0) return;
    const s = this.#context(this.#seen);
    s.save();
    s.beginPath(); s.rect(x, y, w, h); s.clip();
    s.globalCompositeOperation = 'source-over';
    s.clearRect(x, y, w, h);
    s.filter = this.#feather ? `blur(${this.#feather / 2}px)` : 'none';
    const l = Math.max(0, x - soft), u = Math.max(0, y - soft), r = Math.min(this.width, x + w + soft), d = Math.min(this.height, y + h + soft);
    s.drawImage(this.#mask, l, u, r - l, d - u, l, u, r - l, d - u);
    s.filter = 'none';
    s.globalCompositeOperation = 'source-in';
    s.fillStyle = this.#colour;
    s.fillRect(x, y, w, h);
    s.restore();
  }

  /** Where a step is, with its width. @param {Step} step @returns {Box} */
  #reach({ kind, size = 1, points = [] }) {
    const edge = kind === 'area' ? 1 : size / 2 + 1, xs = points.map(p => p.x), ys = points.map(p => p.y);
    const x = Math.max(0, Math.floor(Math.min(...xs) - edge)), y = Math.max(0, Math.floor(Math.min(...ys) - edge));
    return { x, y, w: Math.max(0, Math.min(this.width, Math.ceil(Math.max(...xs) + edge)) - x), h: Math.max(0, Math.min(this.height, Math.ceil(Math.max(...ys) + edge)) - y) };
  }

  /** @param {CanvasRenderingContext2D} c @param {Step} step */
  #apply(c, { kind, erase, size = 1, points = [], picture }) {
    c.globalCompositeOperation = erase ? 'destination-out' : 'source-over';
    if (kind === 'clear') c.clearRect(0, 0, this.width, this.height);
    else if (kind === 'invert') { c.globalCompositeOperation = 'xor'; c.fillRect(0, 0, this.width, this.height); }
    else if (picture) {
      c.clearRect(0, 0, this.width, this.height);
      c.drawImage(picture, 0, 0, this.width, this.height);
    } else {
      c.beginPath();
      points.forEach((p, i) => i ? c.lineTo(p.x, p.y) : c.moveTo(p.x, p.y));
      if (kind === 'area') { c.closePath(); c.fill(); return; }
      if (points.length === 1) c.lineTo(points[0].x + .01, points[0].y);
      Object.assign(c, { lineWidth: size, lineCap: 'round', lineJoin: 'round' });
      c.stroke();
    }
  }

  /** How much of the picture is painted, 0 to 1, by a look at a small copy; never 0 where anything is. */
  #share() {
    const small = document.createElement('canvas');
    small.width = small.height = 64;
    const c = /** @type {CanvasRenderingContext2D} */ (small.getContext('2d', { willReadFrequently: true }));
    c.imageSmoothingQuality = 'high';
    c.drawImage(this.#mask, 0, 0, 64, 64);
    const { data } = c.getImageData(0, 0, 64, 64);
    let sum = 0;
    for (let i = 3; i < data.length; i += 4) sum += data[i];
    return sum / 255 / 4096 || (this.#any() ? 1 / this.width / this.height : 0);
  }
  /** Whether a single pixel is painted: what the small copy is too coarse for. */
  #any() {
    if (!this.#steps.length) return false;
    const { data } = this.#context(this.#mask).getImageData(0, 0, this.width, this.height);
    for (let i = 3; i < data.length; i += 4) if (data[i]) return true;
    return false;
  }

  // Pointers and keys

  /** @param {Event} event */
  handleEvent(event) {
    if (this.ariaBusy) return;
    if (event instanceof WheelEvent) { event.preventDefault(); this.#at(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), event); }
    else if (event instanceof KeyboardEvent) this.#key(event);
    else this.#pointer(/** @type {PointerEvent} */ (event));
  }

  /** @param {{ clientX: number, clientY: number }} e @returns {Point} */
  #point(e) {
    const box = this.#seen.getBoundingClientRect();
    return { x: (e.clientX - box.left) / box.width * this.width, y: (e.clientY - box.top) / box.height * this.height };
  }

  /** @param {PointerEvent} e */
  #pointer(e) {
    if (e.type === 'pointerleave') { this.#ring.hidden = true; return; }
    if (e.type === 'pointerdown') this.#down(e);
    else if (e.type === 'pointermove') this.#move(e);
    else { this.#touches.delete(e.pointerId); this.#panning &&= this.#touches.size > 0; if (e.type === 'pointercancel') this.#drop(); else this.#finish(); }
  }

  /** @param {PointerEvent} e */
  #down(e) {
    if (e.button > 1) return;
    this.setPointerCapture(e.pointerId);
    this.#touches.set(e.pointerId, e);
    this.#panning = this.#space || e.button === 1 || this.#touches.size > 1;
    if (this.#panning) { this.#drop(); return; }
    this.#start(this.#point(e), this.tool === 'eraser' || e.altKey || e.buttons === 32);
  }

  /** @param {PointerEvent} e */
  #move(e) {
    const p = this.#point(e), was = this.#touches.get(e.pointerId);
    this.#place(p, e.pointerType === 'touch');
    if (!was) return;
    if (this.#panning) {
      const spread = this.#spread();
      this.#touches.set(e.pointerId, e);
      const now = this.#spread();
      if (spread && now) this.#at(now.apart / spread.apart, now);
      this.#set(this.#x + (e.clientX - was.clientX) / this.#touches.size, this.#y + (e.clientY - was.clientY) / this.#touches.size, this.#k);
    } else for (const each of e.getCoalescedEvents?.().length ? e.getCoalescedEvents() : [e]) this.#go(this.#point(each));
  }

  /** @param {Point} p @param {boolean} erase */
  #start(p, erase) {
    this.#now = { kind: this.tool === 'lasso' || this.tool === 'rectangle' ? 'area' : 'stroke', erase, size: this.size, points: [p] };
    this.#show(this.#reach(this.#now));
  }

  /** @param {Point} p */
  #go(p) {
    const now = this.#now, points = now?.points;
    if (!now || !points) return;
    if (now.kind === 'area') this.#show(this.#reach(now));   // what it was may be smaller now
    if (this.tool === 'rectangle') points.splice(1, 3, { x: p.x, y: points[0].y }, p, { x: points[0].x, y: p.y });
    else points.push(p);
    this.#show(this.#reach(now.kind === 'area' ? now : { ...now, points: points.slice(-3) }));   // with the joint before it
  }

  #finish() {
    const step = this.#now;
    if (step && (step.kind === 'stroke' || (step.points?.length ?? 0) > 2)) { this.#now = null; this.#take(step); } else this.#drop();
  }

  /** What is being painted is given up. */
  #drop() {
    if (!this.#now) return;
    this.#now = null;
    this.#done();
  }

  /** @param {KeyboardEvent} e */
  #key(e) {
    if (e.key === ' ' && e.type === 'keyup') { this.#space = false; return; }
    if (e.type === 'keyup' || e.ctrlKey || e.metaKey || e.altKey) return;
    const [dx, dy] = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] })[e.key] ?? [0, 0];
    if (dx || dy) {
      const step = Math.max(this.width, this.height) * STEP * (e.shiftKey ? 4 : 1);
      this.#place({ x: this.#cursor.x + dx * step, y: this.#cursor.y + dy * step });
      if (this.#now) this.#go(this.#cursor);
    } else if (e.key === 'Enter') { if (this.#now) this.#finish(); else this.#start(this.#cursor, this.tool === 'eraser'); }
    else if (e.key === ' ') { this.#space = true; if (!e.repeat && !this.#touches.size) { if (this.#now) this.#finish(); else { this.#start(this.#cursor, this.tool === 'eraser'); if (['brush', 'eraser'].includes(this.tool)) this.#finish(); } } }
    else if (e.key === 'Escape' && this.#now) this.#drop();
    else return;
    e.preventDefault(); e.stopPropagation();
  }

  /** Where the tool is, shown as a ring. @param {Point} p @param {boolean} [hidden] */
  #place(p, hidden = false) {
    this.#cursor = { x: Math.min(this.width, Math.max(0, p.x)), y: Math.min(this.height, Math.max(0, p.y)) };
    this.#ring.hidden = hidden;
    const across = this.tool === 'brush' || this.tool === 'eraser' ? this.size : 8 / this.#k, percent = (/** @type {number} */ v, /** @type {number} */ of) => `${100 * v / of}%`;
    Object.assign(this.#ring.style, { left: percent(this.#cursor.x, this.width), top: percent(this.#cursor.y, this.height), width: percent(across, this.width), height: percent(across, this.height) });
  }

  // The view

  #spread() {
    if (this.#touches.size !== 2) return null;
    const [a, b] = this.#touches.values();
    return { apart: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1, clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 };
  }

  /** @param {number} factor */
  by(factor) { const box = this.getBoundingClientRect(); this.#at(factor, { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 }); }
  fit() { this.#set(0, 0, 1); }

  /** @param {number} factor @param {{ clientX: number, clientY: number }} at */
  #at(factor, at) {
    const box = this.getBoundingClientRect(), k = Math.min(16, Math.max(1, this.#k * factor)), f = k / this.#k;
    const px = at.clientX - box.left - box.width / 2, py = at.clientY - box.top - box.height / 2;
    this.#set(px - (px - this.#x) * f, py - (py - this.#y) * f, k);
  }

  /** @param {number} x @param {number} y @param {number} k */
  #set(x, y, k) {
    const reach = { x: this.clientWidth * (k - 1) / 2, y: this.clientHeight * (k - 1) / 2 };
    this.#k = k; this.#x = Math.min(reach.x, Math.max(-reach.x, x)); this.#y = Math.min(reach.y, Math.max(-reach.y, y));
    this.#plate.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${k})`;
    this.dispatchEvent(new CustomEvent('view', { detail: { k } }));
  }
}
customElements.define('mask-canvas', MaskCanvas);
