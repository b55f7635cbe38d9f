/** Books near to all of some and away from others; each can be dropped, turned or added. */

import { h } from "../dom.js";
import { nearBook, section, viewLink } from "./page-parts.js";

/** Build the page of a mix, as `fetchMix` answers it. */
export function mixPage({ like, unlike, edges }, state) {
  return [
    h("p.kicker", {}, "Books like"),
    h(
      "ul.mix",
      {},
      like.map((title) => part(title, "+", without(like, title), unlike, [...unlike, title], state)),
      unlike.map((title) => part(title, "−", like, without(unlike, title), null, state)),
    ),
    section(
      "Nearest to the mix",
      null,
      edges.length
        ? h("ol.near", {}, edges.map((edge) => nearBook(edge, state, actions(like, unlike, edge.node, state))))
        : h("p.quiet", {}, "Nothing is near to it."),
    ),
  ];
}

/** One book of the mix. */
function part(title, sign, like, unlike, turned, state) {
  const rest = like.length ? { like, unlike } : {};
  const words = sign === "+" ? "Books should be like" : "Books should be unlike";
  return h(
    `li.mix-part${sign === "+" ? "" : ".is-minus"}`,
    { "data-kind": "book", "data-key": title },
    h("span.mix-sign", { "aria-hidden": "true" }, sign),
    h("span.visually-hidden", {}, words),
    h("span.mix-title", {}, title),
    turned &&
      like.length > 0 &&
      viewLink({ like, unlike: turned }, "−", state, { classes: ".act", label: `Rather unlike ${title}` }),
    viewLink(rest, "×", state, { classes: ".act", label: `Leave ${title} out` }),
  );
}

function actions(like, unlike, { title }, state) {
  const link = (changes, text, label) => viewLink(changes, text, state, { classes: ".act", label });
  return h(
    "span.acts",
    {},
    link({ like: [...like, title], unlike }, "+", `Also like ${title}`),
    link({ like, unlike: [...unlike, title] }, "−", `Unlike ${title}`),
  );
}

function without(titles, title) {
  return titles.filter((one) => one !== title);
}
