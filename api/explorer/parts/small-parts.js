/** The small parts around the map: <hover-card>, <map-controls> and <status-line>. */

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

/** Zoom, everything, theme. Says "zoom" with `{factor}`, "fit" and "theme". */
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
    this.replaceChildren(
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

  #nameTheme() {
    const theme = currentTheme();
    const label = `Theme: ${theme === "auto" ? "as the system's" : theme}`;
    this.theme.setAttribute("aria-label", label);
    this.theme.title = label;
  }
}

/** How much there is, and how far the map can be trusted; or that it is on its way, or why not. */
class StatusLine extends HTMLElement {
  /** @param {{points: object, overview: object|null}} shown */
  showMap({ points, overview }) {
    const noun = points.kind === "link" ? "topics" : "books";
    const kept = overview?.facts[`tsne_kept_share_${points.kind === "link" ? "links" : "books"}`];
    const parts = [`${points.count.toLocaleString("en")} ${noun}`];
    if (points.numUnplaced) parts.push(`${points.numUnplaced.toLocaleString("en")} not placed`);
    const share = Number.parseFloat(kept);
    replace(
      this,
      h("span", {}, parts.join(", ")),
      Number.isFinite(share) &&
        h(
          "span.kept",
          {
            title:
              "Of the 15 nearest by the vectors, so many are also among the 15 nearest on the map " +
              `(t-SNE, seed ${overview.facts.tsne_seed}). Lists of nearest use the vectors.`,
          },
          `map keeps ${Math.round(100 * share)} % of neighbours`,
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
