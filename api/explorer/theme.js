/**
 * The reader's theme: light, dark or the system's. It is a preference and not part of a view, so
 * the browser keeps it and the address does not.
 */

const STORAGE_KEY = "bookgraph-theme";
const THEMES = ["auto", "light", "dark"];

/** The chosen theme: "auto", "light" or "dark". */
export function currentTheme() {
  const stored = localStorage.getItem(STORAGE_KEY);
  return stored !== null && THEMES.includes(stored) ? stored : "auto";
}

/** Switch to the next theme. */
export function switchTheme() {
  const next = THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length] ?? "auto";
  localStorage.setItem(STORAGE_KEY, next);
  document.documentElement.dataset.theme = next;
}

// On import, so that the first picture has the right colours.
document.documentElement.dataset.theme = currentTheme();
