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
import {
  ApiError,
  fetchBook,
  fetchComparison,
  fetchEgo,
  fetchLink,
  fetchMix,
  fetchOverview,
  fetchPoints,
} from "./api.js";
import { announce } from "./dom.js";
import { classify, Points } from "./map/points.js";
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
let overview = null;
let points = null;
let classes = null;
let page = null; // what is shown beside the map: one of PAGES and the API's answer
let pageRequest = null;
let egoRequest = null;

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
  const kind = pageKind();
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
    const answer = await kind.fetch(store.current, { signal: request.signal });
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
  kind.show(page.answer, store.current);
  showTitle();
  showLit();
  if (isFlying) flyToLit();
}

/** What can be shown beside the map: how to ask for it, show it, and which points belong to it. */
const PAGES = {
  book: {
    title: ({ book }) => book,
    fetch: ({ book }, options) => fetchBook(book, options),
    show: (answer, state) => panel.showBook(answer, state),
    lit: (answer) => ({
      book: { centre: answer.title, near: answer.similarBooks.edges.map(scored("title")) },
      link: { centre: null, near: answer.links.edges.map(({ node }) => [node.name, 1]) },
    }),
  },
  link: {
    title: ({ link }) => link,
    fetch: ({ link }, options) => fetchLink(link, options),
    show: (answer, state) => panel.showLink(answer, state),
    lit: (answer) => ({
      book: { centre: null, near: answer.books.edges.map(({ node }) => [node.title, 1]) },
      link: { centre: answer.name, near: answer.similarLinks.edges.map(scored("name")) },
    }),
  },
  comparison: {
    title: ({ book, other }) => `${book} and ${other}`,
    fetch: ({ book, other }, options) => fetchComparison(book, other, options),
    show: (answer, state) => panel.showComparison(answer, state),
    lit: (answer) => ({
      book: { centre: answer.firstBook.title, near: [[answer.secondBook.title, answer.score ?? 0]] },
      link: { centre: null, near: answer.shared.map(({ link }) => [link.name, 1]) },
    }),
  },
  mix: {
    title: ({ like, unlike }) => [like.join(" + "), ...unlike].join(" − "),
    fetch: ({ like, unlike }, options) => fetchMix(like, unlike, options),
    show: (answer, state) => panel.showMix(answer, state),
    lit: (answer) => ({
      book: {
        centre: answer.like.length === 1 ? answer.like[0] : null,
        // What was chosen is named first where names compete for room.
        near: [...answer.like.map((title) => [title, 1]), ...answer.edges.map(scored("title"))],
      },
      link: { centre: null, near: [] },
    }),
  },
};

function pageKind() {
  const { book, link, other, like } = store.current;
  if (like.length) return PAGES.mix;
  if (book && other) return PAGES.comparison;
  return (book && PAGES.book) || (link && PAGES.link) || null;
}

function scored(key) {
  return ({ node, score }) => [node[key], score];
}

function showTitle() {
  const name = page?.answer.title ?? pageKind()?.title(store.current);
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
  store.set(pageChanges({ [kind]: key }));
}

function close() {
  store.set(pageChanges({}));
}

store.addEventListener("change", ({ detail: { before, now } }) => {
  const isOther = (...keys) => keys.some((key) => String(before[key]) !== String(now[key]));
  card.hide();
  if (isOther("map")) showPoints();
  else if (points?.count && isOther("color", "only")) showColors();
  if (isOther("book", "link", "other", "like", "unlike")) showPage();
  if (isOther("book", "view")) showEgo();
});
window.addEventListener("popstate", () => {
  const { at } = store.current;
  if (at && points?.count) map.flyTo(at);
});

map.addEventListener("pick", ({ detail: { row } }) => {
  if (row >= 0) open({ kind: points.kind, key: points.keys[row] });
  else if (pageKind()) close();
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
  } else if (event.key === "Escape" && !isTyping && pageKind()) close();
});
window.addEventListener("resize", setInsets);

showPoints().then(() => showPage({ isFlying: !store.current.at }));
showEgo();
readOverview();
