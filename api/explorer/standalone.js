/**
 * The map in one file: its points are part of the page, and there is no server. It has the map, the
 * colours, a search by title and lists of selected points. Similar books need the server.
 */

import { find, h, replace } from "./dom.js";
import { Points } from "./map/points.js";
import { describeSelection, selectionPage } from "./pages/selection.js";
import { defaultColor } from "./properties.js";
import { Stage } from "./stage.js";
import { parseState } from "./state.js";

/** @typedef {import("./map/area.js").Area} Area */

const MAX_OFFERED = 30;

const stage = new Stage();
const { map, legend, panel, controls } = stage;
const field = find("#title-input", HTMLInputElement);
const offered = find("#titles", HTMLDataListElement);
/** @type {Record<string, import("./map/points.js").MapColumns>} */
const columns = readJson("#maps");
const state = parseState("");
/** @type {Map<string, Points>} */
const loaded = new Map();

/** @param {string} selector of a script element that holds JSON */
function readJson(selector) {
  return JSON.parse(find(selector, HTMLScriptElement).textContent ?? "");
}

function showPoints() {
  const name = `${state.map} ${state.layout}`;
  const points = loaded.get(name) ?? new Points(columns[name], state.map, state.layout);
  loaded.set(name, points);
  panel.pointKind = state.map;
  stage.showPoints(points, state);
}

/**
 * List points beside the map and highlight them.
 * @param {number[]} rows
 * @param {Area|null} [area] around them
 */
function showRows(rows, area = null) {
  if (!stage.points) return;
  map.setArea(area);
  map.setLit(area || rows.length > 1 ? { centre: -1, rows } : { centre: rows[0], rows: [] });
  panel.show(selectionPage(describeSelection(stage.points, rows, null), state));
  stage.setInsets();
}

function close() {
  panel.hide();
  map.setArea(null);
  map.setLit(null);
  stage.setInsets();
}

/** @param {string} name a book's title, a topic's title or its name */
function show(name) {
  const row = map.rowOf(name) >= 0 ? map.rowOf(name) : map.titles.indexOf(name);
  if (row < 0) return;
  showRows([row]);
  map.flyToRows([row], { maxZoom: 6 });
}

/** Offer titles that contain the typed text; browsers are slow with a list of all. */
function offer() {
  const text = field.value.trim().toLowerCase();
  const { titles } = map;
  const found = [];
  for (let row = titles.length - 1; row >= 0 && found.length < MAX_OFFERED; row -= 1) {
    if (text && titles[row].toLowerCase().includes(text)) found.push(titles[row]);
  }
  replace(offered, found.map((title) => h("option", { value: title })));
  if (titles.includes(field.value)) show(field.value);
}

map.on("pick", ({ row }) => (row >= 0 ? showRows([row]) : close()));
map.on("area", ({ area }) => {
  if (area) showRows(map.rowsInside(area), area);
});
legend.on("color", ({ color }) => {
  Object.assign(state, { color, only: null });
  stage.showColors(state);
});
legend.on("only", ({ label }) => {
  state.only = label;
  stage.showColors(state);
});
legend.on("map", ({ map: kind }) => {
  if (!columns[`${kind} ${state.layout}`]) return;
  Object.assign(state, { map: kind, color: defaultColor(kind), only: null });
  close();
  showPoints();
});
legend.on("layout", ({ layout }) => {
  state.layout = layout;
  close();
  showPoints();
});
panel.on("open", ({ book, link }) => show(book ?? link ?? ""));
panel.on("close", close);
field.addEventListener("input", offer);
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter") show(offered.querySelector("option")?.value ?? field.value);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (map.isDrawing) controls.stopDrawing();
  else close();
});

stage.setPalette(readJson("#palette"));
showPoints();
