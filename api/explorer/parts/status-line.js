/** <status-line>: how much the map shows, and how far it can be trusted. */

import { guideAddress } from "../cypher.js";
import { h, replace } from "../dom.js";
import { formatCount, formatNumber, formatShare } from "../format.js";
import { LAYOUTS } from "../properties.js";

/** @typedef {import("../map/points.js").Points} Points */

export class StatusLine extends HTMLElement {
  /**
   * Where Neo4j Browser is; null where that is not known.
   * @type {string|null}
   */
  browserUrl = null;

  /** @param {Points} points */
  showMap(points) {
    const parts = [formatCount(points.count, points.kind)];
    if (points.numUnplaced) parts.push(`${formatNumber(points.numUnplaced)} without a map position`);
    replace(this, h("span", {}, parts.join(", ")), this.#about(points));
  }

  /** @param {string} text */
  showBusy(text) {
    replace(this, h("span.busy", { role: "status" }, text));
  }

  showNothing() {
    replace(this);
  }

  /** @param {Points} points */
  #about(points) {
    const { keptShare, layout, layouts } = points;
    const summary =
      keptShare === null
        ? "About this map"
        : `${LAYOUTS[layout]} keeps ${formatShare(keptShare)} of neighbours`;
    const other = layout === "tsne" ? "umap" : "tsne";
    return h(
      "details.about",
      {},
      h("summary", {}, summary),
      h(
        "div.about-card",
        {},
        h("p", {}, "Books that mention the same topics are close to each other. A topic is a Wikipedia " +
          "page that books link to: a person, a place, an idea."),
        accuracy(points),
        layouts.length < 2 &&
          h("p", {}, `To add a ${LAYOUTS[other]} layout, run `,
            h("code", {}, other === "umap" ? "bookgraph map --method umap" : "bookgraph map"), "."),
        this.browserUrl &&
          h("p", {}, h("a.text-link", { href: guideAddress(this.browserUrl), target: "_blank", rel: "noreferrer" },
            "Query this graph with Cypher: the guide in Neo4j Browser ↗")),
      ),
    );
  }
}

/** @param {Points} points */
function accuracy({ keptShare, layout, seed }) {
  if (keptShare === null) {
    return h("p", {}, "How accurate this map is, is not known: it belongs to an earlier model or was not " +
      "measured. To create the map again, run ", h("code", {}, "bookgraph map"), ".");
  }
  return h("p", {}, `${LAYOUTS[layout]} placed the points, with seed ${seed}. Two dimensions cannot keep all ` +
    `neighbours: of the 15 nearest by vector, ${formatShare(keptShare)} are also among the 15 nearest on the map. ` +
    "Lists of similar books use the vectors, never the map.");
}

customElements.define("status-line", StatusLine);
