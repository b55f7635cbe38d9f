/** What surrounds a book: which topics and books are shown, and in which order. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { layOutEgo } from "../../api/explorer/parts/ego-layout.js";
import { randomNumbers } from "./helpers.js";

/**
 * @param {Record<string, string[]>} booksOf titles of the books that mention each topic
 * @param {Record<string, string>} [kindOf]
 */
function bookWith(booksOf, kindOf = {}) {
  const edges = Object.entries(booksOf).map(([name, titles]) => ({
    node: {
      name, title: name, kind: kindOf[name] ?? "article", numBooks: titles.length,
      books: { nodes: titles.map((title) => ({ title, author: null })) },
    },
  }));
  return { title: "Dune", links: { totalCount: edges.length + 5, edges } };
}

test("only topics that lead to another book are shown, and the others are counted", () => {
  const ego = layOutEgo(bookWith({ alone: ["Dune"], shared: ["Dune", "Emma"] }), 100);
  assert.deepEqual(ego.links.map(({ name }) => name), ["shared"]);
  assert.deepEqual(ego.books.map(({ title }) => title), ["Emma"]);
  assert.deepEqual(ego.edges, [{ link: 0, book: 0 }]);
  assert.equal(ego.numHidden, 6);
});

test("a book that shares nothing has empty columns", () => {
  const ego = layOutEgo(bookWith({ alone: ["Dune"] }), 100);
  assert.deepEqual([ego.links, ego.books, ego.edges], [[], [], []]);
});

test("the rarest topics are kept where there are too many", () => {
  const booksOf = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`t${i}`, ["Dune", ...Array.from({ length: i + 1 }, (_, j) => `b${j}`)]]),
  );
  const ego = layOutEgo(bookWith(booksOf), 1000);
  assert.equal(ego.links.length, 26);
  assert.ok(ego.links.every(({ numBooks }) => numBooks <= 27));
  assert.ok(ego.books.length <= 26);
});

test("every edge joins a shown topic to a shown book that mentions it", () => {
  const random = randomNumbers(31);
  for (let round = 0; round < 50; round += 1) {
    const booksOf = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [
        `t${i}`,
        ["Dune", ...new Set(Array.from({ length: Math.floor(random() * 6) }, () => `b${Math.floor(random() * 50)}`))],
      ]),
    );
    const kindOf = Object.fromEntries(Object.keys(booksOf).map((name, i) => [name, i % 3 ? "article" : "category"]));
    const ego = layOutEgo(bookWith(booksOf, kindOf), 500);
    const titles = new Set(ego.books.map(({ title }) => title));
    const expected = ego.links.flatMap(({ name }) => booksOf[name].filter((title) => titles.has(title)).map((title) => `${name}>${title}`));
    const found = ego.edges.map(({ link, book }) => `${ego.links[link].name}>${ego.books[book].title}`);
    assert.deepEqual(found.sort(), expected.sort());
    const kinds = ego.links.map(({ kind }) => kind);
    assert.deepEqual(kinds, [...kinds].sort());
  }
});

test("lines that need not cross do not cross", () => {
  const ego = layOutEgo(bookWith({ a: ["Dune", "Z"], b: ["Dune", "Y"], c: ["Dune", "X"] }), 100);
  for (const { link, book } of ego.edges) assert.equal(link, book);
});
