/**
 * <map-legend>: what the colours mean, which property they show, and one entry alone on request.
 * Says "color" with `{color}`, "only" with `{label}`, "map" with `{map}` and "layout" with
 * `{layout}`.
 */

import { h, icon, replace } from "../dom.js";
import { colorsOf } from "../state.js";

const NAMES = {
  genre: "Genre",
  country: "Country",
  language: "Language",
  year: "Year",
  author: "Author",
  degree: { book: "Links", link: "Books" },
  kind: "Kind of page",
};

const LAYOUTS = { tsne: "t-SNE", umap: "UMAP" };

class MapLegend extends HTMLElement {
  #isOpen = !matchMedia("(max-width: 720px)").matches;

  connectedCallback() {
    this.hidden = true;
  }

  /**
   * @param {object} shown
   * @param {"book"|"link"} shown.map
   * @param {string} shown.layout
   * @param {string[]} shown.layouts those that there are
   * @param {string} shown.color
   * @param {string|null} shown.only
   * @param {import("../map/points.js").Classes} shown.classes
   * @param {(index: number) => string} shown.colorOf
   */
  show({ map, layout, layouts, color, only, classes, colorOf }) {
    this.hidden = false;
    const hadFocus = this.contains(document.activeElement) ? document.activeElement.id : null;
    replace(
      this,
      this.#tabs("map", "What the points are", { book: "Books", link: "Topics" }, map),
      layouts.length > 1 && this.#tabs("layout", "How they are placed", LAYOUTS, layout),
      h(
        "div.legend-head",
        {},
        h("label", { for: "legend-color" }, "Colour"),
        this.#select(map, color),
        this.#toggle(),
      ),
      this.#isOpen &&
        h(
          "ul.legend-list",
          { "aria-label": "Colours; choose one to see it alone" },
          classes.entries.map((entry, i) => this.#entry(entry, i, only, colorOf)),
        ),
    );
    if (hadFocus) this.querySelector(`#${CSS.escape(hadFocus)}`)?.focus();
  }

  /** A choice of few: says `type` with what was chosen. */
  #tabs(type, label, names, current) {
    return h(
      "div.segmented",
      { role: "group", "aria-label": label },
      Object.entries(names).map(([value, name]) =>
        h(
          "button",
          {
            type: "button",
            id: `legend-${type}-${value}`,
            "aria-pressed": String(value === current),
            on: { click: () => this.#say(type, { [type]: value }) },
          },
          name,
        ),
      ),
    );
  }

  #select(map, color) {
    const options = colorsOf(map).map((value) => {
      const name = NAMES[value];
      return h(
        "option",
        { value, selected: value === color },
        typeof name === "string" ? name : name[map],
      );
    });
    const select = h("select", { id: "legend-color" }, options);
    select.addEventListener("change", () => this.#say("color", { color: select.value }));
    return h("span.select", {}, select, icon("down"));
  }

  #toggle() {
    return h(
      "button.icon-button.legend-toggle",
      {
        type: "button",
        id: "legend-toggle",
        "aria-expanded": String(this.#isOpen),
        "aria-label": this.#isOpen ? "Hide the colours' meanings" : "Show the colours' meanings",
        on: {
          click: () => {
            this.#isOpen = !this.#isOpen;
            this.#say("redraw", {});
          },
        },
      },
      icon("down"),
    );
  }

  #entry(entry, index, only, colorOf) {
    const isOnly = only === entry.label;
    return h(
      "li",
      {},
      h(
        `button.legend-entry${only !== null && !isOnly ? ".is-off" : ""}`,
        {
          type: "button",
          id: `legend-entry-${index}`,
          "aria-pressed": String(isOnly),
          on: { click: () => this.#say("only", { label: isOnly ? null : entry.label }) },
        },
        h("span.swatch", { style: { "background-color": colorOf(index) } }),
        h("span.legend-label", {}, entry.label),
        h("span.legend-count", {}, entry.count.toLocaleString("en")),
      ),
    );
  }

  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

customElements.define("map-legend", MapLegend);
