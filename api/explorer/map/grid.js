/**
 * Finds points by place: the one nearest to the pointer, or those in a rectangle. A grid of equal
 * cells, with the rows sorted by cell, so that a search reads one stretch of memory for each line
 * of cells.
 */

const POINTS_PER_CELL = 4;

/** @typedef {Pick<import("./points.js").Points, "count"|"x"|"y"|"bounds">} Places */

export class Grid {
  #left;
  #bottom;
  #cell;
  #columns;
  #lines;
  /** Rows of the points, sorted by cell; those of cell i start at `#starts[i]`. */
  #order;
  #starts;

  /** @param {Places} points */
  constructor(points) {
    const { left, right, bottom, top } = points.bounds;
    this.points = points;
    this.#left = left;
    this.#bottom = bottom;
    const width = Math.max(right - left, 1e-6);
    const height = Math.max(top - bottom, 1e-6);
    const cell = Math.sqrt((width * height * POINTS_PER_CELL) / Math.max(points.count, 1)) || 1;
    this.#cell = Math.max(cell, Math.max(width, height) / 2000);
    this.#columns = Math.floor(width / this.#cell) + 1;
    this.#lines = Math.floor(height / this.#cell) + 1;
    this.#starts = new Uint32Array(this.#columns * this.#lines + 1);
    this.#order = new Uint32Array(points.count);
    this.#sort();
  }

  /**
   * The point nearest to a place.
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   * @returns {number} its row, or -1 if none is within `radius`
   */
  nearest(x, y, radius) {
    const { x: xs, y: ys } = this.points;
    let best = -1;
    let bestSquare = radius * radius;
    this.visit(x - radius, y - radius, x + radius, y + radius, (row) => {
      const square = (xs[row] - x) ** 2 + (ys[row] - y) ** 2;
      // Of two points in one place, the later one is drawn on top.
      if (square < bestSquare || (square === bestSquare && row > best)) {
        best = row;
        bestSquare = square;
      }
    });
    return best;
  }

  /**
   * Call `visitor` with the row of each point in the cells that touch a rectangle.
   * @param {number} x0
   * @param {number} y0
   * @param {number} x1
   * @param {number} y1
   * @param {(row: number) => void} visitor
   */
  visit(x0, y0, x1, y1, visitor) {
    const [firstColumn, lastColumn] = [this.#column(x0), this.#column(x1)];
    const [firstLine, lastLine] = [this.#line(y0), this.#line(y1)];
    const order = this.#order;
    for (let line = firstLine; line <= lastLine; line += 1) {
      const from = this.#starts[line * this.#columns + firstColumn];
      const to = this.#starts[line * this.#columns + lastColumn + 1];
      for (let i = from; i < to; i += 1) visitor(order[i]);
    }
  }

  /** @param {number} x */
  #column(x) {
    return Math.min(this.#columns - 1, Math.max(0, Math.floor((x - this.#left) / this.#cell)));
  }

  /** @param {number} y */
  #line(y) {
    return Math.min(this.#lines - 1, Math.max(0, Math.floor((y - this.#bottom) / this.#cell)));
  }

  /** A counting sort of the rows by cell. */
  #sort() {
    const { x, y, count } = this.points;
    const [starts, order] = [this.#starts, this.#order];
    const cells = new Uint32Array(count);
    for (let row = 0; row < count; row += 1) {
      cells[row] = this.#line(y[row]) * this.#columns + this.#column(x[row]);
      starts[cells[row] + 1] += 1;
    }
    for (let i = 1; i < starts.length; i += 1) starts[i] += starts[i - 1];
    const next = starts.slice();
    for (let row = 0; row < count; row += 1) {
      order[next[cells[row]]] = row;
      next[cells[row]] += 1;
    }
  }
}
