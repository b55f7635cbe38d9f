/**
 * What part of the map is in view: its middle, its zoom, and the path from one view to another.
 * Pure: no DOM, no clock.
 */

const MARGIN_PX = 48;
/** Zoom 1 shows everything. */
const MIN_ZOOM = 0.5;
const MAX_ZOOM = 60;

/** @typedef {{x: number, y: number, zoom: number}} View middle, in the map's units, and zoom */
/** @typedef {import("./points.js").Bounds} Bounds */

export class Viewport {
  constructor() {
    this.width = 1;
    this.height = 1;
    /** Pixels at each side that cards cover; "everything" fits between them. */
    this.insets = { left: 0, right: 0, top: 0, bottom: 0 };
    /** @type {Bounds} of all points, in the map's units */
    this.bounds = { left: -1, right: 1, bottom: -1, top: 1 };
    this.x = 0;
    this.y = 0;
    this.zoom = 1;
  }

  /** Pixels per unit of the map. */
  get scale() {
    return this.zoom * this.fitScale;
  }

  /** Pixels per unit at which all points are in view. */
  get fitScale() {
    const { left, right, bottom, top } = this.bounds;
    const { insets } = this;
    const width = Math.max(80, this.width - insets.left - insets.right - 2 * MARGIN_PX);
    const height = Math.max(80, this.height - insets.top - insets.bottom - 2 * MARGIN_PX);
    return Math.min(width / Math.max(right - left, 1e-6), height / Math.max(top - bottom, 1e-6));
  }

  /** The pixel of the view's middle: the middle of the part that no card covers. */
  get middle() {
    const { left, right, top, bottom } = this.insets;
    return { x: (this.width + left - right) / 2, y: (this.height + top - bottom) / 2 };
  }

  /** The part of the view that no card covers: left, top, right, bottom in pixels. */
  get clearArea() {
    const { left, right, top, bottom } = this.insets;
    return [left, top, this.width - right, this.height - bottom];
  }

  /**
   * The view that shows all points.
   * @returns {View}
   */
  get whole() {
    const { left, right, bottom, top } = this.bounds;
    return { x: (left + right) / 2, y: (bottom + top) / 2, zoom: 1 };
  }

  /** @returns {View} */
  get view() {
    return { x: this.x, y: this.y, zoom: this.zoom };
  }

  set view({ x, y, zoom }) {
    const { left, right, bottom, top } = this.bounds;
    this.x = Math.min(right, Math.max(left, x));
    this.y = Math.min(top, Math.max(bottom, y));
    this.zoom = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, zoom));
  }

  /**
   * From the map's units to pixels; y points up on the map and down on the screen.
   * @param {number} x
   * @param {number} y
   */
  toScreen(x, y) {
    const { middle, scale } = this;
    return { x: middle.x + (x - this.x) * scale, y: middle.y - (y - this.y) * scale };
  }

  /**
   * From pixels to the map's units.
   * @param {number} screenX
   * @param {number} screenY
   */
  toMap(screenX, screenY) {
    const { middle, scale } = this;
    return { x: this.x + (screenX - middle.x) / scale, y: this.y - (screenY - middle.y) / scale };
  }

  /**
   * Move the map.
   * @param {number} dx in pixels
   * @param {number} dy in pixels
   */
  pan(dx, dy) {
    this.view = { x: this.x - dx / this.scale, y: this.y + dy / this.scale, zoom: this.zoom };
  }

  /**
   * Zoom by a factor around a pixel: what is under it stays there.
   * @param {number} screenX
   * @param {number} screenY
   * @param {number} factor
   */
  zoomAt(screenX, screenY, factor) {
    const held = this.toMap(screenX, screenY);
    this.view = { ...this.view, zoom: this.zoom * factor };
    const moved = this.toMap(screenX, screenY);
    this.view = { x: this.x + held.x - moved.x, y: this.y + held.y - moved.y, zoom: this.zoom };
  }

  /**
   * The view that shows a part of the map.
   * @param {Bounds} bounds of that part
   * @param {number} maxZoom
   * @returns {View}
   */
  viewOf(bounds, maxZoom) {
    const { left, right, bottom, top } = this.bounds;
    const share = Math.max(
      (bounds.right - bounds.left) / Math.max(right - left, 1e-6),
      (bounds.top - bounds.bottom) / Math.max(top - bottom, 1e-6),
    );
    return {
      x: (bounds.left + bounds.right) / 2,
      y: (bounds.bottom + bounds.top) / 2,
      zoom: Math.min(maxZoom, 0.85 / Math.max(share, 1e-6)),
    };
  }
}

/**
 * A smooth path between two views, which zooms out on long ones (van Wijk and Nuij 2003).
 * @param {View} from
 * @param {View} to
 * @param {number} unitsInView units of the map across the view at zoom 1
 * @returns {{length: number, at: (share: number) => View}} `length` in the paper's units, about 1
 *   for a short path; `at(0)` is `from`, `at(1)` is `to`
 */
export function pathBetween(from, to, unitsInView) {
  const rho = Math.SQRT2;
  const [w0, w1] = [unitsInView / from.zoom, unitsInView / to.zoom];
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  if (distance < w0 * 1e-4) {
    const length = Math.abs(Math.log(w1 / w0)) / rho;
    const at = (/** @type {number} */ t) => ({
      x: from.x + (to.x - from.x) * t,
      y: from.y + (to.y - from.y) * t,
      zoom: from.zoom * (to.zoom / from.zoom) ** t,
    });
    return { length, at };
  }
  const bend = (/** @type {number} */ sign, /** @type {number} */ w) =>
    (w1 * w1 - w0 * w0 + sign * rho ** 4 * distance ** 2) / (2 * w * rho * rho * distance);
  const [b0, b1] = [bend(1, w0), bend(-1, w1)];
  const [r0, r1] = [b0, b1].map((b) => Math.log(Math.sqrt(b * b + 1) - b));
  const length = (r1 - r0) / rho;
  const at = (/** @type {number} */ t) => {
    const s = t * length;
    const u = (w0 / (rho * rho)) * (Math.cosh(r0) * Math.tanh(rho * s + r0) - Math.sinh(r0));
    const width = (w0 * Math.cosh(r0)) / Math.cosh(rho * s + r0);
    const share = u / distance;
    return {
      x: from.x + (to.x - from.x) * share,
      y: from.y + (to.y - from.y) * share,
      zoom: unitsInView / width,
    };
  };
  return { length, at };
}
