/**
 * Turns what hands do on the map (drag, wheel, pinch, double tap, keys) into calls: pan by pixels,
 * zoom at a pixel, a click, a hover, a line around an area. Knows nothing of points.
 */

const CLICK_SLOP_PX = 5;
const KEY_PAN_PX = 90;
const INERTIA_MIN_SPEED = 0.15; // pixels a millisecond

/**
 * @param {HTMLElement} element
 * @param {object} calls `pan(dx, dy)`, `zoom(x, y, factor, isSmooth)`, `click(x, y)`,
 *   `hover(x, y)`, `leave()`, `glide(vx, vy)`, `stop()`, `key(name)`, `isDrawing()`,
 *   `line(corners)` while one is drawn and `area(corners)` when it is done, null when it was left
 */
export function listenToGestures(element, calls) {
  const pointers = new Map();
  let travelled = 0;
  let speed = { x: 0, y: 0, time: 0 };
  let line = null; // pixels of the line that is being drawn

  const place = (event) => {
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
      calls.hover(now.x, now.y, event.pointerType);
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

  const release = (event) => {
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
      // A trackpad's pinch comes as a wheel with the control key, in small steps.
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
    const pans = {
      ArrowLeft: [KEY_PAN_PX, 0],
      ArrowRight: [-KEY_PAN_PX, 0],
      ArrowUp: [0, KEY_PAN_PX],
      ArrowDown: [0, -KEY_PAN_PX],
    };
    if (pans[event.key]) calls.pan(...pans[event.key]);
    else if (!calls.key(event.key)) return;
    event.preventDefault();
    if (pans[event.key]) calls.rest();
  });
}

function pinch(pointers, movedId, now, calls) {
  const [otherId] = [...pointers.keys()].filter((id) => id !== movedId);
  const other = pointers.get(otherId);
  const before = pointers.get(movedId);
  const distance = (a, b) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
  const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
  calls.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  calls.zoom(middle.x, middle.y, distance(now, other) / distance(before, other), false);
}
