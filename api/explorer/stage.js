/**
 * The map with its legend, controls and hover card, and what each does to the others. The served
 * page and the exported file share this; they differ in where points and pages come from.
 */

import "./theme.js";
import { find } from "./dom.js";
import { BookMap } from "./map/book-map.js";
import { insetsOf } from "./map/insets.js";
import { classify } from "./map/points.js";
import { DetailPanel } from "./parts/detail-panel.js";
import { HoverCard } from "./parts/hover-card.js";
import { MapControls } from "./parts/map-controls.js";
import { MapLegend } from "./parts/map-legend.js";
import { StatusLine } from "./parts/status-line.js";

/** @typedef {import("./map/palette.js").Palette} Palette */
/** @typedef {import("./map/points.js").Classes} Classes */
/** @typedef {import("./map/points.js").Points} Points */
/** @typedef {import("./state.js").State} State */

export class Stage {
  map = find("book-map", BookMap);
  legend = find("map-legend", MapLegend);
  controls = find("map-controls", MapControls);
  panel = find("detail-panel", DetailPanel);
  card = find("hover-card", HoverCard);
  status = find("status-line", StatusLine);
  /** @type {Points|null} */
  points = null;
  /** @type {Classes|null} */
  #classes = null;
  /** @type {Palette|null} */
  #palette = null;
  /** @type {Pick<State, "color"|"only">} */
  #coloring = { color: "", only: null };

  constructor() {
    const { map, legend, controls, panel, card } = this;
    map.on("hover", ({ row }) => {
      if (row < 0 || !this.points || !this.#classes) card.hide();
      else card.show(this.points, row, map.screenOf(row), map.colorOf(this.#classes.of[row]));
    });
    map.on("area", () => {
      controls.isDrawing = false;
      map.isDrawing = false;
    });
    legend.on("redraw", () => this.#showLegend());
    controls.on("zoom", ({ factor }) => map.zoomBy(factor));
    controls.on("fit", () => map.flyTo(map.whole));
    controls.on("draw", ({ isDrawing }) => {
      map.isDrawing = isDrawing;
    });
    controls.on("list", () => map.selectView());
    controls.on("theme", () => {
      map.readTheme();
      this.#showLegend();
    });
    panel.on("point", (target) => {
      const isHere = target && target.kind === this.points?.kind;
      map.setHovered(isHere ? map.rowOf(target.key) : -1);
    });
    window.addEventListener("resize", () => this.setInsets());
  }

  get hasPalette() {
    return this.#palette !== null;
  }

  /** @param {Palette} palette */
  setPalette(palette) {
    this.#palette = palette;
    this.map.setPalette(palette);
  }

  /**
   * Show the points of a map.
   * @param {Points} points
   * @param {Pick<State, "color"|"only"|"at">} state
   */
  showPoints(points, state) {
    this.points = points;
    this.showColors(state);
    this.setInsets();
    this.map.setPoints(points, state.at);
    this.status.showMap(points);
  }

  /**
   * Colour the points.
   * @param {Pick<State, "color"|"only">} state
   */
  showColors({ color, only }) {
    if (!this.points || !this.#palette) return;
    this.#coloring = { color, only };
    this.#classes = classify(this.points, color, this.#palette.light);
    this.map.setClasses(
      this.#classes,
      this.#classes.entries.findIndex((entry) => entry.label === only),
    );
    this.#showLegend();
  }

  /** Show no points. */
  clear() {
    this.points = null;
    this.legend.hidden = true;
    this.status.showNothing();
  }

  /** Keep what the map shows clear of the legend, the panel and the controls. */
  setInsets() {
    this.map.setInsets(insetsOf(this));
  }

  #showLegend() {
    if (!this.points || !this.#classes) return;
    this.legend.show({
      map: this.points.kind,
      layout: this.points.layout,
      layouts: this.points.layouts,
      ...this.#coloring,
      classes: this.#classes,
      colorOf: (index) => this.map.colorOf(index),
    });
  }
}
