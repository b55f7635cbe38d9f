"""Themes, phones, and readers who use a keyboard or a screen reader."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from .steps import Watch, colour_of, expect_page, open_map, place_of, settle, watched_page


def test_the_theme_can_be_switched_and_is_kept(page: Page, site: str) -> None:
    open_map(page, site)
    light = colour_of(page, "Dune"), page.evaluate("getComputedStyle(document.body).color")
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    expect(button).to_have_attribute("aria-label", "Theme: dark")
    settle(page)
    dark = colour_of(page, "Dune"), page.evaluate("getComputedStyle(document.body).color")
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    open_map(page, site)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_on_a_phone_the_page_is_below_the_map(browser: Browser, site: str, watch: Watch) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce"
    )
    page = watched_page(context, watch)
    open_map(page, f"{site}/?book=Dune")
    expect_page(page, "Dune")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    panel = page.locator("detail-panel").bounding_box()
    assert panel is not None
    assert panel["width"] == 390
    assert 0 < place_of(page, "Dune")[1] < panel["y"]
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Show the colours").click()
    expect(page.locator(".legend-entry").first).to_be_visible()
    context.close()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?book=Dune",
        "?book=Dune&view=ego",
        "?book=Dune&other=Emma",
        "?like=Dune&unlike=Emma",
        "?link=london&map=link",
        "?area=-30,-30 30,-30 30,30 -30,30",
        "?book=Nope",
    ],
)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_problem(
    browser: Browser, site: str, watch: Watch, query: str, theme: Literal["light", "dark"]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(
        viewport={"width": 1200, "height": 760}, reduced_motion="reduce", color_scheme=theme
    )
    page = watched_page(context, watch)
    open_map(page, f"{site}/{query}")
    if query:
        expect(page.locator("detail-panel .kicker, detail-panel .failure")).to_be_visible()
    if query == "":
        page.locator(".about summary").click()
        page.get_by_role("combobox", name="Find a book").fill("dune")
        expect(page.get_by_role("option").first).to_be_visible()
    found = axe.run(page).response["violations"]
    serious = [
        (fault["id"], [node["html"][:120] for node in fault["nodes"][:3]])
        for fault in found
        if fault["impact"] in {"serious", "critical"}
    ]
    context.close()
    assert not serious, serious
