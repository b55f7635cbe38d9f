/**
 * What can be shown beside the map. Each kind of page knows how to request its data, how to build
 * its content, and which points of the map belong to it.
 */

import { fetchBook, fetchBrowserUrl, fetchComparison, fetchLink, fetchMix } from "../api.js";
import { bookPage } from "./book.js";
import { comparisonPage } from "./comparison.js";
import { linkPage } from "./link.js";
import { mixPage } from "./mix.js";
import { describeSelection, selectionPage } from "./selection.js";

/** @typedef {import("../format.js").Kind} Kind */
/** @typedef {import("../state.js").State} State */
/** @typedef {import("../dom.js").Content} Content */
/** @typedef {import("../map/points.js").Points} Points */
/**
 * @typedef {object} Marks points to highlight, by key
 * @property {string|null} centre what the others are similar to, if they are
 * @property {[key: string, score: number][]} near
 */
/** @typedef {{signal: AbortSignal, select: (area: import("../map/area.js").Area) => Promise<{points: Points, rows: number[]}>}} Tools */

/**
 * @typedef {object} LoadedPage
 * @property {string} title
 * @property {(state: State) => Content} build
 * @property {Record<Kind, Marks>} marks on each map
 */
/**
 * @typedef {object} PageKind
 * @property {(state: State) => string} title before the data is there
 * @property {(state: State, tools: Tools) => Promise<LoadedPage>} load
 * @property {boolean} isStill whether the map stays where it is
 */

/** @type {Marks} */
const NOTHING = { centre: null, near: [] };

/**
 * @template Data
 * @param {object} kind
 * @param {(state: State) => string} kind.title
 * @param {(state: State, tools: Tools) => Promise<Data>} kind.fetch
 * @param {(data: Data, state: State) => Content} kind.build
 * @param {(data: Data) => Record<Kind, Marks>} kind.marks
 * @param {(data: Data) => string} [kind.titleOf] a better title, once the data is there
 * @param {boolean} [kind.isStill]
 * @returns {PageKind}
 */
function pageKind({ title, fetch, build, marks, titleOf, isStill = false }) {
  return {
    title,
    isStill,
    load: async (state, tools) => {
      const data = await fetch(state, tools);
      return {
        title: titleOf ? titleOf(data) : title(state),
        build: (now) => build(data, now),
        marks: marks(data),
      };
    },
  };
}

const BOOK = pageKind({
  title: ({ book }) => book ?? "",
  titleOf: ({ title }) => title,
  fetch: ({ book }, { signal }) => fetchBook(book ?? "", { signal }),
  build: bookPage,
  marks: (book) => ({
    book: { centre: book.title, near: book.similarBooks.edges.map(({ node, score }) => [node.title, score]) },
    link: { centre: null, near: book.links.edges.map(({ node }) => [node.name, 1]) },
  }),
});

const LINK = pageKind({
  title: ({ link }) => link ?? "",
  titleOf: ({ title }) => title,
  fetch: ({ link }, { signal }) => fetchLink(link ?? "", { signal }),
  build: linkPage,
  marks: (link) => ({
    book: { centre: null, near: link.books.edges.map(({ node }) => [node.title, 1]) },
    link: { centre: link.name, near: link.similarLinks.edges.map(({ node, score }) => [node.name, score]) },
  }),
});

const COMPARISON = pageKind({
  title: ({ book, other }) => `${book} and ${other}`,
  fetch: ({ book, other }, { signal }) => fetchComparison(book ?? "", other ?? "", { signal }),
  build: comparisonPage,
  marks: ({ firstBook, secondBook, score, shared }) => ({
    book: { centre: firstBook.title, near: [[secondBook.title, score ?? 0]] },
    link: { centre: null, near: shared.map(({ link }) => [link.name, 1]) },
  }),
});

const MIX = pageKind({
  title: ({ like, unlike }) => [like.join(" + "), ...unlike].join(" − "),
  fetch: ({ like, unlike }, { signal }) => fetchMix(like, unlike, { signal }),
  build: mixPage,
  marks: ({ like, edges }) => ({
    book: {
      centre: like.length === 1 ? like[0] : null,
      // The books of the mix come first, so that their names win where there is little room.
      near: [
        ...like.map((title) => /** @type {[string, number]} */ ([title, 1])),
        ...edges.map(({ node, score }) => /** @type {[string, number]} */ ([node.title, score])),
      ],
    },
    link: NOTHING,
  }),
});

const SELECTION = pageKind({
  title: () => "Selection",
  titleOf: ({ title }) => title,
  fetch: async ({ area }, { signal, select }) => {
    const browserUrl = await fetchBrowserUrl({ signal });
    const { points, rows } = await select(area ?? []);
    return describeSelection(points, rows, browserUrl);
  },
  build: selectionPage,
  marks: ({ kind, keys }) => ({
    book: NOTHING,
    link: NOTHING,
    [kind]: { centre: null, near: keys.map((key) => [key, 1]) },
  }),
  isStill: true,
});

/**
 * The kind of page that a state shows, or null.
 * @param {Pick<State, "book"|"link"|"other"|"like"|"area">} state
 */
export function pageOf({ book, link, other, like, area }) {
  if (area) return SELECTION;
  if (like.length) return MIX;
  if (book && other) return COMPARISON;
  return (book && BOOK) || (link && LINK) || null;
}
