/** Two books side by side: how near, what both link to, what only one does, and the way between. */

import { h } from "../dom.js";
import { authorAndYear, chip, pageLink, scoreBar, section, viewLink } from "./page-parts.js";

/** Build the page of a comparison, as `fetchComparison` answers it. */
export function comparePage(comparison, state) {
  const { firstBook: first, secondBook: second, score, numShared, jaccard } = comparison;
  const share = Math.round(100 * jaccard);
  return [
    h("p.kicker", {}, "Why these two"),
    h("div.pair", {}, side(first, state), side(second, state)),
    score === null
      ? h("p.quiet", {}, "One of them has no vector, so there is no score.")
      : h("p.pair-score", {}, scoreBar(score)),
    h("p.quiet", {}, `${numShared} links in common: ${share} % of all that either has.`),
    h(
      "p.quiet",
      {},
      viewLink({ like: [first.title, second.title] }, "Books like both", state, { classes: ".text-link" }),
    ),
    section("Both link to", "the rarest, which say most, first", weights(comparison.shared, state)),
    chains(comparison.chains, state),
    section(`Only ${first.title}`, null, chips(comparison.onlyFirst, state)),
    section(`Only ${second.title}`, null, chips(comparison.onlySecond, state)),
  ];
}

function side(book, state) {
  return h(
    "div",
    { "data-kind": "book", "data-key": book.title },
    h("h2", {}, pageLink("book", book.title, book.title, state)),
    h("p.near-by", {}, authorAndYear(book)),
    h("p.near-by", {}, `${book.numLinks} links`),
  );
}

/** Shared links with a bar each for how much they say. */
function weights(shared, state) {
  if (!shared.length) return h("p.quiet", {}, "Nothing: they are near through what others share.");
  const largest = Math.max(...shared.map((one) => one.score));
  return h(
    "ul.weights",
    {},
    shared.map(({ score, link }) =>
      h(
        "li",
        { title: `Weight ${score.toFixed(2)}: the logarithm of all books over those that mention it` },
        h("span", {}, chip(link, state)),
        h(
          "span.weight-bar",
          { "aria-hidden": "true" },
          h("span", { style: { width: `${(100 * score) / largest}%` } }),
        ),
        h("span.row-count", {}, `${link.numBooks} books`),
      ),
    ),
  );
}

function chains(found, state) {
  if (!found.length) return section("The way between", null, h("p.quiet", {}, "Nothing connects them."));
  return section(
    "The way between",
    `${found[0].length} steps`,
    found.map(({ nodes }) =>
      h(
        "p.chain",
        {},
        nodes.map((node, i) => [
          i > 0 && h("span.arrow", { "aria-hidden": "true" }, " → "),
          node.__typename === "Book"
            ? pageLink("book", node.title, node.title, state)
            : pageLink("link", node.name, node.title, state, ".is-link"),
        ]),
      ),
    ),
  );
}

function chips(items, state) {
  if (!items.length) return h("p.quiet", {}, "Nothing.");
  return h("ul.chips", {}, items.map(({ link }) => h("li", {}, chip(link, state))));
}
