"""Steps that the browser tests share: open the map, wait for it, point at books, ask the API.

Every page is watched: an error on the console, a script error, a request that leaves loopback or a
violation of the Content-Security-Policy fails the test that caused it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

MAP = "document.querySelector('book-map')"
# Resolves in the first frame in which the map has drawn its latest state and does not move.
SETTLED = f"""() => new Promise((done) => {{
  const check = () => ({MAP}.isSettled ? done() : requestAnimationFrame(check));
  requestAnimationFrame(() => requestAnimationFrame(check));
}})"""
# The pixel of a point, relative to the window.
PLACE = f"(title) => {MAP}.screenOf({MAP}.rowOf(title))"
# The colour that the picture has at a point's place, as "#rrggbb".
COLOUR = f"""(title) => {{
  const {{ x, y }} = {MAP}.screenOf({MAP}.rowOf(title));
  const canvas = {MAP}.querySelector("canvas");
  const share = canvas.width / {MAP}.clientWidth;
  const pixel = canvas.getContext("2d").getImageData(x * share, y * share, 1, 1).data;
  return "#" + [...pixel.slice(0, 3)].map((v) => v.toString(16).padStart(2, "0")).join("");
}}"""
NUM_COLOURS = f"""() => {{
  const canvas = {MAP}.querySelector("canvas");
  const {{ data }} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
}}"""
LONE_BOOK = f"""() => {{
  const places = {MAP}.titles.map((title) => ({{ title, ...{MAP}.screenOf({MAP}.rowOf(title)) }}));
  const free = places.filter((p) => p.x > 340 && p.x < 1000 && p.y > 90 && p.y < 700);
  const isFar = (p, o) => o === p || Math.hypot(o.x - p.x, o.y - p.y) > 14;
  return free.find((p) => places.every((o) => isFar(p, o))).title;
}}"""


@dataclass
class Watch:
    """What a page did that it must not do; `allowed` holds texts that a test expects."""

    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    @property
    def unexpected(self) -> list[str]:
        return [one for one in self.faults if not any(text in one for text in self.allowed)]


def watched_page(context: BrowserContext, watch: Watch) -> Page:
    """A new page whose faults go to `watch`."""
    page = context.new_page()
    page.set_default_timeout(15_000)

    def check_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            watch.faults.append(f"console: {message.text}")

    def check_host(url: str) -> None:
        if urlsplit(url).hostname != "127.0.0.1":
            watch.faults.append(f"left loopback: {url}")

    page.on("console", check_console)
    page.on("pageerror", lambda error: watch.faults.append(f"script: {error}"))
    page.on("request", lambda request: check_host(request.url))
    return page


def open_map(page: Page, url: str) -> None:
    """Open an address and wait until the points are drawn."""
    page.goto(url)
    # On a phone, the page of a book covers the line, so it need not be visible.
    page.locator("status-line:has-text('books'), status-line:has-text('topics')").wait_for(
        state="attached"
    )
    settle(page)


def settle(page: Page) -> None:
    """Wait until the map has drawn what it was told and does not move."""
    page.evaluate(SETTLED)


def expect_page(page: Page, title: str) -> None:
    """Wait until the page of a book or topic is there, and the map shows it."""
    expect(page.locator("detail-panel h2")).to_have_text(title)
    expect_loaded(page)


def expect_loaded(page: Page) -> None:
    """Wait until the page beside the map is there, whatever its title, and the map shows it."""
    expect(page.locator("detail-panel")).to_be_visible()
    expect(page.locator("detail-panel .skeleton")).to_have_count(0)
    settle(page)


def place_of(page: Page, title: str) -> tuple[float, float]:
    """The pixel of a book's point."""
    place = page.evaluate(PLACE, title)
    return place["x"], place["y"]


def colour_of(page: Page, title: str) -> list[int]:
    """Red, green and blue of the picture at a book's point."""
    return rgb(page.evaluate(COLOUR, title))


def rgb(colour: str) -> list[int]:
    """Red, green and blue of `#rrggbb` or `rgb(r, g, b)`."""
    if colour.startswith("#"):
        return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return [int(value) for value in re.findall(r"\d+", colour)[:3]]


def click_on(page: Page, title: str) -> None:
    """Click the point of a book."""
    x, y = place_of(page, title)
    page.mouse.move(x, y)
    page.mouse.click(x, y)


def lone_book(page: Page) -> str:
    """A title whose point is covered by no card and far from any other point."""
    title = page.evaluate(LONE_BOOK)
    assert isinstance(title, str)
    return title


def highlighted(page: Page) -> set[str]:
    """Titles of the points that the map highlights, without the one that lines lead from."""
    return {*page.evaluate(f"{MAP}.litTitles")}


def view_of(page: Page) -> dict[str, float]:
    """The map's centre and zoom."""
    view: dict[str, float] = page.evaluate(f"{MAP}.view")
    return view


def query_of(page: Page) -> dict[str, list[str]]:
    """The parameters in the page's address."""
    return parse_qs(urlsplit(page.url).query)


def run_query(site: str, query: str, **variables: object) -> dict[str, Any]:
    """Run a GraphQL query, which must succeed, and return its data."""
    response = httpx.post(f"{site}/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in response, response["errors"]
    data: dict[str, Any] = response["data"]
    return data
