/**
 * Finds points by place: the nearest to the pointer, those in a rectangle. A grid of equal cells
 * with the rows sorted by cell, so that a search reads one stretch of memory a cell.
 */

const POINTS_PER_CELL = 4;

export class Grid {
  /** @param {import("./points.js").Points} points */
  constructor(points) {
    const { left, right, bottom, top } = points.bounds;
    this.points = points;
    this.left = left;
    this.bottom = bottom;
    const width = Math.max(right - left, 1e-6);
    const height = Math.max(top - bottom, 1e-6);
    this.cell = Math.sqrt((width * height * POINTS_PER_CELL) / Math.max(points.count, 1)) || 1;
    this.cell = Math.max(this.cell, Math.max(width, height) / 2000);
    this.columns = Math.floor(width / this.cell) + 1;
    this.rows = Math.floor(height / this.cell) + 1;
    this.#sort();
  }

  /**
   * The point nearest to a place.
   * @returns {number} its row, or -1 when there is none within `radius`
   */
  nearest(x, y, radius) {
    const { x: xs, y: ys } = this.points;
    let best = -1;
    let bestSquare = radius * radius;
    this.visit(x - radius, y - radius, x + radius, y + radius, (row) => {
      const square = (xs[row] - x) ** 2 + (ys[row] - y) ** 2;
      // Of two in one place the later lies on top.
      if (square < bestSquare || (square === bestSquare && row > best)) {
        best = row;
        bestSquare = square;
      }
    });
    return best;
  }

  /** Call `visitor` with the row of each point of the cells that touch a rectangle. */
  visit(x0, y0, x1, y1, visitor) {
    const [firstColumn, lastColumn] = [this.#column(x0), this.#column(x1)];
    const [firstRow, lastRow] = [this.#row(y0), this.#row(y1)];
    for (let row = firstRow; row <= lastRow; row += 1) {
      const from = this.offsets[row * this.columns + firstColumn];
      const to = this.offsets[row * this.columns + lastColumn + 1];
      for (let i = from; i < to; i += 1) visitor(this.order[i]);
    }
  }

  #column(x) {
    return Math.min(this.columns - 1, Math.max(0, Math.floor((x - this.left) / this.cell)));
  }

  #row(y) {
    return Math.min(this.rows - 1, Math.max(0, Math.floor((y - this.bottom) / this.cell)));
  }

  /** A counting sort of the rows by cell. */
  #sort() {
    const { x, y, count } = this.points;
    const cells = new Uint32Array(count);
    this.offsets = new Uint32Array(this.columns * this.rows + 1);
    for (let row = 0; row < count; row += 1) {
      cells[row] = this.#row(y[row]) * this.columns + this.#column(x[row]);
      this.offsets[cells[row] + 1] += 1;
    }
    for (let i = 1; i < this.offsets.length; i += 1) this.offsets[i] += this.offsets[i - 1];
    const next = this.offsets.slice();
    this.order = new Uint32Array(count);
    for (let row = 0; row < count; row += 1) {
      this.order[next[cells[row]]] = row;
      next[cells[row]] += 1;
    }
  }
}
