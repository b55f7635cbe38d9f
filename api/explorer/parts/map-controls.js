/** <map-controls>: buttons to select points, zoom, and switch the theme. */

import { h, iconButton } from "../dom.js";
import { currentTheme, switchTheme } from "../theme.js";
import { Part } from "./part.js";

/**
 * @typedef {object} ControlEvents
 * @property {{factor: number}} zoom
 * @property {null} fit show the whole map
 * @property {{isDrawing: boolean}} draw whether dragging now draws a line around an area
 * @property {null} list list the points in view
 * @property {null} theme the theme has changed
 */

/** @extends {Part<ControlEvents>} */
export class MapControls extends Part {
  #theme = iconButton("theme", "", () => {
    switchTheme();
    this.#nameTheme();
    this.say("theme", null);
  });
  #lasso = iconButton(
    "lasso",
    "Draw around points to select them",
    () => {
      this.isDrawing = !this.isDrawing;
      this.say("draw", { isDrawing: this.isDrawing });
    },
    { "aria-pressed": "false" },
  );

  connectedCallback() {
    this.setAttribute("role", "toolbar");
    this.setAttribute("aria-label", "Map controls");
    this.replaceChildren(
      h(
        "div.button-group",
        {},
        this.#lasso,
        iconButton("list", "List the points in view", () => this.say("list", null)),
      ),
      h(
        "div.button-group",
        {},
        iconButton("plus", "Zoom in", () => this.say("zoom", { factor: 1.7 })),
        iconButton("minus", "Zoom out", () => this.say("zoom", { factor: 1 / 1.7 })),
        iconButton("fit", "Show the whole map", () => this.say("fit", null)),
      ),
      h("div.button-group", {}, this.#theme),
    );
    this.#nameTheme();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.say("theme", null));
  }

  /** Whether dragging draws a line around an area. */
  get isDrawing() {
    return this.#lasso.getAttribute("aria-pressed") === "true";
  }

  set isDrawing(isDrawing) {
    this.#lasso.setAttribute("aria-pressed", String(isDrawing));
  }

  /** Let dragging move the map again. */
  stopDrawing() {
    if (this.isDrawing) this.#lasso.click();
  }

  #nameTheme() {
    const theme = currentTheme();
    const label = `Theme: ${theme === "auto" ? "system" : theme}`;
    this.#theme.setAttribute("aria-label", label);
    this.#theme.title = label;
  }
}

customElements.define("map-controls", MapControls);
