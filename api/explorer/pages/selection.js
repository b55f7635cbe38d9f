/** The books or topics in an area of the map: as a table, as CSV and as a Cypher query. */

import { browserAddress, selectionQuery } from "../cypher.js";
import { announce, h, icon } from "../dom.js";
import { copyText, download, toCsv } from "../files.js";
import { formatCount, formatNumber, formatYear, NOUNS } from "../format.js";
import { COLUMNS } from "../properties.js";
import { outerLink, pageLink } from "./blocks.js";

/** @typedef {import("../format.js").Kind} Kind */
/** @typedef {import("../map/points.js").Points} Points */
/** @typedef {import("../state.js").State} State */
/** @typedef {Record<string, string|number|null>} Row by property */
/**
 * @typedef {object} Selection
 * @property {Kind} kind
 * @property {string} title
 * @property {string[]} keys
 * @property {Row[]} rows
 * @property {string|null} browserUrl where Neo4j Browser is
 */

// More rows than anybody reads; the files have all.
const MAX_ROWS = 200;

/**
 * @param {Points} points
 * @param {number[]} rows the selected ones
 * @param {string|null} browserUrl
 * @returns {Selection}
 */
export function describeSelection(points, rows, browserUrl) {
  const { kind, keys, titles } = points;
  return {
    kind,
    title: rows.length === 1 ? titles[rows[0]] : formatCount(rows.length, kind),
    keys: rows.map((row) => keys[row]),
    rows: rows.map((row) =>
      Object.fromEntries(COLUMNS[kind].map((name) => [name, points.value(name, row)])),
    ),
    browserUrl,
  };
}

/**
 * The selection as CSV, with the properties' names in the graph as its head.
 * @param {Selection} selection
 */
export function selectionCsv({ kind, rows }) {
  const columns = COLUMNS[kind];
  return toCsv([columns.map(snake), ...rows.map((row) => columns.map((name) => row[name]))]);
}

/**
 * @param {Selection} selection
 * @param {State} state
 */
export function selectionPage(selection, state) {
  const { kind, title, keys } = selection;
  if (!keys.length) {
    return [
      h("p.kicker", {}, "Selection"),
      h("h2", {}, `No ${NOUNS[kind][1]}`),
      h("p.quiet", {}, "There are no points in this area. Draw a larger one."),
    ];
  }
  return [
    h("p.kicker", {}, "Selection"),
    h("h2", {}, title),
    ways(selection),
    h(
      "table.selection",
      {},
      h("caption.visually-hidden", {}, title),
      h("thead", {}, h("tr", {}, headings(kind).map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, keys.slice(0, MAX_ROWS).map((key, i) => tableRow(kind, key, selection.rows[i], state))),
    ),
    keys.length > MAX_ROWS &&
      h("p.quiet", {}, `The table shows ${MAX_ROWS} ${NOUNS[kind][1]}, those with the most ` +
        `${kind === "link" ? "books" : "topics"} first. The CSV file and the Cypher query have ` +
        `all ${formatNumber(keys.length)}.`),
  ];
}

/** @param {Selection} selection */
function ways(selection) {
  const { kind, keys, browserUrl } = selection;
  const query = selectionQuery(kind, keys);
  const text = h("textarea.cypher", { readonly: true, rows: "7", spellcheck: "false", "aria-label": "Cypher query" });
  // Filled only when visible: browsers take seconds to lay out the text of 80,000 titles.
  const fill = () => {
    text.value = query;
  };
  const details = h("details.infobox", { on: { toggle: fill } }, h("summary", {}, "Cypher query"), text);
  const save = () => download(`${kind}s.csv`, selectionCsv(selection), "text/csv;charset=utf-8");
  const copy = async () => {
    if (await copyText(query)) {
      announce("Cypher query copied.");
      return;
    }
    details.open = true;
    fill();
    text.select();
    announce("The browser does not allow copying here. The query is selected: press Ctrl+C or ⌘C.");
  };
  return [
    h(
      "p.ways",
      {},
      button("download", "Download CSV", save),
      button("copy", "Copy as Cypher", copy),
      outerLink(browserAddress(browserUrl, query), "Open in Neo4j Browser"),
    ),
    details,
  ];
}

/**
 * @param {"download"|"copy"} name of its icon
 * @param {string} label
 * @param {() => void} onClick
 */
function button(name, label, onClick) {
  return h("button.act.with-icon", { type: "button", on: { click: onClick } }, icon(name), label);
}

/** @param {Kind} kind */
function headings(kind) {
  return kind === "link" ? ["Topic", "Books"] : ["Book", "Year", "Topics"];
}

/**
 * @param {Kind} kind
 * @param {string} key
 * @param {Row} row
 * @param {State} state
 */
function tableRow(kind, key, { title, author, genre, year, numLinks, kind: ofPage, numBooks }, state) {
  const below = kind === "link" ? ofPage : [author, genre].filter(Boolean).join(" · ");
  const numbers = kind === "link" ? [numBooks] : [year === null ? "" : formatYear(Number(year)), numLinks];
  return h(
    "tr",
    { "data-kind": kind, "data-key": key },
    h("th", { scope: "row" }, pageLink(kind, key, String(title), state, ".row-title"), h("span.near-by", {}, below)),
    numbers.map((value) => h("td", {}, String(value))),
  );
}

/**
 * A property's name in the graph: `num_links` for `numLinks`.
 * @param {string} name
 */
function snake(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
