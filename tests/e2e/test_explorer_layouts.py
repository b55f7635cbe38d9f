"""The two layouts of a map, and what the page says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from bookgraph.embed.config import LayoutConfig
from bookgraph.embed.maps.pipeline import map_graph
from bookgraph.graph.store import Store

from .conftest import open_map, settle


def places(page: Page) -> dict[str, list[float]]:
    found = page.evaluate(
        """() => { const map = document.querySelector("book-map");
          return Object.fromEntries(map.titles.map((title) => {
            const { x, y } = map.screenOf(map.rowOf(title)); return [title, [x, y]]; })); }"""
    )
    assert isinstance(found, dict)
    return found


def test_one_layout_has_no_switch_and_says_how_to_make_the_other(page: Page, site: str) -> None:
    open_map(page, site)
    expect(page.get_by_role("button", name="UMAP")).to_have_count(0)
    page.locator(".about summary").click()
    about = page.locator(".about-card")
    expect(about).to_contain_text("Placed by t-SNE with seed 0")
    expect(about.locator("code")).to_have_text("bookgraph map --method umap")


def test_a_layout_that_is_not_there_names_its_command(page: Page, site: str) -> None:
    page.goto(f"{site}/?layout=umap")
    expect(page.locator(".notice h2")).to_have_text("The second map is not drawn yet")
    expect(page.locator(".notice code")).to_have_text("bookgraph map --method umap")


@pytest.fixture
def both(mapped_store: Store) -> Iterator[Store]:
    """A second layout for as long as a test takes: others count on there being one."""
    pytest.importorskip("umap")
    map_graph(mapped_store, LayoutConfig(method="umap", seed=3))
    yield mapped_store
    mapped_store.run("MATCH (n:Book|Link) REMOVE n.umap_x, n.umap_y")
    mapped_store.run(
        "MATCH (m:EmbeddingModel) REMOVE m.umap_seed, m.umap_kept_share_books, "
        "m.umap_kept_share_links"
    )


def test_both_layouts_can_be_switched_between(page: Page, site: str, both: Store) -> None:
    open_map(page, site)
    first = places(page)
    switch = page.get_by_role("group", name="How they are placed")
    expect(switch.get_by_role("button", name="t-SNE")).to_have_attribute("aria-pressed", "true")
    switch.get_by_role("button", name="UMAP").click()
    summary = page.locator(".about summary")
    kept = both.read("MATCH (m:EmbeddingModel {is_current: true}) RETURN m AS m")[0]["m"]
    share = round(100 * kept["umap_kept_share_books"])
    expect(summary).to_have_text(f"UMAP keeps {share} % of neighbours")
    assert parse_qs(urlsplit(page.url).query)["layout"] == ["umap"]
    summary.click()
    expect(page.locator(".about-card")).to_contain_text("Placed by UMAP with seed 3")
    expect(page.locator(".about-card code")).to_have_count(0)
    settle(page)
    second = places(page)
    assert {*first} == {*second}
    moved = sum(first[title] != second[title] for title in first)
    assert moved > 0.9 * len(first)
    # The address alone brings it back, for topics too.
    open_map(page, f"{site}/?layout=umap&map=link")
    expect(summary).to_have_text(re.compile(r"UMAP keeps \d+ % of"))
    page.go_back()
    page.go_back()
    expect(page.locator(".about summary")).to_contain_text("t-SNE")
