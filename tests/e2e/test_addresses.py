"""The address: it holds the view, the back button undoes steps, and any path prefix works."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from bookgraph.api import build_app
from bookgraph.graph.store import Store
from bookgraph.testing.serving import running_app

from .steps import click_on, expect_page, lone_book, open_map, view_of


def test_an_address_restores_the_view(page: Page, site: str) -> None:
    open_map(page, f"{site}/?color=country&book=Dune&at=3,4,2.5")
    expect_page(page, "Dune")
    assert page.get_by_label("Colour by", exact=True).input_value() == "country"
    assert view_of(page) == {"x": 3, "y": 4, "zoom": 2.5}
    assert page.title().startswith("Dune")


def test_an_invalid_address_shows_the_map(page: Page, site: str) -> None:
    open_map(page, f"{site}/?color=smell&map=7&at=a,b&only=nothing")
    expect(page.locator("status-line")).to_contain_text("1,310 books")
    assert page.get_by_label("Colour by", exact=True).input_value() == "genre"


def test_back_undoes_each_step(page: Page, site: str) -> None:
    open_map(page, site)
    page.get_by_label("Colour by", exact=True).select_option("country")
    click_on(page, lone_book(page))
    first = page.locator("detail-panel h2").inner_text()
    page.locator("detail-panel .near-title").first.click()
    expect(page.locator("detail-panel h2")).not_to_have_text(first)
    page.go_back()
    expect_page(page, first)
    page.go_back()
    expect(page.locator("detail-panel")).to_be_hidden()
    assert page.get_by_label("Colour by", exact=True).input_value() == "country"
    page.go_back()
    assert page.get_by_label("Colour by", exact=True).input_value() == "genre"
    page.go_forward()
    assert page.get_by_label("Colour by", exact=True).input_value() == "country"


def test_works_under_a_path_prefix(page: Page, mapped_store: Store) -> None:
    app = Starlette(routes=[Mount("/library/books", build_app(mapped_store))])
    with running_app(app) as url:
        open_map(page, f"{url}/library/books/?book=Dune")
        expect_page(page, "Dune")
        page.get_by_label("Colour by", exact=True).select_option("country")
        assert urlsplit(page.url).path == "/library/books/"
