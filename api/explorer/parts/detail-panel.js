/** <detail-panel>: the page of a book, a topic or a selection, beside the map. */

import { closest, h, iconButton, replace } from "../dom.js";
import { changesOf } from "./inner-links.js";
import { Part } from "./part.js";

/** @typedef {import("../dom.js").Content} Content */
/** @typedef {import("../format.js").Kind} Kind */
/**
 * @typedef {object} PanelEvents
 * @property {Partial<import("../state.js").State>} open changes to the state
 * @property {null} close
 * @property {null} retry
 * @property {{name: string}} suggest the reader chose another name for what does not exist
 * @property {{kind: Kind, key: string}|null} point what the pointer is on, if it is on the map
 */

/** @extends {Part<PanelEvents>} */
export class DetailPanel extends Part {
  /**
   * What the map shows, and so what can be pointed at.
   * @type {Kind}
   */
  pointKind = "book";

  connectedCallback() {
    this.hidden = true;
    this.setAttribute("role", "complementary");
    this.setAttribute("aria-label", "Details");
    this.addEventListener("click", (event) => {
      const changes = changesOf(event);
      if (changes) this.say("open", changes);
    });
    for (const type of ["pointerover", "focusin"]) {
      this.addEventListener(type, (event) => {
        const key = closest(event, `[data-kind="${this.pointKind}"]`)?.dataset.key;
        this.say("point", key === undefined ? null : { kind: this.pointKind, key });
      });
    }
    for (const type of ["pointerleave", "focusout"]) {
      this.addEventListener(type, () => this.say("point", null));
    }
  }

  /** @param {Content} content */
  show(content) {
    const close = iconButton("close", "Close", () => this.say("close", null));
    close.classList.add("panel-close");
    replace(this, h("div.panel-scroll", {}, content), close);
    this.hidden = false;
  }

  /** @param {string} title */
  showBusy(title) {
    this.show([
      h("h2", {}, title),
      h("div.skeleton", { role: "status", "aria-label": `Loading ${title}` },
        Array.from({ length: 7 }, () => h("span"))),
    ]);
  }

  /**
   * @param {import("../api.js").ApiError} error
   * @param {string} title
   */
  showError(error, title) {
    const button = (/** @type {string} */ text, /** @type {() => void} */ click) =>
      h("button.button", { type: "button", on: { click } }, text);
    this.show([
      h("h2", {}, title),
      h("div.failure", { role: "alert" }, h("p", {}, error.message)),
      error.nearest.length > 0 &&
        h("ul.nearest-names", {}, error.nearest.map((name) =>
          h("li", {}, button(name, () => this.say("suggest", { name }))),
        )),
      error.isRetryable && button("Retry", () => this.say("retry", null)),
    ]);
  }

  hide() {
    this.hidden = true;
    replace(this);
  }
}

customElements.define("detail-panel", DetailPanel);
