/** Names on the map: they touch neither each other nor what has to stay visible. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Labels } from "../../api/explorer/map/labels.js";
import { randomNumbers } from "./helpers.js";

const FONTS = { ui: "sans-serif", serif: "serif" };
const AREA = [0, 0, 400, 300];

/** A pen that writes nothing: every letter is ten pixels wide. */
function fakePen() {
  const written = /** @type {{text: string, left: number, y: number}[]} */ ([]);
  const pen = {
    written,
    measured: 0,
    font: "", letterSpacing: "", lineWidth: 0, strokeStyle: "", fillStyle: "",
    textAlign: /** @type {CanvasTextAlign} */ ("left"),
    textBaseline: /** @type {CanvasTextBaseline} */ ("middle"),
    lineJoin: /** @type {CanvasLineJoin} */ ("round"),
    measureText(/** @type {string} */ text) {
      pen.measured += 1;
      // The labels read nothing but the width.
      return /** @type {TextMetrics} */ ({ width: 10 * text.length });
    },
    strokeText() {},
    fillText(/** @type {string} */ text, /** @type {number} */ left, /** @type {number} */ y) {
      written.push({ text, left, y });
    },
  };
  return pen;
}

const PLAIN = { kind: /** @type {const} */ ("point"), ink: "#000", halo: "#fff" };

test("a name is written unless it touches another", () => {
  const pen = fakePen();
  const labels = new Labels(pen, FONTS);
  labels.begin([], AREA);
  assert.ok(labels.write("first", 100, 100, PLAIN));
  assert.ok(!labels.write("second", 120, 110, PLAIN));
  assert.ok(labels.write("third", 100, 130, PLAIN));
  assert.deepEqual(pen.written.map(({ text }) => text), ["first", "third"]);
});

test("a name keeps off boxes that are taken, unless it is forced", () => {
  const labels = new Labels(fakePen(), FONTS);
  labels.begin([[90, 90, 110, 110]], AREA);
  assert.ok(!labels.write("name", 100, 100, PLAIN));
  assert.ok(labels.write("name", 100, 100, { ...PLAIN, isForced: true }));
});

test("a whole name lies in the area, any other one only touches it", () => {
  const labels = new Labels(fakePen(), FONTS);
  labels.begin([], AREA);
  assert.ok(!labels.write("at the edge", 0, 100, { ...PLAIN, isWhole: true }));
  assert.ok(labels.write("at the edge", 0, 100, PLAIN));
  assert.ok(!labels.write("outside", -200, 200, PLAIN));
});

test("a kept name moves into the area", () => {
  const pen = fakePen();
  const labels = new Labels(pen, FONTS);
  labels.begin([], AREA);
  labels.write("to the right", 398, 100, { ...PLAIN, isKept: true });
  labels.write("to the left", 2, 200, { ...PLAIN, isKept: true });
  const [right, left] = pen.written;
  assert.equal(right.left + 120, 394);
  assert.equal(left.left, 6);
});

test("names are aligned, and genres are in capitals", () => {
  const pen = fakePen();
  const labels = new Labels(pen, FONTS);
  labels.begin([], AREA);
  labels.write("abcd", 200, 50, { ...PLAIN, align: "left" });
  labels.write("abcd", 200, 100, { ...PLAIN, align: "right" });
  labels.write("abcd", 200, 150, { ...PLAIN, align: "center" });
  labels.write("novel", 200, 200, { ...PLAIN, kind: "genre" });
  assert.deepEqual(pen.written.map(({ left }) => left), [200, 160, 180, 175]);
  assert.equal(pen.written[3].text, "NOVEL");
});

test("a text is measured once", () => {
  const pen = fakePen();
  const labels = new Labels(pen, FONTS);
  for (let frame = 0; frame < 3; frame += 1) {
    labels.begin([], AREA);
    assert.ok(labels.write("again", 100, 100, PLAIN));
  }
  assert.equal(pen.measured, 1);
});

test("no two names of a crowd overlap", () => {
  const pen = fakePen();
  const labels = new Labels(pen, FONTS);
  labels.begin([], AREA);
  const random = randomNumbers(7);
  for (let i = 0; i < 300; i += 1) {
    labels.write("x".repeat(1 + (i % 9)), random() * 400, random() * 300, PLAIN);
  }
  const boxes = pen.written.map(({ text, left, y }) => [left, y - 9, left + 10 * text.length, y + 9]);
  assert.ok(boxes.length > 20);
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) =>
    assert.ok(a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1])));
});
