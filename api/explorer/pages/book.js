/** A book's page: its facts, the books similar to it and why, and its topics. */

import { bookQuery, browserAddress } from "../cypher.js";
import { h } from "../dom.js";
import { authorAndYear, formatNumber } from "../format.js";
import { chip, outerLink, predicted, section, similarBook, viewLink } from "./blocks.js";

/** @typedef {import("../api.js").BookDetails} BookDetails */
/** @typedef {import("../state.js").State} State */

const FIRST_TOPICS = 24;

/**
 * @param {BookDetails} book
 * @param {State} state
 */
export function bookPage(book, state) {
  const { similarBooks, predictedLinks, links } = book;
  return [
    h("p.kicker", {}, "Book"),
    h("h2", {}, book.title),
    byline(book),
    facts(book),
    ways(book, state),
    section(
      "Similar books",
      "with shared topics",
      similarBooks.edges.length
        ? h("ol.near", {}, similarBooks.edges.map((edge) =>
            similarBook(edge, state, actions(book.title, edge.node.title, state))))
        : h("p.quiet", {}, "This book has no vector, so similar books are not known. Run ",
            h("code", {}, "bookgraph train"), "."),
    ),
    predictedLinks.edges.length > 0 &&
      section(
        "Predicted topics",
        "not mentioned, but likely",
        predicted(predictedLinks.edges, (link) => chip(link, state)),
      ),
    section("Topics", `${formatNumber(links.totalCount)} in total`, topics(book, state)),
    book.infobox && book.infobox.length > 0 && infobox(book.infobox),
  ];
}

/** @param {BookDetails} book */
function byline({ authors, year }) {
  const text = authorAndYear({ author: authors?.join(", "), year });
  return text && h("p.byline", {}, text);
}

/** @param {BookDetails} book */
function facts(book) {
  const rows = Object.entries({
    Genre: book.genres?.join(", "),
    Country: book.countries?.join(", "),
    Language: book.languages?.join(", "),
    Publisher: book.publishers?.join(", "),
    Pages: book.pages && formatNumber(book.pages),
  }).filter(([, value]) => value);
  return h("dl.facts", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/**
 * @param {BookDetails} book
 * @param {State} state
 */
function ways({ title, browserUrl }, state) {
  return h(
    "p.ways",
    {},
    state.view === "ego"
      ? viewLink({ book: title }, "Back to the map", state, { classes: ".act" })
      : viewLink({ book: title, view: "ego" }, "Explore its topics", state, { classes: ".act" }),
    outerLink(browserAddress(browserUrl, bookQuery(title)), "Open in Neo4j Browser"),
  );
}

/**
 * Beside a similar book: compare, add to a mix, subtract in a mix.
 * @param {string} title of the page's book
 * @param {string} other
 * @param {State} state
 */
function actions(title, other, state) {
  return h(
    "span.acts",
    {},
    viewLink({ book: title, other }, "why?", state, { classes: ".act", label: `Compare ${title} with ${other}` }),
    viewLink({ like: [title, other] }, "+", state, {
      classes: ".act",
      label: `Find books like ${title} and ${other}`,
    }),
    viewLink({ like: [title], unlike: [other] }, "−", state, {
      classes: ".act",
      label: `Find books like ${title} but unlike ${other}`,
    }),
  );
}

/**
 * @param {BookDetails} book
 * @param {State} state
 */
function topics({ links }, state) {
  const chips = links.edges.map(({ node }) => h("li", {}, chip(node, state)));
  return [
    h("ul.chips", {}, chips.slice(0, FIRST_TOPICS)),
    chips.length > FIRST_TOPICS &&
      h(
        "details.more",
        {},
        h("summary", {}, `${chips.length - FIRST_TOPICS} more`),
        h("ul.chips", {}, chips.slice(FIRST_TOPICS)),
      ),
  ];
}

/** @param {{name: string, value: string}[]} fields */
function infobox(fields) {
  return h(
    "details.infobox",
    {},
    h("summary", {}, "Infobox from Wikipedia"),
    h("dl", {}, fields.map(({ name, value }) =>
      h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, value)))),
  );
}
