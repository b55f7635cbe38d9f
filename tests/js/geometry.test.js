/** Areas, the grid and the viewport: where points are, and where the reader looks. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { rowsInside, simplify, sizeOf } from "../../api/explorer/map/area.js";
import { Grid } from "../../api/explorer/map/grid.js";
import { pathBetween, Viewport } from "../../api/explorer/map/viewport.js";
import { pointsOf, randomNumbers } from "./helpers.js";

/** @typedef {import("../../api/explorer/map/area.js").Area} Area */

/**
 * @param {number} actual
 * @param {number} expected
 * @param {number} [tolerance]
 */
function assertClose(actual, expected, tolerance = 1e-6) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
}

/** @param {number} seed */
function randomPoints(seed, count = 300) {
  const random = randomNumbers(seed);
  const column = () => Array.from({ length: count }, () => random() * 20 - 10);
  return pointsOf({ x: column(), y: column() });
}

test("the grid finds the point that a search of all points finds", () => {
  const points = randomPoints(1);
  const grid = new Grid(points);
  const random = randomNumbers(2);
  for (let i = 0; i < 500; i += 1) {
    const [x, y, radius] = [random() * 30 - 15, random() * 30 - 15, random() * 3];
    const distances = Array.from(points.x, (left, row) => Math.hypot(left - x, points.y[row] - y));
    const least = Math.min(...distances);
    assert.equal(grid.nearest(x, y, radius), least <= radius ? distances.indexOf(least) : -1);
  }
});

test("of two points in one place, the grid finds the one on top", () => {
  const grid = new Grid(pointsOf({ x: [0, 1, 1, 5], y: [0, 1, 1, 5] }));
  assert.equal(grid.nearest(1, 1, 0.5), 2);
});

test("a grid works without points and with one", () => {
  assert.equal(new Grid(pointsOf({ x: [], y: [] })).nearest(0, 0, 10), -1);
  assert.equal(new Grid(pointsOf({ x: [3], y: [4] })).nearest(3, 4, 0.1), 0);
});

test("an area holds the points that lie in it, the topmost first", () => {
  const points = randomPoints(3);
  const grid = new Grid(points);
  /** @type {Area} */
  const square = [[-4, -2], [5, -2], [5, 6], [-4, 6]];
  const expected = Array.from(points.x.keys())
    .filter((row) => points.x[row] > -4 && points.x[row] < 5 && points.y[row] > -2 && points.y[row] < 6)
    .reverse();
  assert.deepEqual(rowsInside(square, grid), expected);
});

test("a concave area leaves out its notch", () => {
  const points = pointsOf({ x: [0, 0, 0], y: [-1, 0.5, 3] });
  /** @type {Area} */
  const notched = [[-2, -2], [2, -2], [2, 2], [0, 0], [-2, 2]];
  assert.deepEqual(rowsInside(notched, new Grid(points)), [0]);
});

test("a long line becomes 32 corners with almost the same size", () => {
  /** @type {Area} */
  const circle = Array.from({ length: 502 }, (_, i) => [Math.cos(i / 80), Math.sin(i / 80)]);
  const corners = simplify(circle);
  assert.equal(corners.length, 32);
  assertClose(sizeOf(corners), Math.PI, 0.02 * Math.PI);
  for (const corner of corners) assert.ok(circle.includes(corner));
});

test("simplifying keeps a short line and drops repeated corners", () => {
  assert.deepEqual(simplify([[0, 0], [0, 0], [1, 0], [1, 1]]), [[0, 0], [1, 0], [1, 1]]);
});

/** @param {number} seed */
function randomViewport(seed) {
  const random = randomNumbers(seed);
  const viewport = new Viewport();
  viewport.width = 300 + 1500 * random();
  viewport.height = 300 + 900 * random();
  viewport.insets = { left: 200 * random(), right: 200 * random(), top: 60 * random(), bottom: 60 * random() };
  viewport.bounds = { left: -40, right: 50, bottom: -30, top: 35 };
  viewport.view = { x: random() * 40 - 20, y: random() * 40 - 20, zoom: 0.5 + 10 * random() };
  return viewport;
}

test("from the map to the screen and back is the same place", () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const viewport = randomViewport(seed);
    const { x, y } = viewport.toScreen(12, -7);
    const back = viewport.toMap(x, y);
    assertClose(back.x, 12);
    assertClose(back.y, -7);
  }
});

test("zooming keeps what is under the pointer, panning moves it by the same pixels", () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const viewport = randomViewport(seed);
    viewport.view = { x: 3, y: 2, zoom: 2 };
    const { x, y } = viewport.toScreen(4, 1);
    viewport.zoomAt(x, y, 1.7);
    const zoomed = viewport.toScreen(4, 1);
    assertClose(zoomed.x, x, 1e-6);
    assertClose(zoomed.y, y, 1e-6);
    viewport.pan(10, -6);
    const panned = viewport.toScreen(4, 1);
    assertClose(panned.x, x + 10, 1e-6);
    assertClose(panned.y, y - 6, 1e-6);
  }
});

test("the whole view has every point between the covered edges", () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const viewport = randomViewport(seed);
    viewport.view = viewport.whole;
    const [left, top, right, bottom] = viewport.clearArea;
    for (const [x, y] of [[-40, -30], [50, 35]]) {
      const place = viewport.toScreen(x, y);
      if (right - left < 180 || bottom - top < 180) continue;
      assert.ok(place.x >= left && place.x <= right && place.y >= top && place.y <= bottom);
    }
  }
});

test("a view stays on the map and within the zoom limits", () => {
  const viewport = randomViewport(1);
  viewport.view = { x: 1e6, y: -1e6, zoom: 1e9 };
  assert.deepEqual(viewport.view, { x: 50, y: -30, zoom: 60 });
  viewport.view = { x: 0, y: 0, zoom: 0 };
  assert.equal(viewport.view.zoom, 0.5);
});

test("the view of a part is centred on it and not nearer than allowed", () => {
  const viewport = randomViewport(2);
  assert.deepEqual(viewport.viewOf({ left: 9, right: 11, bottom: 4, top: 6 }, 5), { x: 10, y: 5, zoom: 5 });
  const wide = viewport.viewOf({ left: -40, right: 50, bottom: 0, top: 1 }, 5);
  assertClose(wide.zoom, 0.85);
});

test("a path starts at one view, ends at the other and zooms out on long ways", () => {
  for (const to of [{ x: 30, y: 20, zoom: 6 }, { x: 0.00001, y: 0, zoom: 9 }, { x: 0, y: 0, zoom: 2 }]) {
    const from = { x: 0, y: 0, zoom: 4 };
    const path = pathBetween(from, to, 60);
    for (const [share, view] of /** @type {[number, typeof from][]} */ ([[0, from], [1, to]])) {
      const at = path.at(share);
      assertClose(at.x, view.x, 1e-4);
      assertClose(at.y, view.y, 1e-4);
      assertClose(at.zoom, view.zoom, 1e-4);
    }
    assert.ok(path.length >= 0);
  }
  const long = pathBetween({ x: -30, y: 0, zoom: 20 }, { x: 30, y: 0, zoom: 20 }, 60);
  assert.ok(long.at(0.5).zoom < 5);
});
