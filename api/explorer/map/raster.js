/**
 * Draws round points into a pixel buffer, without a GPU: masks of a disc at sixteen places within
 * a pixel are stamped by plain loops. 80,000 points take some milliseconds so; as canvas paths
 * they would take a hundred.
 */

const PLACES = 4; // within a pixel, each way

export class Raster {
  /** @param {CanvasRenderingContext2D} context */
  constructor(context) {
    this.context = context;
    this.masks = new Map();
    this.resize(1, 1);
  }

  /** Set the size in pixels of the device; `pad` pixels around it spare the loops their bounds. */
  resize(width, height, pad = 40) {
    this.width = width;
    this.height = height;
    this.pad = pad;
    this.stride = width + 2 * pad;
    this.image = new ImageData(this.stride, height + 2 * pad);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** Fill everything with one colour, a pixel of the canvas. */
  clear(pixel) {
    this.pixels.fill(pixel);
  }

  /**
   * Stamp points.
   * @param {object} job
   * @param {ArrayLike<number>|null} job.rows which points, in this order; null for all
   * @param {Float32Array} job.xs and `ys`, in the map's units
   * @param {Uint8Array} job.classes of each point
   * @param {Uint32Array} job.colors pixel of each class
   * @param {number} job.scale pixels a unit; `left` and `top` the pixel of the map's origin
   * @param {number} job.radius in pixels
   * @param {number} [job.skip] a class that is left out
   */
  stamp({ rows, xs, ys, classes, colors, scale, left, top, radius, only = -1, skip = -1 }) {
    const { pixels, stride, pad } = this;
    const { size, reach, shapes } = this.#masksFor(radius);
    const [maxX, maxY] = [this.width + pad - reach - 1, this.height + pad - reach - 1];
    const min = reach - pad + 1;
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
      let target = (py - reach + pad) * stride + px - reach + pad;
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
    this.context.putImageData(this.image, -this.pad, -this.pad);
  }

  #masksFor(radius) {
    const key = Math.max(2, Math.round(radius * 4));
    let masks = this.masks.get(key);
    if (!masks) {
      masks = buildMasks(key / 4);
      this.masks.set(key, masks);
    }
    return masks;
  }
}

/** Coverage 0 to 256 of each pixel of a square around a disc, for each place of its centre. */
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
