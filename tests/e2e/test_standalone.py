"""The exported map in one file: it draws, finds and lists without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bookgraph.api.pictures.export import export_map
from bookgraph.api.pictures.standalone import build_page
from bookgraph.graph.query.overview import MapColumns
from bookgraph.graph.store import Store

from .steps import MAP, NUM_COLOURS, place_of, settle


@pytest.fixture
def lone_page(browser: Browser) -> Iterator[Page]:
    """A page on which any error and any request but that for the file fails the test."""
    context = browser.new_context(
        viewport={"width": 1200, "height": 760}, reduced_motion="reduce", offline=True
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: faults.extend(
            [] if request.url.startswith(("file:", "data:", "blob:")) else [request.url]
        ),
    )
    yield page
    context.close()
    assert not faults, faults


def test_the_map_in_one_file_works_without_a_server(
    lone_page: Page, mapped_store: Store, tmp_path: Path
) -> None:
    page = lone_page
    path = export_map(mapped_store, tmp_path, "html")
    page.goto(path.as_uri())
    expect(page.locator("status-line")).to_contain_text("1,310 books")
    settle(page)
    assert page.evaluate(NUM_COLOURS) > 12
    page.get_by_label("Find a title").fill("War and Peace")
    expect(page.locator("detail-panel h2")).to_have_text("War and Peace")
    settle(page)
    assert 250 < place_of(page, "War and Peace")[0] < 780
    page.keyboard.press("Escape")
    expect(page.locator("detail-panel")).to_be_hidden()
    page.get_by_role("button", name="Show the whole map").click()
    settle(page)
    page.mouse.click(600, 20)
    page.get_by_role("button", name="List the points in view").click()
    expect(page.locator("detail-panel h2")).to_contain_text("books")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Topics").click()
    expect(page.locator("status-line")).to_contain_text("topics")
    page.get_by_role("combobox", name="Colour").select_option("kind")
    page.get_by_role("button", name="Theme").click()


def test_a_title_cannot_end_the_script_that_holds_it(lone_page: Page, tmp_path: Path) -> None:
    evil = "</script><script>document.title = 'taken'</script><!--"
    points = MapColumns(
        {"title": [evil, "b"], "x": [0.0, 1.0], "y": [0.0, 1.0], "num_links": [1, 2]},
        num_points=2,
        num_unplaced=0,
        layout="tsne",
        layouts=["tsne"],
        seed=0,
        kept_share=None,
    )
    path = tmp_path / "map.html"
    path.write_text(build_page({"book tsne": points}), "utf-8")
    lone_page.goto(path.as_uri())
    expect(lone_page.locator("status-line")).to_contain_text("2 books")
    assert lone_page.title() == "bookgraph map"
    assert lone_page.evaluate(f"{MAP}.titles[0]") == evil
