"""The search: it forgives typing errors, works by keyboard alone, and reports no results."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from .steps import expect_page, open_map, place_of, query_of, view_of


def test_the_search_forgives_typing_errors_and_goes_there(page: Page, site: str) -> None:
    open_map(page, site)
    page.keyboard.press("/")
    page.keyboard.type("war and pece")
    expect(page.get_by_role("option").first).to_contain_text("War and Peace")
    page.keyboard.press("Enter")
    expect_page(page, "War and Peace")
    x, y = place_of(page, "War and Peace")
    panel = page.locator("detail-panel").bounding_box()
    assert panel is not None
    assert 0 < x < panel["x"]
    assert 0 < y < 760
    assert view_of(page)["zoom"] > 1.05


def test_the_search_works_by_keyboard_alone(page: Page, site: str) -> None:
    open_map(page, site)
    field = page.get_by_role("combobox", name="Find a book")
    field.focus()
    page.keyboard.type("london")
    expect(page.get_by_role("option").first).to_be_visible()
    for _ in range(12):
        page.keyboard.press("ArrowDown")
        active = field.get_attribute("aria-activedescendant")
        assert active is not None
        if "in 1" in page.locator(f"#{active}").inner_text():
            break
    page.keyboard.press("Enter")
    expect(page.locator("detail-panel .kicker")).to_have_text("Topic")
    assert "link" in query_of(page)


def test_a_search_without_results_says_so(page: Page, site: str) -> None:
    open_map(page, site)
    page.get_by_role("combobox", name="Find a book").fill("qqqqzzzzxxxx")
    expect(page.get_by_text("No matching book or topic.")).to_be_visible()
