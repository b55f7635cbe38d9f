"""The explorer in a real browser: Chromium, the real server, and the sample on its map."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bookgraph.api import build_app
from bookgraph.embed import TrainConfig
from bookgraph.embed.config import LayoutConfig
from bookgraph.embed.maps.pipeline import map_graph
from bookgraph.embed.pipeline import train_graph
from bookgraph.graph.store import Store
from bookgraph.ingest import CleaningOptions, ingest_files
from bookgraph.testing.serving import running_app, running_store

from .steps import Watch, watched_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN = Path("/etc/debian_version")

# Conditions, not sleeps, end the waiting, so a busy machine only takes longer.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def explorer_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the Neo4j behind `mapped_store`."""
    return tmp_path_factory.mktemp("explorer")


@pytest.fixture(scope="session")
def mapped_store(
    sample_file: Path, explorer_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """The sample, trained and on its map. Tests only read it."""
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
    """A desktop page that prefers reduced motion, so that the map moves at once."""
    context = browser.new_context(
        viewport={"width": 1200, "height": 760}, reduced_motion="reduce", color_scheme="light"
    )
    yield watched_page(context, watch)
    context.close()


def _find_or_install_browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found:
        return found
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not (DEBIAN.is_file() and is_root and shutil.which("apt-get")):
        pytest.skip(f"No browser found. Install one of {', '.join(BROWSERS)}.")
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", *command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode:
            pytest.skip(f"No browser found, and apt-get {command[0]} failed: {done.stderr[-300:]}")
    path = shutil.which("chromium")
    assert path is not None
    return path
