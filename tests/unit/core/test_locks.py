"""A lock is held by one process; the next one waits or fails, and says so."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bookgraph.core.errors import BookgraphError, InputError
from bookgraph.core.locks import process_lock
from bookgraph.core.progress import Progress


def test_a_held_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    is_waiting = threading.Event()
    order: list[str] = []

    def note(progress: Progress) -> None:
        order.append(progress.stage)
        is_waiting.set()

    def wait() -> None:
        with process_lock(path, work="testing", on_progress=note):
            order.append("second")

    with process_lock(path, work="testing", on_progress=note):
        second = threading.Thread(target=wait)
        second.start()
        assert is_waiting.wait(10)
        order.append("first")
    second.join(10)
    assert order == ["Waiting: another bookgraph process is testing", "first", "second"]


def test_a_held_lock_is_refused_without_progress(tmp_path: Path) -> None:
    with (
        process_lock(tmp_path / "lock", work="reading dumps", on_progress=None),
        pytest.raises(BookgraphError, match=r"Another bookgraph process is reading dumps in "),
        process_lock(tmp_path / "lock", work="reading dumps", on_progress=None),
    ):
        pass


def test_an_error_in_the_block_releases_the_lock(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            pytest.raises(ZeroDivisionError),
            process_lock(tmp_path / "lock", work="testing", on_progress=None),
        ):
            raise ZeroDivisionError


def test_an_error_of_the_system_in_the_block_is_not_the_locks(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="own"),
        process_lock(tmp_path / "lock", work="testing", on_progress=None),
    ):
        raise OSError("own")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"Cannot write to .*file.*BOOKGRAPH_HOME"),
        process_lock(
            tmp_path / "file" / "lock", work="testing", on_progress=None, error_type=InputError
        ),
    ):
        pass
