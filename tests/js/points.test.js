/** Points, their classes, and the names of regions. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { classify } from "../../api/explorer/map/points.js";
import { nameRegions } from "../../api/explorer/map/regions.js";
import { pointsOf, randomNumbers } from "./helpers.js";

const COLORS = { classes: ["a", "b", "c"], ramp: ["1", "2", "3", "4"] };

/** @param {number} count */
function line(count) {
  return { x: Array.from({ length: count }, (_, i) => i), y: new Array(count).fill(0) };
}

test("points know their bounds, their rows and their values", () => {
  const points = pointsOf({ x: [1, -2, 3], y: [4, 5, -6], genre: ["Novel", null, "Play"] });
  assert.deepEqual(points.bounds, { left: -2, right: 3, bottom: -6, top: 5 });
  assert.equal(points.rowOf.get("t2"), 2);
  assert.equal(points.value("genre", 0), "Novel");
  assert.equal(points.value("genre", 1), null);
  assert.equal(points.value("smell", 0), null);
  assert.deepEqual([...points.degrees], [0, 1, 2]);
});

test("no points have bounds too", () => {
  assert.deepEqual(pointsOf({ x: [], y: [] }).bounds, { left: -1, right: 1, bottom: -1, top: 1 });
});

test("topics have names as keys", () => {
  const points = pointsOf({ ...line(2), name: ["london", "paris"], title: ["London", "Paris"] }, "link");
  assert.deepEqual(points.keys, ["london", "paris"]);
  assert.equal(points.titles[1], "Paris");
});

test("the most frequent values have classes, ties go by name, and the rest is other", () => {
  const genre = ["d", "d", "d", "c", "b", "a", "c", null, "e"];
  const { entries, of, isOrdered } = classify(pointsOf({ ...line(9), genre }), "genre", COLORS);
  assert.deepEqual(
    entries.map(({ label, count, isOther }) => [label, count, isOther]),
    [["d", 3, false], ["c", 2, false], ["a", 1, false], ["other", 3, true]],
  );
  assert.deepEqual([...of], [0, 0, 0, 1, 3, 2, 1, 3, 3]);
  assert.equal(isOrdered, false);
});

test("years are classes of similar size, in order, with unknown ones last", () => {
  const year = [1900, -750, null, 1950, 1850, 2000, 1800, 1975];
  const { entries, of, isOrdered } = classify(pointsOf({ ...line(8), year }), "year", COLORS);
  assert.equal(isOrdered, true);
  assert.deepEqual(
    entries.map(({ label }) => label),
    ["750 BC – 1799", "1800 – 1899", "1900 – 1974", "1975 – 2000", "unknown"],
  );
  assert.equal(of[2], 4);
  assert.equal(entries.reduce((sum, { count }) => sum + count, 0), 8);
});

test("equal numbers are in one class, whatever the numbers are", () => {
  for (let seed = 0; seed < 100; seed += 1) {
    const random = randomNumbers(seed);
    const numLinks = Array.from({ length: 40 }, () => Math.floor(random() ** 3 * 20));
    const points = pointsOf({ ...line(40), numLinks });
    const { entries, of } = classify(points, "degree", COLORS);
    /** @type {Map<number, number>} */
    const classOf = new Map();
    numLinks.forEach((value, row) => {
      assert.equal(classOf.get(value) ?? of[row], of[row]);
      classOf.set(value, of[row]);
    });
    const sorted = [...classOf].sort((a, b) => a[0] - b[0]).map(([, one]) => one);
    assert.deepEqual(sorted, [...sorted].sort((a, b) => a - b));
    assert.equal(entries.reduce((sum, { count }) => sum + count, 0), 40);
    assert.ok(entries.length <= COLORS.ramp.length);
  }
});

test("a property that the map lacks leaves every point without a class", () => {
  const { entries } = classify(pointsOf(line(4)), "country", COLORS);
  assert.deepEqual(entries, [{ label: "other", count: 4, isOther: true }]);
});

test("a region is named after the genre that is frequent there and rare elsewhere", () => {
  const random = randomNumbers(5);
  const x = Array.from({ length: 400 }, (_, i) => (i < 40 ? random() : 10 + random() * 30));
  const y = Array.from({ length: 400 }, (_, i) => (i < 40 ? random() : 10 + random() * 30));
  const genre = x.map((_, i) => (i < 40 ? "Western" : `g${i}`));
  const regions = nameRegions(pointsOf({ x, y, genre }));
  const [first] = regions;
  assert.equal(first.name, "Western");
  assert.ok(first.x < 2 && first.y < 2);
  assert.ok(regions.every(({ name }) => name === "Western"));
});

test("on the map of topics, the most mentioned topic names its region", () => {
  const points = pointsOf({ ...line(100), numBooks: Array.from({ length: 100 }, (_, i) => (i === 37 ? 1000 : 1)) }, "link");
  const regions = nameRegions(points);
  assert.equal(regions[0].name, "t37");
  assert.equal(new Set(regions.map(({ name }) => name)).size, regions.length);
});

test("regions for low zoom come first", () => {
  const random = randomNumbers(6);
  const x = Array.from({ length: 600 }, () => random() * 50);
  const y = Array.from({ length: 600 }, () => random() * 50);
  const genre = x.map((left, i) => `${Math.floor(left / 10)} ${Math.floor(y[i] / 10)}`);
  const zooms = nameRegions(pointsOf({ x, y, genre })).map(({ fromZoom }) => fromZoom);
  assert.ok(zooms.length > 10);
  assert.deepEqual(zooms, [...zooms].sort((a, b) => a - b));
});
