/**
 * The points of one map as columns, and their classes by a property: which colour each point has
 * and what the legend says. Knows nothing of pixels.
 */

import { formatYear } from "../format.js";
import { DEGREE } from "../properties.js";

/** @typedef {import("../format.js").Kind} Kind */
/** @typedef {import("../properties.js").Layout} Layout */

/**
 * The API's response to `mapPoints`: facts about the map and one array for each property.
 * @typedef {object} MapFacts
 * @property {number} numPoints
 * @property {number} numUnplaced nodes without a position on this map
 * @property {string[]} layouts those that the graph has: TSNE, UMAP
 * @property {number|null} seed
 * @property {number|null} keptShare of the neighbours by vector that are neighbours on the map
 * @property {number[]} x
 * @property {number[]} y
 * @property {string[]} title
 */
/** @typedef {MapFacts & Record<string, unknown>} MapColumns */
/** @typedef {{left: number, right: number, bottom: number, top: number}} Bounds */

/** Places and facts of all points: one object for 80,000 of them, not 80,000 objects. */
export class Points {
  #columns;

  /**
   * @param {MapColumns} columns
   * @param {Kind} kind
   * @param {Layout} layout
   */
  constructor(columns, kind, layout) {
    this.#columns = columns;
    this.kind = kind;
    this.layout = layout;
    this.count = columns.numPoints;
    this.numUnplaced = columns.numUnplaced;
    this.layouts = /** @type {Layout[]} */ (columns.layouts.map((name) => name.toLowerCase()));
    this.seed = columns.seed;
    this.keptShare = columns.keptShare;
    this.x = Float32Array.from(columns.x);
    this.y = Float32Array.from(columns.y);
    this.titles = columns.title;
    /** Names of topics, titles of books. */
    this.keys = kind === "link" ? this.texts("name").map(String) : columns.title;
    this.degrees = Int32Array.from(this.numbers(DEGREE[kind]), (value) => value ?? 0);
    this.rowOf = new Map(this.keys.map((key, row) => [key, row]));
    this.bounds = boundsOf(this.x, this.y);
  }

  /**
   * A column of texts; empty where the map does not have it.
   * @param {string} name
   */
  texts(name) {
    return /** @type {(string|null)[]} */ (this.#columns[name] ?? []);
  }

  /**
   * A column of numbers; empty where the map does not have it.
   * @param {string} name
   */
  numbers(name) {
    return /** @type {(number|null)[]} */ (this.#columns[name] ?? []);
  }

  /**
   * A value of a point, or null.
   * @param {string} name
   * @param {number} row
   */
  value(name, row) {
    const column = /** @type {(string|number|null)[]|undefined} */ (this.#columns[name]);
    return column?.[row] ?? null;
  }
}

/**
 * @typedef {{label: string, count: number, isOther: boolean}} ClassEntry
 * @typedef {object} Classes
 * @property {Uint8Array} of the class of each point; `entries.length - 1` is "other" where there is one
 * @property {ClassEntry[]} entries in the legend's order
 * @property {boolean} isOrdered whether the ramp colours them
 */

/**
 * Sort the points into the classes of a property.
 * @param {Points} points
 * @param {string} property
 * @param {Pick<import("./palette.js").Colors, "classes"|"ramp">} colors set how many classes there are
 * @returns {Classes}
 */
export function classify(points, property, { classes, ramp }) {
  if (property === "degree") return classifyNumbers(points, points.degrees, String, ramp.length);
  if (property === "year") return classifyNumbers(points, points.numbers("year"), formatYear, ramp.length);
  return classifyTexts(points, points.texts(property), classes.length);
}

/**
 * The most frequent values have a class each.
 * @param {Points} points
 * @param {(string|null)[]} values
 * @param {number} maxClasses
 * @returns {Classes}
 */
function classifyTexts(points, values, maxClasses) {
  const counts = new Map();
  for (const value of values) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  const common = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const entries = common
    .slice(0, maxClasses)
    .map(([label, count]) => ({ label, count, isOther: false }));
  const numNamed = entries.reduce((sum, entry) => sum + entry.count, 0);
  const classOf = new Map(entries.map((entry, i) => [entry.label, i]));
  const of = new Uint8Array(points.count);
  for (let row = 0; row < points.count; row += 1) {
    of[row] = classOf.get(values[row]) ?? entries.length;
  }
  if (numNamed < points.count) entries.push(otherEntry(points.count - numNamed));
  return { of, entries, isOrdered: false };
}

/**
 * Classes of about equal size; equal values are in one class.
 * @param {Points} points
 * @param {ArrayLike<number|null>} values
 * @param {(value: number) => string} format
 * @param {number} maxClasses
 * @returns {Classes}
 */
function classifyNumbers(points, values, format, maxClasses) {
  const known = Array.from(values).filter((value) => value !== null).sort((a, b) => a - b);
  /** @type {number[]} */
  const starts = [];
  for (let step = 0; step < maxClasses && known.length; step += 1) {
    const start = known[Math.floor((step * known.length) / maxClasses)];
    if (start !== starts.at(-1)) starts.push(start);
  }
  const counts = new Array(starts.length + 1).fill(0);
  const of = new Uint8Array(points.count);
  for (let row = 0; row < points.count; row += 1) {
    const value = values[row] ?? null;
    let step = starts.length;
    if (value !== null) do step -= 1; while (value < starts[step]);
    of[row] = step;
    counts[step] += 1;
  }
  const entries = starts.map((start, i) => {
    const end = i + 1 < starts.length ? starts[i + 1] - 1 : known[known.length - 1];
    const label = start === end ? format(start) : `${format(start)} – ${format(end)}`;
    return { label, count: counts[i], isOther: false };
  });
  if (counts.at(-1)) entries.push(otherEntry(counts.at(-1), "unknown"));
  return { of, entries, isOrdered: true };
}

/**
 * @param {number} count
 * @param {string} [label]
 * @returns {ClassEntry}
 */
function otherEntry(count, label = "other") {
  return { label, count, isOther: true };
}

/**
 * @param {Float32Array} xs
 * @param {Float32Array} ys
 * @returns {Bounds}
 */
function boundsOf(xs, ys) {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let row = 0; row < xs.length; row += 1) {
    left = Math.min(left, xs[row]);
    right = Math.max(right, xs[row]);
    bottom = Math.min(bottom, ys[row]);
    top = Math.max(top, ys[row]);
  }
  return xs.length ? { left, right, bottom, top } : { left: -1, right: 1, bottom: -1, top: 1 };
}
