/**
 * The reader's theme: light, dark or as the system has it. A preference, not a state: it is kept in
 * the browser and not in the address.
 */

const STORAGE_KEY = "bookgraph-theme";
const THEMES = ["auto", "light", "dark"];

/** The chosen theme. */
export function currentTheme() {
  const stored = localStorage.getItem(STORAGE_KEY);
  return THEMES.includes(stored) ? stored : "auto";
}

/** Choose the next theme in turn. */
export function switchTheme() {
  const next = THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length];
  localStorage.setItem(STORAGE_KEY, next);
  document.documentElement.dataset.theme = next;
}

// As soon as it is imported, so that what is drawn first has the right colours.
document.documentElement.dataset.theme = currentTheme();
