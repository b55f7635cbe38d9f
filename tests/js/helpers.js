/** Repeatable random values, and points to test with. */

import { Points } from "../../api/explorer/map/points.js";

/**
 * A generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32).
 * @param {number} seed
 */
export function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A text of random length with characters that break naive quoting.
 * @param {() => number} random
 */
export function oddText(random) {
  const pieces = ["a", "Z", " ", "'", '"', "\\", "`", "&", "#", "+", "%", "=", ",", ";", "\n", "\r", "\t", "\u0007", "\u2028", "é", "日", "😀", "/", "?"];
  const length = 1 + Math.floor(random() * 12);
  return Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join("");
}

/**
 * The points of a map of books, or of topics.
 * @param {{x: number[], y: number[], [property: string]: unknown[]}} columns
 * @param {"book"|"link"} [kind]
 */
export function pointsOf({ x, y, ...columns }, kind = "book") {
  const names = x.map((_, row) => `t${row}`);
  return new Points(
    {
      numPoints: x.length, numUnplaced: 0, layouts: ["TSNE"], seed: 0, keptShare: 0.5,
      title: names, name: names, numLinks: x.map((_, row) => row), numBooks: x.map((_, row) => row),
      x, y, ...columns,
    },
    kind,
    "tsne",
  );
}
