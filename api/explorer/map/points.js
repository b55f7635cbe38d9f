/**
 * The points of one map as columns, and their classes by a property: which colour each point has
 * and what the legend says. Knows nothing of pixels.
 */

import { MAX_CLASSES, RAMP_STEPS } from "./palette.js";

/** Places and facts of all points; one object for 80,000 of them, not 80,000 objects. */
export class Points {
  /** @param {object} columns the API's answer to `mapPoints` */
  constructor(columns, kind, layout) {
    this.kind = kind;
    this.count = columns.numPoints;
    this.numUnplaced = columns.numUnplaced;
    this.layout = layout;
    this.layouts = columns.layouts.map((name) => name.toLowerCase());
    this.seed = columns.seed;
    this.keptShare = columns.keptShare;
    this.x = Float32Array.from(columns.x);
    this.y = Float32Array.from(columns.y);
    this.titles = columns.title;
    this.keys = kind === "link" ? columns.name : columns.title;
    this.degrees = Int32Array.from(
      (kind === "link" ? columns.numBooks : columns.numLinks) ?? [],
      (value) => value ?? 0,
    );
    this.columns = columns;
    this.rowOf = new Map(this.keys.map((key, row) => [key, row]));
    this.bounds = boundsOf(this.x, this.y);
  }

  /** A value of a point, or null. */
  value(name, row) {
    return this.columns[name]?.[row] ?? null;
  }
}

/**
 * @typedef {object} Classes
 * @property {Uint8Array} of the class of each point; `entries.length - 1` is "other" where there is one
 * @property {{label: string, count: number, isOther: boolean}[]} entries in the legend's order
 * @property {boolean} isOrdered whether the colours are the ramp's
 */

/** Sort the points into the classes of a property. */
export function classify(points, property) {
  if (property === "degree") return classifyNumbers(points, points.degrees, String);
  if (property === "year") return classifyNumbers(points, points.columns.year ?? [], formatYear);
  return classifyNames(points, points.columns[property] ?? []);
}

/** A year as people write it. */
export function formatYear(year) {
  return year < 0 ? `${-year} BC` : String(year);
}

function classifyNames(points, values) {
  const counts = new Map();
  for (const value of values) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  const common = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const entries = common
    .slice(0, MAX_CLASSES)
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

/** Classes of about equal size; a value never stands in two. */
function classifyNumbers(points, values, format) {
  const known = Array.from(values).filter((value) => value !== null).sort((a, b) => a - b);
  const starts = [];
  for (let step = 0; step < RAMP_STEPS && known.length; step += 1) {
    const start = known[Math.floor((step * known.length) / RAMP_STEPS)];
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
    const end = i + 1 < starts.length ? starts[i + 1] - 1 : known.at(-1);
    const label = start === end ? format(start) : `${format(start)} – ${format(end)}`;
    return { label, count: counts[i], isOther: false };
  });
  if (counts.at(-1)) entries.push(otherEntry(counts.at(-1), "unknown"));
  return { of, entries, isOrdered: true };
}

function otherEntry(count, label = "other") {
  return { label, count, isOther: true };
}

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
