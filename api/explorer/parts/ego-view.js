/**
 * <ego-view>: in place of the map, three columns of SVG: a book, its topics, and the other books
 * that mention them.
 */

import { closest, h, replace, s } from "../dom.js";
import { formatCount, formatNumber, shorten } from "../format.js";
import { hrefFor, pageChanges } from "../state.js";
import { layOutEgo } from "./ego-layout.js";
import { changesOf } from "./inner-links.js";
import { Part } from "./part.js";

const ROW_PX = 25;
const HEAD_PX = 40;
const COLUMNS = { book: 0, links: 0.34, books: 0.7 };
const MIN_WIDTH_PX = 620;
// Generous mean widths of a letter: measuring each text would cost a layout.
const CHARACTER_PX = 7.4;
const CENTRE_CHARACTER_PX = 9;

/** @typedef {import("./ego-layout.js").Ego} Ego */
/** @typedef {import("../state.js").State} State */
/** @typedef {{ego: Ego, state: State, width: number, rows: number}} Drawing rows of the longer column */

/** @extends {Part<{open: Partial<State>}>} */
export class EgoView extends Part {
  connectedCallback() {
    this.hidden = true;
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "A book, its topics and other books that mention them");
    this.addEventListener("click", (event) => {
      const changes = changesOf(event);
      if (changes) this.say("open", changes);
    });
    for (const type of ["pointerover", "focusin"]) {
      this.addEventListener(type, (event) => this.#highlight(closest(event, "[data-node]")));
    }
    this.addEventListener("pointerleave", () => this.#highlight(null));
  }

  /** @param {string} title */
  showBusy(title) {
    replace(this, h("p.quiet", { role: "status" }, `Loading the topics of ${title}…`));
    this.hidden = false;
  }

  /**
   * @param {import("../api.js").EgoBook} book
   * @param {number} numBooks in the whole graph
   * @param {State} state
   */
  show(book, numBooks, state) {
    const ego = layOutEgo(book, numBooks);
    const width = Math.max(MIN_WIDTH_PX, this.clientWidth - 48);
    const rows = Math.max(ego.links.length, ego.books.length, 3);
    const height = HEAD_PX + rows * ROW_PX;
    const draw = { ego, state, width, rows };
    replace(
      this,
      h(
        "header",
        {},
        h("h2", {}, "Topics of ", h("em", {}, ego.title), " and where they lead"),
        h("p.quiet", {}, note(ego)),
      ),
      s(
        "svg.ego",
        { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Book, topics and other books" },
        this.#edges(draw),
        this.#nodes(draw),
      ),
    );
    this.hidden = false;
    // Where the three columns do not fit, topics and other books are shown first.
    this.scrollTo({ top: 0, left: width > this.clientWidth ? column("links", width) - 24 : 0 });
  }

  hide() {
    this.hidden = true;
    replace(this);
  }

  /** @param {Drawing} drawing */
  #edges({ ego, width, rows }) {
    const title = fitColumn(ego.title, width);
    const start = {
      x: column("book", width) + title.length * CENTRE_CHARACTER_PX,
      y: middleOf(rows),
    };
    const toLinks = ego.links.map((_, i) => {
      const x = column("links", width) - 12;
      return curve(start.x + 8, start.y, x, rowOf(i, ego.links.length, rows), ["book", `link-${i}`]);
    });
    const toBooks = ego.edges.map(({ link, book }) => {
      const from = column("links", width) + widthOf(ego.links[link].title, width);
      const y = rowOf(link, ego.links.length, rows);
      const x = column("books", width) - 12;
      const to = rowOf(book, ego.books.length, rows);
      return curve(from + 6, y, x, to, [`link-${link}`, `book-${book}`]);
    });
    return s("g.ego-edges", { "aria-hidden": "true" }, toLinks, toBooks);
  }

  /** @param {Drawing} drawing */
  #nodes({ ego, state, width, rows }) {
    const heading = (/** @type {Column} */ name, /** @type {string} */ text) =>
      s("text.ego-heading", { x: column(name, width), y: 16 }, text);
    const links = ego.links.map((link, i) =>
      node({
        id: `link-${i}`, x: column("links", width), y: rowOf(i, ego.links.length, rows),
        text: fitColumn(link.title, width),
        title: `${link.title}: mentioned by ${formatCount(link.numBooks, "book")}`,
        changes: pageChanges({ link: link.name }), state, classes: ".is-link",
      }),
    );
    const books = ego.books.map((book, i) =>
      node({
        id: `book-${i}`, x: column("books", width), y: rowOf(i, ego.books.length, rows),
        text: fitColumn(book.title, width),
        title: [book.title, book.author].filter(Boolean).join(", "),
        changes: pageChanges({ book: book.title, view: "ego" }), state, classes: "",
      }),
    );
    return [
      heading("book", "Book"),
      heading("links", "Rarest topics"),
      heading("books", "Other books"),
      s(
        "g.ego-centre",
        { "data-node": "book" },
        s("text.ego-name", { x: column("book", width), y: middleOf(rows) + 5 }, fitColumn(ego.title, width)),
      ),
      links,
      books,
    ];
  }

  /**
   * Highlight a node, its lines and what they lead to.
   * @param {HTMLElement|SVGElement|null} element null for none
   */
  #highlight(element) {
    const id = element?.dataset.node ?? "";
    this.classList.toggle("is-lighting", Boolean(id));
    const joined = new Set([id]);
    for (const edge of this.#parts(".ego-edge")) {
      const ends = edge.dataset.ends?.split(" ") ?? [];
      const isLit = ends.includes(id);
      edge.classList.toggle("is-lit", isLit);
      if (isLit) ends.forEach((end) => joined.add(end));
    }
    for (const one of this.#parts("[data-node]")) {
      one.classList.toggle("is-lit", joined.has(one.dataset.node ?? ""));
    }
  }

  /**
   * @param {string} selector
   * @returns {NodeListOf<SVGElement>}
   */
  #parts(selector) {
    return this.querySelectorAll(selector);
  }
}

/** @param {Ego} ego */
function note({ links, books, numHidden }) {
  if (!links.length) return "No other book mentions these topics.";
  const rest = numHidden > 0 ? ` The panel lists ${formatNumber(numHidden)} more topics.` : "";
  return `${formatCount(links.length, "link")} lead to ${formatCount(books.length, "book")}. Select a book to see its topics.${rest}`;
}

/**
 * @param {object} parts
 * @param {string} parts.id
 * @param {number} parts.x
 * @param {number} parts.y
 * @param {string} parts.text
 * @param {string} parts.title the tooltip
 * @param {Partial<State>} parts.changes that a click makes
 * @param {State} parts.state
 * @param {string} parts.classes
 */
function node({ id, x, y, text, title, changes, state, classes }) {
  return s(
    `a.ego-node${classes}`,
    { href: hrefFor(state, changes), "data-node": id, "data-changes": JSON.stringify(changes) },
    s("title", {}, title),
    s("circle", { cx: x - 6, cy: y, r: 3.5 }),
    s("text.ego-name", { x: x + 3, y: y + 4.5 }, text),
  );
}

/**
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 * @param {string[]} ends ids of the two nodes
 */
function curve(x0, y0, x1, y1, ends) {
  const bend = (x1 - x0) / 2;
  const d = `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
  return s("path.ego-edge", { d, "data-ends": ends.join(" ") });
}

/** @typedef {keyof typeof COLUMNS} Column */

/**
 * @param {Column} name
 * @param {number} width
 */
function column(name, width) {
  return 8 + COLUMNS[name] * width;
}

/**
 * A shorter column is centred.
 * @param {number} index
 * @param {number} count rows of this column
 * @param {number} rows of the longer one
 */
function rowOf(index, count, rows) {
  return HEAD_PX + ROW_PX * (index + (rows - count) / 2 + 0.5);
}

/** @param {number} rows */
function middleOf(rows) {
  return HEAD_PX + (ROW_PX * rows) / 2;
}

/**
 * @param {string} text
 * @param {number} width of the three columns
 */
function fitColumn(text, width) {
  return shorten(text, Math.floor((0.3 * width - 24) / CHARACTER_PX));
}

/**
 * @param {string} text
 * @param {number} width of the three columns
 */
function widthOf(text, width) {
  return fitColumn(text, width).length * CHARACTER_PX;
}

customElements.define("ego-view", EgoView);
