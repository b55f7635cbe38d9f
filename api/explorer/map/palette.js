/**
 * Colours that people with any colour vision can tell apart. `palette.json` holds them, one list
 * for light themes and one for dark ones; Python draws pictures from the same file. Ordered values
 * (years, numbers of edges) have a ramp that also rises in lightness.
 *
 * The lists started from Paul Tol's schemes "muted" and "light" (2021). They were adjusted until
 * any two colours differ by at least 11 (CIE 1976) for people without red, green or blue cones,
 * and by at least 18 for all others. A test checks this.
 */

/**
 * @typedef {object} Colors the colours of one theme, as "#rrggbb"
 * @property {string} ground behind the points; the style sheet has the same
 * @property {string} ink of titles; the style sheet has the same
 * @property {string} inkSoft of other text; the style sheet has the same
 * @property {string} other of points without a class of their own
 * @property {string[]} classes the most frequent class first
 * @property {string[]} ramp from low to high
 */
/** @typedef {{light: Colors, dark: Colors}} Palette both themes have equally many colours */
/** @typedef {number[]} Bytes red, green and blue */

/**
 * "#rrggbb" as three bytes.
 * @param {string} hex
 * @returns {Bytes}
 */
export function toBytes(hex) {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/**
 * Bytes as one opaque pixel of a little-endian canvas.
 * @param {Bytes} bytes
 */
export function toPixel([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/**
 * A colour between two others.
 * @param {Bytes} from
 * @param {Bytes} to
 * @param {number} share 0 gives `from`, 1 gives `to`
 * @returns {Bytes}
 */
export function mix(from, to, share) {
  return from.map((value, i) => Math.round(value + (to[i] - value) * share));
}
