/**
 * Builds DOM nodes. Text only ever becomes a text node, so a title can hold any characters; inline
 * styles are set through the CSSOM, which the page's Content-Security-Policy allows.
 */

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 * @param {string} tag its name; with classes as in "div.card.is-open".
 * @param {object} [properties] attributes; `on` holds listeners, `style` CSS properties.
 * @param {...(Node|string|number|null|false|Array)} children
 */
export function h(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElement(name), classes, properties, children);
}

/** The same for SVG. */
export function s(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElementNS(SVG_NAMESPACE, name), classes, properties, children);
}

/** Replace what is inside an element. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(isShown));
}

/** A small line icon out of `ICONS`, hidden from screen readers: its button carries the words. */
export function icon(name) {
  return s(
    "svg.icon",
    { viewBox: "0 0 20 20", "aria-hidden": "true" },
    s("path", { d: ICONS[name] }),
  );
}

/** A button that shows an icon and says words. */
export function iconButton(name, label, onClick, properties = {}) {
  return h(
    "button.icon-button",
    { type: "button", "aria-label": label, title: label, on: { click: onClick }, ...properties },
    icon(name),
  );
}

/** Tell a screen reader what has changed. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
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

function fill(element, classes, properties, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, listener);
      }
    } else if (key === "style") {
      for (const [name, text] of Object.entries(value)) element.style.setProperty(name, text);
    } else if (value === true) {
      element.setAttribute(key, "");
    } else if (isShown(value)) {
      element.setAttribute(key, value);
    }
  }
  element.append(...children.flat(Infinity).filter(isShown));
  return element;
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}
