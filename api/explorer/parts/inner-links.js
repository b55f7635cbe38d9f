/** Links within the explorer: a plain click changes the state instead of loading the page again. */

import { closest } from "../dom.js";
import { pageChanges } from "../state.js";

/**
 * The changes to the state that a click asks for, if it is on such a link. The click is handled
 * then; one with a modifier key opens a tab as usual.
 * @param {MouseEvent} event
 * @returns {Partial<import("../state.js").State>|null}
 */
export function changesOf(event) {
  const anchor = closest(event, "a[data-key], a[data-changes]");
  if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return null;
  event.preventDefault();
  const { kind, key, changes } = anchor.dataset;
  return changes ? JSON.parse(changes) : pageChanges({ [kind ?? "book"]: key });
}
