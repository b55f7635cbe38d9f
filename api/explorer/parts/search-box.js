/** <search-box>: finds a book or a topic by its title, as an ARIA combobox. */

import { ApiError, isAbort, search } from "../api.js";
import { announce, h, icon, iconButton, replace } from "../dom.js";
import { authorAndYear, formatCount } from "../format.js";
import { Part } from "./part.js";

const WAIT_MS = 140;

/** @typedef {import("../api.js").SearchNode} SearchNode */
/** @typedef {{choose: {kind: import("../format.js").Kind, key: string}}} SearchEvents */

/** @extends {Part<SearchEvents>} */
export class SearchBox extends Part {
  /**
   * What is listed, in order: books, then topics.
   * @type {SearchNode[]}
   */
  #hits = [];
  #active = -1;
  #timer = 0;
  /** @type {AbortController|null} */
  #request = null;

  #input = h("input", {
    id: "search-input",
    type: "text",
    role: "combobox",
    placeholder: "Find a book or topic",
    "aria-label": "Find a book or topic",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": "search-list",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    on: {
      input: () => this.#searchSoon(),
      keydown: (event) => this.#key(event),
      focus: () => this.#hits.length && this.#open(true),
      blur: () => setTimeout(() => this.contains(document.activeElement) || this.#open(false), 0),
    },
  });
  #list = h("div.search-list", { id: "search-list", role: "listbox", "aria-label": "Search results" });
  #clear = iconButton("close", "Clear the search", () => {
    this.reset();
    this.#input.focus();
  });

  connectedCallback() {
    this.#list.hidden = true;
    // A click on the list must not take the focus from the field before it is handled.
    this.#list.addEventListener("mousedown", (event) => event.preventDefault());
    this.#clear.hidden = true;
    this.replaceChildren(
      h("div.search-field", {}, icon("search"), this.#input, h("kbd", { "aria-hidden": "true" }, "/"), this.#clear),
      this.#list,
    );
  }

  focusInput() {
    this.#input.focus();
    this.#input.select();
  }

  /** Clear the field and the list. */
  reset() {
    this.#input.value = "";
    this.#show([], null);
    this.#open(false);
    this.#clear.hidden = true;
  }

  #searchSoon() {
    clearTimeout(this.#timer);
    this.#clear.hidden = !this.#input.value;
    this.#timer = window.setTimeout(() => this.#search(), WAIT_MS);
  }

  async #search() {
    this.#request?.abort();
    const text = this.#input.value.trim();
    if (!text) {
      this.#show([], null);
      this.#open(false);
      return;
    }
    this.#request = new AbortController();
    const { signal } = this.#request;
    this.classList.add("is-busy");
    try {
      const { hits, didYouMean } = await search(text, { signal });
      this.#show(hits.map(({ node }) => node), didYouMean);
    } catch (error) {
      if (isAbort(error)) return;
      if (!(error instanceof ApiError)) throw error;
      this.#fail(error);
    } finally {
      if (this.#request?.signal === signal) this.classList.remove("is-busy");
    }
  }

  /**
   * @param {SearchNode[]} hits
   * @param {string|null} didYouMean
   */
  #show(hits, didYouMean) {
    const books = hits.filter((node) => node.__typename === "Book");
    const links = hits.filter((node) => node.__typename === "Link");
    this.#hits = [...books, ...links];
    this.#active = -1;
    this.#input.removeAttribute("aria-activedescendant");
    replace(
      this.#list,
      didYouMean && h("p.search-note", {}, "Did you mean ", h("em", {}, didYouMean), "?"),
      this.#group("Books", books, 0),
      this.#group("Topics", links, books.length),
      !hits.length && this.#input.value && h("p.search-note", {}, "No matching book or topic."),
    );
    this.#open(Boolean(this.#input.value));
    const count = this.#hits.length;
    if (this.#input.value) announce(count === 1 ? "1 result." : `${count} results.`);
  }

  /** @param {ApiError} error */
  #fail(error) {
    this.#hits = [];
    replace(this.#list, h("p.search-note.is-error", { role: "alert" }, error.message));
    this.#open(true);
  }

  /**
   * @param {string} title
   * @param {SearchNode[]} hits
   * @param {number} offset of the first one in the list
   */
  #group(title, hits, offset) {
    if (!hits.length) return null;
    return h(
      "div",
      { role: "group", "aria-label": title },
      h("p.search-heading", { "aria-hidden": "true" }, title),
      hits.map((node, i) => this.#option(node, offset + i)),
    );
  }

  /**
   * @param {SearchNode} node
   * @param {number} index
   */
  #option(node, index) {
    const isBook = node.__typename === "Book";
    const facts = isBook ? authorAndYear(node, " · ") : `in ${formatCount(node.numBooks, "book")}`;
    return h(
      "div.search-option",
      {
        role: "option",
        id: `search-option-${index}`,
        "aria-selected": "false",
        on: { click: () => this.#choose(index), pointermove: () => this.#activate(index) },
      },
      h(isBook ? "span.title" : "span.title.is-link", {}, node.title),
      h("span.facts", {}, facts),
    );
  }

  /** @param {KeyboardEvent} event */
  async #key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const count = this.#hits.length;
      // Without an active option, up starts at the last one.
      const from = this.#active < 0 && step < 0 ? 0 : this.#active;
      if (count) this.#activate((from + step + count) % count);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (this.#active < 0) {
        // Fast typists press Enter before the response is there.
        clearTimeout(this.#timer);
        await this.#search();
      }
      if (this.#hits.length) this.#choose(Math.max(0, this.#active));
    } else if (event.key === "Escape") {
      if (!this.#list.hidden) event.stopPropagation();
      this.#open(false);
    }
  }

  /** @param {number} index */
  #activate(index) {
    if (index === this.#active) return;
    this.#active = index;
    for (const option of this.#list.querySelectorAll("[role=option]")) {
      const isActive = option.id === `search-option-${index}`;
      option.setAttribute("aria-selected", String(isActive));
      if (isActive) option.scrollIntoView({ block: "nearest" });
    }
    this.#input.setAttribute("aria-activedescendant", `search-option-${index}`);
  }

  /** @param {number} index */
  #choose(index) {
    const node = this.#hits[index];
    this.#input.value = node.title;
    this.#clear.hidden = false;
    this.#open(false);
    this.#input.blur();
    if (node.__typename === "Book") this.say("choose", { kind: "book", key: node.title });
    else this.say("choose", { kind: "link", key: node.name });
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.#list.hidden = !isOpen;
    this.#input.setAttribute("aria-expanded", String(isOpen));
  }
}

customElements.define("search-box", SearchBox);
