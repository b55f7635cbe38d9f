"""Selecting points: a line around them or the points in view, as a table, as CSV, as Cypher."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from bookgraph.graph.store import Store

from .steps import Watch, open_map, settle, view_of, watched_page

# Every title whose point lies in an ellipse of pixels about (x, y); computed from the map's places.
INSIDE = """([x, y, rx, ry]) => {
  const map = document.querySelector("book-map");
  return map.titles.filter((title) => {
    const place = map.screenOf(map.rowOf(title));
    return ((place.x - x) / rx) ** 2 + ((place.y - y) / ry) ** 2 < 1;
  });
}"""
ODD_TITLES = (
    "It's",
    'A "B"',
    "back\\slash \\u0041",
    "R&D #1 + 100%",
    "new\nline\ttab\u0007",
    "`tick` \u2028 // no comment",
    "日本語 😀 é",
    "'] RETURN 1 //",
)


def draw(page: Page, x: float, y: float, rx: float, ry: float) -> None:
    corners = [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in [i / 5 for i in range(32)]]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners:
        page.mouse.move(*corner)
    page.mouse.up()
    expect(page.locator("detail-panel .kicker")).to_have_text("Selection")
    expect(page.locator("detail-panel .skeleton")).to_have_count(0)
    settle(page)


def csv_of(page: Page) -> pd.DataFrame:
    with page.expect_download() as started:
        page.get_by_role("button", name="Download CSV").click()
    assert started.value.suggested_filename == "books.csv"
    path = Path(started.value.path())
    # pandas is what an analyst opens it with.
    return pd.read_csv(io.BytesIO(path.read_bytes()), keep_default_na=False)


def test_a_line_around_points_lists_them(page: Page, site: str, mapped_store: Store) -> None:
    open_map(page, site)
    ellipse = (720.0, 400.0, 120.0, 100.0)
    inside = {*page.evaluate(INSIDE, ellipse)}
    assert len(inside) > 20
    page.get_by_role("button", name="Draw around points").click()
    draw(page, *ellipse)
    table = csv_of(page)
    # The drawn line has straight pieces, so that points at its very edge may differ.
    assert len(inside ^ {*table["title"]}) <= max(3, 0.05 * len(inside))
    assert page.locator("detail-panel h2").inner_text() == f"{len(table)} books"
    assert page.locator(".selection tbody .row-title").all_inner_texts() == [*table["title"][:200]]
    row = table.iloc[0]
    stored = mapped_store.read(
        "MATCH (n:Book {title: $title}) RETURN n.author AS author, n.year AS year, "
        "n.num_links AS num_links",
        title=row["title"],
    )[0]
    assert (row["author"], int(row["year"]), int(row["num_links"])) == (
        stored["author"],
        stored["year"],
        stored["num_links"],
    )
    lit = page.evaluate("document.querySelector('book-map').litTitles")
    assert {*lit} == {*table["title"]}
    # Drawing is over: a drag moves the map again.
    expect(page.get_by_role("button", name="Draw around points")).to_have_attribute(
        "aria-pressed", "false"
    )


def test_shift_and_drag_draw_too_and_the_address_brings_it_back(page: Page, site: str) -> None:
    open_map(page, site)
    page.keyboard.down("Shift")
    draw(page, 700, 420, 90, 90)
    page.keyboard.up("Shift")
    titles = [*csv_of(page)["title"]]
    address = page.url
    assert "area" in parse_qs(urlsplit(address).query)
    page.locator(".selection .row-title").first.click()
    expect(page.locator("detail-panel h2")).to_have_text(titles[0])
    page.go_back()
    expect(page.locator("detail-panel .kicker")).to_have_text("Selection")
    page.goto("about:blank")
    open_map(page, address)
    expect(page.locator("detail-panel .kicker")).to_have_text("Selection")
    assert [*csv_of(page)["title"]] == titles


def test_the_points_in_view_can_be_listed_by_keyboard(page: Page, site: str) -> None:
    open_map(page, f"{site}/?at=0,0,4")
    page.locator("book-map").focus()
    page.keyboard.press("s")
    expect(page.locator("detail-panel .kicker")).to_have_text("Selection")
    settle(page)
    by_key = {*csv_of(page)["title"]}
    assert 5 < len(by_key) < 1310
    page.keyboard.press("Escape")
    expect(page.locator("detail-panel")).to_be_hidden()
    page.get_by_role("button", name="List the points in view").focus()
    page.keyboard.press("Enter")
    expect(page.locator("detail-panel .kicker")).to_have_text("Selection")
    assert {*csv_of(page)["title"]} == by_key


def test_an_empty_area_says_so(page: Page, site: str) -> None:
    open_map(page, site)
    page.get_by_role("button", name="Draw around points").click()
    draw(page, 1090, 100, 30, 30)
    expect(page.locator("detail-panel")).to_contain_text("There are no points in this area")


def test_escape_abandons_the_lasso(page: Page, site: str) -> None:
    open_map(page, site)
    lasso = page.get_by_role("button", name="Draw around points")
    lasso.click()
    expect(lasso).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(lasso).to_have_attribute("aria-pressed", "false")
    before = view_of(page)
    page.mouse.move(600, 400)
    page.mouse.down()
    page.mouse.move(700, 450, steps=4)
    page.mouse.up()
    assert view_of(page) != before


def test_the_copied_cypher_finds_the_same_books(
    browser: Browser, site: str, watch: Watch, mapped_store: Store
) -> None:
    context = browser.new_context(
        viewport={"width": 1200, "height": 760},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = watched_page(context, watch)
    open_map(page, site)
    page.keyboard.down("Shift")
    draw(page, 720, 400, 150, 120)
    page.keyboard.up("Shift")
    page.get_by_role("button", name="Copy as Cypher").click()
    expect(page.locator("#announcer")).to_have_text("Cypher query copied.")
    query = page.evaluate("navigator.clipboard.readText()")
    titles = [*csv_of(page)["title"]]
    found = mapped_store.read(query)
    assert {row["n"]["title"] for row in found} == {*titles}
    context.close()


def test_the_query_is_selected_where_copying_is_not_allowed(page: Page, site: str) -> None:
    open_map(page, site)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(Error('no')); }")
    page.get_by_role("button", name="List the points in view").click()
    page.get_by_role("button", name="Copy as Cypher").click()
    expect(page.locator("textarea.cypher")).to_be_visible()
    assert page.evaluate("getSelection().toString()").startswith("MATCH (n:Book)")


@pytest.mark.parametrize("title", ODD_TITLES)
def test_any_title_is_quoted_safely(page: Page, site: str, mapped_store: Store, title: str) -> None:
    page.goto(site)
    literal, address = page.evaluate(
        """async (title) => {
          const { quote, browserAddress } = await import("./cypher.js");
          return [quote(title), browserAddress("http://h/browser/", `RETURN ${quote(title)} AS t`)];
        }""",
        title,
    )
    assert mapped_store.read(f"RETURN {literal} AS t") == [{"t": title}]
    # What Neo4j Browser 5.24 makes of its address before the text comes into its editor.
    shown = page.evaluate(
        r"""(address) =>
          decodeURIComponent(address.replace(/\+/g, " ")).match(/[?&]arg=([^&#]*)/)[1]""",
        address,
    )
    assert mapped_store.read(shown) == [{"t": title}]


def test_any_value_comes_through_csv(page: Page, site: str) -> None:
    page.goto(site)
    rows: list[list[Any]] = [
        ["title", "year"],
        *([title, -750] for title in ODD_TITLES),
        ["", None],
    ]
    text = page.evaluate("async (rows) => (await import('./files.js')).toCsv(rows)", rows)
    found = [*csv.reader(io.StringIO(text, newline=""))]
    assert found == [["" if value is None else str(value) for value in row] for row in rows]
