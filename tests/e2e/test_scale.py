"""A graph without a map, and a map of 80,000 books.

`benchmarks/bench_explorer.py` measures the speed on a quiet machine; these tests only log it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Browser, Page, expect

from bookgraph.api import build_app
from bookgraph.graph.store import Store
from bookgraph.testing.crowd import load_crowd
from bookgraph.testing.serving import running_app, running_store

from .steps import MAP, NUM_COLOURS, Watch, open_map, place_of, settle, view_of, watched_page

logger = logging.getLogger(__name__)

NUM_BOOKS = 80_000

MOVE = """async (steps) => {
  const map = document.querySelector("book-map");
  const frames = [];
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  let before = await frame();
  for (let i = 0; i < steps; i += 1) {
    const options = { deltaY: i < steps / 2 ? -40 : 40, clientX: 600, clientY: 380,
                      bubbles: true, cancelable: true };
    map.dispatchEvent(new WheelEvent("wheel", options));
    const now = await frame();
    // The map drew its frame before this one, so its time is known.
    await 0;
    frames.push({ gap: now - before, draw: map.lastDrawMs });
    before = now;
  }
  return frames;
}"""


@pytest.fixture(scope="module")
def scratch_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("NEO4J_URI", raising=False)
        with running_store(tmp_path_factory.mktemp("scale")) as store:
            yield store


@pytest.fixture(scope="module")
def scratch_site(scratch_store: Store) -> Iterator[str]:
    with running_app(build_app(scratch_store)) as url:
        yield url


def test_an_empty_graph_names_the_commands_to_run(page: Page, scratch_site: str) -> None:
    page.goto(scratch_site)
    expect(page.locator(".notice h2")).to_have_text("No books yet")
    expect(page.locator(".notice code")).to_contain_text("bookgraph ingest")


def test_a_graph_without_a_map_names_the_command(
    page: Page, scratch_store: Store, scratch_site: str
) -> None:
    scratch_store.run("CREATE (:Book {title: 'Lonely', num_links: 0})")
    page.goto(scratch_site)
    expect(page.locator(".notice code")).to_have_text("bookgraph map")
    # What the command would do.
    scratch_store.run("MATCH (n:Book) SET n.x = 0.0, n.y = 0.0")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("status-line")).to_contain_text("1 book")
    scratch_store.run("MATCH (n:Book) DELETE n")


@pytest.fixture(scope="module")
def crowded_site(scratch_store: Store, scratch_site: str) -> str:
    """80,000 books in clusters of uneven size; each cluster has a genre."""
    load_crowd(scratch_store, NUM_BOOKS)
    return scratch_site


@pytest.fixture
def crowded_page(browser: Browser, crowded_site: str, watch: Watch) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 760})
    page = watched_page(context, watch)
    page.set_default_timeout(60_000)
    open_map(page, crowded_site)
    yield page
    context.close()


def test_80_000_points_are_drawn_in_every_frame(crowded_page: Page) -> None:
    expect(crowded_page.locator("status-line")).to_contain_text("80,000 books")
    crowded_page.evaluate(MOVE, 10)
    frames = crowded_page.evaluate(MOVE, 80)
    draw_ms = median(frame["draw"] for frame in frames)
    gap_ms = median(frame["gap"] for frame in frames)
    logger.info("drawing took %.1f ms, frames were %.1f ms apart", draw_ms, gap_ms)
    assert len(frames) == 80
    assert all(frame["draw"] > 0 for frame in frames)
    # As many steps in as out: the map is back where it was.
    assert view_of(crowded_page)["zoom"] == pytest.approx(1)
    # Twelve genres, the other books, the ground.
    assert crowded_page.evaluate(NUM_COLOURS) >= 14


def test_all_of_them_can_be_selected(crowded_page: Page) -> None:
    crowded_page.get_by_role("button", name="List the points in view").click()
    expect(crowded_page.locator("detail-panel h2")).to_have_text("80,000 books")
    expect(crowded_page.locator(".selection tbody tr")).to_have_count(200)
    with crowded_page.expect_download() as started:
        crowded_page.get_by_role("button", name="Download CSV").click()
    lines = Path(started.value.path()).read_text("utf-8").splitlines()
    assert len(lines) == NUM_BOOKS + 1


def test_the_first_picture_follows_the_data(crowded_page: Page) -> None:
    crowded_page.reload()
    crowded_page.locator("status-line:has-text('80,000')").wait_for(state="attached")
    settle(crowded_page)
    elapsed_ms = crowded_page.evaluate(
        """() => {
          const [data] = performance.getEntriesByType("resource")
            .filter((one) => one.name.endsWith("/graphql"))
            .sort((a, b) => b.transferSize - a.transferSize);
          const [picture] = performance.getEntriesByName("first-picture");
          return picture.startTime - data.responseEnd;
        }"""
    )
    logger.info("the first picture was drawn %.0f ms after the data", elapsed_ms)
    assert elapsed_ms > 0


def test_a_point_is_found_under_the_pointer_among_many(crowded_page: Page) -> None:
    title = crowded_page.evaluate(f"{MAP}.titles[79999]")
    # The last row is on top of all others.
    crowded_page.mouse.move(*place_of(crowded_page, title))
    expect(crowded_page.locator("hover-card .title")).to_have_text(title)
