/** <hover-card>: facts about the point under the pointer. */

import { h, replace } from "../dom.js";
import { authorAndYear, formatCount } from "../format.js";

export class HoverCard extends HTMLElement {
  connectedCallback() {
    this.hidden = true;
    this.setAttribute("role", "tooltip");
  }

  /**
   * Show a point's card beside a pixel of the map.
   * @param {import("../map/points.js").Points} points
   * @param {number} row
   * @param {{x: number, y: number}} pixel
   * @param {string} color of the point
   */
  show(points, row, { x, y }, color) {
    const isLink = points.kind === "link";
    const text = (/** @type {string} */ name) => points.texts(name)[row];
    const facts = isLink
      ? [`in ${formatCount(points.degrees[row], "book")}`, text("kind")]
      : [text("genre"), text("country"), formatCount(points.degrees[row], "link")];
    const by = authorAndYear({ author: text("author"), year: points.numbers("year")[row] });
    replace(
      this,
      h(isLink ? "p.title.is-link" : "p.title", {}, points.titles[row]),
      by && h("p.by", {}, by),
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

customElements.define("hover-card", HoverCard);
