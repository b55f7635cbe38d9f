/** What leaves the page: tables as CSV, files to keep, texts to paste. */

/** Rows as CSV (RFC 4180): quoted where a value needs it, lines ended by CR LF. */
export function toCsv(rows) {
  return rows.map((row) => `${row.map(toField).join(",")}\r\n`).join("");
}

/** Let the reader keep a text as a file. */
export function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  // The browser has taken the file by then; some begin only after the click is over.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * Put a text on the clipboard.
 * @returns {Promise<boolean>} whether the browser let us
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not granted, or a page without TLS on another machine, which has no clipboard.
    return false;
  }
}

function toField(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
