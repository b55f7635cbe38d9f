/** Texts that leave the page: Cypher, addresses of Neo4j Browser, CSV, numbers and years. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { bookQuery, browserAddress, linkQuery, quote, selectionQuery } from "../../api/explorer/cypher.js";
import { toCsv } from "../../api/explorer/files.js";
import { authorAndYear, formatCount, formatShare, formatYear, shorten } from "../../api/explorer/format.js";
import { describeSelection, selectionCsv } from "../../api/explorer/pages/selection.js";
import { oddText, pointsOf, randomNumbers } from "./helpers.js";

/**
 * Read a Cypher string literal, as Neo4j does.
 * @param {string} literal
 */
function unquote(literal) {
  assert.match(literal, /^'([^'\\]|\\['\\]|\\u[0-9a-f]{4})*'$/u);
  return literal
    .slice(1, -1)
    .replace(/\\(?:u([0-9a-f]{4})|(.))/gu, (_, code, letter) =>
      code ? String.fromCharCode(Number.parseInt(code, 16)) : letter);
}

/**
 * Read CSV as RFC 4180 has it.
 * @param {string} text
 */
function parseCsv(text) {
  const rows = [];
  const fields = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  let row = [];
  while (fields.lastIndex < text.length) {
    const match = fields.exec(text);
    assert.ok(match, `no field at ${fields.lastIndex} of ${JSON.stringify(text)}`);
    row.push(match[1] === undefined ? match[2] : match[1].replaceAll('""', '"'));
    if (match[3] === "\r\n") {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

test("any text comes back from its literal, and nothing ends it early", () => {
  const random = randomNumbers(21);
  for (let i = 0; i < 2_000; i += 1) {
    const text = oddText(random);
    const literal = quote(text);
    assert.equal(unquote(literal), text);
    assert.doesNotMatch(literal, /["`&#\n\r\u2028]/u);
  }
});

test("known literals", () => {
  assert.equal(quote("It's"), String.raw`'It\'s'`);
  assert.equal(quote(String.raw`a\u0041`), String.raw`'a\\u0041'`);
  assert.equal(quote("R&D #1"), String.raw`'R\u0026D \u00231'`);
  assert.equal(quote("'] RETURN 1 //"), String.raw`'\'] RETURN 1 //'`);
  assert.equal(quote(""), "''");
});

test("queries match the node and its edges", () => {
  assert.equal(bookQuery("Dune"), "MATCH path = (:Book {title: 'Dune'})-[:LINKS_TO]->(:Link)\nRETURN path LIMIT 100");
  assert.equal(linkQuery("london"), "MATCH path = (:Link {name: 'london'})<-[:LINKS_TO]-(:Book)\nRETURN path LIMIT 100");
  assert.equal(
    selectionQuery("book", ["a", "b'"]),
    "MATCH (n:Book)\nWHERE n.title IN [\n  'a',\n  'b\\''\n]\nRETURN n",
  );
  assert.match(selectionQuery("link", ["x"]), /^MATCH \(n:Link\)\nWHERE n\.name IN/);
});

test("Neo4j Browser's address carries the query, unless it would be too long", () => {
  const query = bookQuery("A & B + 100% #1");
  const address = browserAddress("http://h/browser/", query);
  assert.ok(address);
  assert.equal(new URL(address).searchParams.get("arg"), query);
  assert.equal(browserAddress("http://h/browser/", "x".repeat(9_000)), null);
  assert.equal(browserAddress(null, query), null);
});

test("any values come back from CSV", () => {
  const random = randomNumbers(22);
  for (let i = 0; i < 1_000; i += 1) {
    const rows = Array.from({ length: 3 }, () => [oddText(random), Math.floor(random() * 4000) - 1000, oddText(random)]);
    assert.deepEqual(parseCsv(toCsv(rows)), rows.map((row) => row.map(String)));
  }
});

test("CSV quotes where it must, and leaves formulas as they are", () => {
  assert.equal(toCsv([["a", 'say "hi"', "x,y", "1\n2"]]), 'a,"say ""hi""","x,y","1\n2"\r\n');
  assert.equal(toCsv([[null, undefined, "", 0, -750]]), ",,,0,-750\r\n");
  assert.equal(toCsv([["=1+1", "@SUM(A1)", "-2", "+3"]]), "=1+1,@SUM(A1),-2,+3\r\n");
  assert.equal(toCsv([]), "");
});

test("a selection's CSV has the graph's property names and the rows in order", () => {
  const points = pointsOf({
    x: [0, 1], y: [0, 1], title: ["Emma", 'The "Iliad"'], author: ["Jane Austen", null],
    year: [1815, -750], genre: [null, "Epic, poem"], country: [null, null], language: ["English", null],
    numLinks: [12, 7],
  });
  const selection = describeSelection(points, [1, 0], null);
  assert.equal(selection.title, "2 books");
  assert.deepEqual(selection.keys, ['The "Iliad"', "Emma"]);
  assert.deepEqual(parseCsv(selectionCsv(selection)), [
    ["title", "author", "year", "genre", "country", "language", "num_links"],
    ['The "Iliad"', "", "-750", "Epic, poem", "", "", "7"],
    ["Emma", "Jane Austen", "1815", "", "", "English", "12"],
  ]);
});

test("one selected topic is its own title", () => {
  const points = pointsOf({ x: [0], y: [0], name: ["london"], title: ["London"], kind: ["article"], numBooks: [3] }, "link");
  const selection = describeSelection(points, [0], null);
  assert.equal(selection.title, "London");
  assert.equal(selectionCsv(selection), "name,title,kind,num_books\r\nlondon,London,article,3\r\n");
  assert.equal(describeSelection(points, [], null).title, "0 topics");
});

test("numbers, years and names as readers know them", () => {
  assert.equal(formatCount(1, "book"), "1 book");
  assert.equal(formatCount(1310, "link"), "1,310 topics");
  assert.equal(formatShare(0.414), "41%");
  assert.equal(formatYear(-750), "750 BC");
  assert.equal(formatYear(1815), "1815");
  assert.equal(authorAndYear({ author: "Homer", year: -750 }), "Homer, 750 BC");
  assert.equal(authorAndYear({ author: null, year: 1815 }), "1815");
  assert.equal(authorAndYear({ author: null, year: null }), "");
  assert.equal(shorten("abcdef", 6), "abcdef");
  assert.equal(shorten("abcdefg", 6), "abcde…");
});
