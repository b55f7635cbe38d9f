/**
 * Orders what surrounds a book into three columns with few crossing lines: the book, its topics by
 * kind, and the other books that mention them. Pure: no DOM.
 */

const MAX_LINKS = 26;
const MAX_BOOKS = 26;
const SWEEPS = 6;

/** @typedef {import("../api.js").EgoBook} EgoBook */
/** @typedef {import("../api.js").EgoLink} EgoLink */
/** @typedef {{title: string, author: string|null, weight: number, links: string[]}} OtherBook */
/**
 * @typedef {object} Ego
 * @property {string} title
 * @property {EgoLink[]} links top to bottom
 * @property {OtherBook[]} books top to bottom
 * @property {{link: number, book: number}[]} edges indexes into the two
 * @property {number} numHidden links that are not shown
 */

/**
 * Choose and order what is shown.
 * @param {EgoBook} book
 * @param {number} numBooks in the whole graph, for the weight of a rare link
 * @returns {Ego}
 */
export function layOutEgo(book, numBooks) {
  const weightOf = (/** @type {EgoLink} */ link) => Math.log(Math.max(numBooks, 2) / Math.max(link.numBooks, 1));
  const all = book.links.edges.map(({ node }) => node);
  // A link that no other book has leads nowhere. Of the others, the rarest say most.
  const links = all
    .filter((link) => link.books.nodes.some(({ title }) => title !== book.title))
    .sort((a, b) => weightOf(b) - weightOf(a))
    .slice(0, MAX_LINKS);
  /** @type {Map<string, OtherBook>} */
  const others = new Map();
  for (const link of links) {
    for (const { title, author } of link.books.nodes) {
      if (title === book.title) continue;
      const known = others.get(title) ?? { title, author, weight: 0, links: [] };
      known.weight += weightOf(link);
      known.links.push(link.name);
      others.set(title, known);
    }
  }
  const books = [...others.values()]
    .sort((a, b) => b.weight - a.weight || (a.title < b.title ? -1 : 1))
    .slice(0, MAX_BOOKS);
  const ordered = untangle(links, books);
  const bookIndex = new Map(ordered.books.map(({ title }, i) => [title, i]));
  const edges = ordered.links.flatMap((link, i) =>
    link.books.nodes.flatMap(({ title }) => {
      const index = bookIndex.get(title);
      return index === undefined ? [] : [{ link: i, book: index }];
    }),
  );
  return { title: book.title, ...ordered, edges, numHidden: book.links.totalCount - links.length };
}

/**
 * Sweep back and forth: each item moves to the mean place of its neighbours (Sugiyama 1981).
 * @param {EgoLink[]} links
 * @param {OtherBook[]} books
 */
function untangle(links, books) {
  let linkOrder = [...links];
  let bookOrder = [...books];
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const linkPlace = placesOf(linkOrder.map(({ name }) => name));
    bookOrder = sortByMean(bookOrder, (book) => book.links, linkPlace);
    const bookPlace = placesOf(bookOrder.map(({ title }) => title));
    linkOrder = sortByMean(
      linkOrder,
      (link) => link.books.nodes.map(({ title }) => title),
      bookPlace,
    );
    // Kinds stay together, whatever the crossings.
    linkOrder.sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0));
  }
  return { links: linkOrder, books: bookOrder };
}

/** @param {string[]} keys */
function placesOf(keys) {
  return new Map(keys.map((key, i) => [key, i]));
}

/**
 * Items by the mean place of their neighbours; one without any keeps its own place.
 * @template Item
 * @param {Item[]} items
 * @param {(item: Item) => string[]} neighbours keys of what an item is joined to
 * @param {Map<string, number>} placeOf place of each key
 */
function sortByMean(items, neighbours, placeOf) {
  const ranked = items.map((item, i) => {
    const places = neighbours(item).flatMap((key) => placeOf.get(key) ?? []);
    const mean = places.length ? places.reduce((a, b) => a + b, 0) / places.length : i;
    return { item, mean };
  });
  return ranked.sort((a, b) => a.mean - b.mean).map(({ item }) => item);
}
