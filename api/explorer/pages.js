/**
 * What can be shown beside the map: for each kind of page how to ask for it, how the panel shows
 * it, and which points of the map belong to it.
 */

import { fetchBook, fetchBrowserUrl, fetchComparison, fetchLink, fetchMix } from "./api.js";
import { describeSelection } from "./parts/selection-page.js";

const NOTHING = { centre: null, near: [] };

/**
 * @typedef {object} Page
 * @property {(state: object) => string} title before the answer is there
 * @property {(state: object, options: object) => Promise<object>} fetch
 * @property {string} show the panel's method
 * @property {(answer: object) => object} lit for each map, "book" and "link", the key of the
 *   centre (null for none) and pairs of key and score
 * @property {boolean} [isStill] whether the map stays where it is
 */

/** @type {Record<string, Page>} */
const PAGES = {
  book: {
    title: ({ book }) => book,
    fetch: ({ book }, options) => fetchBook(book, options),
    show: "showBook",
    lit: (answer) => ({
      book: { centre: answer.title, near: answer.similarBooks.edges.map(scored("title")) },
      link: { centre: null, near: answer.links.edges.map(({ node }) => [node.name, 1]) },
    }),
  },
  link: {
    title: ({ link }) => link,
    fetch: ({ link }, options) => fetchLink(link, options),
    show: "showLink",
    lit: (answer) => ({
      book: { centre: null, near: answer.books.edges.map(({ node }) => [node.title, 1]) },
      link: { centre: answer.name, near: answer.similarLinks.edges.map(scored("name")) },
    }),
  },
  comparison: {
    title: ({ book, other }) => `${book} and ${other}`,
    fetch: ({ book, other }, options) => fetchComparison(book, other, options),
    show: "showComparison",
    lit: (answer) => ({
      book: { centre: answer.firstBook.title, near: [[answer.secondBook.title, answer.score ?? 0]] },
      link: { centre: null, near: answer.shared.map(({ link }) => [link.name, 1]) },
    }),
  },
  mix: {
    title: ({ like, unlike }) => [like.join(" + "), ...unlike].join(" − "),
    fetch: ({ like, unlike }, options) => fetchMix(like, unlike, options),
    show: "showMix",
    lit: (answer) => ({
      book: {
        centre: answer.like.length === 1 ? answer.like[0] : null,
        // What was chosen is named first where names compete for room.
        near: [...answer.like.map((title) => [title, 1]), ...answer.edges.map(scored("title"))],
      },
      link: NOTHING,
    }),
  },
  selection: {
    title: () => "Chosen on the map",
    fetch: async (state, { signal, select }) => {
      const browserUrl = await fetchBrowserUrl({ signal });
      const { points, rows } = await select(state.area);
      return describeSelection(points, rows, browserUrl);
    },
    show: "showSelection",
    lit: ({ kind, keys }) => ({
      book: NOTHING,
      link: NOTHING,
      [kind]: { centre: null, near: keys.map((key) => [key, 1]) },
    }),
    isStill: true,
  },
};

/** The page that a state asks for, or null. */
export function pageOf({ book, link, other, like, area }) {
  if (area) return PAGES.selection;
  if (like.length) return PAGES.mix;
  if (book && other) return PAGES.comparison;
  return (book && PAGES.book) || (link && PAGES.link) || null;
}

function scored(key) {
  return ({ node, score }) => [node[key], score];
}
