/** Messages in place of the map: why there is none, and what to do. */

import { h } from "../dom.js";
import { formatCount } from "../format.js";
import { LAYOUTS } from "../properties.js";

/**
 * @param {object} notice
 * @param {string} notice.title
 * @param {string} notice.text
 * @param {string} [notice.command] to run in a terminal
 * @param {() => void} notice.onRetry
 */
export function mapNotice({ title, text, command, onRetry }) {
  return h(
    "section.notice",
    { role: "alert" },
    h("h2", {}, title),
    h("p", {}, text),
    command && h("pre", {}, h("code", {}, command)),
    h("button.button", { type: "button", on: { click: onRetry } }, "Retry"),
  );
}

/**
 * The notice for a graph without a map.
 * @param {import("../map/points.js").Points} points none
 * @param {() => void} onRetry
 */
export function emptyNotice({ kind, layout, numUnplaced }, onRetry) {
  if (!numUnplaced) {
    return mapNotice({
      title: "No books yet",
      text: "The graph is empty. These commands load books, train the model and create the map. Run them, then retry.",
      command: "bookgraph ingest books.ndjson\nbookgraph train\nbookgraph map",
      onRetry,
    });
  }
  const isSecond = layout === "umap";
  return mapNotice({
    title: isSecond ? `No ${LAYOUTS.umap} layout yet` : "No map yet",
    text:
      `${formatCount(numUnplaced, kind)} in the graph have no position. ` +
      "This command places each one near those that are similar. Run it, then retry.",
    command: isSecond ? "bookgraph map --method umap" : "bookgraph map",
    onRetry,
  });
}
