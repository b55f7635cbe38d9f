"""The explorer in a real browser: a Chromium, the real server and the sample on its map.

Every page is watched: an error on the console, a script error, a request that leaves loopback or a
breach of the Content-Security-Policy fails the test that caused it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bookgraph.api import build_app
from bookgraph.embed import TrainConfig
from bookgraph.embed.config import LayoutConfig
from bookgraph.embed.maps.pipeline import map_graph
from bookgraph.embed.pipeline import train_graph
from bookgraph.graph.store import Store
from bookgraph.ingest import CleaningOptions, ingest_files
from bookgraph.testing.running import running_app, running_store

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN = Path("/etc/debian_version")


@dataclass
class Watch:
    """What a page did that it must not do; `allowed` holds texts that a test expects."""

    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def add(self, fault: str) -> None:
        self.faults.append(fault)

    @property
    def unexpected(self) -> list[str]:
        return [one for one in self.faults if not any(text in one for text in self.allowed)]


@pytest.fixture(scope="session")
def explorer_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the Neo4j behind `mapped_store`."""
    return tmp_path_factory.mktemp("explorer")


@pytest.fixture(scope="session")
def mapped_store(
    sample_file: Path, explorer_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """The sample, trained and on its map; only to be read."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("NEO4J_URI", raising=False)
        with running_store(explorer_home) as store:
            ingest_files([sample_file], store, options=CleaningOptions())
            train_graph(
                store,
                TrainConfig(epochs=4, holdout_share=0),
                models_dir=tmp_path_factory.mktemp("models"),
            )
            map_graph(store, LayoutConfig())
            yield store


@pytest.fixture(scope="session")
def site(mapped_store: Store) -> Iterator[str]:
    """The address of the explorer on the sample."""
    with running_app(build_app(mapped_store)) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = _find_or_install_browser()
    # A container has no user namespaces for Chromium's sandbox, and root may not use it.
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    assert not watch.unexpected, watch.unexpected


@pytest.fixture
def page(browser: Browser, watch: Watch) -> Iterator[Page]:
    """A desktop page that wants little motion, so that a flight is over at once."""
    context = browser.new_context(
        viewport={"width": 1200, "height": 760}, reduced_motion="reduce", color_scheme="light"
    )
    yield watched_page(context, watch)
    context.close()


def watched_page(context: BrowserContext, watch: Watch) -> Page:
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on(
        "console", lambda message: message.type == "error" and watch.add(f"console: {message.text}")
    )
    page.on("pageerror", lambda error: watch.add(f"script: {error}"))

    def check(url: str) -> None:
        if urlsplit(url).hostname != "127.0.0.1":
            watch.add(f"left loopback: {url}")

    page.on("request", lambda request: check(request.url))
    return page


def open_map(page: Page, url: str) -> None:
    """Open an address and wait until the points are drawn."""
    page.goto(url)
    # On a phone the line gives way to the page of a book, so it need not be visible.
    page.locator("status-line:has-text('books'), status-line:has-text('topics')").wait_for(
        state="attached"
    )
    settle(page)


def settle(page: Page) -> None:
    """Wait until what was asked for has been drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 60)))")


def _find_or_install_browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found:
        return found
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not (DEBIAN.is_file() and is_root and shutil.which("apt-get")):
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH; install one")
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", *command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode:
            pytest.skip(f"no browser, and apt-get {command[0]} failed: {done.stderr[-300:]}")
    path = shutil.which("chromium")
    assert path is not None
    return path
