"""Neo4j Browser, as bookgraph serves it, plays our guide, wears our style and opens our links."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from bookgraph.api.http.neo4j_files import read_queries
from bookgraph.graph.query.overview import read_browser_url
from bookgraph.graph.store import Store

from .steps import open_map, settle

BOOK_COLOR = "#4a6dce"


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody without a network: Neo4j Browser asks for fonts and statistics, in vain."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")

    def only_loopback(route: Route) -> None:
        if urlsplit(route.request.url).hostname in {"127.0.0.1", "localhost"}:
            route.continue_()
        else:
            route.abort()

    context.route("**/*", only_loopback)
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture(scope="session")
def password(explorer_home: Path) -> str:
    return (explorer_home / "neo4j" / "password").read_text().strip()


def log_in(page: Page, password: str) -> None:
    page.get_by_test_id("username").fill("neo4j")
    page.get_by_test_id("password").fill(password)
    page.get_by_test_id("connect").click()
    expect(page.get_by_text("You are connected as user")).to_be_visible()


def run_editor(page: Page) -> None:
    page.get_by_test_id("editor-Run").click()


def test_the_guide_is_played_its_style_worn_and_its_query_run(
    visitor: BrowserContext, site: str, mapped_store: object, password: str
) -> None:
    explorer = visitor.new_page()
    open_map(explorer, site)
    explorer.locator(".about summary").click()
    with visitor.expect_page() as opened:
        explorer.get_by_role("link", name="the guide in Neo4j Browser").click()
    page = opened.value
    expect(page.get_by_role("heading", name="Books and their links")).to_be_visible()
    log_in(page, password)
    page.get_by_text("Use bookgraph's style").click()
    expect(page.get_by_text(f"color: {BOOK_COLOR}").first).to_be_visible()
    page.locator("pre.runnable").first.click()
    expect(page.locator(".view-lines")).to_contain_text("War")
    run_editor(page)
    # The biggest circle of each node is its ground: one book among its links.
    circles = page.locator(f"circle[fill='{BOOK_COLOR}']")
    expect(circles).to_have_count(1)
    assert page.locator("circle[fill='#f7904c']").count() >= 20


def test_a_books_page_opens_its_query_in_the_editor(
    visitor: BrowserContext, site: str, password: str
) -> None:
    explorer = visitor.new_page()
    open_map(explorer, f"{site}/?book=Tess%20of%20the%20d%27Urbervilles")
    with visitor.expect_page() as opened:
        explorer.get_by_role("link", name="Open in Neo4j Browser").click()
    page = opened.value
    log_in(page, password)
    expect(page.locator(".view-lines")).to_contain_text("d\\'Urbervilles")
    run_editor(page)
    expect(page.get_by_text("Node labels")).to_be_visible()
    expect(page.get_by_text("Book (1)")).to_be_visible()


def test_a_few_chosen_books_open_there_and_many_do_not(
    visitor: BrowserContext, site: str, password: str
) -> None:
    explorer = visitor.new_page()
    open_map(explorer, f"{site}/?book=Dune")
    expect(explorer.get_by_role("link", name="Open in Neo4j Browser")).to_be_visible()
    open_map(explorer, f"{site}/")
    explorer.get_by_role("button", name="List the points in view").click()
    expect(explorer.get_by_role("button", name="Copy as Cypher")).to_be_visible()
    settle(explorer)
    expect(explorer.get_by_role("link", name="Open in Neo4j Browser")).to_have_count(0)
    explorer.get_by_role("button", name="Close").click()
    explorer.evaluate("document.querySelector('book-map').flyToRows([5], { maxZoom: 20 })")
    explorer.get_by_role("button", name="List the points in view").click()
    with visitor.expect_page() as opened:
        explorer.get_by_role("link", name="Open in Neo4j Browser").click()
    expect(opened.value.locator(".view-lines")).to_contain_text("WHERE n.title IN")


DROP = """(archive) => {
  const bytes = Uint8Array.from(atob(archive), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], "queries.zip", { type: "application/zip" }));
  const options = { dataTransfer, bubbles: true, cancelable: true };
  const target = document.querySelector("[data-testid=password]");
  for (const type of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(type, options));
  }
}"""


def test_the_dropped_archive_becomes_a_folder_of_favourites(
    visitor: BrowserContext, site: str, mapped_store: Store
) -> None:
    archive = base64.b64encode(httpx.get(f"{site}/neo4j/queries.zip").content).decode()
    page = visitor.new_page()
    page.goto(str(read_browser_url(mapped_store)))
    page.get_by_test_id("password").wait_for()
    page.evaluate(DROP, archive)
    page.get_by_test_id("navigationFavorites").click()
    page.get_by_text("bookgraph", exact=True).click()
    for text in read_queries().values():
        name = text.partition("\n")[0].removeprefix("// ")
        expect(page.get_by_text(name[:20]).first).to_be_visible()
