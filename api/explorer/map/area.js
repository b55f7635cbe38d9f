/**
 * Areas that a reader draws on the map: closed lines in the map's units. Pure: no DOM, no pixels.
 */

/** The most corners of an area, so that it fits into an address. */
const MAX_CORNERS = 32;

/**
 * @typedef {[number, number]} Corner x and y
 * @typedef {Corner[]} Area its corners in order; the last is joined to the first
 */

/**
 * The fewest corners that keep the shape (Visvalingam and Whyatt 1993), in the same order.
 * @param {Area} area
 */
export function simplify(area) {
  const corners = area.filter(([x, y], i) => !i || x !== area[i - 1][0] || y !== area[i - 1][1]);
  while (corners.length > MAX_CORNERS) {
    let least = 0;
    let leastSize = Infinity;
    for (let i = 0; i < corners.length; i += 1) {
      const before = corners[(i + corners.length - 1) % corners.length];
      const size = sizeOf([before, corners[i], corners[(i + 1) % corners.length]]);
      if (size < leastSize) [least, leastSize] = [i, size];
    }
    corners.splice(least, 1);
  }
  return corners;
}

/**
 * Rows of the points inside, the topmost first.
 * @param {Area} area
 * @param {import("./grid.js").Grid} grid
 */
export function rowsInside(area, grid) {
  const { x, y } = grid.points;
  const xs = area.map(([left]) => left);
  const ys = area.map(([, top]) => top);
  /** @type {number[]} */
  const rows = [];
  grid.visit(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), (row) => {
    if (isInside(area, x[row], y[row])) rows.push(row);
  });
  return rows.sort((a, b) => b - a);
}

/**
 * The area's size by the shoelace formula.
 * @param {Area} area
 */
export function sizeOf(area) {
  let sum = 0;
  for (let i = 0, j = area.length - 1; i < area.length; j = i, i += 1) {
    sum += area[j][0] * area[i][1] - area[i][0] * area[j][1];
  }
  return Math.abs(sum) / 2;
}

/**
 * Whether a ray to the right crosses the line an odd number of times.
 * @param {Area} area
 * @param {number} x
 * @param {number} y
 */
function isInside(area, x, y) {
  let inside = false;
  for (let i = 0, j = area.length - 1; i < area.length; j = i, i += 1) {
    const [[x0, y0], [x1, y1]] = [area[j], area[i]];
    if (y0 > y !== y1 > y && x < x0 + ((y - y0) / (y1 - y0)) * (x1 - x0)) inside = !inside;
  }
  return inside;
}
