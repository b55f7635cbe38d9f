/**
 * Orders a book's surroundings into three columns with few crossing lines: the book, its links by
 * kind, the books beyond them. Pure: knows nothing of the page.
 */

const MAX_LINKS = 26;
const MAX_BOOKS = 26;
const SWEEPS = 6;

/**
 * @typedef {object} Ego
 * @property {string} title
 * @property {{name: string, title: string, kind: string, numBooks: number}[]} links top to bottom
 * @property {{title: string, author: string|null, weight: number}[]} books top to bottom
 * @property {{link: number, book: number}[]} edges indexes into the two
 * @property {number} numHidden links that are not shown
 */

/**
 * Choose and order what is shown.
 * @param {object} book as `fetchEgo` answers it
 * @param {number} numBooks in the whole graph, for the weight of a rare link
 * @returns {Ego}
 */
export function layOutEgo(book, numBooks) {
  const weightOf = (link) => Math.log(Math.max(numBooks, 2) / Math.max(link.numBooks, 1));
  const all = book.links.edges.map(({ node }) => node);
  // A link that no other book has leads nowhere; the rarest of the others say most.
  const links = all
    .filter((link) => link.books.nodes.some(({ title }) => title !== book.title))
    .sort((a, b) => weightOf(b) - weightOf(a))
    .slice(0, MAX_LINKS);
  const beyond = new Map();
  for (const link of links) {
    for (const { title, author } of link.books.nodes) {
      if (title === book.title) continue;
      const known = beyond.get(title) ?? { title, author, weight: 0, links: [] };
      known.weight += weightOf(link);
      known.links.push(link.name);
      beyond.set(title, known);
    }
  }
  const books = [...beyond.values()]
    .sort((a, b) => b.weight - a.weight || (a.title < b.title ? -1 : 1))
    .slice(0, MAX_BOOKS);
  const ordered = untangle(links, books);
  const bookIndex = new Map(ordered.books.map(({ title }, i) => [title, i]));
  const edges = ordered.links.flatMap((link, i) =>
    link.books.nodes
      .filter(({ title }) => bookIndex.has(title))
      .map(({ title }) => ({ link: i, book: bookIndex.get(title) })),
  );
  return { title: book.title, ...ordered, edges, numHidden: book.links.totalCount - links.length };
}

/** Sweep to and fro, each item to the mean place of what it is joined to (Sugiyama 1981). */
function untangle(links, books) {
  let linkOrder = [...links];
  let bookOrder = [...books];
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const linkPlace = placesOf(linkOrder, "name");
    bookOrder = sortByMean(bookOrder, (book) => book.links.map((name) => linkPlace.get(name)));
    const bookPlace = placesOf(bookOrder, "title");
    linkOrder = sortByMean(linkOrder, (link) =>
      link.books.nodes.map(({ title }) => bookPlace.get(title)).filter((place) => place >= 0),
    );
    // Kinds stay together, whatever the crossings.
    linkOrder.sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0));
  }
  return { links: linkOrder, books: bookOrder };
}

function placesOf(items, key) {
  return new Map(items.map((item, i) => [item[key], i]));
}

function sortByMean(items, placesJoined) {
  const means = new Map(
    items.map((item, i) => {
      const places = placesJoined(item);
      return [item, places.length ? places.reduce((a, b) => a + b, 0) / places.length : i];
    }),
  );
  return [...items].sort((a, b) => means.get(a) - means.get(b));
}
