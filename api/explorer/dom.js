/**
 * Builds DOM nodes. Text only ever becomes a text node, so a title can hold any characters. Inline
 * styles are set through the CSSOM, which the page's Content-Security-Policy allows.
 */

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/**
 * What can stand inside an element; null, undefined and false leave nothing. Lists may be nested;
 * the depth is written out because a type in a comment cannot refer to itself.
 * @typedef {Node|string|number|boolean|null|undefined} Item
 * @typedef {Item|(Item|(Item|(Item|(Item|Item[])[])[])[])[]} Content
 */

/**
 * Attributes of an element. `true` sets an empty attribute; null, undefined and false set none.
 * @typedef {{[type in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[type]) => void}} Listeners
 * @typedef {{on?: Listeners, style?: Record<string, string>} & Record<string, unknown>} Properties
 */

/**
 * The element that a tag with classes makes: "div.card.is-open" makes a div.
 * @template {string} Tag
 * @typedef {Tag extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[Tag]
 *   : Tag extends `${infer Name}.${string}`
 *     ? Name extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[Name] : HTMLElement
 *     : HTMLElement} ElementOf
 */

/**
 * Make an HTML element.
 * @template {string} Tag
 * @param {Tag} tag its name, with classes as in "div.card.is-open"
 * @param {Properties} [properties]
 * @param {...Content} children
 * @returns {ElementOf<Tag>}
 */
export function h(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(/** @type {string} */ (name));
  // The type follows from the tag's text, which the compiler cannot see through `split`.
  return /** @type {ElementOf<Tag>} */ (fill(element, classes, properties, children));
}

/**
 * Make an SVG element.
 * @param {string} tag its name, with classes as in "g.ego-edges"
 * @param {Properties} [properties]
 * @param {...Content} children
 * @returns {SVGElement}
 */
export function s(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElementNS(SVG_NAMESPACE, /** @type {string} */ (name));
  return fill(/** @type {SVGElement} */ (element), classes, properties, children);
}

/**
 * Replace what is inside an element.
 * @param {Element} element
 * @param {...Content} children
 */
export function replace(element, ...children) {
  element.replaceChildren(...flatten(children));
}

/**
 * The one element of the page that a selector finds.
 * @template {Element} Type
 * @param {string} selector
 * @param {new () => Type} type
 * @returns {Type}
 */
export function find(selector, type) {
  const found = document.querySelector(selector);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${type.name} at "${selector}".`);
}

/**
 * The element of an event, or the nearest around it, that a selector matches.
 * @param {Event} event
 * @param {string} selector
 */
export function closest(event, selector) {
  const { target } = event;
  return target instanceof Element
    ? /** @type {HTMLElement|SVGElement|null} */ (target.closest(selector))
    : null;
}

/**
 * A small line icon, hidden from screen readers: its button carries the words.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  return s(
    "svg.icon",
    { viewBox: "0 0 20 20", "aria-hidden": "true" },
    s("path", { d: ICONS[name] }),
  );
}

/**
 * A button that shows an icon; its label is a tooltip and the name for screen readers.
 * @param {keyof typeof ICONS} name
 * @param {string} label
 * @param {() => void} onClick
 * @param {Properties} [properties]
 */
export function iconButton(name, label, onClick, properties = {}) {
  return h(
    "button.icon-button",
    { type: "button", "aria-label": label, title: label, on: { click: onClick }, ...properties },
    icon(name),
  );
}

/**
 * Have screen readers read a text.
 * @param {string} text
 */
export function announce(text) {
  find("#announcer", HTMLElement).textContent = text;
}

const ICONS = {
  search: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M13 13l4 4",
  close: "M5 5l10 10M15 5 5 15",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4",
  theme: "M10 2.5a7.5 7.5 0 1 0 0 15zM10 2.5a7.5 7.5 0 0 1 0 15",
  list: "M7 5.5h9.5M7 10h9.5M7 14.5h9.5M3.5 5.5h.2M3.5 10h.2M3.5 14.5h.2",
  copy: "M7.5 7.5h9v9h-9zM4.5 12.5h-1v-9h9v1",
  down: "M5 7.5l5 5 5-5",
  lasso: "M10 4c4 0 7 1.9 7 4.5S14 13 10 13 3 11.1 3 8.5 6 4 10 4M7 12.6C5.5 13.5 6 15 7.5 15S9 17 7 17.5",
  download: "M10 3v9M6 8.5l4 4 4-4M4 16.5h12",
};

/**
 * @template {HTMLElement|SVGElement} Type
 * @param {Type} element
 * @param {string[]} classes
 * @param {Properties} properties
 * @param {Content[]} children
 */
function fill(element, classes, { on = {}, style = {}, ...attributes }, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [type, listener] of Object.entries(on)) {
    element.addEventListener(type, /** @type {EventListener} */ (listener));
  }
  for (const [name, text] of Object.entries(style)) element.style.setProperty(name, text);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (isShown(value)) element.setAttribute(name, String(value));
  }
  element.append(...flatten(children));
  return element;
}

/**
 * @param {Content[]} content
 * @returns {(Node|string)[]}
 */
function flatten(content) {
  return content.flatMap((one) => {
    if (Array.isArray(one)) return flatten(one);
    if (one instanceof Node) return [one];
    return isShown(one) ? [String(one)] : [];
  });
}

/** @param {unknown} value */
function isShown(value) {
  return value !== null && value !== undefined && value !== false;
}
