/** The state and its address: what is written is read back, and nonsense becomes the default. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { COLORS, defaultColor } from "../../api/explorer/properties.js";
import { formatState, hrefFor, pageChanges, parseState } from "../../api/explorer/state.js";
import { oddText, randomNumbers } from "./helpers.js";

/** @typedef {import("../../api/explorer/state.js").State} State */

/**
 * @param {() => number} random
 * @returns {State} one that the page can be in
 */
function randomState(random) {
  const chance = () => random() < 0.5;
  const texts = () => Array.from({ length: Math.floor(random() * 3) }, () => oddText(random));
  const round = (/** @type {number} */ value) => Math.round(value * 100) / 100 + 0; // no -0
  const map = chance() ? "book" : "link";
  const colors = Object.keys(COLORS[map]);
  const state = parseState("");
  state.map = map;
  state.layout = chance() ? "tsne" : "umap";
  state.color = colors[Math.floor(random() * colors.length)];
  state.only = chance() ? oddText(random) : null;
  state.at = chance() ? { x: round(random() * 90 - 45), y: round(random() * 90), zoom: round(0.5 + random() * 50) } : null;
  const page = Math.floor(random() * 6);
  if (page === 1) Object.assign(state, { book: oddText(random), view: chance() ? "ego" : null });
  if (page === 2) state.link = oddText(random);
  if (page === 3) Object.assign(state, { book: oddText(random), other: oddText(random) });
  if (page === 4) Object.assign(state, { like: [oddText(random), ...texts()], unlike: texts() });
  if (page === 5) {
    state.area = Array.from({ length: 3 + Math.floor(random() * 9) }, () => [round(random() * 50), round(-random() * 50)]);
  }
  return state;
}

test("any state comes back from its address", () => {
  const random = randomNumbers(11);
  for (let i = 0; i < 2_000; i += 1) {
    const state = randomState(random);
    assert.deepEqual(parseState(formatState(state)), state);
  }
});

test("an address of the page is written as it was read", () => {
  for (const address of [
    "",
    "map=link&layout=umap&color=kind",
    "book=A+%26+B&other=C%23&at=1.00%2C-2.00%2C3.00",
    "like=a&like=b&unlike=c",
    "area=0.00%2C1.00+2.00%2C-3.00+4.00%2C5.00",
  ]) {
    assert.equal(formatState(parseState(address)), address);
  }
});

test("any address can be read, and reading it again changes nothing", () => {
  const random = randomNumbers(12);
  const keys = ["map", "layout", "color", "only", "book", "link", "other", "view", "like", "unlike", "area", "at", "x"];
  const values = ["book", "link", "umap", "ego", "", "1,2", "1,2,3", "1,2,-3", "NaN,1,2", "0,0 1,1 2,0", "0,0 1,1", "degree", "constructor"];
  const any = (/** @type {string[]} */ list) => list[Math.floor(random() * list.length)];
  for (let i = 0; i < 2_000; i += 1) {
    const parameters = new URLSearchParams(Array.from({ length: 4 }, () => [any(keys), any(values)]));
    const once = parseState(parameters.toString());
    assert.deepEqual(parseState(formatState(once)), once);
  }
});

test("nonsense becomes the default", () => {
  const expected = { ...parseState(""), only: "nothing" };
  assert.deepEqual(parseState("color=smell&map=7&at=a,b&only=nothing&view=ego&other=x&layout=pca"), expected);
  assert.equal(parseState("color=toString").color, "genre");
  assert.equal(parseState("map=link&color=genre").color, "degree");
});

test("only one page is open at a time", () => {
  const both = parseState("book=a&link=b&like=c&area=0,0 1,1 2,0");
  assert.deepEqual([both.book, both.link, both.like], [null, null, []]);
  assert.equal(parseState("book=a&link=b").link, null);
  assert.deepEqual(parseState("book=a&like=c").book, null);
  assert.deepEqual(pageChanges({ link: "x" }), {
    book: null, link: "x", other: null, view: null, like: [], unlike: [], area: null,
  });
});

test("a link within the page keeps the map and drops the place", () => {
  const state = parseState("map=link&at=1,2,3");
  assert.equal(hrefFor(state, pageChanges({ book: "A & B" })), "?map=link&book=A+%26+B");
  assert.equal(hrefFor(parseState("book=a"), pageChanges({})), "./");
});

test("each map's default colour is its first", () => {
  assert.equal(defaultColor("book"), Object.keys(COLORS.book)[0]);
  assert.equal(defaultColor("link"), Object.keys(COLORS.link)[0]);
});
