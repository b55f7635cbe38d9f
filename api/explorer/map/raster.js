/**
 * Draws round points into a pixel buffer, without a GPU: plain loops stamp masks of a disc at
 * sixteen places within a pixel. 80,000 points take a few milliseconds; as canvas paths they would
 * take a hundred.
 */

const PLACES = 4; // within a pixel, each way
// Pixels around the picture, so that the loops need no bounds checks.
const PAD = 40;

/**
 * @typedef {object} Job
 * @property {ArrayLike<number>|null} rows which points, in this order; null for all
 * @property {Float32Array} xs in the map's units
 * @property {Float32Array} ys in the map's units
 * @property {Uint8Array} classes of each point
 * @property {Uint32Array} colors pixel of each class
 * @property {number} scale pixels per unit of the map
 * @property {number} left pixel of the map's origin
 * @property {number} top pixel of the map's origin
 * @property {number} radius in pixels
 * @property {number} [only] the one class to stamp
 * @property {number} [skip] a class to leave out
 */
/** @typedef {{size: number, reach: number, shapes: Uint16Array[]}} Masks */

export class Raster {
  /** @type {Map<number, Masks>} */
  #masks = new Map();
  #context;
  #width = 1;
  #height = 1;
  #image = new ImageData(1, 1);
  #pixels = new Uint32Array(1);

  /** @param {CanvasRenderingContext2D} context */
  constructor(context) {
    this.#context = context;
    this.resize(1, 1);
  }

  /**
   * Set the size in pixels of the device.
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    this.#width = width;
    this.#height = height;
    this.#image = new ImageData(width + 2 * PAD, height + 2 * PAD);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  /**
   * Fill everything with one colour.
   * @param {number} pixel
   */
  clear(pixel) {
    this.#pixels.fill(pixel);
  }

  /**
   * Stamp points.
   * @param {Job} job
   */
  stamp({ rows, xs, ys, classes, colors, scale, left, top, radius, only = -1, skip = -1 }) {
    const pixels = this.#pixels;
    const stride = this.#width + 2 * PAD;
    const { size, reach, shapes } = this.#masksFor(radius);
    const [maxX, maxY] = [this.#width + PAD - reach - 1, this.#height + PAD - reach - 1];
    const min = reach - PAD + 1;
    const count = rows ? rows.length : xs.length;
    for (let i = 0; i < count; i += 1) {
      const row = rows ? rows[i] : i;
      const kind = classes[row];
      if (kind === skip || (only >= 0 && kind !== only)) continue;
      const x = xs[row] * scale + left;
      const y = top - ys[row] * scale;
      if (!(x > min && y > min && x < maxX && y < maxY)) continue;
      const px = Math.floor(x);
      const py = Math.floor(y);
      const shape = shapes[((y - py) * PLACES | 0) * PLACES + ((x - px) * PLACES | 0)];
      const color = colors[kind];
      const redBlue = color & 0xff00ff;
      const green = color & 0x00ff00;
      let target = (py - reach + PAD) * stride + px - reach + PAD;
      for (let m = 0, line = 0; line < size; line += 1, target += stride - size) {
        for (let column = 0; column < size; column += 1, m += 1, target += 1) {
          const share = shape[m];
          if (share === 0) continue;
          if (share === 256) {
            pixels[target] = color;
            continue;
          }
          const under = pixels[target];
          const rest = 256 - share;
          const rb = ((redBlue * share + (under & 0xff00ff) * rest) >>> 8) & 0xff00ff;
          const g = ((green * share + (under & 0x00ff00) * rest) >>> 8) & 0x00ff00;
          pixels[target] = (0xff000000 | rb | g) >>> 0;
        }
      }
    }
  }

  /** Put the pixels on the canvas. */
  show() {
    this.#context.putImageData(this.#image, -PAD, -PAD);
  }

  /** @param {number} radius */
  #masksFor(radius) {
    const key = Math.max(2, Math.round(radius * 4));
    let masks = this.#masks.get(key);
    if (!masks) {
      masks = buildMasks(key / 4);
      this.#masks.set(key, masks);
    }
    return masks;
  }
}

/**
 * Coverage, 0 to 256, of each pixel of a square around a disc, for each place of its centre.
 * @param {number} radius in pixels
 * @returns {Masks}
 */
function buildMasks(radius) {
  const reach = Math.ceil(radius) + 1;
  const size = 2 * reach + 1;
  const shapes = [];
  for (let v = 0; v < PLACES; v += 1) {
    for (let u = 0; u < PLACES; u += 1) {
      const [cx, cy] = [reach + (u + 0.5) / PLACES, reach + (v + 0.5) / PLACES];
      const shape = new Uint16Array(size * size);
      for (let i = 0; i < shape.length; i += 1) {
        const distance = Math.hypot((i % size) + 0.5 - cx, Math.floor(i / size) + 0.5 - cy);
        shape[i] = Math.round(256 * Math.min(1, Math.max(0, radius - distance + 0.5)));
      }
      shapes.push(shape);
    }
  }
  return { size, reach, shapes };
}
