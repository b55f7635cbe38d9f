/**
 * Names for the regions of a map: the genre, author, country or language that is more frequent in
 * a region than on the whole map. On the map of topics, the most mentioned topic names its region.
 * Large regions are named first, smaller ones as the reader zooms in.
 */

/** Cells across the map at each level, and the zoom from which the level's names show. */
const LEVELS = [
  { cells: 4, fromZoom: 0 },
  { cells: 8, fromZoom: 1.4 },
  { cells: 16, fromZoom: 2.8 },
  { cells: 32, fromZoom: 5.5 },
  { cells: 64, fromZoom: 11 },
];
// A genre says more about a region than a language that half of the books share.
const WEIGHTS = { genre: 1.3, author: 0.9, country: 0.9, language: 0.55 };
const PROPERTIES = /** @type {Property[]} */ (Object.keys(WEIGHTS));
const MIN_SHARE = 0.25;
const MIN_COUNT = 3;
// Natural logarithms: 2.7 and 4.5 times as frequent as on the whole map.
const MIN_LIFT = { genre: 1, author: 1, country: 1.5, language: 1.5 };

/** @typedef {import("./points.js").Points} Points */
/** @typedef {keyof typeof WEIGHTS} Property */
/**
 * @typedef {object} Region
 * @property {string} name
 * @property {Property|"link"} property that the name is a value of
 * @property {number} x the middle of the points that have it
 * @property {number} y the middle of the points that have it
 * @property {number} fromZoom
 * @property {number} weight how much it says; a higher one wins the space
 */
/** @typedef {Region & {cell: number}} CellRegion */

/**
 * @param {Points} points
 * @returns {Region[]} those for low zoom first, then by weight
 */
export function nameRegions(points) {
  const regions = points.kind === "link" ? nameByDegree(points) : nameByValues(points);
  return regions.sort((a, b) => a.fromZoom - b.fromZoom || b.weight - a.weight);
}

/** @param {Points} points */
function nameByValues(points) {
  /** @type {Region[]} */
  const regions = [];
  /** @type {Map<string, (Region & {reach: number})[]>} */
  const used = new Map();
  for (const { cells, fromZoom } of LEVELS) {
    const members = sortIntoCells(points, cells);
    const found = PROPERTIES.flatMap((property) =>
      distinctive(points, members, property).map((region) => ({ ...region, fromZoom })),
    );
    const reach = extentOf(points) / cells;
    // One name per cell, and no name twice within view.
    const namedCells = new Set();
    for (const region of found.sort((a, b) => b.weight - a.weight)) {
      const earlier = used.get(region.name) ?? [];
      const isNear = earlier.some(
        (other) => Math.hypot(other.x - region.x, other.y - region.y) < 2.2 * Math.max(reach, other.reach / 2),
      );
      if (isNear || namedCells.has(region.cell)) continue;
      namedCells.add(region.cell);
      used.set(region.name, [...earlier, { ...region, reach }]);
      regions.push(region);
    }
  }
  return regions;
}

/**
 * For each cell, the values that are frequent there and rare elsewhere (pointwise information).
 * @param {Points} points
 * @param {Map<number, number[]>} members rows by cell
 * @param {Property} property
 */
function distinctive(points, members, property) {
  const values = points.texts(property);
  const totals = new Map();
  for (const value of values) if (value) totals.set(value, (totals.get(value) ?? 0) + 1);
  /** @type {Omit<CellRegion, "fromZoom">[]} */
  const regions = [];
  for (const [cell, rows] of members) {
    const inside = new Map();
    for (const row of rows) {
      const value = values[row];
      if (!value) continue;
      const sums = inside.get(value) ?? { count: 0, x: 0, y: 0 };
      sums.count += 1;
      sums.x += points.x[row];
      sums.y += points.y[row];
      inside.set(value, sums);
    }
    for (const [name, { count, x, y }] of inside) {
      const share = count / rows.length;
      if (count < MIN_COUNT || share < MIN_SHARE) continue;
      const lift = Math.log(share / (totals.get(name) / points.count));
      if (lift < MIN_LIFT[property]) continue;
      const weight = WEIGHTS[property] * lift * Math.sqrt(count) * share;
      regions.push({ name, property, cell, x: x / count, y: y / count, weight });
    }
  }
  return regions;
}

/**
 * On the map of topics, one that many books mention names its own place.
 * @param {Points} points
 */
function nameByDegree(points) {
  /** @type {Region[]} */
  const regions = [];
  const named = new Set();
  for (const { cells, fromZoom } of LEVELS) {
    for (const rows of sortIntoCells(points, cells).values()) {
      let best = rows[0];
      for (const row of rows) if (points.degrees[row] > points.degrees[best]) best = row;
      if (named.has(best)) continue;
      named.add(best);
      regions.push({
        name: points.titles[best],
        property: "link",
        x: points.x[best],
        y: points.y[best],
        fromZoom,
        weight: points.degrees[best],
      });
    }
  }
  return regions;
}

/**
 * @param {Points} points
 * @param {number} cells each way
 * @returns {Map<number, number[]>} rows by cell
 */
function sortIntoCells(points, cells) {
  const { left, bottom } = points.bounds;
  const size = extentOf(points) / cells;
  const members = new Map();
  for (let row = 0; row < points.count; row += 1) {
    const column = Math.min(cells - 1, Math.floor((points.x[row] - left) / size));
    const line = Math.min(cells - 1, Math.floor((points.y[row] - bottom) / size));
    const cell = line * cells + column;
    const rows = members.get(cell);
    if (rows) rows.push(row);
    else members.set(cell, [row]);
  }
  return members;
}

/** @param {Points} points */
function extentOf({ bounds }) {
  return Math.max(bounds.right - bounds.left, bounds.top - bounds.bottom, 1e-6);
}
