/** Two books side by side: their score, the topics they share, and the paths between them. */

import { h } from "../dom.js";
import { authorAndYear, formatCount, formatShare } from "../format.js";
import { chip, pageLink, scoreBar, section, viewLink, weightBar } from "./blocks.js";

/** @typedef {import("../api.js").Comparison} Comparison */
/** @typedef {import("../state.js").State} State */

/**
 * @param {Comparison} comparison
 * @param {State} state
 */
export function comparisonPage(comparison, state) {
  const { firstBook: first, secondBook: second, score, numShared, jaccard } = comparison;
  return [
    h("p.kicker", {}, "Comparison"),
    h("div.pair", {}, side(first, state), side(second, state)),
    score === null
      ? h("p.quiet", {}, "One of the books has no vector, so there is no score. Run ", h("code", {}, "bookgraph train"), ".")
      : h("p.pair-score", {}, scoreBar(score)),
    h("p.quiet", {}, `${formatCount(numShared, "link")} in common: ${formatShare(jaccard)} of all that either book mentions.`),
    h(
      "p.quiet",
      {},
      viewLink({ like: [first.title, second.title] }, "Find books like both", state, { classes: ".text-link" }),
    ),
    section("Shared topics", "rarest first", sharedTopics(comparison.shared, state)),
    chains(comparison.chains, state),
    section(`Only in ${first.title}`, null, chips(comparison.onlyFirst, state)),
    section(`Only in ${second.title}`, null, chips(comparison.onlySecond, state)),
  ];
}

/**
 * @param {import("../api.js").ComparedBook} book
 * @param {State} state
 */
function side(book, state) {
  return h(
    "div",
    { "data-kind": "book", "data-key": book.title },
    h("h2", {}, pageLink("book", book.title, book.title, state)),
    h("p.near-by", {}, authorAndYear(book)),
    h("p.near-by", {}, formatCount(book.numLinks, "link")),
  );
}

/**
 * Shared topics, each with a bar for its weight.
 * @param {Comparison["shared"]} shared
 * @param {State} state
 */
function sharedTopics(shared, state) {
  if (!shared.length) return h("p.quiet", {}, "None. The books are similar through other books.");
  const largest = Math.max(...shared.map((one) => one.score));
  return h(
    "ul.weights",
    {},
    shared.map(({ score, link }) =>
      h(
        "li",
        { title: `Weight ${score.toFixed(2)}: the natural logarithm of all books divided by the books that mention this topic` },
        h("span", {}, chip(link, state)),
        weightBar(score / largest),
        h("span.row-count", {}, formatCount(link.numBooks, "book")),
      ),
    ),
  );
}

/**
 * @param {Comparison["chains"]} found
 * @param {State} state
 */
function chains(found, state) {
  if (!found.length) return section("Shortest paths", null, h("p.quiet", {}, "No path connects the two books."));
  return section(
    "Shortest paths",
    `${found[0].length} steps`,
    found.map(({ nodes }) =>
      h(
        "p.chain",
        {},
        nodes.flatMap((node, i) => [
          i > 0 && h("span.arrow", { "aria-hidden": "true" }, " → "),
          node.__typename === "Book"
            ? pageLink("book", node.title, node.title, state)
            : pageLink("link", node.name, node.title, state, ".is-link"),
        ]),
      ),
    ),
  );
}

/**
 * @param {Comparison["onlyFirst"]} items
 * @param {State} state
 */
function chips(items, state) {
  if (!items.length) return h("p.quiet", {}, "None.");
  return h("ul.chips", {}, items.map(({ link }) => h("li", {}, chip(link, state))));
}
