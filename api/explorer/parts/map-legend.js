/**
 * <map-legend>: which map is shown, which property colours it, and what the colours mean. One entry
 * can be highlighted.
 */

import { h, icon, replace } from "../dom.js";
import { formatNumber } from "../format.js";
import { COLORS, LAYOUTS } from "../properties.js";
import { Part } from "./part.js";

/** @typedef {import("../format.js").Kind} Kind */
/** @typedef {import("../properties.js").Layout} Layout */
/** @typedef {import("../map/points.js").ClassEntry} ClassEntry */
/** @typedef {(index: number) => string} ColorOf the colour of a class */
/**
 * @typedef {object} LegendEvents
 * @property {{map: Kind}} map
 * @property {{layout: Layout}} layout
 * @property {{color: string}} color
 * @property {{label: string|null}} only the entry to highlight; null for all
 * @property {null} redraw the legend has to be shown again
 */

/** @extends {Part<LegendEvents>} */
export class MapLegend extends Part {
  #isOpen = !matchMedia("(max-width: 720px)").matches;

  connectedCallback() {
    this.hidden = true;
  }

  /**
   * @param {object} shown
   * @param {Kind} shown.map
   * @param {Layout} shown.layout
   * @param {Layout[]} shown.layouts those that the graph has
   * @param {string} shown.color
   * @param {string|null} shown.only
   * @param {import("../map/points.js").Classes} shown.classes
   * @param {ColorOf} shown.colorOf
   */
  show({ map, layout, layouts, color, only, classes, colorOf }) {
    this.hidden = false;
    const { activeElement } = document;
    const hadFocus = this.contains(activeElement) ? activeElement?.id : null;
    replace(
      this,
      this.#tabs("map", "Points", { book: "Books", link: "Topics" }, map, (value) => this.say("map", { map: value })),
      layouts.length > 1 &&
        this.#tabs("layout", "Layout", LAYOUTS, layout, (value) => this.say("layout", { layout: value })),
      h(
        "div.legend-head",
        {},
        h("label", { for: "legend-color" }, "Colour by"),
        this.#select(map, color),
        this.#toggle(),
      ),
      this.#isOpen &&
        h(
          "ul.legend-list",
          { "aria-label": "Colours. Select one to highlight it." },
          classes.entries.map((entry, i) => this.#entry(entry, i, only, colorOf)),
        ),
    );
    if (hadFocus) document.getElementById(hadFocus)?.focus();
  }

  /**
   * A choice of a few.
   * @template {string} Value
   * @param {string} type
   * @param {string} label
   * @param {Record<Value, string>} names
   * @param {Value} current
   * @param {(value: Value) => void} onChoose
   */
  #tabs(type, label, names, current, onChoose) {
    return h(
      "div.segmented",
      { role: "group", "aria-label": label },
      /** @type {[Value, string][]} */ (Object.entries(names)).map(([value, name]) =>
        h(
          "button",
          {
            type: "button",
            id: `legend-${type}-${value}`,
            "aria-pressed": String(value === current),
            on: { click: () => onChoose(value) },
          },
          name,
        ),
      ),
    );
  }

  /**
   * @param {Kind} map
   * @param {string} color
   */
  #select(map, color) {
    const options = Object.entries(COLORS[map]).map(([value, name]) =>
      h("option", { value, selected: value === color }, name),
    );
    const select = h("select", { id: "legend-color" }, options);
    select.addEventListener("change", () => this.say("color", { color: select.value }));
    return h("span.select", {}, select, icon("down"));
  }

  #toggle() {
    return h(
      "button.icon-button.legend-toggle",
      {
        type: "button",
        id: "legend-toggle",
        "aria-expanded": String(this.#isOpen),
        "aria-label": this.#isOpen ? "Hide the colours" : "Show the colours",
        on: {
          click: () => {
            this.#isOpen = !this.#isOpen;
            this.say("redraw", null);
          },
        },
      },
      icon("down"),
    );
  }

  /**
   * @param {ClassEntry} entry
   * @param {number} index
   * @param {string|null} only
   * @param {ColorOf} colorOf
   */
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
          on: { click: () => this.say("only", { label: isOnly ? null : entry.label }) },
        },
        h("span.swatch", { style: { "background-color": colorOf(index) } }),
        h("span.legend-label", {}, entry.label),
        h("span.legend-count", {}, formatNumber(entry.count)),
      ),
    );
  }
}

customElements.define("map-legend", MapLegend);
