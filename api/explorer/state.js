/**
 * What the page shows, kept in the address: every view can be sent to somebody, and the browser's
 * back button undoes a step. Only values that differ from the defaults are written.
 */

/**
 * @typedef {object} State
 * @property {"book"|"link"} map whose points are shown
 * @property {"tsne"|"umap"} layout how they were placed
 * @property {string} color what the points are coloured by
 * @property {string|null} only the one legend entry that is lit
 * @property {string|null} book title of the chosen book
 * @property {string|null} link name of the chosen link
 * @property {string|null} other title of the book that the chosen one is compared with
 * @property {"ego"|null} view the chosen book's links in place of the map
 * @property {string[]} like titles of a mix that books should be near to; empty for no mix
 * @property {string[]} unlike titles that they should be away from
 * @property {number[][]|null} area corners, in the map's units, around the points that are chosen
 * @property {{x: number, y: number, zoom: number}|null} at centre and zoom; null shows all
 */

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
// What is more than a text or a list of texts.
const FORMATS = { at: formatView, area: formatArea };
const COLORS = {
  book: ["genre", "country", "language", "year", "author", "degree"],
  link: ["degree", "kind"],
};

/** Read an address's query; what makes no sense is left at its default. */
export function parseState(query) {
  const parameters = new URLSearchParams(query);
  const map = parameters.get("map") === "link" ? "link" : "book";
  const wanted = parameters.get("color");
  const like = parameters.getAll("like");
  const area = parseArea(parameters.get("area"));
  const isOther = like.length || area;
  const [book, link] = isOther ? [null, null] : [parameters.get("book"), parameters.get("link")];
  return {
    map,
    layout: parameters.get("layout") === "umap" ? "umap" : "tsne",
    color: COLORS[map].includes(wanted) ? wanted : COLORS[map][0],
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

/** Write a state as an address's query, without the question mark. */
export function formatState(state) {
  const parameters = new URLSearchParams();
  for (const key of Object.keys(DEFAULTS)) {
    const value = FORMATS[key] ? FORMATS[key](state[key]) : state[key];
    if (Array.isArray(value)) {
      for (const one of value) parameters.append(key, one);
      continue;
    }
    const isDefault = key === "color" ? value === COLORS[state.map][0] : value === DEFAULTS[key];
    if (value !== null && value !== undefined && !isDefault) parameters.set(key, value);
  }
  return parameters.toString();
}

/** The ways to colour the points of a map. */
export function colorsOf(map) {
  return COLORS[map];
}

/** Holds the state; listeners hear of each change with the state before it. */
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
      // A path of its own, not "?": an empty query has to go from the address.
      const address = query ? `?${query}` : location.pathname;
      history[isStep ? "pushState" : "replaceState"](null, "", address);
    }
    this.#become(next);
  }

  #become(next) {
    const before = this.current;
    this.current = next;
    this.dispatchEvent(new CustomEvent("change", { detail: { before, now: next } }));
  }
}

/** The changes that show one thing's page and nothing of another. */
export function pageChanges(changes) {
  return { book: null, link: null, other: null, view: null, like: [], unlike: [], area: null, ...changes };
}

/** An address for a link on the page: the state with some changes. */
export function hrefFor(state, changes) {
  const query = formatState({ ...state, at: null, ...changes });
  return query ? `?${query}` : "./";
}

function parseView(text) {
  const numbers = (text ?? "").split(",").map(Number);
  if (numbers.length !== 3 || !numbers.every(Number.isFinite) || numbers[2] <= 0) return null;
  return { x: numbers[0], y: numbers[1], zoom: numbers[2] };
}

function formatView(view) {
  if (!view) return null;
  return `${view.x.toFixed(2)},${view.y.toFixed(2)},${view.zoom.toFixed(2)}`;
}

/** Corners as "x,y" with blanks between. */
function parseArea(text) {
  const corners = (text ?? "").split(" ").map((corner) => corner.split(",").map(Number));
  const isWhole = corners.every((corner) => corner.length === 2 && corner.every(Number.isFinite));
  return isWhole && corners.length >= 3 ? corners : null;
}

function formatArea(area) {
  return area && area.map((corner) => corner.map((value) => value.toFixed(2)).join(",")).join(" ");
}
