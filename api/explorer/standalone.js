/**
 * The map in a file of its own: the points are part of the page, and there is no server to ask. It
 * has the map, the colours, a search by title, and lists of what is drawn around; what is near to
 * what, only the server knows.
 */

import "./theme.js";
import "./map/book-map.js";
import "./parts/detail-panel.js";
import "./parts/map-legend.js";
import "./parts/small-parts.js";
import { h, replace } from "./dom.js";
import { insetsOf } from "./map/insets.js";
import { classify, Points } from "./map/points.js";
import { describeSelection } from "./parts/selection-page.js";
import { colorsOf, parseState } from "./state.js";

const MAX_OFFERED = 30;

const $ = (selector) => document.querySelector(selector);
const [map, legend, panel, card] = ["book-map", "map-legend", "detail-panel", "hover-card"].map($);
const [status, controls, field] = ["status-line", "map-controls", "#title-input"].map($);
const columns = JSON.parse($("#maps").textContent);
const state = parseState("");
const loaded = new Map();
let points = null;
let classes = null;

function showPoints() {
  const name = `${state.map} ${state.layout}`;
  if (!loaded.has(name)) loaded.set(name, new Points(columns[name], state.map, state.layout));
  points = loaded.get(name);
  panel.pointKind = state.map;
  showColors();
  setInsets();
  map.setPoints(points);
  status.showMap(points);
}

function showColors() {
  classes = classify(points, state.color);
  map.setClasses(classes, classes.entries.findIndex((entry) => entry.label === state.only));
  showLegend();
}

function showLegend() {
  legend.show({ ...state, layouts: points.layouts, classes, colorOf: (index) => map.colorOf(index) });
}

function setInsets() {
  map.setInsets(insetsOf({ legend, panel, controls }));
}

/** List some points beside the map and light them up. */
function showRows(rows, area = null) {
  map.setArea(area);
  map.setLit(area || rows.length > 1 ? { centre: -1, rows } : { centre: rows[0], rows: [] });
  panel.showSelection(describeSelection(points, rows, null), state);
  setInsets();
}

function close() {
  panel.hide();
  map.setArea(null);
  map.setLit(null);
  setInsets();
}

function find(title) {
  const row = points.rowOf.get(title) ?? points.titles.indexOf(title);
  if (row < 0) return;
  showRows([row]);
  map.flyToRows([row], { maxZoom: 6 });
}

/** Offer titles that hold what was typed; a list of all would be too long for a browser. */
function offer() {
  const text = field.value.trim().toLowerCase();
  const found = [];
  for (let row = points.count - 1; row >= 0 && found.length < MAX_OFFERED; row -= 1) {
    if (text && points.titles[row].toLowerCase().includes(text)) found.push(points.titles[row]);
  }
  replace($("#titles"), found.map((title) => h("option", { value: title })));
  if (points.titles.includes(field.value)) find(field.value);
}

map.addEventListener("pick", ({ detail: { row } }) => (row >= 0 ? showRows([row]) : close()));
map.addEventListener("hover", ({ detail: { row } }) => {
  if (row < 0) card.hide();
  else card.show(points, row, map.screenOf(row), map.colorOf(classes.of[row]));
});
map.addEventListener("area", ({ detail: { area } }) => {
  controls.isDrawing = false;
  map.isDrawing = false;
  if (area) showRows(map.rowsInside(area), area);
});
legend.addEventListener("color", ({ detail }) => {
  Object.assign(state, detail, { only: null });
  showColors();
});
legend.addEventListener("only", ({ detail: { label } }) => {
  state.only = label;
  showColors();
});
legend.addEventListener("map", ({ detail }) => {
  if (!columns[`${detail.map} ${state.layout}`]) return;
  Object.assign(state, detail, { color: colorsOf(detail.map)[0], only: null });
  close();
  showPoints();
});
legend.addEventListener("layout", ({ detail }) => {
  Object.assign(state, detail);
  close();
  showPoints();
});
legend.addEventListener("redraw", showLegend);
controls.addEventListener("zoom", ({ detail }) => map.zoomBy(detail.factor));
controls.addEventListener("fit", () => map.flyTo(map.whole));
controls.addEventListener("draw", ({ detail }) => {
  map.isDrawing = detail.isDrawing;
});
controls.addEventListener("list", () => map.chooseView());
controls.addEventListener("theme", () => {
  map.readTheme();
  showLegend();
});
panel.addEventListener("open", ({ detail }) => find(detail.book ?? detail.link));
panel.addEventListener("close", close);
panel.addEventListener("point", ({ detail }) => {
  map.setHovered(detail ? (points.rowOf.get(detail.key) ?? -1) : -1);
});
field.addEventListener("input", offer);
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter") find($("#titles option")?.value ?? field.value);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (map.isDrawing) controls.stopDrawing();
  else close();
});
window.addEventListener("resize", setInsets);

showPoints();
