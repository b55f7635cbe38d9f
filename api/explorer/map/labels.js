/** Writes names on the map where they do not touch each other or what has to stay in sight. */

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

/** Keeps the boxes that are taken in one frame. */
export class Labels {
  constructor(context, fonts) {
    this.context = context;
    this.fonts = Object.fromEntries(
      Object.entries(FONTS).map(([kind, font]) => [
        kind,
        font.replace("var-ui", fonts.ui).replace("var-serif", fonts.serif),
      ]),
    );
    this.widths = new Map();
    this.taken = [];
  }

  /**
   * Begin a frame.
   * @param {number[][]} taken boxes (left, top, right, bottom) that stay free of names
   * @param {number[]} area the box that names have to touch, or with `isWhole` lie in
   */
  begin(taken, area) {
    this.taken = taken.slice();
    this.area = area;
  }

  /**
   * Write a name if there is room; with `isKept` it moves as far as it takes to be seen whole.
   * @returns {boolean} whether it was written
   */
  write(text, x, y, { kind, ink, halo, align = "center", isWhole = false, isForced = false, isKept = false }) {
    const font = this.fonts[kind];
    const shown = kind === "genre" ? text.toUpperCase() : text;
    const key = `${kind}|${shown}`;
    const { context } = this;
    context.font = font;
    context.letterSpacing = kind === "genre" ? "0.06em" : "0px";
    let width = this.widths.get(key);
    if (width === undefined) {
      width = context.measureText(shown).width;
      this.widths.set(key, width);
    }
    let left = align === "center" ? x - width / 2 : align === "right" ? x - width : x;
    if (isKept) {
      left = Math.max(this.area[0] + GAP_PX, Math.min(left, this.area[2] - GAP_PX - width));
    }
    const box = [left - GAP_PX, y - 9 - GAP_PX / 2, left + width + GAP_PX, y + 9 + GAP_PX / 2];
    const isSeen = isWhole ? contains(this.area, box) : overlap(this.area, box);
    if (!isForced && (!isSeen || this.taken.some((other) => overlap(other, box)))) return false;
    this.taken.push(box);
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 4;
    context.strokeStyle = halo;
    context.fillStyle = ink;
    context.strokeText(shown, left, y);
    context.fillText(shown, left, y);
    return true;
  }
}

function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

function contains(outer, inner) {
  return (
    outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3]
  );
}
