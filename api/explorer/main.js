/**
 * Joins the parts: the address says what is shown, this module fetches it and tells the map, the
 * legend and the panel. Every deed of the reader becomes a change of the state, and only the
 * state's changes lead to new pictures.
 */

import "./theme.js";
import "./map/book-map.js";
import "./parts/detail-panel.js";
import "./parts/map-legend.js";
import "./parts/search-box.js";
import "./parts/small-parts.js";
import { ApiError, fetchBook, fetchLink, fetchOverview, fetchPoints } from "./api.js";
import { announce } from "./dom.js";
import { classify, Points } from "./map/points.js";
import { emptyNotice, mapNotice } from "./parts/notice.js";
import { colorsOf, StateStore } from "./state.js";

const $ = (selector) => document.querySelector(selector);
const map = $("book-map");
const legend = $("map-legend");
const panel = $("detail-panel");
const card = $("hover-card");
const status = $("status-line");
const controls = $("map-controls");
const searchBox = $("search-box");

const store = new StateStore();
const loadedPoints = new Map();
let overview = null;
let points = null;
let classes = null;
let page = null; // the book or link whose page is shown, as the API answered it
let pageRequest = null;

// ---- points ---------------------------------------------------------------------------------

async function showPoints() {
  const kind = store.current.map;
  document.querySelector(".notice")?.remove();
  try {
    if (!loadedPoints.has(kind)) {
      status.showBusy("Reading the map…");
      loadedPoints.set(kind, new Points(await fetchPoints(kind), kind));
    }
  } catch (error) {
    failPoints(error);
    return;
  }
  if (kind !== store.current.map) return;
  points = loadedPoints.get(kind);
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
  status.showMap({ points, overview });
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
  showPoints();
  readOverview();
}

async function readOverview() {
  try {
    overview = await fetchOverview();
    if (points?.count) status.showMap({ points, overview });
  } catch (error) {
    // The map says by itself what is missing; this is only the line below it.
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
  const { map: kind, color, only } = store.current;
  legend.show({ map: kind, color, only, classes, colorOf: (index) => map.colorOf(index) });
}

// ---- the chosen book or link ----------------------------------------------------------------

async function showPage({ isFlying = true } = {}) {
  pageRequest?.abort();
  page = null;
  const { book, link } = store.current;
  showTitle();
  if (!book && !link) {
    panel.hide();
    searchBox.reset();
    setInsets();
    showLit();
    return;
  }
  pageRequest = new AbortController();
  const { signal } = pageRequest;
  panel.showBusy(book ?? link);
  setInsets();
  try {
    page = book ? await fetchBook(book, { signal }) : await fetchLink(link, { signal });
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    panel.showError(error, book ?? link);
    showLit();
    return;
  }
  if (book) panel.showBook(page, store.current);
  else panel.showLink(page, store.current);
  showTitle();
  showLit();
  if (isFlying) flyToLit();
}

function showTitle() {
  const name = page?.title ?? store.current.book ?? store.current.link;
  document.title = name ? `${name} · bookgraph` : "bookgraph";
  if (page) announce(`${name}: details are shown.`);
}

/** The rows that belong to the page on the map that is shown. */
function litRows() {
  if (!page || !points) return null;
  const isBook = Boolean(store.current.book);
  const rowsOf = (items) => items.map(([key, score]) => [points.rowOf.get(key) ?? -1, score])
    .filter(([row]) => row >= 0);
  let centre = -1;
  let found = [];
  if (points.kind === "book" && isBook) {
    centre = points.rowOf.get(page.title) ?? -1;
    found = rowsOf(page.similarBooks.edges.map(({ node, score }) => [node.title, score]));
  } else if (points.kind === "book") {
    found = rowsOf(page.books.edges.map(({ node }) => [node.title, 1]));
  } else if (isBook) {
    found = rowsOf(page.links.edges.map(({ node }) => [node.name, 1]));
  } else {
    centre = points.rowOf.get(page.name) ?? -1;
    found = rowsOf(page.similarLinks.edges.map(({ node, score }) => [node.name, score]));
  }
  return { centre, rows: found.map(([row]) => row), scores: found.map(([, score]) => score) };
}

function showLit() {
  map.setLit(litRows());
}

function flyToLit() {
  const lit = litRows();
  if (!lit) return;
  map.flyToRows(lit.centre >= 0 ? [lit.centre, ...lit.rows.slice(0, 10)] : lit.rows, { maxZoom: 5 });
}

function setInsets() {
  const isPhone = matchMedia("(max-width: 720px)").matches;
  const box = panel.hidden ? { width: 0, height: 0 } : panel.getBoundingClientRect();
  map.setInsets(
    isPhone
      ? { left: 0, right: 0, top: 64, bottom: box.height }
      : { left: legend.hidden ? 0 : legend.offsetWidth + 16, right: box.width, top: 0, bottom: 0 },
  );
}

// ---- what the reader does -------------------------------------------------------------------

function open({ kind, key }) {
  store.set(kind === "book" ? { book: key, link: null } : { link: key, book: null });
}

function close() {
  store.set({ book: null, link: null });
}

store.addEventListener("change", ({ detail: { before, now } }) => {
  const isOther = (...keys) => keys.some((key) => before[key] !== now[key]);
  card.hide();
  if (isOther("map")) showPoints();
  else if (points?.count && isOther("color", "only")) showColors();
  if (isOther("book", "link")) showPage();
});
window.addEventListener("popstate", () => {
  const { at } = store.current;
  if (at && points?.count) map.flyTo(at);
});

map.addEventListener("pick", ({ detail: { row } }) => {
  if (row >= 0) open({ kind: points.kind, key: points.keys[row] });
  else if (store.current.book || store.current.link) close();
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
    store.set({ map: detail.map, color, only: null, at: null });
  }
});
legend.addEventListener("redraw", showLegend);
controls.addEventListener("zoom", ({ detail }) => map.zoomBy(detail.factor));
controls.addEventListener("fit", () => map.flyTo(map.whole));
controls.addEventListener("theme", () => {
  map.readTheme();
  if (classes) showLegend();
});
panel.addEventListener("open", ({ detail }) => open(detail));
panel.addEventListener("close", close);
panel.addEventListener("retry", () => showPage());
panel.addEventListener("suggest", ({ detail: { name } }) =>
  open({ kind: store.current.book ? "book" : "link", key: name }),
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
  } else if (event.key === "Escape" && !isTyping) close();
});
window.addEventListener("resize", setInsets);

showPoints().then(() => showPage({ isFlying: !store.current.at }));
readOverview();
