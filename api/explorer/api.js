/**
 * The explorer's requests to the server, and the one kind of error that they end in. Addresses are
 * relative, so the page works under any path prefix.
 */

import { fetchWithKey } from "./key.js";
import { COLUMNS } from "./properties.js";

/** @typedef {import("./format.js").Kind} Kind */
/** @typedef {import("./properties.js").Layout} Layout */
/** @typedef {{signal?: AbortSignal}} RequestOptions */

/** @typedef {{title: string, author: string|null, year: number|null, genre?: string|null}} BookRow */
/** @typedef {{name: string, title: string, numBooks: number}} LinkRow */
/** @typedef {{score: number, node: BookRow, why: {score: number, link: LinkRow}[]}} SimilarBook */
/**
 * @template Node
 * @typedef {{edges: {score: number, node: Node}[]}} Scored
 */

/**
 * @typedef {object} BookDetails a book, its similar books and its links
 * @property {string} title
 * @property {string[]|null} authors
 * @property {string[]|null} genres
 * @property {string[]|null} countries
 * @property {string[]|null} languages
 * @property {string[]|null} publishers
 * @property {number|null} year
 * @property {number|null} pages
 * @property {{name: string, value: string}[]|null} infobox
 * @property {{edges: SimilarBook[]}} similarBooks
 * @property {Scored<LinkRow>} predictedLinks
 * @property {{totalCount: number, edges: {count: number, node: LinkRow & {kind: string}}[]}} links
 * @property {string|null} browserUrl where Neo4j Browser is
 */

/**
 * @typedef {object} LinkDetails a link, the books that mention it, and the links similar to it
 * @property {string} name
 * @property {string} title
 * @property {string} kind
 * @property {number} numBooks
 * @property {{title: string}|null} book the book of the graph that the link refers to
 * @property {{totalCount: number, edges: {count: number, node: BookRow}[]}} books
 * @property {Scored<BookRow>} predictedBooks
 * @property {{edges: {score: number, node: LinkRow, why: {score: number, book: {title: string}}[]}[]}} similarLinks
 * @property {string|null} browserUrl where Neo4j Browser is
 */

/** @typedef {BookRow & {numLinks: number}} ComparedBook */
/** @typedef {{__typename: "Book", title: string}|{__typename: "Link", name: string, title: string}} ChainNode */
/**
 * @typedef {object} Comparison
 * @property {number|null} score cosine; null where a book has no vector
 * @property {number} numShared
 * @property {number} jaccard
 * @property {ComparedBook} firstBook
 * @property {ComparedBook} secondBook
 * @property {{score: number, link: LinkRow}[]} shared
 * @property {{link: LinkRow}[]} onlyFirst
 * @property {{link: LinkRow}[]} onlySecond
 * @property {{length: number, nodes: ChainNode[]}[]} chains shortest paths between the two
 */

/** @typedef {{like: string[], unlike: string[], edges: SimilarBook[]}} Mix */

/** @typedef {LinkRow & {kind: string, books: {nodes: {title: string, author: string|null}[]}}} EgoLink */
/** @typedef {{title: string, links: {totalCount: number, edges: {node: EgoLink}[]}}} EgoBook */

/** @typedef {({__typename: "Book"} & BookRow)|({__typename: "Link"} & LinkRow)} SearchNode */
/** @typedef {{didYouMean: string|null, hits: {score: number, node: SearchNode}[]}} SearchResult */

/** A request that failed; `message` is written for the reader. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{code?: string, nearest?: string[], isRetryable?: boolean}} [facts] `nearest` holds
   *   names that are close to one that does not exist
   */
  constructor(message, { code = "UNREACHABLE", nearest = [], isRetryable = false } = {}) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.nearest = nearest;
    this.isRetryable = isRetryable;
  }
}

/**
 * Whether an error only says that a request was aborted.
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/**
 * Read the map's colours.
 * @returns {Promise<import("./map/palette.js").Palette>}
 * @throws {ApiError}
 */
export async function fetchPalette() {
  const response = await send("map/palette.json");
  if (!response.ok) throw statusError(response);
  return response.json();
}

/**
 * Run a GraphQL query.
 * @template Data
 * @param {string} query
 * @param {Record<string, unknown>} [variables]
 * @param {RequestOptions} [options]
 * @returns {Promise<Data>} as the query's text selects it
 * @throws {ApiError} no response, or an error in it
 * @throws {DOMException} `AbortError` after `signal`
 */
async function run(query, variables = {}, { signal } = {}) {
  const response = await send("graphql", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ query, variables }),
    signal,
  });
  if (response.status === 401) {
    throw new ApiError("This server needs a key. Retry to enter it.", {
      code: "UNAUTHENTICATED",
      isRetryable: true,
    });
  }
  const result = await response.json().catch((error) => {
    // The signal can also come while the body is being read.
    if (signal?.aborted) throw error;
    return null;
  });
  if (result?.errors?.length) {
    const { message, extensions = {} } = result.errors[0];
    throw new ApiError(message, {
      code: extensions.code ?? "ERROR",
      nearest: extensions.nearest ?? [],
      isRetryable: response.status >= 500,
    });
  }
  if (!result?.data) throw statusError(response);
  return result.data;
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function send(path, options) {
  try {
    return await fetchWithKey(new URL(path, document.baseURI), options);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError("The server does not respond. Check that `bookgraph serve` is running, then retry.", {
      isRetryable: true,
    });
  }
}

/** @param {Response} response */
function statusError({ status }) {
  const isRetryable = status >= 500;
  return new ApiError(
    `The server responded with HTTP status ${status} and no data.${isRetryable ? " Retry." : ""}`,
    { isRetryable },
  );
}

const POINTS = "numPoints numUnplaced layouts seed keptShare x y";
const BOOK_POINTS = `query BookMap($layout: MapLayout!) { mapPoints(kind: BOOK, layout: $layout) {
  ${POINTS} ${COLUMNS.book.join(" ")} } }`;
const LINK_POINTS = `query LinkMap($layout: MapLayout!) { mapPoints(kind: LINK, layout: $layout) {
  ${POINTS} ${COLUMNS.link.join(" ")} } }`;

/**
 * All points of a map, as columns.
 * @param {Kind} kind
 * @param {Layout} layout
 */
export async function fetchPoints(kind, layout) {
  /** @type {{mapPoints: import("./map/points.js").MapColumns}} */
  const data = await run(kind === "link" ? LINK_POINTS : BOOK_POINTS, { layout: layout.toUpperCase() });
  return data.mapPoints;
}

/**
 * Where Neo4j Browser is; null where that is not known.
 * @param {RequestOptions} [options]
 */
export async function fetchBrowserUrl(options) {
  /** @type {{neo4jBrowserUrl: string|null}} */
  const data = await run("query Browser { neo4jBrowserUrl }", {}, options);
  return data.neo4jBrowserUrl;
}

/**
 * Books and topics whose titles fit a text.
 * @param {string} text
 * @param {RequestOptions} [options]
 */
export async function search(text, options) {
  /** @type {{search: SearchResult}} */
  const data = await run(
    `query Search($text: String!) { search(text: $text, first: 12) { didYouMean hits { score node {
      __typename
      ... on Book { title author year }
      ... on Link { name title numBooks } } } } }`,
    { text },
    options,
  );
  return data.search;
}

/**
 * A book, its similar books with the links that explain each, and its own links.
 * @param {string} title
 * @param {RequestOptions} [options]
 * @returns {Promise<BookDetails>}
 */
export async function fetchBook(title, options) {
  /** @type {{book: Omit<BookDetails, "browserUrl">, neo4jBrowserUrl: string|null}} */
  const data = await run(
    `query BookPage($title: String!) { neo4jBrowserUrl book(title: $title) {
      title authors genres countries languages publishers year pages
      infobox { name value }
      similarBooks(first: 15) { edges { score
        node { title author year genre }
        why(first: 6) { score link { name title numBooks } } } }
      predictedLinks(first: 8) { edges { score node { name title numBooks } } }
      links(first: 100) { totalCount edges { count node { name title numBooks kind } } } } }`,
    { title },
    options,
  );
  return { ...data.book, browserUrl: data.neo4jBrowserUrl };
}

/**
 * A link, the books that mention it, and the links similar to it.
 * @param {string} name
 * @param {RequestOptions} [options]
 * @returns {Promise<LinkDetails>}
 */
export async function fetchLink(name, options) {
  /** @type {{link: Omit<LinkDetails, "browserUrl">, neo4jBrowserUrl: string|null}} */
  const data = await run(
    `query LinkPage($name: String!) { neo4jBrowserUrl link(name: $name) {
      name title kind numBooks
      book { title }
      books(first: 100) { totalCount edges { count node { title author year } } }
      predictedBooks(first: 8) { edges { score node { title author year } } }
      similarLinks(first: 15) { edges { score
        node { name title numBooks }
        why(first: 4) { score book { title } } } } } }`,
    { name },
    options,
  );
  return { ...data.link, browserUrl: data.neo4jBrowserUrl };
}

/**
 * Two books side by side: the links that both have, that only one has, and the paths between them.
 * @param {string} first
 * @param {string} second
 * @param {RequestOptions} [options]
 * @returns {Promise<Comparison>}
 */
export async function fetchComparison(first, second, options) {
  /** @type {{compare: Omit<Comparison, "chains">, path: Comparison["chains"]|null}} */
  const data = await run(
    `query Compare($a: String!, $b: String!) {
      compare(a: $a, b: $b, first: 40) { score numShared jaccard
        firstBook { title author year numLinks }
        secondBook { title author year numLinks }
        shared { score link { name title numBooks } }
        onlyFirst { link { name title numBooks } }
        onlySecond { link { name title numBooks } } }
      path(from: { book: $a }, to: { book: $b }, first: 3) { length nodes {
        __typename ... on Book { title } ... on Link { name title } } } }`,
    { a: first, b: second },
    options,
  );
  return { ...data.compare, chains: data.path ?? [] };
}

/**
 * Books like all of some and unlike others.
 * @param {string[]} like
 * @param {string[]} unlike
 * @param {RequestOptions} [options]
 * @returns {Promise<Mix>}
 */
export async function fetchMix(like, unlike, options) {
  /** @type {{similarBooks: {edges: SimilarBook[]}}} */
  const data = await run(
    `query Mix($like: [String!]!, $unlike: [String!]!) {
      similarBooks(like: $like, unlike: $unlike, first: 20) { edges { score
        node { title author year genre }
        why(first: 5) { score link { name title numBooks } } } } }`,
    { like, unlike },
    options,
  );
  return { like, unlike, edges: data.similarBooks.edges };
}

/**
 * A book's links and the other books that mention them.
 * @param {string} title
 * @param {RequestOptions} [options]
 */
export async function fetchEgo(title, options) {
  /** @type {{stats: {numBooks: number}, book: EgoBook}} */
  const data = await run(
    `query Ego($title: String!) {
      stats { numBooks }
      book(title: $title) { title links(first: 60) { totalCount edges { node {
        name title kind numBooks books(first: 20) { nodes { title author } } } } } } }`,
    { title },
    options,
  );
  return { book: data.book, numBooks: data.stats.numBooks };
}
