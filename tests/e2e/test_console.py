"""GraphiQL in a real browser: a query is run, typed and read, also behind a path prefix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from bookgraph.api import ServerOptions, build_app
from bookgraph.graph.store import Store
from bookgraph.testing.serving import running_app

from .steps import Watch

CACHE = Path(platformdirs.user_cache_dir("bookgraph", appauthor=False))
RUN = "button.graphiql-execute-button"
ANSWER = ".result-window"


@pytest.fixture(scope="module", params=["", "/books"], ids=["at the root", "under a prefix"])
def console(request: pytest.FixtureRequest, mapped_store: Store) -> Iterator[str]:
    """The console's address."""
    app = build_app(mapped_store, ServerOptions(cache=CACHE))
    if request.param:
        app = Starlette(routes=[Mount(request.param, app)])
    with running_app(app) as url:
        yield f"{url}{request.param}/graphiql"


def test_an_example_is_run_and_answered(page: Page, console: str, watch: Watch) -> None:
    page.goto(console)
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_count(5)
    expect(tabs).to_contain_text(["Similar", "Mixed", "Search", "Between", "Overview"])
    page.locator(RUN).click()
    expect(page.locator(ANSWER)).to_contain_text("Anna Karenina")
    tabs.nth(4).click()
    page.locator(RUN).click()
    expect(page.locator(ANSWER)).to_contain_text('"numBooks": 1310')


def test_a_query_is_typed_and_completed(page: Page, console: str, watch: Watch) -> None:
    page.goto(console)
    editor = page.locator(".graphiql-query-editor .CodeMirror")
    editor.click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.press("Delete")
    # The schema is there: names are offered.
    page.keyboard.type("{ sta")
    expect(page.locator(".CodeMirror-hints")).to_contain_text("stats")
    page.keyboard.press("Escape")
    page.keyboard.type("ts { numBooks } ")
    # The tab is named after the operation as soon as the page has understood the text.
    expect(page.get_by_role("tab").first).to_contain_text("<untitled>")
    page.keyboard.press("ControlOrMeta+Enter")
    expect(page.locator(ANSWER)).to_contain_text('"numBooks": 1310')


def test_what_is_wrong_is_said(page: Page, console: str, watch: Watch) -> None:
    page.goto(console)
    page.locator(".graphiql-query-editor .CodeMirror").click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.press("Delete")
    page.keyboard.insert_text('{ book(title: "War and Peas") { title } }')
    expect(page.get_by_role("tab").first).to_contain_text("<untitled>")
    page.locator(RUN).click()
    expect(page.locator(ANSWER)).to_contain_text("BOOK_NOT_FOUND")
    expect(page.locator(ANSWER)).to_contain_text("War and Peace")
