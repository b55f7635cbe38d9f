/** The small parts around the map: <hover-card>, <map-controls> and <status-line>. */

import { guideAddress } from "../cypher.js";
import { h, iconButton, replace } from "../dom.js";
import { formatYear } from "../map/points.js";
import { currentTheme, switchTheme } from "../theme.js";

/** What the point under the pointer is. */
class HoverCard extends HTMLElement {
  connectedCallback() {
    this.hidden = true;
    this.setAttribute("role", "tooltip");
  }

  /** Show a point's card beside a pixel of the map. */
  show(points, row, { x, y }, color) {
    const facts =
      points.kind === "link"
        ? [`in ${points.degrees[row].toLocaleString("en")} books`, points.value("kind", row)]
        : [
            points.value("genre", row),
            points.value("country", row),
            `${points.degrees[row].toLocaleString("en")} links`,
          ];
    const year = points.value("year", row);
    const by = [points.value("author", row), year === null ? null : formatYear(year)];
    replace(
      this,
      h(points.kind === "link" ? "p.title.is-link" : "p.title", {}, points.titles[row]),
      by.some(Boolean) && h("p.by", {}, by.filter(Boolean).join(", ")),
      h(
        "p.facts",
        {},
        h("span.swatch", { style: { "background-color": color } }),
        facts.filter(Boolean).join(" · "),
      ),
    );
    this.hidden = false;
    const { width, height } = this.getBoundingClientRect();
    const isRight = x + 18 + width < window.innerWidth - 8;
    const left = isRight ? x + 16 : x - 16 - width;
    const top = Math.min(Math.max(8, y - height / 2), window.innerHeight - height - 8);
    this.style.setProperty("transform", `translate(${Math.max(8, left)}px, ${top}px)`);
  }

  hide() {
    this.hidden = true;
  }
}

/**
 * Zoom, everything, an area, theme. Says "zoom" with `{factor}`, "fit", "draw" with `{isDrawing}`,
 * "list" and "theme".
 */
class MapControls extends HTMLElement {
  connectedCallback() {
    const say = (type, detail = {}) => this.dispatchEvent(new CustomEvent(type, { detail }));
    this.setAttribute("role", "toolbar");
    this.setAttribute("aria-label", "Map");
    this.theme = iconButton("theme", "", () => {
      switchTheme();
      this.#nameTheme();
      say("theme");
    });
    this.lasso = iconButton(
      "lasso",
      "Draw around points to list them",
      () => {
        this.isDrawing = !this.isDrawing;
        say("draw", { isDrawing: this.isDrawing });
      },
      { "aria-pressed": "false" },
    );
    this.replaceChildren(
      h(
        "div.button-group",
        {},
        this.lasso,
        iconButton("list", "List what is in view", () => say("list")),
      ),
      h(
        "div.button-group",
        {},
        iconButton("plus", "Zoom in", () => say("zoom", { factor: 1.7 })),
        iconButton("minus", "Zoom out", () => say("zoom", { factor: 1 / 1.7 })),
        iconButton("fit", "Show everything", () => say("fit")),
      ),
      h("div.button-group", {}, this.theme),
    );
    this.#nameTheme();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => say("theme"));
  }

  /** Whether dragging draws a line around an area. */
  get isDrawing() {
    return this.lasso.getAttribute("aria-pressed") === "true";
  }

  set isDrawing(isDrawing) {
    this.lasso.setAttribute("aria-pressed", String(isDrawing));
  }

  /** Let dragging move the map again. */
  stopDrawing() {
    if (this.isDrawing) this.lasso.click();
  }

  #nameTheme() {
    const theme = currentTheme();
    const label = `Theme: ${theme === "auto" ? "as the system's" : theme}`;
    this.theme.setAttribute("aria-label", label);
    this.theme.title = label;
  }
}

const METHODS = { tsne: "t-SNE", umap: "UMAP" };

/** How much there is, and how far the map can be trusted; or that it is on its way, or why not. */
class StatusLine extends HTMLElement {
  /** Where Neo4j Browser is; null where it is not known. */
  browserUrl = null;

  /** @param {import("../map/points.js").Points} points */
  showMap(points) {
    const noun = points.kind === "link" ? "topics" : "books";
    const parts = [`${points.count.toLocaleString("en")} ${noun}`];
    if (points.numUnplaced) parts.push(`${points.numUnplaced.toLocaleString("en")} not placed`);
    replace(this, h("span", {}, parts.join(", ")), this.#about(points));
  }

  #about(points) {
    const { keptShare, layout, layouts, seed } = points;
    const method = METHODS[layout];
    const summary =
      keptShare === null
        ? "about this map"
        : `${method} keeps ${Math.round(100 * keptShare)} % of neighbours`;
    const other = layout === "tsne" ? "UMAP" : "t-SNE";
    const command = layout === "tsne" ? "bookgraph map --method umap" : "bookgraph map";
    return h(
      "details.about",
      {},
      h("summary", {}, summary),
      h(
        "div.about-card",
        {},
        h("p", {}, keptShare === null
          ? "It was made from an earlier model, or how far it can be trusted was not measured. " +
            "bookgraph map draws it anew."
          : `Placed by ${method} with seed ${seed}. Of the 15 nearest by the vectors, ` +
            `${Math.round(100 * keptShare)} % are also among the 15 nearest on the map: two ` +
            "dimensions cannot keep all. Lists of nearest use the vectors, never the map."),
        layouts.length < 2 &&
          h("p", {}, `For a second map by ${other} to switch to, run `, h("code", {}, command), "."),
        this.browserUrl &&
          h("p", {}, h("a.text-link", { href: guideAddress(this.browserUrl), target: "_blank", rel: "noreferrer" },
            "Ask the same graph by Cypher: the guide in Neo4j Browser ↗")),
      ),
    );
  }

  showBusy(text) {
    replace(this, h("span.busy", { role: "status" }, text));
  }

  showNothing() {
    replace(this);
  }
}

customElements.define("hover-card", HoverCard);
customElements.define("map-controls", MapControls);
customElements.define("status-line", StatusLine);
