/** Books like all of some and unlike others. Each book of the mix can be turned around or removed. */

import { h } from "../dom.js";
import { section, similarBook, viewLink } from "./blocks.js";

/** @typedef {import("../api.js").Mix} Mix */
/** @typedef {import("../state.js").State} State */

/**
 * @param {Mix} mix
 * @param {State} state
 */
export function mixPage(mix, state) {
  const { like, unlike, edges } = mix;
  return [
    h("p.kicker", {}, "Mix of books"),
    h(
      "ul.mix",
      {},
      like.map((title) => likedBook(title, mix, state)),
      unlike.map((title) => unlikedBook(title, mix, state)),
    ),
    section(
      "Similar books",
      "with shared topics",
      edges.length
        ? h("ol.near", {}, edges.map((edge) =>
            similarBook(edge, state, actions(like, unlike, edge.node.title, state))))
        : h("p.quiet", {}, "No books are similar to this mix."),
    ),
  ];
}

/**
 * @param {string} title
 * @param {Mix} mix
 * @param {State} state
 */
function likedBook(title, { like, unlike }, state) {
  const rest = without(like, title);
  return h(
    "li.mix-part",
    { "data-kind": "book", "data-key": title },
    sign("+", "Like"),
    h("span.mix-title", {}, title),
    rest.length > 0 &&
      viewLink({ like: rest, unlike: [...unlike, title] }, "−", state, {
        classes: ".act",
        label: `Find books unlike ${title} instead`,
      }),
    // A mix of nothing but unlike books has no direction, so it closes.
    remove(title, rest.length ? { like: rest, unlike } : {}, state),
  );
}

/**
 * @param {string} title
 * @param {Mix} mix
 * @param {State} state
 */
function unlikedBook(title, { like, unlike }, state) {
  return h(
    "li.mix-part.is-minus",
    { "data-kind": "book", "data-key": title },
    sign("−", "Unlike"),
    h("span.mix-title", {}, title),
    remove(title, { like, unlike: without(unlike, title) }, state),
  );
}

/**
 * @param {string} text
 * @param {string} words for screen readers
 */
function sign(text, words) {
  return [
    h("span.mix-sign", { "aria-hidden": "true" }, text),
    h("span.visually-hidden", {}, words),
  ];
}

/**
 * @param {string} title
 * @param {Partial<State>} changes
 * @param {State} state
 */
function remove(title, changes, state) {
  return viewLink(changes, "×", state, { classes: ".act", label: `Remove ${title}` });
}

/**
 * @param {string[]} like
 * @param {string[]} unlike
 * @param {string} title
 * @param {State} state
 */
function actions(like, unlike, title, state) {
  return h(
    "span.acts",
    {},
    viewLink({ like: [...like, title], unlike }, "+", state, {
      classes: ".act",
      label: `Find books also like ${title}`,
    }),
    viewLink({ like, unlike: [...unlike, title] }, "−", state, {
      classes: ".act",
      label: `Find books unlike ${title}`,
    }),
  );
}

/**
 * @param {string[]} titles
 * @param {string} title
 */
function without(titles, title) {
  return titles.filter((one) => one !== title);
}
