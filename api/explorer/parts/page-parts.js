/** What the pages of books and of links have in common: links within the page, scores, reasons. */

import { h } from "../dom.js";
import { hrefFor } from "../state.js";

/** A link to a book's or a link's page, inside the explorer. */
export function pageLink(kind, key, text, state, classes = "") {
  const changes = kind === "book" ? { book: key, link: null } : { link: key, book: null };
  return h(`a${classes}`, { href: hrefFor(state, changes), "data-kind": kind, "data-key": key }, text);
}

/** A cosine as a number and a bar. */
export function scoreBar(score) {
  const width = `${Math.max(0, Math.min(1, score)) * 100}%`;
  return h(
    "span.score",
    { title: `Cosine of the two vectors: ${score.toFixed(4)}` },
    h("span.score-bar", { "aria-hidden": "true" }, h("span", { style: { width } })),
    h("span.score-number", {}, score.toFixed(2)),
  );
}

/** The links (or books) that explain why two are near, the weightiest first. */
export function reasons(items, lead) {
  if (!items.length) {
    return h("p.reasons.is-empty", {}, "Nothing in common directly: near through what others share.");
  }
  return h(
    "p.reasons",
    {},
    h("span.visually-hidden", {}, lead),
    items.map((item, i) => [i > 0 && " ", item]),
  );
}

/** A headed part of a page. */
export function section(title, note, ...content) {
  return h(
    "section.part",
    {},
    h("h3", {}, title, note && h("span.note", {}, note)),
    content,
  );
}
