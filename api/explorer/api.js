/**
 * The questions that the page asks the GraphQL API, and the one kind of error that it meets. The
 * address is relative, so that the page works under any path prefix.
 */

const ENDPOINT = new URL("graphql", document.baseURI);

/** A question without an answer; `message` is written for the reader. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{code?: string, nearest?: string[], isRetryable?: boolean}} [facts]
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
 * Ask one question.
 * @returns {Promise<object>} its data
 * @throws {ApiError} no answer, or an error instead of one
 * @throws {DOMException} `AbortError` after `signal`
 */
export async function ask(query, variables = {}, { signal } = {}) {
  let response;
  try {
    response = await fetch(ENDPOINT, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query, variables }),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is `bookgraph serve` running?", {
      isRetryable: true,
    });
  }
  const answer = await response.json().catch((error) => {
    // The signal can also come while the body is on its way.
    if (signal?.aborted) throw error;
    return null;
  });
  if (answer?.errors?.length) {
    const { message, extensions = {} } = answer.errors[0];
    throw new ApiError(message, {
      code: extensions.code ?? "ERROR",
      nearest: extensions.nearest ?? [],
      isRetryable: response.status >= 500,
    });
  }
  if (!answer?.data) {
    throw new ApiError(`The server answered with status ${response.status} and no data.`, {
      isRetryable: response.status >= 500,
    });
  }
  return answer.data;
}

const POINTS = "numPoints numUnplaced layouts seed keptShare title x y";
const BOOK_POINTS = `query BookMap($layout: MapLayout!) { mapPoints(kind: BOOK, layout: $layout) {
  ${POINTS} genre country language author year numLinks } }`;
const LINK_POINTS = `query LinkMap($layout: MapLayout!) { mapPoints(kind: LINK, layout: $layout) {
  ${POINTS} name kind numBooks } }`;

/** All points of a map, as columns. */
export async function fetchPoints(kind, layout) {
  const query = kind === "link" ? LINK_POINTS : BOOK_POINTS;
  return (await ask(query, { layout: layout.toUpperCase() })).mapPoints;
}

/** Where Neo4j Browser is; null where it is not known. */
export async function fetchBrowserUrl({ signal } = {}) {
  return (await ask("query Browser { neo4jBrowserUrl }", {}, { signal })).neo4jBrowserUrl;
}

/** What a typed text may mean. */
export async function search(text, { signal } = {}) {
  const data = await ask(
    `query Search($text: String!) { search(text: $text, first: 12) { didYouMean hits { score node {
      __typename
      ... on Book { title author year }
      ... on Link { name title numBooks } } } } }`,
    { text },
    { signal },
  );
  return data.search;
}

/** A book, its nearest with the links that explain each, and its own links. */
export async function fetchBook(title, { signal } = {}) {
  const data = await ask(
    `query BookPage($title: String!) { neo4jBrowserUrl book(title: $title) {
      title authors genres countries languages publishers year pages numLinks editedAt
      infobox { name value }
      similarBooks(first: 15) { edges { score
        node { title author year genre }
        why(first: 6) { score link { name title numBooks } } } }
      predictedLinks(first: 8) { edges { score node { name title numBooks } } }
      links(first: 100) { totalCount edges { count node { name title numBooks kind } } } } }`,
    { title },
    { signal },
  );
  return { ...data.book, browserUrl: data.neo4jBrowserUrl };
}

/** A link, the books that mention it, and the links nearest to it. */
export async function fetchLink(name, { signal } = {}) {
  const data = await ask(
    `query LinkPage($name: String!) { neo4jBrowserUrl link(name: $name) {
      name title kind numBooks
      book { title }
      books(first: 100) { totalCount edges { count node { title author year } } }
      predictedBooks(first: 8) { edges { score node { title author year } } }
      similarLinks(first: 15) { edges { score
        node { name title numBooks }
        why(first: 4) { score book { title } } } } } }`,
    { name },
    { signal },
  );
  return { ...data.link, browserUrl: data.neo4jBrowserUrl };
}

/** Two books side by side: what both link to, what only one does, and the chain between them. */
export async function fetchComparison(first, second, { signal } = {}) {
  const data = await ask(
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
    { signal },
  );
  return { ...data.compare, chains: data.path ?? [] };
}

/** Books near to all of some and away from others. */
export async function fetchMix(like, unlike, { signal } = {}) {
  const data = await ask(
    `query Mix($like: [String!]!, $unlike: [String!]!) {
      similarBooks(like: $like, unlike: $unlike, first: 20) { edges { score
        node { title author year genre }
        why(first: 5) { score link { name title numBooks } } } } }`,
    { like, unlike },
    { signal },
  );
  return { like, unlike, edges: data.similarBooks.edges };
}

/** A book's links and the books beyond them. */
export async function fetchEgo(title, { signal } = {}) {
  const data = await ask(
    `query Ego($title: String!) {
      stats { numBooks }
      book(title: $title) { title links(first: 60) { totalCount edges { node {
        name title kind numBooks books(first: 20) { nodes { title author } } } } } } }`,
    { title },
    { signal },
  );
  return { book: data.book, numBooks: data.stats.numBooks };
}
