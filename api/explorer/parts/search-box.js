/**
 * <search-box>: finds a book or a link by what somebody types, as an ARIA combobox. Says "choose"
 * with `{kind, key}`.
 */

import { ApiError, search } from "../api.js";
import { announce, h, icon, iconButton, replace } from "../dom.js";
import { formatYear } from "../map/points.js";

const WAIT_MS = 140;

class SearchBox extends HTMLElement {
  #hits = [];
  #active = -1;
  #timer = 0;
  #request = null;

  connectedCallback() {
    this.input = h("input", {
      id: "search-input",
      type: "text",
      role: "combobox",
      placeholder: "Find a book or a topic",
      "aria-label": "Find a book or a topic",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": "search-list",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      on: {
        input: () => this.#later(),
        keydown: (event) => this.#key(event),
        focus: () => this.#hits.length && this.#open(true),
        blur: () => setTimeout(() => this.contains(document.activeElement) || this.#open(false), 0),
      },
    });
    this.list = h("div.search-list", { id: "search-list", role: "listbox", "aria-label": "Found" });
    this.list.hidden = true;
    // The list must not take the focus from the field before a click on it is done.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.clear = iconButton("close", "Clear the search", () => {
      this.reset();
      this.input.focus();
    });
    this.clear.hidden = true;
    this.replaceChildren(
      h("div.search-field", {}, icon("search"), this.input, h("kbd", { "aria-hidden": "true" }, "/"), this.clear),
      this.list,
    );
  }

  focusInput() {
    this.input.focus();
    this.input.select();
  }

  /** Forget what was typed. */
  reset() {
    this.input.value = "";
    this.#show([], null);
    this.#open(false);
    this.clear.hidden = true;
  }

  #later() {
    clearTimeout(this.#timer);
    this.clear.hidden = !this.input.value;
    this.#timer = setTimeout(() => this.#search(), WAIT_MS);
  }

  async #search() {
    this.#request?.abort();
    const text = this.input.value.trim();
    if (!text) {
      this.#show([], null);
      this.#open(false);
      return null;
    }
    this.#request = new AbortController();
    const { signal } = this.#request;
    this.classList.add("is-busy");
    try {
      const { hits, didYouMean } = await search(text, { signal });
      this.#show(hits, didYouMean);
    } catch (error) {
      if (error.name === "AbortError") return null;
      if (!(error instanceof ApiError)) throw error;
      this.#fail(error);
    } finally {
      if (this.#request?.signal === signal) this.classList.remove("is-busy");
    }
    return this.#hits;
  }

  #show(hits, didYouMean) {
    const books = hits.filter(({ node }) => node.__typename === "Book");
    const links = hits.filter(({ node }) => node.__typename === "Link");
    this.#hits = [...books, ...links];
    this.#active = -1;
    this.input.removeAttribute("aria-activedescendant");
    replace(
      this.list,
      didYouMean && h("p.search-note", {}, "Did you mean ", h("em", {}, didYouMean), "?"),
      this.#group("Books", books, 0),
      this.#group("Topics that books link to", links, books.length),
      !hits.length && this.input.value && h("p.search-note", {}, "Nothing is called like that."),
    );
    this.#open(Boolean(this.input.value));
    const count = this.#hits.length;
    if (this.input.value) announce(`${count} found.`);
  }

  #fail(error) {
    this.#hits = [];
    replace(this.list, h("p.search-note.is-error", { role: "alert" }, error.message));
    this.#open(true);
  }

  #group(title, hits, offset) {
    if (!hits.length) return null;
    return h(
      "div",
      { role: "group", "aria-label": title },
      h("p.search-heading", { "aria-hidden": "true" }, title),
      hits.map(({ node }, i) => this.#option(node, offset + i)),
    );
  }

  #option(node, index) {
    const isBook = node.__typename === "Book";
    const facts = isBook
      ? [node.author, node.year === null ? null : formatYear(node.year)].filter(Boolean).join(" · ")
      : `in ${node.numBooks} books`;
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

  async #key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const count = this.#hits.length;
      if (count) this.#activate((this.#active + step + count + (this.#active < 0 && step < 0)) % count);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (this.#active < 0) {
        // Somebody who types fast presses Enter before the answer is there.
        clearTimeout(this.#timer);
        await this.#search();
      }
      if (this.#hits.length) this.#choose(Math.max(0, this.#active));
    } else if (event.key === "Escape") {
      if (!this.list.hidden) event.stopPropagation();
      this.#open(false);
    }
  }

  #activate(index) {
    if (index === this.#active) return;
    this.#active = index;
    for (const option of this.list.querySelectorAll("[role=option]")) {
      const isActive = option.id === `search-option-${index}`;
      option.setAttribute("aria-selected", String(isActive));
      if (isActive) option.scrollIntoView({ block: "nearest" });
    }
    this.input.setAttribute("aria-activedescendant", `search-option-${index}`);
  }

  #choose(index) {
    const { node } = this.#hits[index];
    const isBook = node.__typename === "Book";
    this.input.value = node.title;
    this.clear.hidden = false;
    this.#open(false);
    this.input.blur();
    const detail = isBook ? { kind: "book", key: node.title } : { kind: "link", key: node.name };
    this.dispatchEvent(new CustomEvent("choose", { detail }));
  }

  #open(isOpen) {
    this.list.hidden = !isOpen;
    this.input.setAttribute("aria-expanded", String(isOpen));
  }
}

customElements.define("search-box", SearchBox);
