/**
 * What the page shows, kept in the address: every view can be shared, and the browser's back
 * button undoes a step. Only values that differ from the defaults are written.
 */

import { COLORS, defaultColor } from "./properties.js";

/** @typedef {import("./format.js").Kind} Kind */
/** @typedef {import("./properties.js").Layout} Layout */
/** @typedef {import("./map/area.js").Area} Area */
/** @typedef {import("./map/viewport.js").View} View */

/**
 * @typedef {object} State
 * @property {Kind} map whose points are shown
 * @property {Layout} layout how they were placed
 * @property {string} color the property that colours the points
 * @property {string|null} only the one legend entry that is highlighted
 * @property {string|null} book title of the open book
 * @property {string|null} link name of the open topic
 * @property {string|null} other title of the book that the open one is compared with
 * @property {"ego"|null} view the open book's topics in place of the map
 * @property {string[]} like titles that the books of a mix should be like; empty for no mix
 * @property {string[]} unlike titles that they should be unlike
 * @property {Area|null} area the area around the selected points
 * @property {View|null} at centre and zoom; null shows all
 */

/** @type {State} */
const DEFAULTS = {
  map: "book",
  layout: "tsne",
  color: "genre",
  only: null,
  book: null,
  link: null,
  other: null,
  view: null,
  like: [],
  unlike: [],
  area: null,
  at: null,
};

/**
 * Read an address's query string. Values that make no sense become the default.
 * @param {string} text
 * @returns {State}
 */
export function parseState(text) {
  const parameters = new URLSearchParams(text);
  const map = parameters.get("map") === "link" ? "link" : "book";
  const color = parameters.get("color") ?? "";
  const like = parameters.getAll("like");
  const area = parseArea(parameters.get("area"));
  const isOther = like.length || area;
  const [book, link] = isOther ? [null, null] : [parameters.get("book"), parameters.get("link")];
  return {
    map,
    layout: parameters.get("layout") === "umap" ? "umap" : "tsne",
    color: Object.hasOwn(COLORS[map], color) ? color : defaultColor(map),
    only: parameters.get("only"),
    book,
    link: book === null ? link : null,
    other: book === null ? null : parameters.get("other"),
    view: book !== null && parameters.get("view") === "ego" ? "ego" : null,
    like: area ? [] : like,
    unlike: like.length && !area ? parameters.getAll("unlike") : [],
    area,
    at: parseView(parameters.get("at")),
  };
}

/**
 * Write a state as an address's query string, without the question mark.
 * @param {State} state
 */
export function formatState(state) {
  const parameters = new URLSearchParams();
  const texts = { ...state, area: formatArea(state.area), at: formatView(state.at) };
  const defaults = { ...DEFAULTS, color: defaultColor(state.map) };
  for (const key of /** @type {(keyof State)[]} */ (Object.keys(DEFAULTS))) {
    const value = texts[key];
    if (Array.isArray(value)) {
      for (const one of value) parameters.append(key, one);
    } else if (value !== null && value !== defaults[key]) {
      parameters.set(key, value);
    }
  }
  return parameters.toString();
}

/**
 * Holds the state. A "change" event carries the state before it and after it.
 */
export class StateStore extends EventTarget {
  constructor() {
    super();
    /** @type {State} */
    this.current = parseState(location.search);
    window.addEventListener("popstate", () => this.#become(parseState(location.search)));
  }

  /**
   * Change some of it.
   * @param {Partial<State>} changes
   * @param {{isStep?: boolean}} [options] whether the back button should undo it
   */
  set(changes, { isStep = true } = {}) {
    const next = { ...this.current, ...changes };
    const query = formatState(next);
    if (query !== formatState(this.current)) {
      // The path and not "?", which would leave an empty query in the address.
      const address = query ? `?${query}` : location.pathname;
      history[isStep ? "pushState" : "replaceState"](null, "", address);
    }
    this.#become(next);
  }

  /** @param {(before: State, now: State) => void} listener */
  onChange(listener) {
    this.addEventListener("change", (event) => {
      const { before, now } = /** @type {CustomEvent<{before: State, now: State}>} */ (event).detail;
      listener(before, now);
    });
  }

  /** @param {State} next */
  #become(next) {
    const before = this.current;
    this.current = next;
    this.dispatchEvent(new CustomEvent("change", { detail: { before, now: next } }));
  }
}

/**
 * The changes that open one page and close any other.
 * @param {Partial<State>} changes
 * @returns {Partial<State>}
 */
export function pageChanges(changes) {
  return { book: null, link: null, other: null, view: null, like: [], unlike: [], area: null, ...changes };
}

/**
 * An address for a link on the page: the state with some changes.
 * @param {State} state
 * @param {Partial<State>} changes
 */
export function hrefFor(state, changes) {
  const query = formatState({ ...state, at: null, ...changes });
  return query ? `?${query}` : "./";
}

/**
 * @param {string|null} text
 * @returns {View|null}
 */
function parseView(text) {
  const [x, y, zoom, ...rest] = (text ?? "").split(",").map(Number);
  const isWhole = [x, y, zoom].every(Number.isFinite) && !rest.length && zoom > 0;
  return isWhole ? { x, y, zoom } : null;
}

/** @param {View|null} view */
function formatView(view) {
  if (!view) return null;
  return `${view.x.toFixed(2)},${view.y.toFixed(2)},${view.zoom.toFixed(2)}`;
}

/**
 * Corners as "x,y" with spaces between.
 * @param {string|null} text
 * @returns {Area|null}
 */
function parseArea(text) {
  const corners = (text ?? "").split(" ").map((corner) => corner.split(",").map(Number));
  const isWhole = corners.every((corner) => corner.length === 2 && corner.every(Number.isFinite));
  return isWhole && corners.length >= 3 ? /** @type {Area} */ (corners) : null;
}

/** @param {Area|null} area */
function formatArea(area) {
  return area && area.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
}
