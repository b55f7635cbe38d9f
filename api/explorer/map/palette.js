/**
 * Colours that people with any colour vision can tell apart, one list for a light and one for a
 * dark ground; ordered values (years, degrees) have a ramp that also rises in lightness. The lists
 * started from Paul Tol's schemes "muted" and "light" (2021) and were moved until every two differ
 * by 11 at least (CIE 1976) to people without red, green or blue cones, and by 18 to all others.
 */

const LIGHT = {
  ground: "#f6f3ec",
  other: "#b9b4a9",
  classes: [
    "#cd5d76", "#371a85", "#af8925", "#307935", "#5db1db", "#84184f",
    "#149b89", "#bead6d", "#b0489b", "#f7904c", "#4a6dce", "#574c39",
  ],
  ramp: ["#2c1e66", "#3b4a8f", "#3d719d", "#3f96a0", "#5cb48f", "#9bc873", "#d3cf5f", "#f0d84a"],
};
const DARK = {
  ground: "#12161c",
  other: "#5d646f",
  classes: [
    "#fa98ad", "#ada9fa", "#fadf7c", "#87efa0", "#9ed9fa", "#d06a99",
    "#51d3c5", "#afa536", "#cf82cc", "#b47f47", "#6098fa", "#cda080",
  ],
  ramp: ["#6b5bb8", "#6a82cf", "#62a5d8", "#5cc4cd", "#74d7b0", "#aee38f", "#eae88c", "#fff3b0"],
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
