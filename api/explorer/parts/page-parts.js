/** What the pages of books and of links have in common: links within the page, scores, reasons. */

import { h } from "../dom.js";
import { formatYear } from "../map/points.js";
import { hrefFor, pageChanges } from "../state.js";

/** A link to a book's or a link's page, inside the explorer. */
export function pageLink(kind, key, text, state, classes = "") {
  const changes = pageChanges({ [kind]: key });
  return h(`a${classes}`, { href: hrefFor(state, changes), "data-kind": kind, "data-key": key }, text);
}

/** A link to another view of the page; `changes` are to the state. */
export function viewLink(changes, text, state, { classes = "", label = null } = {}) {
  const all = pageChanges(changes);
  return h(
    `a${classes}`,
    { href: hrefFor(state, all), "data-changes": JSON.stringify(all), "aria-label": label, title: label },
    text,
  );
}

/** A link out of the page, in a tab of its own. */
export function outerLink(href, text) {
  return h("a.act", { href, target: "_blank", rel: "noreferrer" }, text, " ↗");
}

/** A book's author and year, as far as they are known. */
export function authorAndYear({ author, year }) {
  return [author, year === null ? null : formatYear(year)].filter(Boolean).join(", ");
}

/** A link's name that leads to its page. */
export function chip(link, state) {
  const element = pageLink("link", link.name, link.title, state, ".chip");
  element.title = `${link.title}: mentioned by ${link.numBooks.toLocaleString("en")} books`;
  return element;
}

/** A book of a list of nearest: how near, and the links that explain it. */
export function nearBook({ score, node, why }, state, actions = null) {
  return h(
    "li",
    { "data-kind": "book", "data-key": node.title },
    h("div.near-head", {}, pageLink("book", node.title, node.title, state, ".near-title"), scoreBar(score)),
    h("div.near-line", {}, h("p.near-by", {}, authorAndYear(node)), actions),
    reasons(why.slice(0, 5).map(({ link }) => chip(link, state)), "Both link to: "),
  );
}

/** What the vectors expect and the pages lack, each with how much it is expected. */
export function predicted(edges, build) {
  const highest = Math.max(...edges.map(({ score }) => score));
  return h(
    "ol.predicted",
    {},
    edges.map((edge) =>
      h(
        "li",
        { title: `Dot product of the two vectors: ${edge.score.toFixed(4)}` },
        build(edge),
        h(
          "span.weight-bar",
          { "aria-hidden": "true" },
          h("span", { style: { width: `${Math.max(0, (100 * edge.score) / highest)}%` } }),
        ),
        h("span.row-count", {}, edge.score.toFixed(2)),
      ),
    ),
  );
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
