/** A book's page: its facts, its nearest with the links that explain each, and its links. */

import { h } from "../dom.js";
import { formatYear } from "../map/points.js";
import { pageLink, reasons, scoreBar, section } from "./page-parts.js";

const FIRST_LINKS = 24;

/** Build the page of `book`, as `fetchBook` answers it. */
export function bookPage(book, state) {
  return [
    h("p.kicker", {}, "Book"),
    h("h2", {}, book.title),
    byline(book),
    facts(book),
    section(
      "Nearest books",
      "and what both link to",
      book.similarBooks.edges.length
        ? h("ol.near", {}, book.similarBooks.edges.map((edge) => nearBook(edge, state)))
        : h("p.quiet", {}, "This book has no vector, so nothing is near to it. Run bookgraph train."),
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

function nearBook({ score, node, why }, state) {
  const year = node.year === null ? null : formatYear(node.year);
  return h(
    "li",
    { "data-kind": "book", "data-key": node.title },
    h("div.near-head", {}, pageLink("book", node.title, node.title, state, ".near-title"), scoreBar(score)),
    h("p.near-by", {}, [node.author, year].filter(Boolean).join(", ")),
    reasons(
      why.slice(0, 5).map(({ link }) => chip(link, state)),
      `Both it and this book link to: `,
    ),
  );
}

function chip(link, state) {
  const element = pageLink("link", link.name, link.title, state, ".chip");
  element.title = `${link.title}: mentioned by ${link.numBooks.toLocaleString("en")} books`;
  return element;
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
