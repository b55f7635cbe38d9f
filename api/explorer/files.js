/** What leaves the page: CSV tables, downloads, the clipboard. */

/**
 * Rows as CSV (RFC 4180): values are quoted where they need it, lines end with CR LF.
 *
 * Titles such as "=1+1" stay as they are: an apostrophe in front would change the data for every
 * program that is not a spreadsheet.
 * @param {unknown[][]} rows
 */
export function toCsv(rows) {
  return rows.map((row) => `${row.map(toField).join(",")}\r\n`).join("");
}

/**
 * Save a text as a file of the reader's.
 * @param {string} name
 * @param {string} text
 * @param {string} type its media type
 */
export function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  // Some browsers start the download only after the click has ended.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * Put a text on the clipboard.
 * @param {string} text
 * @returns {Promise<boolean>} whether the browser allowed it
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Permission denied, or a page without TLS on another machine, where there is no clipboard.
    return false;
  }
}

/** @param {unknown} value */
function toField(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
