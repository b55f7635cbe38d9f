/**
 * Joins the parts of the page: the address says what is shown, this module requests it and passes
 * it to the map, the legend and the panel. Everything the reader does changes the state, and only
 * changes of the state change what is shown.
 */

import { ApiError, fetchBrowserUrl, fetchEgo, fetchPalette, fetchPoints, isAbort } from "./api.js";
import { announce, find } from "./dom.js";
import { Points } from "./map/points.js";
import { pageOf } from "./pages/kinds.js";
import { EgoView } from "./parts/ego-view.js";
import { emptyNotice, mapNotice } from "./parts/notice.js";
import { SearchBox } from "./parts/search-box.js";
import { defaultColor } from "./properties.js";
import { Stage } from "./stage.js";
import { pageChanges, StateStore } from "./state.js";

/** @typedef {import("./map/area.js").Area} Area */
/** @typedef {import("./pages/kinds.js").LoadedPage} LoadedPage */
/** @typedef {import("./state.js").State} State */

const stage = new Stage();
const { map, legend, panel, card, status, controls } = stage;
const frame = find(".stage", HTMLElement);
const searchBox = find("search-box", SearchBox);
const egoView = find("ego-view", EgoView);

const store = new StateStore();
/** @type {Map<string, Points>} */
const loadedPoints = new Map();
/** @type {LoadedPage|null} */
let page = null; // the one that is shown beside the map
let pageRequest = new AbortController();
let egoRequest = new AbortController();
/** @type {Promise<void>} */
let pointsShown; // fulfilled when the points are shown, or a notice in their place

// ---- points ---------------------------------------------------------------------------------

async function showPoints() {
  const { map: kind, layout } = store.current;
  document.querySelector(".notice")?.remove();
  try {
    const points = await loadPoints(kind, layout);
    if (kind !== store.current.map || layout !== store.current.layout) return;
    panel.pointKind = kind;
    if (!points.count) {
      stage.clear();
      frame.append(emptyNotice(points, reload));
      return;
    }
    stage.showPoints(points, store.current);
    showMarks();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    stage.clear();
    frame.append(mapNotice({ title: "The map could not be loaded", text: error.message, onRetry: reload }));
  }
}

/**
 * @param {State["map"]} kind
 * @param {State["layout"]} layout
 */
async function loadPoints(kind, layout) {
  const name = `${kind} ${layout}`;
  const known = loadedPoints.get(name);
  if (known) return known;
  status.showBusy("Loading the map…");
  const [columns] = await Promise.all([fetchPoints(kind, layout), loadPalette()]);
  const points = new Points(columns, kind, layout);
  loadedPoints.set(name, points);
  return points;
}

async function loadPalette() {
  if (!stage.hasPalette) stage.setPalette(await fetchPalette());
}

function reload() {
  loadedPoints.clear();
  pointsShown = showPoints();
  showBrowserLink();
}

async function showBrowserLink() {
  try {
    status.browserUrl = await fetchBrowserUrl();
    if (stage.points) status.showMap(stage.points);
  } catch (error) {
    // The map shows its own error; this is only a link in the line below it.
    if (!(error instanceof ApiError)) throw error;
  }
}

// ---- the page beside the map ----------------------------------------------------------------

async function showPage({ isFlying = true } = {}) {
  pageRequest.abort();
  page = null;
  const kind = pageOf(store.current);
  map.setArea(store.current.area);
  showTitle();
  if (!kind) {
    panel.hide();
    searchBox.reset();
    stage.setInsets();
    showMarks();
    return;
  }
  const { signal } = (pageRequest = new AbortController());
  panel.showBusy(kind.title(store.current));
  stage.setInsets();
  try {
    const loaded = await kind.load(store.current, { signal, select });
    // A page that the reader has left must not come back, however its request ended.
    if (signal.aborted) return;
    page = loaded;
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    panel.showError(error, kind.title(store.current));
    showMarks();
    return;
  }
  panel.show(page.build(store.current));
  showTitle();
  showMarks();
  if (isFlying && !kind.isStill) flyToMarks();
}

/**
 * The points inside an area of the map that is shown.
 * @param {Area} area
 */
async function select(area) {
  await pointsShown;
  if (!stage.points) throw new ApiError("There is no map to select from.");
  return { points: stage.points, rows: map.rowsInside(area) };
}

function showTitle() {
  const name = page?.title ?? pageOf(store.current)?.title(store.current);
  document.title = name ? `${name} · bookgraph` : "bookgraph";
  if (page) announce(`${name}: details loaded.`);
}

/** The rows of the page's marks on the map that is shown. */
function markedRows() {
  const { points } = stage;
  if (!page || !points) return null;
  const { centre, near } = page.marks[points.kind];
  const found = near.flatMap(([key, score]) => {
    const row = points.rowOf.get(key);
    return row === undefined ? [] : [{ row, score }];
  });
  return {
    centre: centre === null ? -1 : (points.rowOf.get(centre) ?? -1),
    rows: found.map(({ row }) => row),
    scores: found.map(({ score }) => score),
  };
}

function showMarks() {
  map.setLit(markedRows());
}

function flyToMarks() {
  const marked = markedRows();
  if (!marked) return;
  const { centre, rows } = marked;
  map.flyToRows(centre >= 0 ? [centre, ...rows.slice(0, 10)] : rows, { maxZoom: 5 });
}

async function showEgo() {
  egoRequest.abort();
  const { book, view } = store.current;
  // Nothing under the view can be seen, so nothing there may get the focus.
  map.inert = view === "ego";
  if (view !== "ego" || book === null) {
    egoView.hide();
    return;
  }
  egoRequest = new AbortController();
  egoView.showBusy(book);
  try {
    const ego = await fetchEgo(book, { signal: egoRequest.signal });
    egoView.show(ego.book, ego.numBooks, store.current);
  } catch (error) {
    if (isAbort(error)) return;
    if (!(error instanceof ApiError)) throw error;
    // The panel beside it shows the error and what to do.
    egoView.hide();
  }
}

// ---- what the reader does -------------------------------------------------------------------

/** @param {{kind: "book"|"link", key: string}} target */
function open({ kind, key }) {
  store.set(pageChanges({ [kind]: key }));
}

function close() {
  store.set(pageChanges({}));
}

store.onChange((before, now) => {
  const isOther = (/** @type {(keyof State)[]} */ ...keys) =>
    keys.some((key) => String(before[key]) !== String(now[key]));
  card.hide();
  if (isOther("map", "layout")) pointsShown = showPoints();
  else if (isOther("color", "only")) stage.showColors(now);
  if (isOther("book", "link", "other", "like", "unlike", "area")) showPage();
  else if (isOther("view") && page) panel.show(page.build(now));
  if (isOther("book", "view")) showEgo();
});
window.addEventListener("popstate", () => {
  const { at } = store.current;
  if (at && stage.points) map.flyTo(at);
});

map.on("pick", ({ row }) => {
  const { points } = stage;
  if (row >= 0 && points) open({ kind: points.kind, key: points.keys[row] });
  else if (pageOf(store.current)) close();
});
map.on("area", ({ area }) => {
  if (area) store.set(pageChanges({ area }));
});
map.on("look", () => {
  const { view, whole } = map;
  const isWhole = Math.abs(view.zoom - 1) < 0.01 && Math.hypot(view.x - whole.x, view.y - whole.y) < 0.05;
  store.set({ at: isWhole ? null : view }, { isStep: false });
});
map.addEventListener("pointerdown", () => card.hide());

searchBox.on("choose", open);
legend.on("color", ({ color }) => store.set({ color, only: null }));
legend.on("only", ({ label }) => store.set({ only: label }));
legend.on("map", ({ map: kind }) => {
  if (kind === store.current.map) return;
  store.set({ map: kind, color: defaultColor(kind), only: null, area: null, at: null });
});
legend.on("layout", ({ layout }) => {
  // Positions mean nothing on the other layout.
  if (layout !== store.current.layout) store.set({ layout, area: null, at: null });
});
egoView.on("open", (changes) => store.set(changes));
panel.on("open", (changes) => store.set(changes));
panel.on("close", close);
panel.on("retry", () => showPage());
panel.on("suggest", ({ name }) => open({ kind: store.current.link ? "link" : "book", key: name }));
document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof Element && event.target.closest("input, select, textarea");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    searchBox.focusInput();
  } else if (event.key === "Escape" && !isTyping) {
    if (map.isDrawing) controls.stopDrawing();
    else if (pageOf(store.current)) close();
  }
});

pointsShown = showPoints();
pointsShown.then(() => showPage({ isFlying: !store.current.at }));
showEgo();
showBrowserLink();
