/**
 * Colours that people with any colour vision can tell apart, one list for a light and one for a
 * dark ground; ordered values (years, degrees) have a ramp that also rises in lightness. The first
 * eight are after Paul Tol's schemes "muted" and "light" (2021), the other four fill their gaps.
 */

const LIGHT = {
  ground: "#f6f3ec",
  other: "#b9b4a9",
  classes: [
    "#cc6677", "#332288", "#c2a63a", "#117733", "#5fb0d8", "#882255",
    "#36a18f", "#7f7a1f", "#aa4499", "#e07b39", "#4f6fd1", "#5b4636",
  ],
  ramp: ["#2c1e66", "#3b4a8f", "#3d719d", "#3f96a0", "#5cb48f", "#9bc873", "#dcca57", "#e9a23b"],
};
const DARK = {
  ground: "#12161c",
  other: "#5d646f",
  classes: [
    "#ee8899", "#8f9bf0", "#eedd88", "#44bb77", "#99ddff", "#d1669a",
    "#5fd0bd", "#b6b044", "#d99be0", "#ee9860", "#6fa0ff", "#c9a58b",
  ],
  ramp: ["#6b5bb8", "#6a82cf", "#62a5d8", "#5cc4cd", "#74d7b0", "#aee38f", "#e6e278", "#ffc163"],
};

/** At most so many classes have a colour; the rest is "other". */
export const MAX_CLASSES = LIGHT.classes.length;
/** Steps of an ordered value. */
export const RAMP_STEPS = LIGHT.ramp.length;

/** The colours of a theme, `isDark` or not. */
export function themeColors(isDark) {
  return isDark ? DARK : LIGHT;
}

/** "#rrggbb" as the three bytes. */
export function toBytes(hex) {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Bytes as one pixel of a little-endian canvas, opaque. */
export function toPixel([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** A colour on its way to another: 0 is `from`, 1 is `to`. */
export function mix(from, to, share) {
  return from.map((value, i) => Math.round(value + (to[i] - value) * share));
}
