/**
 * Turns input on the map (drag, wheel, pinch, double tap, keys) into calls: pan by pixels, zoom at
 * a pixel, a click, a hover, a line around an area. Knows nothing of points.
 */

const CLICK_SLOP_PX = 5;
const KEY_PAN_PX = 90;
const INERTIA_MIN_SPEED = 0.15; // pixels per millisecond

/** @typedef {{x: number, y: number}} Pixel relative to the element */
/**
 * @typedef {object} Calls
 * @property {(dx: number, dy: number) => void} pan
 * @property {(x: number, y: number, factor: number, isSmooth: boolean) => void} zoom
 * @property {(x: number, y: number, pointerType: string) => void} click
 * @property {(x: number, y: number) => void} hover
 * @property {() => void} leave the pointer has left the element
 * @property {(vx: number, vy: number) => void} glide the map was thrown, in pixels per millisecond
 * @property {() => void} stop whatever moves the map
 * @property {() => void} rest the reader has stopped moving the map
 * @property {(name: string) => boolean} key returns whether the key means anything
 * @property {() => boolean} isDrawing whether a drag draws a line
 * @property {(line: Pixel[]) => void} line the line so far
 * @property {(line: Pixel[]|null) => void} area the finished line; null when it was abandoned
 */

/**
 * @param {HTMLElement} element
 * @param {Calls} calls
 */
export function listenToGestures(element, calls) {
  /** @type {Map<number, Pixel>} */
  const pointers = new Map();
  let travelled = 0;
  let speed = { x: 0, y: 0, time: 0 };
  /** @type {Pixel[]|null} */
  let line = null; // the one that is being drawn

  const place = (/** @type {MouseEvent} */ event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    calls.stop();
    if (pointers.size === 1) travelled = 0;
    const isDrawing = pointers.size === 1 && (event.shiftKey || calls.isDrawing());
    line = isDrawing ? [place(event)] : null;
    speed = { x: 0, y: 0, time: event.timeStamp };
  });

  element.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      calls.hover(now.x, now.y);
      return;
    }
    if (pointers.size === 2) pinch(pointers, event.pointerId, now, calls);
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    travelled += Math.hypot(dx, dy);
    pointers.set(event.pointerId, now);
    if (line) {
      line.push(now);
      calls.line(line);
    } else if (pointers.size === 1 && travelled > CLICK_SLOP_PX) {
      const elapsed = Math.max(1, event.timeStamp - speed.time);
      speed = {
        x: 0.6 * speed.x + (0.4 * dx) / elapsed,
        y: 0.6 * speed.y + (0.4 * dy) / elapsed,
        time: event.timeStamp,
      };
      calls.pan(dx, dy);
    }
  });

  const release = (/** @type {PointerEvent} */ event) => {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    const drawn = line;
    line = null;
    if (event.type === "pointercancel") {
      if (drawn) calls.area(null);
      return;
    }
    const { x, y } = place(event);
    if (drawn && travelled > CLICK_SLOP_PX) {
      calls.area(drawn);
    } else if (travelled <= CLICK_SLOP_PX) {
      calls.click(x, y, event.pointerType);
    } else if (event.timeStamp - speed.time < 60 && Math.hypot(speed.x, speed.y) > INERTIA_MIN_SPEED) {
      calls.glide(speed.x, speed.y);
    } else {
      calls.rest();
    }
  };
  element.addEventListener("pointerup", release);
  element.addEventListener("pointercancel", release);
  element.addEventListener("pointerleave", () => calls.leave());

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { x, y } = place(event);
      const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      // Browsers report a trackpad's pinch as a wheel with the control key, in small steps.
      const strength = event.ctrlKey ? 0.01 : 0.0018;
      calls.zoom(x, y, Math.exp(-event.deltaY * lines * strength), false);
    },
    { passive: false },
  );

  element.addEventListener("dblclick", (event) => {
    const { x, y } = place(event);
    calls.zoom(x, y, event.shiftKey ? 0.5 : 2, true);
  });

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, [number, number]>} */
    const pans = {
      ArrowLeft: [KEY_PAN_PX, 0],
      ArrowRight: [-KEY_PAN_PX, 0],
      ArrowUp: [0, KEY_PAN_PX],
      ArrowDown: [0, -KEY_PAN_PX],
    };
    const pan = pans[event.key];
    if (pan) calls.pan(...pan);
    else if (!calls.key(event.key)) return;
    event.preventDefault();
    if (pan) calls.rest();
  });
}

/**
 * @param {Map<number, Pixel>} pointers two of them
 * @param {number} movedId
 * @param {Pixel} now where that one is
 * @param {Calls} calls
 */
function pinch(pointers, movedId, now, calls) {
  const [otherId] = [...pointers.keys()].filter((id) => id !== movedId);
  const [other, before] = [pointers.get(otherId), pointers.get(movedId)];
  if (!other || !before) return;
  const distance = (/** @type {Pixel} */ a, /** @type {Pixel} */ b) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
  const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
  calls.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  calls.zoom(middle.x, middle.y, distance(now, other) / distance(before, other), false);
}
