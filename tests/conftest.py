"""What all tests share: where the real data are, and a sentence when they are not there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Machines are shared: how long an example takes says nothing about the code.
hypothesis.settings.register_profile("bookgraph", deadline=None)
hypothesis.settings.load_profile("bookgraph")

# Started in the background of a shell, by `nohup` or by some CI systems, the tests would hand down
# signals that are ignored to every command that they interrupt.
for _name in ("SIGINT", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) == signal.SIG_IGN:
        _default = signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL
        signal.signal(_number, _default)

_ORDER = ("unit", "integration", "faults", "e2e")

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Run unit tests first, in random order, and the browser last.

    Integration tests share a database within a file, so they keep the order of the file. The
    browser's driver leaves an event loop running.
    """
    position = {item: index for index, item in enumerate(items)}
    yield
    folders = [ROOT / "tests" / name for name in _ORDER]

    def key(item: pytest.Item) -> tuple[int, int]:
        folder = [folder in item.path.parents for folder in folders].index(True)
        return folder, 0 if folder == 0 else position[item]

    items.sort(key=key)


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
