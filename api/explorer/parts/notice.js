/** Full-page messages in place of a map: none yet, or no answer, each with what to do. */

import { h } from "../dom.js";

/** Why there is no map, with a way on. */
export function mapNotice({ title, text, command, onRetry }) {
  return h(
    "section.notice",
    { role: "alert" },
    h("h2", {}, title),
    h("p", {}, text),
    command && h("pre", {}, h("code", {}, command)),
    onRetry && h("button.button", { type: "button", on: { click: onRetry } }, "Try again"),
  );
}

/** The notice for a graph without a map. */
export function emptyNotice(points, onRetry) {
  if (points.numUnplaced) {
    const noun = points.kind === "link" ? "topics" : "books";
    const isSecond = points.layout === "umap";
    return mapNotice({
      title: isSecond ? "The second map is not drawn yet" : "The map is not drawn yet",
      text:
        `${points.numUnplaced.toLocaleString("en")} ${noun} are in the graph without a place. ` +
        "This command gives each one, near to what is like it:",
      command: isSecond ? "bookgraph map --method umap" : "bookgraph map",
      onRetry,
    });
  }
  return mapNotice({
    title: "There are no books yet",
    text: "These commands load some, learn what is like what, and draw the map:",
    command: "bookgraph ingest books.ndjson\nbookgraph train\nbookgraph map",
    onRetry,
  });
}
