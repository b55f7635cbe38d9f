/** A link's page: the books that mention it, and the links nearest to it with the shared books. */

import { browserAddress, linkQuery } from "../cypher.js";
import { h } from "../dom.js";
import { authorAndYear, outerLink, pageLink, predicted, reasons, scoreBar, section } from "./page-parts.js";

/** Build the page of `link`, as `fetchLink` answers it. */
export function linkPage(link, state) {
  const { totalCount, edges } = link.books;
  const kind = link.kind === "article" ? "Topic" : `Topic (${link.kind})`;
  return [
    h("p.kicker", {}, kind),
    h("h2.is-link", {}, link.title),
    h("p.byline", {}, `${totalCount.toLocaleString("en")} ${totalCount === 1 ? "book links" : "books link"} to it`),
    link.book &&
      h("p.quiet", {}, "It is a book of the map itself: ", pageLink("book", link.book.title, link.book.title, state)),
    link.browserUrl &&
      h("p.ways", {}, outerLink(browserAddress(link.browserUrl, linkQuery(link.name)), "Open in Neo4j Browser")),
    section(
      "Books",
      edges.length < totalCount ? `first ${edges.length}` : "lit on the map",
      h("ul.rows", {}, edges.map(({ node, count }) => bookRow(node, count, state))),
    ),
    link.predictedBooks.edges.length > 0 &&
      section(
        "Books that could link to it",
        "expected by their vectors",
        predicted(link.predictedBooks.edges, ({ node }) => predictedBook(node, state)),
      ),
    section(
      "Nearest topics",
      "and the books that mention both",
      h("ol.near", {}, link.similarLinks.edges.map((edge) => nearLink(edge, state))),
    ),
  ];
}

function bookRow(book, count, state) {
  return h(
    "li",
    { "data-kind": "book", "data-key": book.title },
    pageLink("book", book.title, book.title, state, ".row-title"),
    h("span.row-facts", {}, authorAndYear(book)),
    count > 1 && h("span.row-count", { title: `mentions it ${count} times` }, `×${count}`),
  );
}

function predictedBook(book, state) {
  return h(
    "span.predicted-book",
    { "data-kind": "book", "data-key": book.title },
    pageLink("book", book.title, book.title, state, ".row-title"),
    h("span.near-by", {}, authorAndYear(book)),
  );
}

function nearLink({ score, node, why }, state) {
  return h(
    "li",
    { "data-kind": "link", "data-key": node.name },
    h("div.near-head", {}, pageLink("link", node.name, node.title, state, ".near-title.is-link"), scoreBar(score)),
    h("p.near-by", {}, `in ${node.numBooks.toLocaleString("en")} books`),
    reasons(why.map(({ book }) => pageLink("book", book.title, book.title, state, ".chip")), "Both are in: "),
  );
}
