"""The map: points, colours, the legend, highlighted books, and moving around."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .steps import (
    MAP,
    click_on,
    colour_of,
    expect_page,
    highlighted,
    lone_book,
    open_map,
    place_of,
    query_of,
    rgb,
    run_query,
    settle,
    view_of,
)

NUM_BOOKS = 1310


def test_the_map_shows_every_book_and_its_accuracy(page: Page, site: str) -> None:
    open_map(page, site)
    expect(page.locator("status-line")).to_contain_text("1,310 books")
    expect(page.locator("status-line")).to_contain_text(re.compile(r"t-SNE keeps \d\d% of"))
    entries = page.locator("map-legend .legend-entry")
    counts = [
        int(text.replace(",", "")) for text in page.locator(".legend-count").all_inner_texts()
    ]
    assert sum(counts) == NUM_BOOKS
    assert entries.count() <= 13
    colours = page.locator("map-legend .swatch").evaluate_all(
        "(all) => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert len({*colours}) == len(colours)


def test_hover_shows_a_card(page: Page, site: str) -> None:
    open_map(page, site)
    title = lone_book(page)
    x, y = place_of(page, title)
    expect(page.locator("hover-card")).to_be_hidden()
    page.mouse.move(x + 2, y + 1)
    card = page.locator("hover-card")
    expect(card.locator(".title")).to_have_text(title)
    data = run_query(site, "query($t: String!) { book(title: $t) { author } }", t=title)
    expect(card).to_contain_text(data["book"]["author"])
    page.mouse.move(20, 740)
    expect(card).to_be_hidden()


def test_a_click_shows_similar_books_with_scores_and_reasons(page: Page, site: str) -> None:
    open_map(page, site)
    title = lone_book(page)
    click_on(page, title)
    expect_page(page, title)
    assert query_of(page)["book"] == [title]
    data = run_query(
        site,
        """query($t: String!) { similarBooks(like: [$t], first: 15) { edges { score node { title }
          why(first: 6) { link { title } } } } }""",
        t=title,
    )
    edges = data["similarBooks"]["edges"]
    similar = page.locator("detail-panel .near > li")
    assert similar.locator(".near-title").all_inner_texts() == [e["node"]["title"] for e in edges]
    assert similar.locator(".score-number").all_inner_texts() == [
        f"{e['score']:.2f}" for e in edges
    ]
    shown = similar.first.locator(".chip").all_inner_texts()
    assert shown
    assert shown == [why["link"]["title"] for why in edges[0]["why"]][: len(shown)]


def test_similar_books_are_highlighted_and_the_others_dimmed(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune&at=0,0,1")
    expect_page(page, "Dune")
    near = page.locator("detail-panel .near-title").first.inner_text()
    far = "Pride and Prejudice"
    lit = {title: colour_of(page, title) for title in (near, far)}
    page.get_by_role("button", name="Close").click()
    settle(page)
    # Without the panel the points are at other pixels, in the same colours.
    plain = {title: colour_of(page, title) for title in (near, far)}
    assert lit[near] == plain[near]
    assert lit[far] != plain[far]
    ground = rgb(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    distance = [
        sum(abs(a - b) for a, b in zip(colours[far], ground, strict=True))
        for colours in (lit, plain)
    ]
    assert distance[0] < distance[1] / 2


def test_a_book_under_the_pointer_in_the_list_has_a_ring_on_the_map(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_page(page, "Dune")
    row = page.locator("detail-panel .near > li").nth(1)
    row.hover()
    title = row.locator(".near-title").inner_text()
    page.wait_for_function(f"(title) => {MAP}.hoveredTitle === title", arg=title)
    page.mouse.move(400, 740)
    page.wait_for_function(f"{MAP}.hoveredTitle === null")


def test_colours_follow_the_property(page: Page, site: str) -> None:
    open_map(page, site)
    before = colour_of(page, "Anna Karenina")
    for color in ("country", "language", "year", "author", "degree"):
        page.get_by_label("Colour by", exact=True).select_option(color)
        assert query_of(page)["color"] == [color]
        labels = page.locator(".legend-label").all_inner_texts()
        assert len(labels) <= 13
        settle(page)
        if color == "language":
            assert "Russian" in labels
            entry = page.locator(".legend-entry", has_text="Russian").locator(".swatch")
            swatch = entry.evaluate("(one) => getComputedStyle(one).backgroundColor")
            assert rgb(swatch) == colour_of(page, "Anna Karenina")
            assert colour_of(page, "Anna Karenina") != before


def test_a_legend_entry_can_be_highlighted(page: Page, site: str) -> None:
    open_map(page, f"{site}/?color=language")
    english, russian = "Moby-Dick", "Anna Karenina"
    before = colour_of(page, english)
    entry = page.locator(".legend-entry", has_text="Russian")
    entry.click()
    settle(page)
    assert query_of(page)["only"] == ["Russian"]
    expect(entry).to_have_attribute("aria-pressed", "true")
    assert colour_of(page, english) != before
    alone = colour_of(page, russian)
    entry.click()
    settle(page)
    assert "only" not in query_of(page)
    assert colour_of(page, english) == before
    assert colour_of(page, russian) == alone


def test_topics_have_their_own_map(page: Page, site: str) -> None:
    open_map(page, site)
    page.get_by_role("button", name="Topics").click()
    expect(page.locator("status-line")).to_contain_text("1,302 topics")
    assert query_of(page)["map"] == ["link"]
    page.get_by_role("button", name="Books").click()
    expect(page.locator("status-line")).to_contain_text("1,310 books")


def test_the_page_of_a_topic_highlights_its_books(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    page.locator("detail-panel .chip", has_text="Frank Herbert").first.click()
    expect_page(page, "Frank Herbert")
    assert query_of(page)["link"] == ["frank herbert"]
    data = run_query(
        site,
        '{ link(name: "frank herbert") { books(first: 100) { edges { node { title } } } } }',
    )
    books = data["link"]["books"]["edges"]
    assert highlighted(page) == {edge["node"]["title"] for edge in books}


def test_wheel_drag_keys_and_buttons_move_the_view(page: Page, site: str) -> None:
    open_map(page, site)
    start = view_of(page)
    under = place_of(page, "Dune")
    page.mouse.move(*under)
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"{MAP}.view.zoom > 1.5")
    settle(page)
    held = place_of(page, "Dune")
    assert held == pytest.approx(under, abs=1)
    page.mouse.move(600, 700)
    page.mouse.down()
    page.mouse.move(650, 690, steps=4)
    # A pointer that has rested for 60 ms does not throw the map.
    page.wait_for_function(
        "(start) => performance.now() > start + 80", arg=page.evaluate("performance.now()")
    )
    page.mouse.up()
    settle(page)
    assert place_of(page, "Dune") == pytest.approx((held[0] + 50, held[1] - 10), abs=2)
    page.locator("book-map").focus()
    page.keyboard.press("0")
    settle(page)
    assert view_of(page) == pytest.approx(start)
    page.keyboard.press("ArrowRight")
    settle(page)
    assert view_of(page)["x"] > start["x"]
    page.keyboard.press("+")
    settle(page)
    assert view_of(page)["zoom"] == pytest.approx(1.5, abs=0.01)
    page.get_by_role("button", name="Show the whole map").click()
    settle(page)
    assert view_of(page) == pytest.approx(start)


def test_a_resized_map_is_drawn_in_the_same_frame(page: Page, site: str) -> None:
    open_map(page, site)
    wide, narrow = page.evaluate(
        """async () => {
          const map = document.querySelector("book-map");
          const canvas = map.querySelector("canvas");
          const share = () => canvas.width / canvas.clientWidth;
          const wide = share();
          // A task that a frame's callback starts runs after that frame is drawn.
          const narrow = await new Promise((resolve) => requestAnimationFrame(() => {
            map.style.width = `${Math.round(map.clientWidth / 2)}px`;
            setTimeout(() => resolve(share()));
          }));
          map.style.width = "";
          return [wide, narrow];
        }"""
    )
    assert narrow == pytest.approx(wide, rel=0.01)


def test_enter_opens_the_point_in_the_middle_and_escape_closes_it(page: Page, site: str) -> None:
    open_map(page, site)
    page.locator("book-map").focus()
    page.keyboard.press("Enter")
    expect(page.locator("detail-panel h2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("detail-panel")).to_be_hidden()
