/** The books or topics of an area: a table, the same as CSV and as Cypher. */

import { browserAddress, selectionQuery } from "../cypher.js";
import { announce, h, icon } from "../dom.js";
import { copyText, download, toCsv } from "../files.js";
import { formatYear } from "../map/points.js";
import { outerLink, pageLink } from "./page-parts.js";

// More rows than anybody reads; the files hold all.
const MAX_ROWS = 200;
const COLUMNS = {
  book: ["title", "author", "year", "genre", "country", "language", "numLinks"],
  link: ["name", "title", "kind", "numBooks"],
};

/** The rows of an area with all that the page shows of them. */
export function describeSelection(points, rows, browserUrl) {
  const columns = COLUMNS[points.kind];
  return {
    kind: points.kind,
    title:
      rows.length === 1 ? points.titles[rows[0]] : `${count(rows.length)} ${nounOf(points.kind)}`,
    rows,
    keys: rows.map((row) => points.keys[row]),
    table: rows.map((row) => columns.map((name) => points.columns[name]?.[row] ?? null)),
    browserUrl,
  };
}

/** Build the page of a selection, as `describeSelection` makes it. */
export function selectionPage(selection, state) {
  const { kind, title, keys } = selection;
  if (!keys.length) {
    return [
      h("p.kicker", {}, "Chosen on the map"),
      h("h2", {}, "Nothing"),
      h("p.quiet", {}, "No point lies in the area that was drawn. Draw a larger one, or close this."),
    ];
  }
  return [
    h("p.kicker", {}, "Chosen on the map"),
    h("h2", {}, title),
    ways(selection),
    h(
      "table.selection",
      {},
      h("caption.visually-hidden", {}, title),
      h("thead", {}, h("tr", {}, headings(kind).map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, keys.slice(0, MAX_ROWS).map((key, i) => tableRow(selection, key, i, state))),
    ),
    keys.length > MAX_ROWS &&
      h("p.quiet", {}, `The ${MAX_ROWS} with the most links. The CSV file and the Cypher have all ${count(keys.length)}.`),
  ];
}

function ways({ kind, keys, table, browserUrl }) {
  const query = selectionQuery(kind, keys);
  const text = h("textarea.cypher", { readonly: true, rows: "7", spellcheck: "false", "aria-label": "Cypher" });
  // Filled when it is to be seen: the text of 80,000 titles takes a browser seconds to lay out.
  const fill = () => {
    text.value = query;
  };
  const details = h("details.infobox", { on: { toggle: fill } }, h("summary", {}, "The Cypher"), text);
  const save = () =>
    download(`${kind}s.csv`, toCsv([COLUMNS[kind].map(snake), ...table]), "text/csv;charset=utf-8");
  const copy = async () => {
    if (await copyText(query)) return announce("The Cypher is copied.");
    details.open = true;
    fill();
    text.select();
    return announce("Copying is not permitted here. The text is selected: press Control and C.");
  };
  const address = browserAddress(browserUrl, query);
  return [
    h(
      "p.ways",
      {},
      button("download", "Download CSV", save),
      button("copy", "Copy as Cypher", copy),
      address && outerLink(address, "Open in Neo4j Browser"),
    ),
    details,
  ];
}

function button(name, label, onClick) {
  return h("button.act.with-icon", { type: "button", on: { click: onClick } }, icon(name), label);
}

function headings(kind) {
  return kind === "link" ? ["Topic", "Books"] : ["Book", "Year", "Links"];
}

function tableRow({ kind, table }, key, index, state) {
  const values = Object.fromEntries(COLUMNS[kind].map((name, i) => [name, table[index][i]]));
  const below = kind === "link" ? values.kind : [values.author, values.genre].filter(Boolean).join(" · ");
  const numbers =
    kind === "link"
      ? [values.numBooks]
      : [values.year === null ? "" : formatYear(values.year), values.numLinks];
  return h(
    "tr",
    { "data-kind": kind, "data-key": key },
    h("th", { scope: "row" }, pageLink(kind, key, values.title, state, ".row-title"), h("span.near-by", {}, below)),
    numbers.map((value) => h("td", {}, String(value))),
  );
}

function nounOf(kind) {
  return kind === "link" ? "topics" : "books";
}

function count(number) {
  return number.toLocaleString("en");
}

function snake(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
