/**
 * <book-map>: the picture of all points and the reader's hands on it. It draws what it is told to
 * (points, classes, what is lit) and says what was done ("hover", "pick", "look", "area"); it asks
 * no server and keeps no address.
 */

import { announce } from "../dom.js";
import { rowsInside, simplify } from "./area.js";
import { listenToGestures } from "./gestures.js";
import { Grid } from "./grid.js";
import { Painter } from "./painter.js";
import { nameRegions } from "./regions.js";
import { Viewport, wayBetween } from "./viewport.js";

const HIT_PX = 12;

export class BookMap extends HTMLElement {
  #isDrawing = false;
  #area = null;
  #line = null;
  #viewport = new Viewport();
  #points = null;
  #grid = null;
  #classes = null;
  #only = -1;
  #lit = null;
  #hovered = -1;
  #regions = [];
  #frame = 0;
  #animation = null;
  #isMoving = false;
  #restTimer = 0;
  #hasPicture = false;

  connectedCallback() {
    this.setAttribute("tabindex", "0");
    this.setAttribute("role", "application");
    this.setAttribute(
      "aria-label",
      "Map of books. Arrow keys move, plus and minus zoom, 0 shows all, Enter opens the point in " +
        "the middle, S lists what is in view, Escape closes it. The search finds every book without the map.",
    );
    this.painter = new Painter(this);
    listenToGestures(this, this.#gestureCalls());
    new ResizeObserver(() => {
      this.#resize();
      // Before this frame is shown: until the next one, the old picture would be stretched.
      this.#paint();
    }).observe(this);
    this.#resize();
  }

  /** Show other points; the view is kept when `view` is given, else all is shown. */
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

  /** Colour the points; `only` is the one class that is lit, or -1. */
  setClasses(classes, only = -1) {
    this.#classes = classes;
    this.#only = only;
    this.painter.setClasses(classes);
    this.draw();
  }

  /**
   * Light up some points and dim the rest.
   * @param {null|{centre: number, rows: number[], scores?: number[]}} lit `centre` is -1 where
   *   the lit points have none; `scores` in [0, 1] set how strong the lines are
   */
  setLit(lit) {
    this.#lit = lit;
    this.draw();
  }

  /** Show an area as a line around it; null for none. */
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

  /** Rows of the points inside an area, the most connected first. */
  rowsInside(area) {
    return rowsInside(area, this.#grid);
  }

  /** Choose what is in view, as if a line were drawn around it. */
  chooseView() {
    const [left, top, right, bottom] = this.#viewport.clearArea;
    this.#choose([
      { x: left, y: top },
      { x: right, y: top },
      { x: right, y: bottom },
      { x: left, y: bottom },
    ]);
  }

  /** Ring a point, as the pointer would; -1 for none. */
  setHovered(row) {
    if (row === this.#hovered) return;
    this.#hovered = row;
    this.draw();
  }

  /** Keep some pixels at the sides free, because cards cover them. */
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

  /** Row of a title or name; -1 where there is none. */
  rowOf(key) {
    return this.#points?.rowOf.get(key) ?? -1;
  }

  /** Titles that are lit besides the chosen one. */
  get litTitles() {
    return (this.#lit?.rows ?? []).map((row) => this.#points.titles[row]);
  }

  /** Title of the ringed point, or null. */
  get hoveredTitle() {
    return this.#points?.titles[this.#hovered] ?? null;
  }

  /** Milliseconds that the last picture took to draw. */
  get lastDrawMs() {
    return this.painter.lastMs;
  }

  /** Pixel of a point, relative to the element. */
  screenOf(row) {
    return this.#viewport.toScreen(this.#points.x[row], this.#points.y[row]);
  }

  /** Go to a view, at once where the reader wants little motion. */
  flyTo(view) {
    this.#stopAnimation();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#viewport.view = view;
      this.#rest();
      return;
    }
    const from = this.view;
    const units = Math.max(1, this.#viewport.width) / this.#viewport.fitScale;
    const way = wayBetween(from, view, units);
    const duration = Math.min(1400, 350 + way.length * 380);
    this.#animate(duration, (share) => {
      this.#viewport.view = way.at(ease(share));
    });
  }

  /** Go to where some points are. */
  flyToRows(rows, { maxZoom = 8 } = {}) {
    if (!rows.length) return;
    const xs = rows.map((row) => this.#points.x[row]);
    const ys = rows.map((row) => this.#points.y[row]);
    const bounds = {
      left: Math.min(...xs), right: Math.max(...xs), bottom: Math.min(...ys), top: Math.max(...ys),
    };
    this.flyTo(this.#viewport.viewOf(bounds, maxZoom));
  }

  /** Zoom about the middle. */
  zoomBy(factor) {
    const { middle } = this.#viewport;
    this.#zoomSmoothly(middle.x, middle.y, factor);
  }

  /** Take over the colours of the page's theme. */
  readTheme() {
    this.painter.readTheme();
    this.draw();
  }

  /** Colour of a class as CSS has it. */
  colorOf(index) {
    return this.painter.colorOf(index);
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
    this.painter.paint(this.#scene());
    this.#markFirstPicture();
  }

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
      area: (pixels) => this.#choose(pixels),
    };
  }

  #key(name) {
    if (name === "+" || name === "=") this.zoomBy(1.5);
    else if (name === "-") this.zoomBy(1 / 1.5);
    else if (name === "s") this.chooseView();
    else if (name === "0" || name === "Home") this.flyTo(this.whole);
    else if (name === "Enter") {
      const { middle } = this.#viewport;
      this.#pick(this.#rowAt(middle.x, middle.y, 400));
    } else return false;
    return true;
  }

  /** Say which area was chosen, in the map's units; null when the line was left. */
  #choose(pixels) {
    this.#line = null;
    this.draw();
    const corners = pixels?.map(({ x, y }) => {
      const at = this.#viewport.toMap(x, y);
      return [at.x, at.y];
    });
    const area = corners && this.#points?.count ? simplify(corners) : null;
    this.dispatchEvent(new CustomEvent("area", { detail: { area } }));
  }

  #click(x, y, type) {
    this.#pick(this.#rowAt(x, y, type === "touch" ? 2 * HIT_PX : HIT_PX));
  }

  #pick(row) {
    if (row >= 0) announce(`${this.#points.titles[row]} is chosen.`);
    this.dispatchEvent(new CustomEvent("pick", { detail: { row } }));
  }

  #hover(x, y) {
    const row = this.#points ? this.#rowAt(x, y, HIT_PX) : -1;
    this.classList.toggle("is-over-point", row >= 0);
    if (row !== this.#hovered) {
      this.setHovered(row);
      this.dispatchEvent(new CustomEvent("hover", { detail: { row } }));
    }
  }

  /** The point under a pixel; a lit one wins over a dimmed one beside it. */
  #rowAt(x, y, reach) {
    if (!this.#points?.count) return -1;
    const at = this.#viewport.toMap(x, y);
    const radius = reach / this.#viewport.scale;
    const isLit = (row) => !this.#lit || row === this.#lit.centre || this.#lit.rows.includes(row);
    let best = this.#grid.nearest(at.x, at.y, radius);
    if (best >= 0 && !isLit(best)) {
      let bestSquare = radius * radius;
      for (const row of [this.#lit.centre, ...this.#lit.rows]) {
        if (row < 0) continue;
        const square = (this.#points.x[row] - at.x) ** 2 + (this.#points.y[row] - at.y) ** 2;
        if (square < bestSquare) [best, bestSquare] = [row, square];
      }
    }
    return best;
  }

  #zoomSmoothly(x, y, factor) {
    this.#stopAnimation();
    let done = 1;
    this.#animate(240, (share) => {
      const now = factor ** ease(share);
      this.#viewport.zoomAt(x, y, now / done);
      done = now;
    });
  }

  #glide(vx, vy) {
    let before = 0;
    this.#animate(600, (share) => {
      const now = 1 - (1 - share) ** 3;
      this.#viewport.pan(vx * 200 * (now - before), vy * 200 * (now - before));
      before = now;
    });
  }

  #animate(duration, move) {
    this.#animation = { start: 0, duration, move };
    this.#isMoving = true;
    this.draw();
  }

  #stopAnimation() {
    this.#animation = null;
  }

  #step(time) {
    const { start, duration, move } = this.#animation ?? {};
    if (!move) return;
    if (!start) this.#animation.start = time;
    const share = Math.min(1, (time - this.#animation.start) / duration);
    move(share);
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
    this.#restTimer = setTimeout(() => this.#rest(), 180);
  }

  #rest() {
    this.#isMoving = false;
    this.draw();
    this.dispatchEvent(new CustomEvent("look"));
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this;
    this.#viewport.width = Math.max(1, width);
    this.#viewport.height = Math.max(1, height);
    this.draw();
  }

  /** For whoever measures the page. */
  #markFirstPicture() {
    if (this.#hasPicture || !this.#points?.count) return;
    this.#hasPicture = true;
    performance.mark("first-picture");
  }

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

function ease(share) {
  return share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2;
}

customElements.define("book-map", BookMap);
