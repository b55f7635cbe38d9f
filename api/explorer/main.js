/**
 * Joins the parts: the address says what is shown, this module fetches it and tells the map, the
 * legend and the panel. Every deed of the reader becomes a change of the state, and only the
 * state's changes lead to new pictures.
 */

import "./theme.js";
import "./map/book-map.js";
import "./parts/detail-panel.js";
import "./parts/ego-view.js";
import "./parts/map-legend.js";
import "./parts/search-box.js";
import "./parts/small-parts.js";
import { ApiError, fetchBrowserUrl, fetchEgo, fetchPoints } from "./api.js";
import { announce } from "./dom.js";
import { insetsOf } from "./map/insets.js";
import { classify, Points } from "./map/points.js";
import { pageOf } from "./pages.js";
import { emptyNotice, mapNotice } from "./parts/notice.js";
import { colorsOf, pageChanges, StateStore } from "./state.js";

const $ = (selector) => document.querySelector(selector);
const map = $("book-map");
const legend = $("map-legend");
const panel = $("detail-panel");
const card = $("hover-card");
const status = $("status-line");
const controls = $("map-controls");
const searchBox = $("search-box");
const egoView = $("ego-view");

const store = new StateStore();
const loadedPoints = new Map();
let points = null;
let classes = null;
let page = null; // what is shown beside the map: its kind and the API's answer
let pageRequest = null;
let pointsShown = null; // fulfilled when the map's points are there, or why not is said
let egoRequest = null;

// ---- points ---------------------------------------------------------------------------------

async function showPoints() {
  const { map: kind, layout } = store.current;
  const name = `${kind} ${layout}`;
  document.querySelector(".notice")?.remove();
  try {
    if (!loadedPoints.has(name)) {
      status.showBusy("Reading the map…");
      loadedPoints.set(name, new Points(await fetchPoints(kind, layout), kind, layout));
    }
  } catch (error) {
    failPoints(error);
    return;
  }
  if (kind !== store.current.map || layout !== store.current.layout) return;
  points = loadedPoints.get(name);
  panel.pointKind = kind;
  if (!points.count) {
    legend.hidden = true;
    status.showNothing();
    $(".stage").append(emptyNotice(points, reload));
    return;
  }
  showColors();
  setInsets();
  map.setPoints(points, store.current.at);
  showLit();
  status.showMap(points);
}

function failPoints(error) {
  if (!(error instanceof ApiError)) throw error;
  status.showNothing();
  legend.hidden = true;
  $(".stage").append(
    mapNotice({ title: "The map cannot be read", text: error.message, onRetry: reload }),
  );
}

function reload() {
  loadedPoints.clear();
  pointsShown = showPoints();
  readBrowserUrl();
}

async function readBrowserUrl() {
  try {
    status.browserUrl = await fetchBrowserUrl();
    if (points?.count) status.showMap(points);
  } catch (error) {
    // The map says by itself what is wrong; this is only a link in the line below it.
    if (!(error instanceof ApiError)) throw error;
  }
}

function showColors() {
  classes = classify(points, store.current.color);
  const only = classes.entries.findIndex((entry) => entry.label === store.current.only);
  map.setClasses(classes, only);
  showLegend();
}

function showLegend() {
  const { map: kind, layout, color, only } = store.current;
  const { layouts } = points;
  const colorOf = (index) => map.colorOf(index);
  legend.show({ map: kind, layout, layouts, color, only, classes, colorOf });
}

// ---- what is chosen -------------------------------------------------------------------------

async function showPage({ isFlying = true } = {}) {
  pageRequest?.abort();
  page = null;
  const kind = pageOf(store.current);
  map.setArea(store.current.area);
  showTitle();
  if (!kind) {
    panel.hide();
    searchBox.reset();
    setInsets();
    showLit();
    return;
  }
  const request = new AbortController();
  pageRequest = request;
  panel.showBusy(kind.title(store.current));
  setInsets();
  try {
    const answer = await kind.fetch(store.current, { signal: request.signal, select });
    // What was left meanwhile must not come back, whatever its request ended with.
    if (request.signal.aborted) return;
    page = { kind, answer };
  } catch (error) {
    if (request.signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    panel.showError(error, kind.title(store.current));
    showLit();
    return;
  }
  panel[kind.show](page.answer, store.current);
  showTitle();
  showLit();
  if (isFlying && !kind.isStill) flyToLit();
}

/** The points inside an area of the map that is shown. */
async function select(area) {
  await pointsShown;
  return { points, rows: points?.count ? map.rowsInside(area) : [] };
}

function showTitle() {
  const name = page?.answer.title ?? pageOf(store.current)?.title(store.current);
  document.title = name ? `${name} · bookgraph` : "bookgraph";
  if (page) announce(`${name}: details are shown.`);
}

/** The rows that belong to the page on the map that is shown. */
function litRows() {
  if (!page || !points) return null;
  const { centre, near } = page.kind.lit(page.answer)[points.kind];
  const found = near
    .map(([key, score]) => [points.rowOf.get(key) ?? -1, score])
    .filter(([row]) => row >= 0);
  return {
    centre: points.rowOf.get(centre) ?? -1,
    rows: found.map(([row]) => row),
    scores: found.map(([, score]) => score),
  };
}

function showLit() {
  map.setLit(litRows());
}

function flyToLit() {
  const lit = litRows();
  if (!lit) return;
  map.flyToRows(lit.centre >= 0 ? [lit.centre, ...lit.rows.slice(0, 10)] : lit.rows, { maxZoom: 5 });
}

async function showEgo() {
  egoRequest?.abort();
  const { book, view } = store.current;
  // What lies under the view can be neither seen nor reached.
  map.inert = view === "ego";
  if (view !== "ego") {
    egoView.hide();
    return;
  }
  egoRequest = new AbortController();
  egoView.showBusy(book);
  try {
    const answer = await fetchEgo(book, { signal: egoRequest.signal });
    egoView.show(answer.book, answer.numBooks, store.current);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    // The panel beside it says what is wrong and what to do.
    egoView.hide();
  }
}

function setInsets() {
  map.setInsets(insetsOf({ legend, panel, controls }));
}

// ---- what the reader does -------------------------------------------------------------------

function open({ kind, key }) {
  store.set(pageChanges({ [kind]: key }));
}

function close() {
  store.set(pageChanges({}));
}

store.addEventListener("change", ({ detail: { before, now } }) => {
  const isOther = (...keys) => keys.some((key) => String(before[key]) !== String(now[key]));
  card.hide();
  if (isOther("map", "layout")) pointsShown = showPoints();
  else if (points?.count && isOther("color", "only")) showColors();
  if (isOther("book", "link", "other", "like", "unlike", "area")) showPage();
  if (isOther("book", "view")) showEgo();
});
window.addEventListener("popstate", () => {
  const { at } = store.current;
  if (at && points?.count) map.flyTo(at);
});

map.addEventListener("pick", ({ detail: { row } }) => {
  if (row >= 0) open({ kind: points.kind, key: points.keys[row] });
  else if (pageOf(store.current)) close();
});
map.addEventListener("area", ({ detail: { area } }) => {
  controls.isDrawing = false;
  map.isDrawing = false;
  if (area) store.set(pageChanges({ area }));
});
map.addEventListener("hover", ({ detail: { row } }) => {
  if (row < 0) card.hide();
  else card.show(points, row, map.screenOf(row), map.colorOf(classes.of[row]));
});
map.addEventListener("look", () => {
  const { view, whole } = map;
  const isWhole = Math.abs(view.zoom - 1) < 0.01 && Math.hypot(view.x - whole.x, view.y - whole.y) < 0.05;
  store.set({ at: isWhole ? null : view }, { isStep: false });
});
map.addEventListener("pointerdown", () => card.hide());

searchBox.addEventListener("choose", ({ detail }) => open(detail));
legend.addEventListener("color", ({ detail }) => store.set({ color: detail.color, only: null }));
legend.addEventListener("only", ({ detail }) => store.set({ only: detail.label }));
legend.addEventListener("map", ({ detail }) => {
  if (detail.map !== store.current.map) {
    const [color] = colorsOf(detail.map);
    store.set({ map: detail.map, color, only: null, area: null, at: null });
  }
});
legend.addEventListener("layout", ({ detail: { layout } }) => {
  // The same place is another one there.
  if (layout !== store.current.layout) store.set({ layout, area: null, at: null });
});
legend.addEventListener("redraw", showLegend);
controls.addEventListener("zoom", ({ detail }) => map.zoomBy(detail.factor));
controls.addEventListener("draw", ({ detail }) => {
  map.isDrawing = detail.isDrawing;
});
controls.addEventListener("list", () => map.chooseView());
controls.addEventListener("fit", () => map.flyTo(map.whole));
controls.addEventListener("theme", () => {
  map.readTheme();
  if (classes) showLegend();
});
egoView.addEventListener("open", ({ detail }) => store.set(detail));
panel.addEventListener("open", ({ detail }) => store.set(detail));
panel.addEventListener("close", close);
panel.addEventListener("retry", () => showPage());
panel.addEventListener("suggest", ({ detail: { name } }) =>
  open({ kind: store.current.link ? "link" : "book", key: name }),
);
panel.addEventListener("point", ({ detail }) => {
  const row = detail && points?.kind === detail.kind ? points.rowOf.get(detail.key) : -1;
  map.setHovered(row ?? -1);
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, select, textarea");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    searchBox.focusInput();
  } else if (event.key === "Escape" && !isTyping) {
    if (map.isDrawing) controls.stopDrawing();
    else if (pageOf(store.current)) close();
  }
});
window.addEventListener("resize", setInsets);

pointsShown = showPoints();
pointsShown.then(() => showPage({ isFlying: !store.current.at }));
showEgo();
readBrowserUrl();
