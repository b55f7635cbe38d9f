/** Colours and the pixel buffer that points are stamped into. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { mix, toBytes, toPixel } from "../../api/explorer/map/palette.js";
import { Raster } from "../../api/explorer/map/raster.js";

const SIZE = 20;

/** A stand-in for the browser's class of the same name. */
class FakeImageData {
  /**
   * @param {number} width
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.data = new Uint8ClampedArray(4 * width * height);
  }
}
Object.assign(globalThis, { ImageData: FakeImageData });

test("colours become bytes and pixels", () => {
  assert.deepEqual(toBytes("#12abef"), [0x12, 0xab, 0xef]);
  assert.equal(toPixel([0x12, 0xab, 0xef]), 0xffefab12);
  assert.deepEqual(mix([0, 100, 200], [100, 0, 200], 0), [0, 100, 200]);
  assert.deepEqual(mix([0, 100, 200], [100, 0, 200], 1), [100, 0, 200]);
  assert.deepEqual(mix([0, 100, 200], [100, 0, 200], 0.25), [25, 75, 200]);
});

/**
 * Stamp points and read the picture back, as hexadecimal pixels by place.
 * @param {Partial<import("../../api/explorer/map/raster.js").Job>} changes
 */
function stamp(changes) {
  /** @type {{image: FakeImageData, left: number, top: number}[]} */
  const shown = [];
  const context = {
    putImageData(/** @type {FakeImageData} */ image, /** @type {number} */ left, /** @type {number} */ top) {
      shown.push({ image, left, top });
    },
  };
  // The raster uses nothing else of a canvas.
  const raster = new Raster(/** @type {CanvasRenderingContext2D} */ (/** @type {unknown} */ (context)));
  raster.resize(SIZE, SIZE);
  raster.clear(0xff000000);
  raster.stamp({
    rows: null, xs: Float32Array.of(5, 15), ys: Float32Array.of(-5, -15), classes: Uint8Array.of(0, 1),
    colors: Uint32Array.of(0xff0000ff, 0xff00ff00), scale: 1, left: 0, top: 0, radius: 2, ...changes,
  });
  raster.show();
  const [{ image, left, top }] = shown;
  const pixels = new Uint32Array(image.data.buffer);
  return (/** @type {number} */ x, /** @type {number} */ y) => pixels[(y - top) * image.width + x - left];
}

test("each point is a disc of its class's colour at its place", () => {
  const at = stamp({});
  assert.equal(at(5, 5), 0xff0000ff);
  assert.equal(at(15, 15), 0xff00ff00);
  assert.equal(at(10, 10), 0xff000000);
});

test("rows, one class, and all but one class can be stamped", () => {
  assert.equal(stamp({ rows: [1] })(5, 5), 0xff000000);
  assert.equal(stamp({ rows: [1] })(15, 15), 0xff00ff00);
  assert.equal(stamp({ only: 0 })(15, 15), 0xff000000);
  assert.equal(stamp({ skip: 0 })(5, 5), 0xff000000);
});

test("points outside the picture are left out, and those at its edge are cut", () => {
  const at = stamp({ xs: Float32Array.of(0, 1e6), ys: Float32Array.of(0, Number.NaN) });
  assert.equal(at(0, 0), 0xff0000ff);
  assert.equal(at(19, 19), 0xff000000);
});
