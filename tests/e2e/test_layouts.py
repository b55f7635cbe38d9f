"""The two layouts of a map, and what the page says about them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from bookgraph.embed.config import LayoutConfig
from bookgraph.embed.maps.pipeline import map_graph
from bookgraph.graph.store import Store

from .steps import MAP, PLACE, open_map, query_of, settle


def places(page: Page) -> dict[str, list[float]]:
    """The pixel of each book's point."""
    found: dict[str, list[float]] = page.evaluate(
        f"""() => Object.fromEntries({MAP}.titles.map((title) => {{
          const {{ x, y }} = ({PLACE})(title);
          return [title, [x, y]];
        }}))"""
    )
    return found


def test_a_single_layout_has_no_switch_and_names_the_command_for_the_other(
    page: Page, site: str
) -> None:
    open_map(page, site)
    expect(page.get_by_role("button", name="UMAP")).to_have_count(0)
    page.locator(".about summary").click()
    about = page.locator(".about-card")
    expect(about).to_contain_text("t-SNE placed the points, with seed 0")
    expect(about.locator("code")).to_have_text("bookgraph map --method umap")


def test_a_missing_layout_names_its_command(page: Page, site: str) -> None:
    page.goto(f"{site}/?layout=umap")
    expect(page.locator(".notice h2")).to_have_text("No UMAP layout yet")
    expect(page.locator(".notice code")).to_have_text("bookgraph map --method umap")


@pytest.fixture
def both(mapped_store: Store) -> Iterator[Store]:
    """A second layout during one test; the other tests expect a single one."""
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
    switch = page.get_by_role("group", name="Layout")
    expect(switch.get_by_role("button", name="t-SNE")).to_have_attribute("aria-pressed", "true")
    switch.get_by_role("button", name="UMAP").click()
    summary = page.locator(".about summary")
    kept = both.read("MATCH (m:EmbeddingModel {is_current: true}) RETURN m AS m")[0]["m"]
    share = round(100 * kept["umap_kept_share_books"])
    expect(summary).to_have_text(f"UMAP keeps {share}% of neighbours")
    assert query_of(page)["layout"] == ["umap"]
    summary.click()
    expect(page.locator(".about-card")).to_contain_text("UMAP placed the points, with seed 3")
    expect(page.locator(".about-card code")).to_have_count(0)
    settle(page)
    second = places(page)
    assert {*first} == {*second}
    moved = sum(first[title] != second[title] for title in first)
    assert moved > 0.9 * len(first)
    # The address alone restores it, for topics too.
    open_map(page, f"{site}/?layout=umap&map=link")
    expect(summary).to_have_text(re.compile(r"UMAP keeps \d+% of"))
    page.go_back()
    page.go_back()
    expect(page.locator(".about summary")).to_contain_text("t-SNE")
