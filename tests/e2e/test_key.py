"""A server with keys: the pages ask for one, keep it for the tab, and send it as a header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import platformdirs
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from bookgraph.api import ServerOptions, build_app
from bookgraph.graph.store import Store
from bookgraph.testing.serving import running_app

from .steps import Watch, expect_page, watched_page

CACHE = Path(platformdirs.user_cache_dir("bookgraph", appauthor=False))
KEY = "open-sesame"
# The browser itself reports each response with status 401.
REFUSED = "status of 401"


@pytest.fixture(scope="module", params=["", "/books"], ids=["at the root", "under a prefix"])
def keyed_site(request: pytest.FixtureRequest, mapped_store: Store) -> Iterator[str]:
    """The address of a server that needs a key."""
    app = build_app(mapped_store, ServerOptions(cache=CACHE, read_keys=(KEY,)))
    if request.param:
        app = Starlette(routes=[Mount(request.param, app)])
    with running_app(app) as url:
        yield f"{url}{request.param}"


@pytest.fixture
def asked(page: Page, watch: Watch) -> Page:
    watch.allowed.append(REFUSED)
    return page


def form_of(page: Page) -> Locator:
    return page.get_by_role("dialog", name="This server needs a key")


def enter(page: Page, key: str) -> None:
    """Type a key. The form has the focus already."""
    form = form_of(page)
    expect(form.get_by_label("Key", exact=True)).to_be_focused()
    page.keyboard.insert_text(key)
    page.keyboard.press("Enter")


def test_the_explorer_asks_for_the_key_once(asked: Page, keyed_site: str) -> None:
    asked.goto(f"{keyed_site}/?book=Dune")
    enter(asked, KEY)
    expect_page(asked, "Dune")
    expect(asked.locator("status-line")).to_contain_text("1,310 books")
    expect(form_of(asked)).to_have_count(0)
    assert KEY not in asked.url
    assert asked.context.cookies() == []
    asked.reload()
    expect_page(asked, "Dune")
    expect(form_of(asked)).to_have_count(0)
    # The console of the same tab has it too, a new tab does not.
    asked.goto(f"{keyed_site}/graphiql")
    asked.locator("button.graphiql-execute-button").click()
    expect(asked.locator(".result-window")).to_contain_text("Anna Karenina")
    other = asked.context.new_page()
    other.goto(keyed_site)
    expect(form_of(other)).to_be_visible()


@pytest.mark.parametrize("wrong", ["sesame", "schlüssel…"])
def test_a_wrong_key_shows_the_form_again(asked: Page, keyed_site: str, wrong: str) -> None:
    asked.goto(keyed_site)
    enter(asked, wrong)
    field = form_of(asked).get_by_label("Key", exact=True)
    expect(form_of(asked).get_by_role("alert")).to_have_text("The server does not accept this key.")
    expect(field).to_have_value("")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("The server does not accept this key.")
    enter(asked, f" {KEY} ")
    expect(asked.locator("status-line")).to_contain_text("1,310 books")


def test_a_key_that_is_no_longer_valid_is_asked_for_again(asked: Page, keyed_site: str) -> None:
    asked.goto(keyed_site)
    enter(asked, KEY)
    expect(asked.locator("status-line")).to_contain_text("1,310 books")
    asked.evaluate("sessionStorage.setItem('bookgraph-key', 'of-yesterday')")
    asked.reload()
    expect(form_of(asked).get_by_role("alert")).to_be_visible()
    enter(asked, KEY)
    expect(asked.locator("status-line")).to_contain_text("1,310 books")


def test_the_form_can_be_left_and_opened_again(asked: Page, keyed_site: str) -> None:
    asked.goto(keyed_site)
    expect(form_of(asked).get_by_label("Key", exact=True)).to_be_focused()
    asked.keyboard.press("Escape")
    notice = asked.locator(".notice")
    expect(notice).to_contain_text("This server needs a key")
    notice.get_by_role("button", name="Retry").click()
    enter(asked, KEY)
    expect(asked.locator("status-line")).to_contain_text("1,310 books")


def test_the_console_asks_for_the_key(asked: Page, keyed_site: str) -> None:
    asked.goto(f"{keyed_site}/graphiql")
    enter(asked, "wrong")
    expect(form_of(asked).get_by_role("alert")).to_be_visible()
    enter(asked, KEY)
    # The schema is there: the editor knows the names.
    editor = asked.locator(".graphiql-query-editor .CodeMirror")
    editor.click()
    asked.locator("button.graphiql-execute-button").click()
    expect(asked.locator(".result-window")).to_contain_text("Anna Karenina")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_form_fits_a_phone_and_axe_finds_no_problem(
    browser: Browser, keyed_site: str, watch: Watch, theme: Literal["light", "dark"]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    watch.allowed.append(REFUSED)
    context = browser.new_context(viewport={"width": 360, "height": 640}, color_scheme=theme)
    page = watched_page(context, watch)
    for path in ("/", "/graphiql"):
        page.goto(f"{keyed_site}{path}")
        enter(page, "wrong")
        expect(form_of(page).get_by_role("alert")).to_be_visible()
        box = form_of(page).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        found = axe.run(page, context=".key-form").response["violations"]
        assert not found, [(fault["id"], fault["nodes"][0]["html"][:120]) for fault in found]
    context.close()
