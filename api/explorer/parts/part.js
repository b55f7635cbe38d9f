/**
 * The base of the page's own elements. An element says what the reader did as events, each with a
 * detail; whoever listens decides what follows.
 * @template {object} Details the detail of each event, by its type
 */
export class Part extends HTMLElement {
  /**
   * @template {keyof Details & string} Type
   * @param {Type} type
   * @param {Details[Type]} detail
   */
  say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /**
   * @template {keyof Details & string} Type
   * @param {Type} type
   * @param {(detail: Details[Type]) => void} listener
   */
  on(type, listener) {
    this.addEventListener(type, (event) =>
      listener(/** @type {CustomEvent<Details[Type]>} */ (event).detail),
    );
  }
}
