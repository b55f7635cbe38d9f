/**
 * Paints the map: points into a pixel buffer; names, lines and rings on a second canvas above it.
 * Knows nothing of input, addresses or servers.
 */

import { h } from "../dom.js";
import { shorten } from "../format.js";
import { Labels } from "./labels.js";
import { mix, toBytes, toPixel } from "./palette.js";
import { Raster } from "./raster.js";

const MAX_NAMES = 40;
const MAX_NAME_LENGTH = 34;
// If drawing takes longer, the map is coarse on dense screens while it moves.
const SLOW_FRAME_MS = 13;
const RING_GAP_PX = 3;
// More highlighted points than this are a region: they keep their size and have no names.
const MANY_LIT = 80;

/** @typedef {import("./points.js").Points} Points */
/** @typedef {import("./points.js").Classes} Classes */
/** @typedef {import("./viewport.js").Viewport} Viewport */
/** @typedef {import("./gestures.js").Pixel} Pixel */

/**
 * @typedef {object} Lit the highlighted points; all others are dimmed
 * @property {number} centre the row that lines lead from, or -1
 * @property {number[]} rows
 * @property {number[]} [scores] in [0, 1], how strong the line to each row is
 */

/**
 * @typedef {object} Scene
 * @property {Viewport} viewport
 * @property {Points|null} points
 * @property {Classes|null} classes
 * @property {number} only the one class that is highlighted, or -1
 * @property {Lit|null} lit
 * @property {number} hovered a row, or -1
 * @property {import("./regions.js").Region[]} regions
 * @property {import("./area.js").Area|null} area around the selected points
 * @property {Pixel[]|null} line the line that is being drawn
 * @property {boolean} isMoving whether another picture follows at once
 */
/** @typedef {Scene & {points: Points, classes: Classes}} ReadyScene */

export class Painter {
  /** Milliseconds that the last picture took. */
  lastMs = 0;
  #isCoarse = false;
  /** @type {Classes|null} */
  #classes = null;
  /** @type {import("./palette.js").Palette|null} */
  #palette = null;
  #isDark = false;
  /** The style sheet's colours, as CSS has them. */
  #styles = { ground: "", ink: "", inkSoft: "", accent: "" };
  /** Pixels of each class: plain, dimmed, and of the edge around a highlighted point. */
  #pixels = { plain: new Uint32Array(), dimmed: new Uint32Array(), edges: new Uint32Array() };
  /** Pixels of the device per pixel of the page: of the overlay, and of the points. */
  #sharp = 1;
  #ratio = 1;
  #host;
  #canvas;
  #overlay;
  #raster;
  #pen;
  #labels;

  /** @param {HTMLElement} host whose style has the theme's colours, and that shows `canvases` */
  constructor(host) {
    this.#host = host;
    this.#canvas = h("canvas", { "aria-hidden": "true" });
    this.#overlay = h("canvas", { "aria-hidden": "true" });
    this.#raster = new Raster(penOf(this.#canvas, { alpha: false }));
    this.#pen = penOf(this.#overlay);
    this.#labels = new Labels(this.#pen, { ui: "sans-serif", serif: "serif" });
  }

  /** What the host shows, the lower one first. */
  get canvases() {
    return [this.#canvas, this.#overlay];
  }

  /** Read the colours and fonts of the page's theme; the host must be in the page. */
  readTheme() {
    const style = getComputedStyle(this.#host);
    const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    this.#isDark = read("--is-dark") === "1";
    this.#styles = {
      ground: read("--ground"),
      ink: read("--ink"),
      inkSoft: read("--ink-soft"),
      accent: read("--accent"),
    };
    this.#labels = new Labels(this.#pen, { ui: read("--font-ui"), serif: read("--font-serif") });
    this.#mixColors();
  }

  /**
   * Set the colours of the classes; needed before any classes.
   * @param {import("./palette.js").Palette} palette
   */
  setPalette(palette) {
    this.#palette = palette;
  }

  /** @param {Classes} classes */
  setClasses(classes) {
    this.#classes = classes;
    this.#mixColors();
  }

  /**
   * The colour of a class, as CSS has it.
   * @param {number} index
   */
  colorOf(index) {
    if (!this.#classes || !this.#palette) return this.#styles.inkSoft;
    const { entries, isOrdered } = this.#classes;
    const { other, classes, ramp } = this.#palette[this.#isDark ? "dark" : "light"];
    if (entries[index].isOther) return other;
    if (!isOrdered) return classes[index];
    const steps = entries.filter((entry) => !entry.isOther).length;
    return ramp[steps < 2 ? 0 : Math.round((index * (ramp.length - 1)) / (steps - 1))];
  }

  /** @param {Scene} scene */
  paint(scene) {
    const start = performance.now();
    const isCoarse = scene.isMoving && (this.#isCoarse || this.lastMs > SLOW_FRAME_MS);
    this.#fitCanvases(scene.viewport, isCoarse);
    this.#raster.clear(toPixel(toBytes(this.#styles.ground)));
    const { points, classes } = scene;
    const ready = points?.count && classes ? { ...scene, points, classes } : null;
    if (ready) this.#paintPoints(ready);
    this.#raster.show();
    this.#clearOverlay(scene.viewport);
    if (ready) this.#paintOverlay(ready);
    this.lastMs = performance.now() - start;
  }

  #mixColors() {
    if (!this.#classes) return;
    const ground = toBytes(this.#styles.ground);
    const bytes = this.#classes.entries.map((_, i) => toBytes(this.colorOf(i)));
    this.#pixels = {
      plain: Uint32Array.from(bytes, toPixel),
      dimmed: Uint32Array.from(bytes, (color) => toPixel(mix(color, ground, 0.8))),
      edges: Uint32Array.from(bytes, () => toPixel(ground)),
    };
  }

  /**
   * Give the canvases their pixels; a coarse picture has one for each of the page's pixels.
   * @param {Viewport} viewport
   * @param {boolean} isCoarse
   */
  #fitCanvases({ width, height }, isCoarse) {
    this.#isCoarse = isCoarse;
    this.#sharp = Math.min(2, window.devicePixelRatio || 1);
    this.#ratio = isCoarse ? 1 : this.#sharp;
    if (fit(this.#canvas, width * this.#ratio, height * this.#ratio)) {
      this.#raster.resize(this.#canvas.width, this.#canvas.height);
    }
    fit(this.#overlay, width * this.#sharp, height * this.#sharp);
  }

  /** @param {ReadyScene} scene */
  #paintPoints({ viewport, points, classes, only, lit }) {
    const [ratio, raster, pixels] = [this.#ratio, this.#raster, this.#pixels];
    const origin = viewport.toScreen(0, 0);
    const job = {
      rows: null,
      xs: points.x,
      ys: points.y,
      classes: classes.of,
      scale: viewport.scale * ratio,
      left: origin.x * ratio,
      top: origin.y * ratio,
      radius: radiusOf(viewport, points) * ratio,
      colors: pixels.plain,
    };
    if (lit) {
      if (lit.rows.length < points.count) raster.stamp({ ...job, colors: pixels.dimmed });
      const rows = lit.centre >= 0 ? [...lit.rows, lit.centre] : lit.rows;
      if (isRegion(lit)) {
        raster.stamp({ ...job, rows });
        return;
      }
      const radius = litRadiusOf(viewport, points) * ratio;
      raster.stamp({ ...job, rows, colors: pixels.edges, radius: radius + 1.5 * ratio });
      raster.stamp({ ...job, rows, radius });
    } else if (only >= 0) {
      raster.stamp({ ...job, colors: pixels.dimmed, skip: only });
      raster.stamp({ ...job, only });
    } else {
      const other = classes.entries.findIndex((entry) => entry.isOther);
      // Points without a colour of their own are drawn below those that have one.
      if (other >= 0) raster.stamp({ ...job, only: other });
      raster.stamp({ ...job, skip: other });
    }
  }

  /** @param {Viewport} viewport */
  #clearOverlay({ width, height }) {
    this.#pen.setTransform(this.#sharp, 0, 0, this.#sharp, 0, 0);
    this.#pen.clearRect(0, 0, width, height);
  }

  /** @param {ReadyScene} scene */
  #paintOverlay(scene) {
    if (scene.lit && !isRegion(scene.lit)) this.#paintLit(scene, scene.lit);
    else this.#paintRegions(scene);
    if (scene.hovered >= 0) this.#ring(scene, scene.hovered, 2, this.#styles.ink);
    const { area, line, viewport } = scene;
    if (line) this.#outline(line);
    else if (area) this.#outline(area.map(([x, y]) => viewport.toScreen(x, y)));
  }

  /**
   * A closed line around an area.
   * @param {Pixel[]} pixels
   */
  #outline(pixels) {
    const pen = this.#pen;
    pen.beginPath();
    for (const { x, y } of pixels) pen.lineTo(x, y);
    pen.closePath();
    pen.fillStyle = this.#styles.accent;
    pen.globalAlpha = 0.07;
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = 1.5;
    pen.strokeStyle = this.#styles.accent;
    pen.setLineDash([6, 4]);
    pen.stroke();
    pen.setLineDash([]);
  }

  /** @param {ReadyScene} scene */
  #paintRegions({ viewport, regions }) {
    const { width, height, zoom } = viewport;
    const { ground, ink, inkSoft } = this.#styles;
    this.#labels.begin([], viewport.clearArea);
    let written = 0;
    for (const region of regions) {
      if (region.fromZoom > zoom || written >= MAX_NAMES) break;
      const { x, y } = viewport.toScreen(region.x, region.y);
      if (x < 0 || y < 0 || x > width || y > height) continue;
      const color = region.property === "genre" ? ink : inkSoft;
      const style = { kind: region.property, ink: color, halo: ground, isKept: true };
      if (this.#labels.write(region.name, x, y, style)) written += 1;
    }
  }

  /**
   * @param {ReadyScene} scene
   * @param {Lit} lit
   */
  #paintLit(scene, { centre, rows, scores }) {
    if (centre >= 0) {
      rows.forEach((row, i) => this.#line(scene, centre, row, scores?.[i] ?? 0.5));
      this.#ring(scene, centre, 2.5, this.#styles.accent);
    }
    const radius = litRadiusOf(scene.viewport, scene.points);
    const places = rows.map((row) => placeOf(scene, row));
    this.#labels.begin(
      places.map(({ x, y }) => [x - radius, y - radius, x + radius, y + radius]),
      scene.viewport.clearArea,
    );
    if (centre >= 0) this.#nameBeside(scene, centre, radius + 10, "centre");
    for (const row of rows.slice(0, MAX_NAMES)) this.#nameBeside(scene, row, radius + 8, "point");
  }

  /**
   * A line between the edges of two points, stronger for a higher score.
   * @param {ReadyScene} scene
   * @param {number} fromRow
   * @param {number} toRow
   * @param {number} score
   */
  #line(scene, fromRow, toRow, score) {
    const [from, to] = [placeOf(scene, fromRow), placeOf(scene, toRow)];
    const gap = litRadiusOf(scene.viewport, scene.points) + RING_GAP_PX;
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    if (length <= 2 * gap) return;
    const [dx, dy] = [((to.x - from.x) / length) * gap, ((to.y - from.y) / length) * gap];
    const pen = this.#pen;
    pen.strokeStyle = this.#styles.accent;
    pen.globalAlpha = 0.12 + 0.5 * Math.max(0, score) ** 2;
    pen.lineWidth = 1.4;
    pen.beginPath();
    pen.moveTo(from.x + dx, from.y + dy);
    pen.lineTo(to.x - dx, to.y - dy);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  /**
   * @param {ReadyScene} scene
   * @param {number} row
   * @param {number} gap between the point's middle and its name, in pixels
   * @param {"point"|"centre"} kind a centre is named even where there is no room
   */
  #nameBeside(scene, row, gap, kind) {
    const { x, y } = placeOf(scene, row);
    const title = shorten(scene.points.titles[row], MAX_NAME_LENGTH);
    const style = { kind, ink: this.#styles.ink, halo: this.#styles.ground, isWhole: true };
    const isForced = kind === "centre";
    /** @type {[number, number, "left"|"center"|"right"][]} */
    const places = [
      [x + gap, y, "left"],
      [x - gap, y, "right"],
      [x, y - gap - 6, "center"],
      [x, y + gap + 6, "center"],
    ];
    for (const [left, top, align] of places) {
      if (this.#labels.write(title, left, top, { ...style, align })) return;
    }
    if (isForced) this.#labels.write(title, x + gap, y, { ...style, align: "left", isForced });
  }

  /**
   * @param {ReadyScene} scene
   * @param {number} row
   * @param {number} width of the line, in pixels
   * @param {string} color
   */
  #ring(scene, row, width, color) {
    const { x, y } = placeOf(scene, row);
    const pen = this.#pen;
    pen.lineWidth = width;
    pen.strokeStyle = color;
    pen.beginPath();
    pen.arc(x, y, litRadiusOf(scene.viewport, scene.points) + RING_GAP_PX, 0, 2 * Math.PI);
    pen.stroke();
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
function penOf(canvas, settings) {
  const pen = canvas.getContext("2d", settings);
  if (!pen) throw new Error("This browser has no 2D canvas.");
  return pen;
}

/** @param {Lit} lit */
function isRegion({ centre, rows }) {
  return centre < 0 && rows.length > MANY_LIT;
}

/**
 * Smaller where many points share the view, larger as the reader zooms in.
 * @param {Viewport} viewport
 * @param {Points} points
 */
function radiusOf({ width, height, zoom }, points) {
  const fitting = 0.2 * Math.sqrt((width * height) / points.count);
  return Math.min(8, Math.max(1.3, Math.min(3.8, fitting)) * zoom ** 0.35);
}

/**
 * @param {Viewport} viewport
 * @param {Points} points
 */
function litRadiusOf(viewport, points) {
  return Math.max(radiusOf(viewport, points) * 1.25, 4.5);
}

/**
 * @param {ReadyScene} scene
 * @param {number} row
 */
function placeOf({ viewport, points }, row) {
  return viewport.toScreen(points.x[row], points.y[row]);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @returns {boolean} whether its size has changed
 */
function fit(canvas, width, height) {
  const [wide, high] = [Math.round(width), Math.round(height)];
  if (canvas.width === wide && canvas.height === high) return false;
  canvas.width = wide;
  canvas.height = high;
  return true;
}
