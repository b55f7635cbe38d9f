/** Writes names on the map where they touch neither each other nor what has to stay visible. */

const FONTS = {
  genre: "600 14px var-ui",
  author: "italic 14px var-serif",
  country: "500 12.5px var-ui",
  language: "500 12px var-ui",
  link: "italic 14px var-serif",
  point: "500 13px var-ui",
  centre: "600 15px var-ui",
};
const GAP_PX = 6;

/** @typedef {keyof typeof FONTS} LabelKind */
/** @typedef {number[]} Box left, top, right and bottom in pixels */
/**
 * @typedef {object} LabelStyle
 * @property {LabelKind} kind
 * @property {string} ink
 * @property {string} halo the colour around the letters
 * @property {"left"|"center"|"right"} [align]
 * @property {boolean} [isWhole] whether the name has to lie in the area, not only touch it
 * @property {boolean} [isForced] whether it is written even where there is no room
 * @property {boolean} [isKept] whether it moves as far as it takes to lie in the area
 */

/** What a label needs of a canvas. */
/**
 * @typedef {Pick<CanvasRenderingContext2D, "font"|"letterSpacing"|"measureText"|"textAlign"
 *   |"textBaseline"|"lineJoin"|"lineWidth"|"strokeStyle"|"fillStyle"|"strokeText"|"fillText">} Pen
 */

/** Keeps the boxes that are taken in one frame. */
export class Labels {
  /** @type {Map<string, number>} */
  #widths = new Map();
  /** @type {Box[]} */
  #taken = [];
  /** @type {Box} */
  #area = [0, 0, 0, 0];
  #pen;
  #fonts;

  /**
   * @param {Pen} pen
   * @param {{ui: string, serif: string}} fonts families, as CSS has them
   */
  constructor(pen, fonts) {
    this.#pen = pen;
    this.#fonts = /** @type {Record<LabelKind, string>} */ (
      Object.fromEntries(
        Object.entries(FONTS).map(([kind, font]) => [
          kind,
          font.replace("var-ui", fonts.ui).replace("var-serif", fonts.serif),
        ]),
      )
    );
  }

  /**
   * Begin a frame.
   * @param {Box[]} taken boxes that stay free of names
   * @param {Box} area the box that names have to touch or lie in
   */
  begin(taken, area) {
    this.#taken = taken.slice();
    this.#area = area;
  }

  /**
   * Write a name if there is room.
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {LabelStyle} style
   * @returns {boolean} whether it was written
   */
  write(text, x, y, { kind, ink, halo, align = "center", isWhole = false, isForced = false, isKept = false }) {
    const shown = kind === "genre" ? text.toUpperCase() : text;
    const pen = this.#pen;
    pen.font = this.#fonts[kind];
    pen.letterSpacing = kind === "genre" ? "0.06em" : "0px";
    const width = this.#widthOf(shown, kind);
    let left = align === "center" ? x - width / 2 : align === "right" ? x - width : x;
    if (isKept) {
      left = Math.max(this.#area[0] + GAP_PX, Math.min(left, this.#area[2] - GAP_PX - width));
    }
    const box = [left - GAP_PX, y - 9 - GAP_PX / 2, left + width + GAP_PX, y + 9 + GAP_PX / 2];
    const isSeen = isWhole ? contains(this.#area, box) : overlap(this.#area, box);
    if (!isForced && (!isSeen || this.#taken.some((other) => overlap(other, box)))) return false;
    this.#taken.push(box);
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    pen.lineWidth = 4;
    pen.strokeStyle = halo;
    pen.fillStyle = ink;
    pen.strokeText(shown, left, y);
    pen.fillText(shown, left, y);
    return true;
  }

  /**
   * @param {string} shown
   * @param {LabelKind} kind whose font the pen has
   */
  #widthOf(shown, kind) {
    const key = `${kind}|${shown}`;
    let width = this.#widths.get(key);
    if (width === undefined) {
      width = this.#pen.measureText(shown).width;
      this.#widths.set(key, width);
    }
    return width;
  }
}

/**
 * @param {Box} a
 * @param {Box} b
 */
function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

/**
 * @param {Box} outer
 * @param {Box} inner
 */
function contains(outer, inner) {
  return (
    outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3]
  );
}
