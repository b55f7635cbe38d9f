/**
 * Paints the map: points into a pixel buffer, above it names, lines and rings. Knows what is to be
 * seen and nothing of hands, addresses or servers.
 */

import { h } from "../dom.js";
import { Labels } from "./labels.js";
import { mix, themeColors, toBytes, toPixel } from "./palette.js";
import { Raster } from "./raster.js";

const MAX_NAMES = 40;
// Above this a sharp picture on a dense screen is left for the moment when the map rests.
const SLOW_FRAME_MS = 13;
const RING_GAP_PX = 3;
// More lit points than this are a region, not single ones: they keep their size and have no names.
const MANY_LIT = 80;

/**
 * @typedef {object} Scene
 * @property {import("./viewport.js").Viewport} viewport
 * @property {import("./points.js").Points|null} points
 * @property {import("./points.js").Classes|null} classes
 * @property {number} only the one class that is lit, or -1
 * @property {null|{centre: number, rows: number[], scores?: number[]}} lit
 * @property {number} hovered a row, or -1
 * @property {import("./regions.js").Region[]} regions
 * @property {number[][]|null} area corners, in the map's units, of what was chosen
 * @property {{x: number, y: number}[]|null} line pixels of the line that is being drawn
 * @property {boolean} isMoving whether another picture follows at once
 */

export class Painter {
  /** Milliseconds that the last picture took. */
  lastMs = 0;
  #isCoarse = false;
  #classes = null;

  /** @param {HTMLElement} host gets the two canvases; its style has the theme's colours */
  constructor(host) {
    this.host = host;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.overlay = h("canvas", { "aria-hidden": "true" });
    host.replaceChildren(this.canvas, this.overlay);
    this.raster = new Raster(this.canvas.getContext("2d", { alpha: false }));
    this.pen = this.overlay.getContext("2d");
    this.readTheme();
  }

  /** Read the colours and fonts of the page's theme. */
  readTheme() {
    const style = getComputedStyle(this.host);
    const read = (name) => style.getPropertyValue(name).trim();
    this.theme = themeColors(read("--is-dark") === "1");
    this.ink = read("--ink");
    this.inkSoft = read("--ink-soft");
    this.accent = read("--accent");
    this.labels = new Labels(this.pen, { ui: read("--font-ui"), serif: read("--font-serif") });
    this.setClasses(this.#classes);
  }

  /** Choose the colours of the classes. */
  setClasses(classes) {
    this.#classes = classes;
    if (!classes) return;
    const ground = toBytes(this.theme.ground);
    const bytes = classes.entries.map((entry, i) => toBytes(this.colorOf(i)));
    this.colors = Uint32Array.from(bytes, toPixel);
    this.dimmed = Uint32Array.from(bytes, (color) => toPixel(mix(color, ground, 0.8)));
    this.edges = Uint32Array.from(bytes, () => toPixel(ground));
  }

  /** Colour of a class as CSS has it. */
  colorOf(index) {
    const { entries, isOrdered } = this.#classes;
    if (entries[index].isOther) return this.theme.other;
    if (!isOrdered) return this.theme.classes[index];
    const steps = entries.filter((entry) => !entry.isOther).length;
    const { ramp } = this.theme;
    return ramp[steps < 2 ? 0 : Math.round((index * (ramp.length - 1)) / (steps - 1))];
  }

  /** @param {Scene} scene */
  paint(scene) {
    const start = performance.now();
    const isCoarse = scene.isMoving && (this.#isCoarse || this.lastMs > SLOW_FRAME_MS);
    this.#fitCanvases(scene.viewport, isCoarse);
    this.raster.clear(toPixel(toBytes(this.theme.ground)));
    const isReady = Boolean(scene.points?.count && scene.classes);
    if (isReady) this.#paintPoints(scene);
    this.raster.show();
    this.#paintOverlay(scene, isReady);
    this.lastMs = performance.now() - start;
  }

  /** Give the canvases their pixels; a coarse picture has one for each of the page's pixels. */
  #fitCanvases({ width, height }, isCoarse) {
    this.#isCoarse = isCoarse;
    this.sharp = Math.min(2, window.devicePixelRatio || 1);
    this.ratio = isCoarse ? 1 : this.sharp;
    if (fit(this.canvas, width * this.ratio, height * this.ratio)) {
      this.raster.resize(this.canvas.width, this.canvas.height);
    }
    fit(this.overlay, width * this.sharp, height * this.sharp);
  }

  #paintPoints({ viewport, points, classes, only, lit }) {
    const { ratio, raster } = this;
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
      colors: this.colors,
    };
    if (lit) {
      if (lit.rows.length < points.count) raster.stamp({ ...job, colors: this.dimmed });
      const rows = lit.centre >= 0 ? [...lit.rows, lit.centre] : lit.rows;
      if (isRegion(lit)) {
        raster.stamp({ ...job, rows });
        return;
      }
      const radius = litRadiusOf(viewport, points) * ratio;
      raster.stamp({ ...job, rows, colors: this.edges, radius: radius + 1.5 * ratio });
      raster.stamp({ ...job, rows, radius });
    } else if (only >= 0) {
      raster.stamp({ ...job, colors: this.dimmed, skip: only });
      raster.stamp({ ...job, only });
    } else {
      const other = classes.entries.findIndex((entry) => entry.isOther);
      // Points without a colour of their own lie below those that have one.
      if (other >= 0) raster.stamp({ ...job, only: other });
      raster.stamp({ ...job, skip: other });
    }
  }

  #paintOverlay(scene, isReady) {
    const { pen } = this;
    pen.setTransform(this.sharp, 0, 0, this.sharp, 0, 0);
    pen.clearRect(0, 0, scene.viewport.width, scene.viewport.height);
    if (!isReady) return;
    if (scene.lit && !isRegion(scene.lit)) this.#paintLit(scene);
    else this.#paintRegions(scene);
    if (scene.hovered >= 0) this.#ring(scene, scene.hovered, 2, this.ink);
    const { area, line, viewport } = scene;
    if (line) this.#outline(line);
    else if (area) this.#outline(area.map(([x, y]) => viewport.toScreen(x, y)));
  }

  /** A closed line around an area. */
  #outline(pixels) {
    const { pen } = this;
    pen.beginPath();
    for (const { x, y } of pixels) pen.lineTo(x, y);
    pen.closePath();
    pen.fillStyle = this.accent;
    pen.globalAlpha = 0.07;
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = 1.5;
    pen.strokeStyle = this.accent;
    pen.setLineDash([6, 4]);
    pen.stroke();
    pen.setLineDash([]);
  }

  #paintRegions({ viewport, regions }) {
    const { width, height, zoom } = viewport;
    this.labels.begin([], viewport.clearArea);
    let written = 0;
    for (const region of regions) {
      if (region.fromZoom > zoom || written >= MAX_NAMES) break;
      const { x, y } = viewport.toScreen(region.x, region.y);
      if (x < 0 || y < 0 || x > width || y > height) continue;
      const ink = region.property === "genre" ? this.ink : this.inkSoft;
      const style = { kind: region.property, ink, halo: this.theme.ground, isKept: true };
      if (this.labels.write(region.name, x, y, style)) written += 1;
    }
  }

  #paintLit(scene) {
    const { centre, rows, scores } = scene.lit;
    if (centre >= 0) {
      rows.forEach((row, i) => this.#line(scene, centre, row, scores?.[i] ?? 0.5));
      this.#ring(scene, centre, 2.5, this.accent);
    }
    const radius = litRadiusOf(scene.viewport, scene.points);
    const places = rows.map((row) => placeOf(scene, row));
    this.labels.begin(
      places.map(({ x, y }) => [x - radius, y - radius, x + radius, y + radius]),
      scene.viewport.clearArea,
    );
    if (centre >= 0) this.#nameBeside(scene, centre, radius + 10, "centre");
    for (const row of rows.slice(0, MAX_NAMES)) this.#nameBeside(scene, row, radius + 8, "point");
  }

  /** A line between the edges of two points, stronger for a higher score. */
  #line(scene, fromRow, toRow, score) {
    const [from, to] = [placeOf(scene, fromRow), placeOf(scene, toRow)];
    const gap = litRadiusOf(scene.viewport, scene.points) + RING_GAP_PX;
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    if (length <= 2 * gap) return;
    const [dx, dy] = [((to.x - from.x) / length) * gap, ((to.y - from.y) / length) * gap];
    const { pen } = this;
    pen.strokeStyle = this.accent;
    pen.globalAlpha = 0.12 + 0.5 * Math.max(0, score) ** 2;
    pen.lineWidth = 1.4;
    pen.beginPath();
    pen.moveTo(from.x + dx, from.y + dy);
    pen.lineTo(to.x - dx, to.y - dy);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  #nameBeside(scene, row, gap, kind) {
    const { x, y } = placeOf(scene, row);
    const title = shorten(scene.points.titles[row]);
    const style = { kind, ink: this.ink, halo: this.theme.ground, isWhole: true };
    const isForced = kind === "centre";
    const places = [
      [x + gap, y, "left"],
      [x - gap, y, "right"],
      [x, y - gap - 6, "center"],
      [x, y + gap + 6, "center"],
    ];
    for (const [left, top, align] of places) {
      if (this.labels.write(title, left, top, { ...style, align })) return;
    }
    if (isForced) this.labels.write(title, x + gap, y, { ...style, align: "left", isForced });
  }

  #ring(scene, row, width, color) {
    const { x, y } = placeOf(scene, row);
    const { pen } = this;
    pen.lineWidth = width;
    pen.strokeStyle = color;
    pen.beginPath();
    pen.arc(x, y, litRadiusOf(scene.viewport, scene.points) + RING_GAP_PX, 0, 2 * Math.PI);
    pen.stroke();
  }
}

function isRegion({ centre, rows }) {
  return centre < 0 && rows.length > MANY_LIT;
}

/** Smaller where many points share the view, larger as the reader comes nearer. */
function radiusOf({ width, height, zoom }, points) {
  const fitting = 0.2 * Math.sqrt((width * height) / points.count);
  return Math.min(8, Math.max(1.3, Math.min(3.8, fitting)) * zoom ** 0.35);
}

function litRadiusOf(viewport, points) {
  return Math.max(radiusOf(viewport, points) * 1.25, 4.5);
}

function placeOf({ viewport, points }, row) {
  return viewport.toScreen(points.x[row], points.y[row]);
}

function fit(canvas, width, height) {
  const [wide, high] = [Math.round(width), Math.round(height)];
  if (canvas.width === wide && canvas.height === high) return false;
  canvas.width = wide;
  canvas.height = high;
  return true;
}

function shorten(title) {
  return title.length > 34 ? `${title.slice(0, 33)}…` : title;
}
