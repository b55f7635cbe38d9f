/** The blocks that pages are built from: links within the explorer, scores, reasons. */

import { h } from "../dom.js";
import { authorAndYear, formatCount } from "../format.js";
import { hrefFor, pageChanges } from "../state.js";

/** @typedef {import("../api.js").BookRow} BookRow */
/** @typedef {import("../api.js").LinkRow} LinkRow */
/** @typedef {import("../dom.js").Content} Content */
/** @typedef {import("../format.js").Kind} Kind */
/** @typedef {import("../state.js").State} State */

/**
 * A link to the page of a book or a topic.
 * @param {Kind} kind
 * @param {string} key
 * @param {string} text
 * @param {State} state
 * @param {string} [classes]
 */
export function pageLink(kind, key, text, state, classes = "") {
  const changes = pageChanges({ [kind]: key });
  return h(`a${classes}`, { href: hrefFor(state, changes), "data-kind": kind, "data-key": key }, text);
}

/**
 * A link to another view.
 * @param {Partial<State>} changes to the state
 * @param {string} text
 * @param {State} state
 * @param {{classes?: string, label?: string|null}} [options] `label` says more than the text
 */
export function viewLink(changes, text, state, { classes = "", label = null } = {}) {
  const all = pageChanges(changes);
  return h(
    `a${classes}`,
    { href: hrefFor(state, all), "data-changes": JSON.stringify(all), "aria-label": label, title: label },
    text,
  );
}

/**
 * A link out of the explorer, which opens in a new tab.
 * @param {string|null} href null for no link
 * @param {string} text
 */
export function outerLink(href, text) {
  return href && h("a.act", { href, target: "_blank", rel: "noreferrer" }, text, " ↗");
}

/**
 * A topic's name that leads to its page.
 * @param {LinkRow} link
 * @param {State} state
 */
export function chip(link, state) {
  const element = pageLink("link", link.name, link.title, state, ".chip");
  element.title = `${link.title}: mentioned by ${formatCount(link.numBooks, "book")}`;
  return element;
}

/**
 * One of a list of similar books: its score, and the topics that explain it.
 * @param {import("../api.js").SimilarBook} similar
 * @param {State} state
 * @param {Content} [actions]
 */
export function similarBook({ score, node, why }, state, actions = null) {
  const topics = why.slice(0, 5).map(({ link }) => chip(link, state));
  return h(
    "li",
    { "data-kind": "book", "data-key": node.title },
    h("div.near-head", {}, pageLink("book", node.title, node.title, state, ".near-title"), scoreBar(score)),
    h("div.near-line", {}, h("p.near-by", {}, authorAndYear(node)), actions),
    reasons(topics, "Shared topics: ", "No topics in common. They are similar through other books."),
  );
}

/**
 * Edges that the model predicts and the graph lacks, each with its score.
 * @template Node
 * @param {{score: number, node: Node}[]} edges
 * @param {(node: Node) => Content} build
 */
export function predicted(edges, build) {
  const highest = Math.max(...edges.map(({ score }) => score));
  return h(
    "ol.predicted",
    {},
    edges.map(({ score, node }) =>
      h(
        "li",
        { title: `Dot product of the two vectors: ${score.toFixed(4)}` },
        build(node),
        weightBar(score / highest),
        h("span.row-count", {}, score.toFixed(2)),
      ),
    ),
  );
}

/**
 * A bar of a length in [0, 1]; the number beside it says the same to screen readers.
 * @param {number} share
 */
export function weightBar(share) {
  const width = `${Math.max(0, 100 * share)}%`;
  return h("span.weight-bar", { "aria-hidden": "true" }, h("span", { style: { width } }));
}

/**
 * A cosine as a number and a bar.
 * @param {number} score
 */
export function scoreBar(score) {
  const width = `${Math.max(0, Math.min(1, score)) * 100}%`;
  return h(
    "span.score",
    { title: `Cosine of the two vectors: ${score.toFixed(4)}` },
    h("span.score-bar", { "aria-hidden": "true" }, h("span", { style: { width } })),
    h("span.score-number", {}, score.toFixed(2)),
  );
}

/**
 * What explains why two books or topics are similar, the strongest reason first.
 * @param {Content[]} items
 * @param {string} lead read by screen readers
 * @param {string} empty shown where there are no items
 */
export function reasons(items, lead, empty) {
  if (!items.length) return h("p.reasons.is-empty", {}, empty);
  return h(
    "p.reasons",
    {},
    h("span.visually-hidden", {}, lead),
    .../** @type {Content[]} */ (items.flatMap((item, i) => (i ? [" ", item] : [item]))),
  );
}

/**
 * A part of a page with a heading.
 * @param {string} title
 * @param {string|null} note beside the heading
 * @param {...Content} content
 */
export function section(title, note, ...content) {
  return h(
    "section.part",
    {},
    h("h3", {}, title, note && h("span.note", {}, note)),
    ...content,
  );
}
