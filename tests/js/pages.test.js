/** Which page a state shows, what it requests, and what it highlights; and how requests fail. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { ApiError, fetchBrowserUrl, fetchPalette, fetchPoints, search } from "../../api/explorer/api.js";
import { pageOf } from "../../api/explorer/pages/kinds.js";
import { parseState } from "../../api/explorer/state.js";
import { pointsOf } from "./helpers.js";

Object.assign(globalThis, { document: { baseURI: "http://localhost/books/?book=x" } });
const realFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = realFetch;
});

/**
 * Respond to every request.
 * @param {unknown} body
 * @param {{status?: number}} [options]
 * @returns {{url: string, body: {query: string, variables: Record<string, unknown>}|null}[]} the requests
 */
function respond(body, { status = 200 } = {}) {
  /** @type {ReturnType<typeof respond>} */
  const requests = [];
  globalThis.fetch = async (url, options) => {
    requests.push({ url: String(url), body: options?.body ? JSON.parse(String(options.body)) : null });
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  };
  return requests;
}

/** @param {string} address */
function load(address) {
  const state = parseState(address);
  const kind = pageOf(state);
  assert.ok(kind);
  const points = pointsOf({ x: [0, 1], y: [0, 1] });
  return kind.load(state, {
    signal: new AbortController().signal,
    select: async () => ({ points, rows: [1] }),
  });
}

const BOOK = {
  title: "Dune", infobox: null,
  similarBooks: { edges: [{ score: 0.9, node: { title: "Emma" }, why: [] }] },
  predictedLinks: { edges: [] },
  links: { totalCount: 1, edges: [{ count: 1, node: { name: "sand", title: "Sand", numBooks: 2 } }] },
};

test("no page without anything selected", () => {
  assert.equal(pageOf(parseState("map=link&color=kind")), null);
});

test("a book highlights the books similar to it, and its topics on the other map", async () => {
  const requests = respond({ data: { book: BOOK, neo4jBrowserUrl: null } });
  const page = await load("book=dune");
  assert.equal(page.title, "Dune");
  assert.deepEqual(page.marks, {
    book: { centre: "Dune", near: [["Emma", 0.9]] },
    link: { centre: null, near: [["sand", 1]] },
  });
  assert.equal(requests[0].url, "http://localhost/books/graphql");
  assert.deepEqual(requests[0].body?.variables, { title: "dune" });
});

test("a comparison highlights both books and the topics that they share", async () => {
  respond({
    data: {
      compare: {
        score: null, firstBook: { title: "A" }, secondBook: { title: "B" },
        shared: [{ score: 1, link: { name: "x", title: "X", numBooks: 2 } }],
      },
      path: null,
    },
  });
  const page = await load("book=A&other=B");
  assert.equal(page.title, "A and B");
  assert.deepEqual(page.marks.book, { centre: "A", near: [["B", 0]] });
  assert.deepEqual(page.marks.link.near, [["x", 1]]);
});

test("a mix names its own books first and is centred on a single one", async () => {
  const requests = respond({ data: { similarBooks: { edges: [{ score: 0.5, node: { title: "C" }, why: [] }] } } });
  const two = await load("like=A&like=B&unlike=D");
  assert.equal(two.title, "A + B − D");
  assert.deepEqual(two.marks.book, { centre: null, near: [["A", 1], ["B", 1], ["C", 0.5]] });
  assert.equal((await load("like=A")).marks.book.centre, "A");
  assert.deepEqual(requests[0].body?.variables, { like: ["A", "B"], unlike: ["D"] });
});

test("a selection highlights its points on the map that they are from", async () => {
  respond({ data: { neo4jBrowserUrl: "http://h/" } });
  const page = await load("area=0,0 1,1 2,0");
  assert.deepEqual(page.marks.book.near, [["t1", 1]]);
  assert.deepEqual(page.marks.link.near, []);
  assert.equal(pageOf(parseState("area=0,0 1,1 2,0"))?.isStill, true);
});

test("an error of the API has its message, its code and the names it suggests", async () => {
  const error = { message: 'Book not found: "Dun".', extensions: { code: "BOOK_NOT_FOUND", nearest: ["Dune"] } };
  respond({ errors: [error] });
  await assert.rejects(load("book=Dun"), (caught) => {
    assert.ok(caught instanceof ApiError);
    assert.deepEqual([caught.message, caught.code, caught.nearest], [error.message, "BOOK_NOT_FOUND", ["Dune"]]);
    assert.equal(caught.isRetryable, false);
    return true;
  });
});

test("a response without data says its status, and only a server's fault can be retried", async () => {
  respond("<html>", { status: 502 });
  await assert.rejects(search("x"), { message: "The server responded with HTTP status 502 and no data. Retry.", isRetryable: true });
  respond("<html>", { status: 404 });
  await assert.rejects(fetchPalette(), { message: "The server responded with HTTP status 404 and no data.", isRetryable: false });
});

test("a server that does not respond is said so, and an aborted request is not", async () => {
  globalThis.fetch = async () => {
    throw new TypeError("fetch failed");
  };
  await assert.rejects(fetchBrowserUrl(), { name: "ApiError", message: /^The server does not respond\./, isRetryable: true });
  globalThis.fetch = async () => {
    throw new DOMException("aborted", "AbortError");
  };
  await assert.rejects(fetchBrowserUrl(), { name: "AbortError" });
});

test("the map requests its columns and the palette from the page's own path", async () => {
  const requests = respond({ data: { mapPoints: { numPoints: 0 } } });
  await fetchPoints("link", "umap");
  await fetchPalette();
  assert.match(requests[0].body?.query ?? "", /kind: LINK.*\n.*name title kind numBooks/);
  assert.deepEqual(requests[0].body?.variables, { layout: "UMAP" });
  assert.equal(requests[1].url, "http://localhost/books/map/palette.json");
});
