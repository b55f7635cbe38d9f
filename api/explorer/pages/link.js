/** A topic's page: the books that mention it, and the topics similar to it and why. */

import { browserAddress, linkQuery } from "../cypher.js";
import { h } from "../dom.js";
import { authorAndYear, formatCount } from "../format.js";
import { outerLink, pageLink, predicted, reasons, scoreBar, section } from "./blocks.js";

/** @typedef {import("../api.js").BookRow} BookRow */
/** @typedef {import("../api.js").LinkDetails} LinkDetails */
/** @typedef {import("../state.js").State} State */

/**
 * @param {LinkDetails} link
 * @param {State} state
 */
export function linkPage(link, state) {
  const { totalCount, edges } = link.books;
  const address = browserAddress(link.browserUrl, linkQuery(link.name));
  return [
    h("p.kicker", {}, link.kind === "article" ? "Topic" : `Topic (${link.kind})`),
    h("h2.is-link", {}, link.title),
    h("p.byline", {}, `Mentioned by ${formatCount(totalCount, "book")}`),
    link.book &&
      h("p.quiet", {}, "This topic is also a book on the map: ", pageLink("book", link.book.title, link.book.title, state)),
    address && h("p.ways", {}, outerLink(address, "Open in Neo4j Browser")),
    section(
      "Books",
      edges.length < totalCount ? `first ${edges.length}` : "highlighted on the map",
      h("ul.rows", {}, edges.map(({ node, count }) => bookRow(node, count, state))),
    ),
    link.predictedBooks.edges.length > 0 &&
      section(
        "Predicted books",
        "do not mention it, but are likely to",
        predicted(link.predictedBooks.edges, (book) => predictedBook(book, state)),
      ),
    section(
      "Similar topics",
      "with books that mention both",
      h("ol.near", {}, link.similarLinks.edges.map((edge) => similarTopic(edge, state))),
    ),
  ];
}

/**
 * @param {BookRow} book
 * @param {number} count mentions of the topic in the book
 * @param {State} state
 */
function bookRow(book, count, state) {
  return h(
    "li",
    { "data-kind": "book", "data-key": book.title },
    pageLink("book", book.title, book.title, state, ".row-title"),
    h("span.row-facts", {}, authorAndYear(book)),
    count > 1 && h("span.row-count", { title: `${count} mentions` }, `×${count}`),
  );
}

/**
 * @param {BookRow} book
 * @param {State} state
 */
function predictedBook(book, state) {
  return h(
    "span.predicted-book",
    { "data-kind": "book", "data-key": book.title },
    pageLink("book", book.title, book.title, state, ".row-title"),
    h("span.near-by", {}, authorAndYear(book)),
  );
}

/**
 * @param {LinkDetails["similarLinks"]["edges"][number]} similar
 * @param {State} state
 */
function similarTopic({ score, node, why }, state) {
  const books = why.map(({ book }) => pageLink("book", book.title, book.title, state, ".chip"));
  return h(
    "li",
    { "data-kind": "link", "data-key": node.name },
    h("div.near-head", {}, pageLink("link", node.name, node.title, state, ".near-title.is-link"), scoreBar(score)),
    h("p.near-by", {}, `in ${formatCount(node.numBooks, "book")}`),
    reasons(books, "Books that mention both: ", "No book mentions both. They are similar through other topics."),
  );
}
