/** How numbers, years, counts and long titles are written. Pure. */

/** @typedef {"book"|"link"} Kind of a point or page; readers see a link as a "topic" */

/** What readers call the nodes of a kind. */
export const NOUNS = { book: ["book", "books"], link: ["topic", "topics"] };

/**
 * A number with its thousands grouped.
 * @param {number} number
 */
export function formatNumber(number) {
  return number.toLocaleString("en");
}

/**
 * A number of books or topics: "1 book", "1,310 books".
 * @param {number} number
 * @param {Kind} kind
 */
export function formatCount(number, kind) {
  return `${formatNumber(number)} ${NOUNS[kind][number === 1 ? 0 : 1]}`;
}

/**
 * A share in [0, 1] as a whole percentage.
 * @param {number} share
 */
export function formatShare(share) {
  return `${Math.round(100 * share)}%`;
}

/**
 * A year as people write it.
 * @param {number} year
 */
export function formatYear(year) {
  return year < 0 ? `${-year} BC` : String(year);
}

/**
 * A book's author and year, as far as they are known.
 * @param {{author?: string|null, year?: number|null}} book
 * @param {string} [between]
 */
export function authorAndYear({ author, year }, between = ", ") {
  return [author, year == null ? null : formatYear(year)].filter(Boolean).join(between);
}

/**
 * A text of at most so many characters.
 * @param {string} text
 * @param {number} length
 */
export function shorten(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
