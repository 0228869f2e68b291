// @ts-check
/** <compare-slider label="Reveal B over A">: two children with class `layer`, the second revealed right of a line.
 * The line is a native range input, so keyboard, touch and screen readers come with it; only its thumb takes the pointer,
 * so the pictures below can still be dragged and zoomed. */
export class CompareSlider extends HTMLElement {
  static observedAttributes = ['label'];
  #range = document.createElement('input');

  connectedCallback() {
    Object.assign(this.#range, { type: 'range', min: 0, max: 100, step: .5 });
    this.#range.value = '50';
    this.#range.oninput = () => this.style.setProperty('--at', this.#range.value);
    this.style.setProperty('--at', '50');
    this.append(this.#range);
  }
  disconnectedCallback() { this.#range.remove(); }
  /** @param {string} _ @param {string} __ @param {string} value */
  attributeChangedCallback(_, __, value) { this.#range.ariaLabel = value; }
}
customElements.define('compare-slider', CompareSlider);
