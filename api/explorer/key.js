/**
 * The key of a server that needs one. A form asks for it, the browser keeps it until the tab is
 * closed, and each request sends it as a header. No cookie and no address ever holds it.
 */

import { h } from "./dom.js";

const STORAGE_KEY = "bookgraph-key";
const UNAUTHORIZED = 401;
// What a header can hold. No key has other characters.
const VISIBLE_ASCII = /^[!-~]+$/;
const WRONG = "The server does not accept this key.";

/** @type {string|null} the key where the browser blocks storage; it lasts until the page is left */
let unstoredKey = null;
/** @type {Promise<boolean>|null} fulfilled when the form that is open is closed */
let asking = null;

/**
 * Send a request with the key. If the server does not accept it, ask the reader for another one.
 * @param {RequestInfo|URL} resource
 * @param {RequestInit} [options] its body can be sent more than once
 * @returns {Promise<Response>} with status 401 if the reader closed the form
 */
export async function fetchWithKey(resource, options = {}) {
  for (;;) {
    const key = currentKey();
    const headers = new Headers(options.headers);
    if (key !== null) headers.set("authorization", `Bearer ${key}`);
    const response = await fetch(resource, { ...options, headers });
    if (response.status !== UNAUTHORIZED) return response;
    // Several requests can fail at once. The form is opened by the first of them alone.
    const isOld = key !== currentKey();
    if (!isOld && !(await askForKey({ isWrong: key !== null }))) return response;
  }
}

function currentKey() {
  try {
    return sessionStorage.getItem(STORAGE_KEY);
  } catch {
    return unstoredKey;
  }
}

/** @param {string} key */
function keep(key) {
  unstoredKey = key;
  try {
    sessionStorage.setItem(STORAGE_KEY, key);
  } catch {
    // The variable has it.
  }
}

/**
 * @param {{isWrong: boolean}} options
 * @returns {Promise<boolean>} whether there is another key now
 */
function askForKey({ isWrong }) {
  asking ??= showForm({ isWrong }).finally(() => {
    asking = null;
  });
  return asking;
}

/**
 * @param {{isWrong: boolean}} options
 * @returns {Promise<boolean>}
 */
function showForm({ isWrong }) {
  const input = h("input", {
    id: "key-input",
    type: "password",
    required: true,
    autofocus: true,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
  });
  const error = h("p.key-error", { id: "key-error", role: "alert" });
  const form = h(
    "form",
    {},
    h("h2", { id: "key-title" }, "This server needs a key"),
    h("p", {}, "Ask the operator of the server for one. The browser keeps it until you close this tab."),
    error,
    h("label", { for: "key-input" }, "Key"),
    h("div.key-row", {}, input, h("button.key-button", { type: "submit" }, "Continue")),
  );
  const dialog = h("dialog.key-form", { "aria-labelledby": "key-title" }, form);

  function showError() {
    error.textContent = WRONG;
    input.value = "";
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", "key-error");
    input.focus();
  }

  document.body.append(dialog);
  dialog.showModal();
  if (isWrong) showError();
  return new Promise((resolve) => {
    let isGiven = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = input.value.trim();
      if (!VISIBLE_ASCII.test(key)) return showError();
      keep(key);
      isGiven = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(isGiven);
    });
    // A key that the reader types must not reach the shortcuts of the page.
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
  });
}
