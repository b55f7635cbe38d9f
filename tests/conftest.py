"""What all tests share: where the real data are, and a sentence when they are not there."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

# Machines are shared: how long an example takes says nothing about the code.
hypothesis.settings.register_profile("bookgraph", deadline=None)
hypothesis.settings.load_profile("bookgraph")

_ORDER = ("unit", "integration", "e2e")

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is quick first, and the browser last: its driver keeps an event loop running."""
    folders = [ROOT / "tests" / name for name in _ORDER]
    items.sort(key=lambda item: [folder in item.path.parents for folder in folders].index(True))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real Wikipedia extracts, which is no part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def sample_file() -> Path:
    """The project's own sample of well-known books."""
    return ROOT / "samples" / "classics.ndjson"
