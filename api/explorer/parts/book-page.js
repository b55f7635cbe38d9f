/** A book's page: its facts, its nearest with the links that explain each, and its links. */

import { bookQuery, browserAddress } from "../cypher.js";
import { h } from "../dom.js";
import { formatYear } from "../map/points.js";
import { chip, nearBook, outerLink, predicted, section, viewLink } from "./page-parts.js";

const FIRST_LINKS = 24;

/** Build the page of `book`, as `fetchBook` answers it. */
export function bookPage(book, state) {
  return [
    h("p.kicker", {}, "Book"),
    h("h2", {}, book.title),
    byline(book),
    facts(book),
    h(
      "p.ways",
      {},
      state.view === "ego"
        ? viewLink({ book: book.title }, "Back to the map", state, { classes: ".act" })
        : viewLink({ book: book.title, view: "ego" }, "Its links and the books beyond", state, { classes: ".act" }),
      book.browserUrl && outerLink(browserAddress(book.browserUrl, bookQuery(book.title)), "Open in Neo4j Browser"),
    ),
    section(
      "Nearest books",
      "and what both link to",
      book.similarBooks.edges.length
        ? h("ol.near", {}, book.similarBooks.edges.map((edge) =>
            nearBook(edge, state, actions(book, edge.node, state))))
        : h("p.quiet", {}, "This book has no vector, so nothing is near to it. Run bookgraph train."),
    ),
    book.predictedLinks.edges.length > 0 &&
      section(
        "Links it could have",
        "expected by its vector",
        predicted(book.predictedLinks.edges, ({ node }) => chip(node, state)),
      ),
    section("Links", `${book.links.totalCount} in all`, linkCloud(book.links.edges, state)),
    book.infobox?.length > 0 && infobox(book.infobox),
  ];
}

function byline(book) {
  const year = book.year === null ? null : formatYear(book.year);
  const by = [book.authors?.join(", "), year].filter(Boolean).join(", ");
  return by && h("p.byline", {}, by);
}

function facts(book) {
  const rows = [
    ["Genre", book.genres?.join(", ")],
    ["Country", book.countries?.join(", ")],
    ["Language", book.languages?.join(", ")],
    ["Publisher", book.publishers?.join(", ")],
    ["Pages", book.pages?.toLocaleString("en")],
  ].filter(([, value]) => value);
  return h("dl.facts", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Beside a near book: why, more like both, less like it. */
function actions(book, node, state) {
  const link = (changes, text, label) => viewLink(changes, text, state, { classes: ".act", label });
  return h(
    "span.acts",
    {},
    link({ book: book.title, other: node.title }, "why?", `Compare ${book.title} with ${node.title}`),
    link({ like: [book.title, node.title] }, "+", `Books like ${book.title} and ${node.title}`),
    link(
      { like: [book.title], unlike: [node.title] },
      "−",
      `Books like ${book.title} and unlike ${node.title}`,
    ),
  );
}

function linkCloud(edges, state) {
  const chips = edges.map(({ node }) => h("li", {}, chip(node, state)));
  return [
    h("ul.chips", {}, chips.slice(0, FIRST_LINKS)),
    chips.length > FIRST_LINKS &&
      h(
        "details.more",
        {},
        h("summary", {}, `${chips.length - FIRST_LINKS} more`),
        h("ul.chips", {}, chips.slice(FIRST_LINKS)),
      ),
  ];
}

function infobox(fields) {
  return h(
    "details.infobox",
    {},
    h("summary", {}, "Infobox, as the page has it"),
    h("dl", {}, fields.map(({ name, value }) =>
      h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, value)))),
  );
}
