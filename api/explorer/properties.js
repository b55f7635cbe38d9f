/**
 * The properties of books and topics that the map shows, as the API names them. A test compares
 * these lists with the graph's schema.
 */

/** @typedef {import("./format.js").Kind} Kind */
/** @typedef {"tsne"|"umap"} Layout how the points were placed */

/**
 * The columns that the map reads for each point besides `x` and `y`, in the CSV file's order.
 * @type {Record<Kind, string[]>}
 */
export const COLUMNS = {
  book: ["title", "author", "year", "genre", "country", "language", "numLinks"],
  link: ["name", "title", "kind", "numBooks"],
};

/**
 * The number of edges of a point, which the menu of colours calls "degree".
 * @type {Record<Kind, string>}
 */
export const DEGREE = { book: "numLinks", link: "numBooks" };

/**
 * What can colour the points, in the menu's order. The first is the default.
 * @type {Record<Kind, Record<string, string>>}
 */
export const COLORS = {
  book: {
    genre: "Genre",
    country: "Country",
    language: "Language",
    year: "Year",
    author: "Author",
    degree: "Topics",
  },
  link: { degree: "Books", kind: "Kind" },
};

/**
 * The layouts of a map, as readers know them.
 * @type {Record<Layout, string>}
 */
export const LAYOUTS = { tsne: "t-SNE", umap: "UMAP" };

/**
 * The property that colours a map unless the reader chooses another.
 * @param {Kind} kind
 */
export function defaultColor(kind) {
  return kind === "book" ? "genre" : "degree";
}
