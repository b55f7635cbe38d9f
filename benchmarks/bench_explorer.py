"""How fast the explorer's map is: 80,000 books in a real Chromium without a GPU.

The books are in clusters, as t-SNE places them. The page is the one that `bookgraph serve` serves,
and it queries a real Neo4j. The benchmark measures the milliseconds between the response with the
points and the first picture. While the map zooms by the wheel and is dragged, it measures for each
frame how long drawing took and how long after the previous frame it came. Chromium's limit of 60
frames a second is off, so the gap between two frames is the time that the frame took.

    python benchmarks/bench_explorer.py [--books 80000] [--frames 200] [--keep]
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Page, sync_playwright
from results import write_results

from bookgraph.api import build_app
from bookgraph.testing.crowd import load_crowd
from bookgraph.testing.serving import running_app, running_store

FLAGS = ("--disable-gpu-vsync", "--disable-frame-rate-limit")
# Moves the map frame by frame with the events that a pointer sends.
MOVE = """async ([kind, steps]) => {
  const map = document.querySelector("book-map");
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const at = { clientX: 600, clientY: 380, bubbles: true, cancelable: true, pointerId: 1,
               pointerType: "mouse", button: 0, isPrimary: true };
  map.setPointerCapture = () => {};
  if (kind === "drag") map.dispatchEvent(new PointerEvent("pointerdown", at));
  const frames = [];
  let before = await frame();
  for (let i = 0; i < steps; i += 1) {
    if (kind === "zoom") {
      const deltaY = i < steps / 2 ? -20 : 20;
      map.dispatchEvent(new WheelEvent("wheel", { ...at, deltaY }));
    } else {
      const [clientX, clientY] = [600 + 150 * Math.sin(i / 9), 380 + 90 * Math.cos(i / 7)];
      map.dispatchEvent(new PointerEvent("pointermove", { ...at, clientX, clientY }));
    }
    const now = await frame();
    frames.push({ gap: now - before, draw: map.lastDrawMs });
    before = now;
  }
  if (kind === "drag") map.dispatchEvent(new PointerEvent("pointerup", at));
  return frames;
}"""
FIRST_PICTURE = """() => {
  const [data] = performance.getEntriesByType("resource")
    .filter((one) => one.name.endsWith("/graphql"))
    .sort((a, b) => b.transferSize - a.transferSize);
  const [picture] = performance.getEntriesByName("first-picture");
  return { data: data.responseEnd, picture: picture.startTime };
}"""


def main() -> None:
    """Load the books, open the page, measure it, and print and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--books", type=int, default=80_000, help="points on the map")
    parser.add_argument("--frames", type=int, default=200, help="frames measured for each movement")
    parser.add_argument("--keep", action="store_true", help="keep the result in the repository")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bookgraph-bench-") as folder,
        running_store(Path(folder), heap_mb=1024) as store,
    ):
        load_crowd(store, options.books)
        with running_app(build_app(store)) as url:
            values = measure(url, options.frames)
    values = {"num_books": options.books, "num_frames": options.frames, **values}
    for name, value in values.items():
        print(f"{name:28} {value:,.1f}" if isinstance(value, float) else f"{name:28} {value}")
    print(write_results("explorer", values, packages=("playwright",), keep=options.keep))


def measure(url: str, num_frames: int) -> dict[str, Any]:
    """Open the page twice, the second time with cached files, and move the map."""
    path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *sandbox])
        page = browser.new_page(viewport={"width": 1200, "height": 760})
        page.set_default_timeout(120_000)
        page.goto(url)
        page.locator("status-line summary").wait_for(state="attached")
        page.reload()
        page.locator("status-line summary").wait_for(state="attached")
        page.wait_for_timeout(500)
        times = page.evaluate(FIRST_PICTURE)
        found: dict[str, Any] = {
            "chromium": browser.version,
            "data_ms": float(times["data"]),
            "first_picture_after_data_ms": float(times["picture"] - times["data"]),
        }
        for kind in ("zoom", "drag"):
            found |= _frames(page, kind, num_frames)
        browser.close()
    return found


def _frames(page: Page, kind: str, num_frames: int) -> dict[str, float]:
    page.evaluate(MOVE, [kind, 20])
    frames = page.evaluate(MOVE, [kind, num_frames])
    gaps, draws = [one["gap"] for one in frames], [one["draw"] for one in frames]
    return {
        f"{kind}_frame_ms_median": median(gaps),
        f"{kind}_frame_ms_p95": quantiles(gaps, n=20)[-1],
        f"{kind}_draw_ms_median": median(draws),
        f"{kind}_draw_ms_p95": quantiles(draws, n=20)[-1],
    }


if __name__ == "__main__":
    main()
