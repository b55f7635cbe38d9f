/**
 * <book-map>: the picture of all points, and the input on it. It draws what it is given (points,
 * classes, highlighted points) and says what the reader did. It knows no server and no address.
 */

import { announce } from "../dom.js";
import { Part } from "../parts/part.js";
import { rowsInside, simplify } from "./area.js";
import { listenToGestures } from "./gestures.js";
import { Grid } from "./grid.js";
import { Painter } from "./painter.js";
import { nameRegions } from "./regions.js";
import { pathBetween, Viewport } from "./viewport.js";

const HIT_PX = 12;

/** @typedef {import("./area.js").Area} Area */
/** @typedef {import("./gestures.js").Pixel} Pixel */
/** @typedef {import("./painter.js").Lit} Lit */
/** @typedef {import("./points.js").Classes} Classes */
/** @typedef {import("./points.js").Points} Points */
/** @typedef {import("./regions.js").Region} Region */
/** @typedef {import("./viewport.js").View} View */
/** @typedef {{start: number, duration: number, move: (share: number) => void}} Animation */
/**
 * @typedef {object} MapEvents
 * @property {{row: number}} hover the point under the pointer, -1 for none
 * @property {{row: number}} pick the point that was clicked, -1 for none
 * @property {null} look the view has changed and rests
 * @property {{area: Area|null}} area the area that was selected; null when it was abandoned
 */

/** @extends {Part<MapEvents>} */
export class BookMap extends Part {
  #viewport = new Viewport();
  #painter = new Painter(this);
  /** @type {Points|null} */
  #points = null;
  /** @type {Grid|null} */
  #grid = null;
  /** @type {Classes|null} */
  #classes = null;
  #only = -1;
  /** @type {Lit|null} */
  #lit = null;
  #hovered = -1;
  /** @type {Region[]} */
  #regions = [];
  /** @type {Area|null} */
  #area = null;
  /** @type {Pixel[]|null} */
  #line = null;
  #isDrawing = false;
  /** @type {Animation|null} */
  #animation = null;
  #isMoving = false;
  #frame = 0;
  #restTimer = 0;
  #hasPicture = false;

  connectedCallback() {
    this.setAttribute("tabindex", "0");
    this.setAttribute("role", "application");
    this.setAttribute(
      "aria-label",
      "Map of books. Arrow keys pan, plus and minus zoom, 0 shows everything. Enter opens the " +
        "point in the middle, S lists the points in view, Escape closes. To find a book without " +
        "the map, use the search.",
    );
    this.replaceChildren(...this.#painter.canvases);
    this.readTheme();
    listenToGestures(this, this.#gestureCalls());
    new ResizeObserver(() => {
      this.#resize();
      // Before this frame is shown: until the next one, the old picture would be stretched.
      this.#paint();
    }).observe(this);
    this.#resize();
  }

  /**
   * Set the colours of the classes; needed before any classes.
   * @param {import("./palette.js").Palette} palette
   */
  setPalette(palette) {
    this.#painter.setPalette(palette);
  }

  /**
   * Show other points.
   * @param {Points} points
   * @param {View|null} [view] null shows all of them
   */
  setPoints(points, view = null) {
    this.#points = points;
    this.#grid = new Grid(points);
    this.#regions = nameRegions(points);
    this.#viewport.bounds = points.bounds;
    this.#lit = null;
    this.#hovered = -1;
    this.#viewport.view = view ?? this.#viewport.whole;
    this.#stopAnimation();
    this.draw();
  }

  /**
   * Colour the points.
   * @param {Classes} classes
   * @param {number} [only] the one class that is highlighted, or -1
   */
  setClasses(classes, only = -1) {
    this.#classes = classes;
    this.#only = only;
    this.#painter.setClasses(classes);
    this.draw();
  }

  /**
   * Highlight some points and dim the rest.
   * @param {Lit|null} lit
   */
  setLit(lit) {
    this.#lit = lit;
    this.draw();
  }

  /**
   * Draw the line around an area; null for none.
   * @param {Area|null} area
   */
  setArea(area) {
    this.#area = area;
    this.draw();
  }

  /** Whether dragging draws a line around an area instead of moving the map. */
  get isDrawing() {
    return this.#isDrawing;
  }

  set isDrawing(isDrawing) {
    this.#isDrawing = isDrawing;
    this.classList.toggle("is-drawing", isDrawing);
  }

  /**
   * Rows of the points inside an area, those with the most edges first.
   * @param {Area} area
   */
  rowsInside(area) {
    return this.#grid ? rowsInside(area, this.#grid) : [];
  }

  /** Select what is in view, as if a line were drawn around it. */
  selectView() {
    const [left, top, right, bottom] = this.#viewport.clearArea;
    this.#select([
      { x: left, y: top },
      { x: right, y: top },
      { x: right, y: bottom },
      { x: left, y: bottom },
    ]);
  }

  /**
   * Draw a ring around a point, as under the pointer; -1 for none.
   * @param {number} row
   */
  setHovered(row) {
    if (row === this.#hovered) return;
    this.#hovered = row;
    this.draw();
  }

  /**
   * Set how many pixels at each side are covered.
   * @param {Viewport["insets"]} insets
   */
  setInsets(insets) {
    this.#viewport.insets = insets;
    this.draw();
  }

  get view() {
    return this.#viewport.view;
  }

  get whole() {
    return this.#viewport.whole;
  }

  /** Titles of all points, row by row. */
  get titles() {
    return this.#points?.titles ?? [];
  }

  /**
   * Row of a book's title or a topic's name; -1 where there is none.
   * @param {string} key
   */
  rowOf(key) {
    return this.#points?.rowOf.get(key) ?? -1;
  }

  /** Titles of the highlighted points besides the centre. */
  get litTitles() {
    return (this.#lit?.rows ?? []).map((row) => this.titles[row]);
  }

  /** Title of the point with the ring, or null. */
  get hoveredTitle() {
    return this.titles[this.#hovered] ?? null;
  }

  /** Whether the picture shows the latest state and nothing moves; tests wait for it. */
  get isSettled() {
    return !this.#frame && !this.#animation && !this.#isMoving;
  }

  /** Milliseconds that the last picture took to draw. */
  get lastDrawMs() {
    return this.#painter.lastMs;
  }

  /**
   * Pixel of a point, relative to the element.
   * @param {number} row
   */
  screenOf(row) {
    const { x, y } = this.#placeOf(row);
    return this.#viewport.toScreen(x, y);
  }

  /**
   * Go to a view; at once where the reader prefers reduced motion.
   * @param {View} view
   */
  flyTo(view) {
    this.#stopAnimation();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#viewport.view = view;
      this.#rest();
      return;
    }
    const from = this.view;
    const units = Math.max(1, this.#viewport.width) / this.#viewport.fitScale;
    const path = pathBetween(from, view, units);
    const duration = Math.min(1400, 350 + path.length * 380);
    this.#animate(duration, (share) => {
      this.#viewport.view = path.at(ease(share));
    });
  }

  /**
   * Go to where some points are.
   * @param {number[]} rows
   * @param {{maxZoom?: number}} [options]
   */
  flyToRows(rows, { maxZoom = 8 } = {}) {
    if (!rows.length) return;
    const places = rows.map((row) => this.#placeOf(row));
    const xs = places.map(({ x }) => x);
    const ys = places.map(({ y }) => y);
    const bounds = {
      left: Math.min(...xs), right: Math.max(...xs), bottom: Math.min(...ys), top: Math.max(...ys),
    };
    this.flyTo(this.#viewport.viewOf(bounds, maxZoom));
  }

  /**
   * Zoom around the middle.
   * @param {number} factor
   */
  zoomBy(factor) {
    const { middle } = this.#viewport;
    this.#zoomSmoothly(middle.x, middle.y, factor);
  }

  /** Take the colours of the page's theme. */
  readTheme() {
    this.#painter.readTheme();
    this.draw();
  }

  /**
   * The colour of a class, as CSS has it.
   * @param {number} index
   */
  colorOf(index) {
    return this.#painter.colorOf(index);
  }

  /** Draw before the next frame is shown. */
  draw() {
    if (!this.#frame && this.isConnected) {
      this.#frame = requestAnimationFrame((time) => {
        this.#frame = 0;
        this.#step(time);
        this.#paint();
      });
    }
  }

  #paint() {
    this.#painter.paint(this.#scene());
    this.#markFirstPicture();
  }

  /** @returns {import("./gestures.js").Calls} */
  #gestureCalls() {
    return {
      pan: (dx, dy) => {
        this.#viewport.pan(dx, dy);
        this.#moved();
      },
      zoom: (x, y, factor, isSmooth) => {
        if (isSmooth) this.#zoomSmoothly(x, y, factor);
        else {
          this.#stopAnimation();
          this.#viewport.zoomAt(x, y, factor);
          this.#moved();
          this.#restSoon();
        }
      },
      click: (x, y, type) => this.#click(x, y, type),
      hover: (x, y) => this.#hover(x, y),
      leave: () => this.#hover(-1e9, -1e9),
      glide: (vx, vy) => this.#glide(vx, vy),
      stop: () => this.#stopAnimation(),
      rest: () => this.#restSoon(),
      key: (name) => this.#key(name),
      isDrawing: () => this.#isDrawing,
      line: (pixels) => {
        this.#line = pixels;
        this.draw();
      },
      area: (pixels) => this.#select(pixels),
    };
  }

  /** @param {string} name */
  #key(name) {
    if (name === "+" || name === "=") this.zoomBy(1.5);
    else if (name === "-") this.zoomBy(1 / 1.5);
    else if (name === "s") this.selectView();
    else if (name === "0" || name === "Home") this.flyTo(this.whole);
    else if (name === "Enter") {
      const { middle } = this.#viewport;
      this.#pick(this.#rowAt(middle.x, middle.y, 400));
    } else return false;
    return true;
  }

  /**
   * Say which area was selected, in the map's units.
   * @param {Pixel[]|null} pixels null when the line was abandoned
   */
  #select(pixels) {
    this.#line = null;
    this.draw();
    const corners = pixels?.map(({ x, y }) => {
      const at = this.#viewport.toMap(x, y);
      return /** @type {[number, number]} */ ([at.x, at.y]);
    });
    const area = corners && this.#points?.count ? simplify(corners) : null;
    this.say("area", { area });
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {string} type of pointer
   */
  #click(x, y, type) {
    this.#pick(this.#rowAt(x, y, type === "touch" ? 2 * HIT_PX : HIT_PX));
  }

  /** @param {number} row */
  #pick(row) {
    if (row >= 0) announce(`${this.titles[row]} selected.`);
    this.say("pick", { row });
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #hover(x, y) {
    const row = this.#points ? this.#rowAt(x, y, HIT_PX) : -1;
    this.classList.toggle("is-over-point", row >= 0);
    if (row !== this.#hovered) {
      this.setHovered(row);
      this.say("hover", { row });
    }
  }

  /**
   * The point under a pixel; a highlighted one wins over a dimmed one beside it.
   * @param {number} x
   * @param {number} y
   * @param {number} reach in pixels
   */
  #rowAt(x, y, reach) {
    if (!this.#points?.count || !this.#grid) return -1;
    const at = this.#viewport.toMap(x, y);
    const radius = reach / this.#viewport.scale;
    let best = this.#grid.nearest(at.x, at.y, radius);
    if (best < 0 || !this.#lit) return best;
    const lit = [this.#lit.centre, ...this.#lit.rows];
    if (lit.includes(best)) return best;
    let bestSquare = radius * radius;
    for (const row of lit) {
      if (row < 0) continue;
      const place = this.#placeOf(row);
      const square = (place.x - at.x) ** 2 + (place.y - at.y) ** 2;
      if (square < bestSquare) [best, bestSquare] = [row, square];
    }
    return best;
  }

  /**
   * Where a point is, in the map's units.
   * @param {number} row
   */
  #placeOf(row) {
    if (!this.#points) throw new Error("The map has no points yet.");
    return { x: this.#points.x[row], y: this.#points.y[row] };
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} factor
   */
  #zoomSmoothly(x, y, factor) {
    this.#stopAnimation();
    let done = 1;
    this.#animate(240, (share) => {
      const now = factor ** ease(share);
      this.#viewport.zoomAt(x, y, now / done);
      done = now;
    });
  }

  /**
   * @param {number} vx in pixels per millisecond
   * @param {number} vy in pixels per millisecond
   */
  #glide(vx, vy) {
    let before = 0;
    this.#animate(600, (share) => {
      const now = 1 - (1 - share) ** 3;
      this.#viewport.pan(vx * 200 * (now - before), vy * 200 * (now - before));
      before = now;
    });
  }

  /**
   * @param {number} duration in milliseconds
   * @param {(share: number) => void} move
   */
  #animate(duration, move) {
    this.#animation = { start: 0, duration, move };
    this.#isMoving = true;
    this.draw();
  }

  #stopAnimation() {
    this.#animation = null;
  }

  /** @param {number} time of the frame */
  #step(time) {
    const animation = this.#animation;
    if (!animation) return;
    animation.start ||= time;
    const share = Math.min(1, (time - animation.start) / animation.duration);
    animation.move(share);
    if (share < 1) this.draw();
    else {
      this.#stopAnimation();
      this.#rest();
    }
  }

  #moved() {
    this.#isMoving = true;
    this.draw();
  }

  #restSoon() {
    clearTimeout(this.#restTimer);
    this.#restTimer = window.setTimeout(() => this.#rest(), 180);
  }

  #rest() {
    this.#isMoving = false;
    this.draw();
    this.say("look", null);
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this;
    this.#viewport.width = Math.max(1, width);
    this.#viewport.height = Math.max(1, height);
    this.draw();
  }

  /** A mark for measurements of the page. */
  #markFirstPicture() {
    if (this.#hasPicture || !this.#points?.count) return;
    this.#hasPicture = true;
    performance.mark("first-picture");
  }

  /** @returns {import("./painter.js").Scene} */
  #scene() {
    return {
      viewport: this.#viewport,
      points: this.#points,
      classes: this.#classes,
      only: this.#only,
      lit: this.#lit,
      hovered: this.#hovered,
      regions: this.#regions,
      area: this.#area,
      line: this.#line,
      isMoving: this.#isMoving,
    };
  }
}

/**
 * Slow at both ends.
 * @param {number} share
 */
function ease(share) {
  return share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2;
}

customElements.define("book-map", BookMap);
