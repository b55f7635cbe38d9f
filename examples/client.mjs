// A client of the GraphQL API for Node 18 or a browser. It needs no packages.
// Run it while `bookgraph serve` runs:  node examples/client.mjs "War and Peace" "Emma"

export class ApiError extends Error {
  /** @param {{message: string, extensions?: {code?: string, nearest?: string[]}}} error */
  constructor({ message, extensions = {} }) {
    super(message);
    this.code = extensions.code ?? "";
    this.nearest = extensions.nearest ?? [];
  }
}

/** Send a query. Resolves to the response's data; throws an ApiError if it has errors. */
export async function request(url, query, variables = {}) {
  const sent = fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json",
    },
    body: JSON.stringify({ query, variables }),
  });
  const response = await sent.catch((cause) => {
    throw new Error(`No server responds at ${url}. Start it: bookgraph serve`, { cause });
  });
  const { data, errors } = await response.json();
  if (errors?.length) throw new ApiError(errors[0]);
  return data;
}

/** The books most similar to one book, or to the mean of several. */
export async function similarBooks(url, like, first = 10) {
  const { similarBooks: found } = await request(
    url,
    `query ($like: [String!]!, $first: Int!) { similarBooks(like: $like, first: $first) {
       edges { score node { title author } why(first: 3) { link { title } } } } }`,
    { like, first },
  );
  return found.edges.map(({ score, node, why }) => ({
    ...node,
    score,
    shared: why.map(({ link }) => link.title),
  }));
}

if (typeof process !== "undefined" && import.meta.url === `file://${process.argv[1]}`) {
  const url = process.env.BOOKGRAPH_URL ?? "http://127.0.0.1:8000/graphql";
  const titles = process.argv.slice(2);
  try {
    for (const book of await similarBooks(url, titles.length ? titles : ["War and Peace"])) {
      console.log(`${book.score.toFixed(3)}  ${book.title} (${book.author}): ${book.shared.join(", ")}`);
    }
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
