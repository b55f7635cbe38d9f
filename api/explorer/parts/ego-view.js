/**
 * <ego-view>: a book, its links and the books beyond them as three columns of SVG in place of the
 * map. Says "open" with changes to the state.
 */

import { h, replace, s } from "../dom.js";
import { hrefFor, pageChanges } from "../state.js";
import { layOutEgo } from "./ego-layout.js";

const ROW_PX = 25;
const HEAD_PX = 40;
const COLUMNS = { book: 0, links: 0.34, books: 0.7 };
const MIN_WIDTH_PX = 620;
// Mean widths of a letter, on the safe side: to measure each text would cost a layout.
const CHARACTER_PX = 7.4;
const CENTRE_CHARACTER_PX = 9;

class EgoView extends HTMLElement {
  connectedCallback() {
    this.hidden = true;
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "A book, its links and the books beyond them");
    this.addEventListener("click", (event) => this.#click(event));
    for (const type of ["pointerover", "focusin"]) {
      this.addEventListener(type, (event) => this.#light(event.target.closest("[data-node]")));
    }
    this.addEventListener("pointerleave", () => this.#light(null));
  }

  showBusy(title) {
    replace(this, h("p.quiet", { role: "status" }, `Reading the links of ${title}…`));
    this.hidden = false;
  }

  /** @param {object} book as `fetchEgo` answers it */
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
        h("h2", {}, "What ", h("em", {}, ego.title), " is linked to"),
        h("p.quiet", {}, note(ego)),
      ),
      s(
        "svg.ego",
        { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Columns" },
        this.#edges(draw),
        this.#nodes(draw),
      ),
    );
    this.hidden = false;
    // Where the three columns do not fit, the two that lead on are seen first.
    this.scrollTo({ top: 0, left: width > this.clientWidth ? column("links", width) - 24 : 0 });
  }

  hide() {
    this.hidden = true;
    replace(this);
  }

  #edges({ ego, width, rows }) {
    const title = shorten(ego.title, width);
    const start = {
      x: column("book", width) + title.length * CENTRE_CHARACTER_PX,
      y: middleOf(rows),
    };
    const toLinks = ego.links.map((link, i) => {
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

  #nodes({ ego, state, width, rows }) {
    const heading = (name, text) =>
      s("text.ego-heading", { x: column(name, width), y: 16 }, text);
    const links = ego.links.map((link, i) =>
      node({
        id: `link-${i}`, x: column("links", width), y: rowOf(i, ego.links.length, rows),
        text: shorten(link.title, width), title: `${link.title}: in ${link.numBooks} books`,
        changes: pageChanges({ link: link.name }), state, classes: ".is-link",
      }),
    );
    const books = ego.books.map((book, i) =>
      node({
        id: `book-${i}`, x: column("books", width), y: rowOf(i, ego.books.length, rows),
        text: shorten(book.title, width),
        title: [book.title, book.author].filter(Boolean).join(", "),
        changes: pageChanges({ book: book.title, view: "ego" }), state, classes: "",
      }),
    );
    return [
      heading("book", "The book"),
      heading("links", "Links, rare ones"),
      heading("books", "Books beyond"),
      s(
        "g.ego-centre",
        { "data-node": "book" },
        s("text.ego-name", { x: column("book", width), y: middleOf(rows) + 5 }, shorten(ego.title, width)),
      ),
      links,
      books,
    ];
  }

  #click(event) {
    const anchor = event.target.closest("[data-changes]");
    if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const detail = JSON.parse(anchor.dataset.changes);
    this.dispatchEvent(new CustomEvent("open", { detail }));
  }

  /** Light the lines of a node and what they lead to. */
  #light(element) {
    const id = element?.dataset.node ?? null;
    this.classList.toggle("is-lighting", id !== null);
    const joined = new Set([id]);
    for (const edge of this.querySelectorAll(".ego-edge")) {
      const ends = edge.dataset.ends.split(" ");
      const isLit = ends.includes(id);
      edge.classList.toggle("is-lit", isLit);
      if (isLit) ends.forEach((end) => joined.add(end));
    }
    for (const one of this.querySelectorAll("[data-node]")) {
      one.classList.toggle("is-lit", joined.has(one.dataset.node));
    }
  }
}

function note({ links, books, numHidden }) {
  if (!links.length) return "No other book shares a link with it.";
  const rest = numHidden > 0 ? ` ${numHidden} more links are on its page.` : "";
  return `${links.length} links that lead on, ${books.length} books beyond them. Choose a book to go there.${rest}`;
}

function node({ id, x, y, text, title, changes, state, classes }) {
  return s(
    `a.ego-node${classes}`,
    { href: hrefFor(state, changes), "data-node": id, "data-changes": JSON.stringify(changes) },
    s("title", {}, title),
    s("circle", { cx: x - 6, cy: y, r: 3.5 }),
    s("text.ego-name", { x: x + 3, y: y + 4.5 }, text),
  );
}

function curve(x0, y0, x1, y1, ends) {
  const bend = (x1 - x0) / 2;
  const d = `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
  return s("path.ego-edge", { d, "data-ends": ends.join(" ") });
}

function column(name, width) {
  return 8 + COLUMNS[name] * width;
}

/** The rows of a shorter column stand around the middle. */
function rowOf(index, count, rows) {
  return HEAD_PX + ROW_PX * (index + (rows - count) / 2 + 0.5);
}

function middleOf(rows) {
  return HEAD_PX + (ROW_PX * rows) / 2;
}

function shorten(text, width) {
  const fitting = Math.floor((0.3 * width - 24) / CHARACTER_PX);
  return text.length > fitting ? `${text.slice(0, fitting - 1)}…` : text;
}

function widthOf(text, width) {
  return shorten(text, width).length * CHARACTER_PX;
}

customElements.define("ego-view", EgoView);
