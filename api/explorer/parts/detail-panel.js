/**
 * <detail-panel>: the page of the chosen book or link beside the map. It shows what it is given;
 * says "open" with changes to the state, "close", "retry" and "point" with `{kind, key}` (null when the
 * pointer leaves).
 */

import { h, iconButton, replace } from "../dom.js";
import { pageChanges } from "../state.js";
import { bookPage } from "./book-page.js";
import { comparePage } from "./compare-page.js";
import { linkPage } from "./link-page.js";
import { mixPage } from "./mix-page.js";
import { selectionPage } from "./selection-page.js";

class DetailPanel extends HTMLElement {
  /** What the map shows, "book" or "link": the kind that can be pointed at. */
  pointKind = "book";

  connectedCallback() {
    this.hidden = true;
    this.setAttribute("role", "complementary");
    this.setAttribute("aria-label", "Details");
    this.addEventListener("click", (event) => this.#click(event));
    for (const type of ["pointerover", "focusin"]) {
      this.addEventListener(type, (event) => this.#point(event.target.closest(`[data-kind="${this.pointKind}"]`)));
    }
    for (const type of ["pointerleave", "focusout"]) {
      this.addEventListener(type, () => this.#point(null));
    }
  }

  showBusy(title) {
    this.#show(
      h("h2", {}, title),
      h("div.skeleton", { role: "status", "aria-label": `Loading ${title}` },
        Array.from({ length: 7 }, () => h("span"))),
    );
  }

  showBook(book, state) {
    this.#show(bookPage(book, state));
  }

  showLink(link, state) {
    this.#show(linkPage(link, state));
  }

  showComparison(comparison, state) {
    this.#show(comparePage(comparison, state));
  }

  showMix(mix, state) {
    this.#show(mixPage(mix, state));
  }

  showSelection(selection, state) {
    this.#show(selectionPage(selection, state));
  }

  /** @param {import("../api.js").ApiError} error */
  showError(error, title) {
    const say = (type, detail) => this.dispatchEvent(new CustomEvent(type, { detail }));
    this.#show(
      h("h2", {}, title),
      h("div.failure", { role: "alert" }, h("p", {}, error.message)),
      error.nearest.length > 0 &&
        h("ul.nearest-names", {}, error.nearest.map((name) =>
          h("li", {}, h("button.button", { type: "button", on: { click: () => say("suggest", { name }) } }, name)),
        )),
      error.isRetryable &&
        h("button.button", { type: "button", on: { click: () => say("retry") } }, "Try again"),
    );
  }

  hide() {
    this.hidden = true;
    replace(this);
  }

  #show(...content) {
    const close = iconButton("close", "Close", () => this.dispatchEvent(new CustomEvent("close")));
    close.classList.add("panel-close");
    replace(this, h("div.panel-scroll", {}, content), close);
    this.hidden = false;
  }

  /** A plain click on one of our links changes the state; with a key it opens a tab as usual. */
  #click(event) {
    const anchor = event.target.closest("a[data-key], a[data-changes]");
    if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { kind, key, changes } = anchor.dataset;
    const detail = changes ? JSON.parse(changes) : pageChanges({ [kind]: key });
    this.dispatchEvent(new CustomEvent("open", { detail }));
  }

  #point(element) {
    const detail = element ? { kind: element.dataset.kind, key: element.dataset.key } : null;
    this.dispatchEvent(new CustomEvent("point", { detail }));
  }
}

customElements.define("detail-panel", DetailPanel);
