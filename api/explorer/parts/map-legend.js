/**
 * <map-legend>: what the colours mean, which property they show, and one entry alone on request.
 * Says "color" with `{color}`, "only" with `{label}` and "map" with `{map}`.
 */

import { h, icon, replace } from "../dom.js";
import { colorsOf } from "../state.js";

const NAMES = {
  genre: "Genre",
  country: "Country",
  language: "Language",
  year: "Year of publication",
  author: "Author",
  degree: { book: "Number of links", link: "Number of books" },
  kind: "Kind of page",
};

class MapLegend extends HTMLElement {
  #isOpen = !matchMedia("(max-width: 720px)").matches;

  connectedCallback() {
    this.hidden = true;
  }

  /**
   * @param {object} shown
   * @param {"book"|"link"} shown.map
   * @param {string} shown.color
   * @param {string|null} shown.only
   * @param {import("../map/points.js").Classes} shown.classes
   * @param {(index: number) => string} shown.colorOf
   */
  show({ map, color, only, classes, colorOf }) {
    this.hidden = false;
    const hadFocus = this.contains(document.activeElement) ? document.activeElement.id : null;
    replace(
      this,
      this.#tabs(map),
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

  #tabs(map) {
    const tab = (value, label) =>
      h(
        "button",
        {
          type: "button",
          id: `legend-map-${value}`,
          "aria-pressed": String(map === value),
          on: { click: () => this.#say("map", { map: value }) },
        },
        label,
      );
    return h(
      "div.segmented",
      { role: "group", "aria-label": "What the points are" },
      tab("book", "Books"),
      tab("link", "Topics"),
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
