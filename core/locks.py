"""Locks between processes, as files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bookgraph.core.errors import BookgraphError
from bookgraph.core.files import refuse_folder, translated_write_errors
from bookgraph.core.progress import OnProgress, Progress

logger = logging.getLogger(__name__)


@contextmanager
def process_lock(
    path: Path,
    *,
    work: str,
    on_progress: OnProgress | None,
    setting: str = "BOOKGRAPH_HOME",
    error_type: type[BookgraphError] = BookgraphError,
) -> Iterator[None]:
    """Hold a lock while the block runs; a process that dies releases it.

    Args:
        path: the lock's file; its folder is created.
        work: what the lock is for, as in "Another bookgraph process is loading the graph".
        on_progress: reports that another process holds the lock, which is then waited for. With
            None the call fails at once.
        setting: the environment variable that moves the folder.
        error_type: raised when the file cannot be written.

    Raises:
        BookgraphError: another process holds the lock and `on_progress` is None, or the file
            cannot be written.
    """
    busy = f"another bookgraph process is {work}"
    lock = FileLock(path)
    refuse_folder(path)
    with translated_write_errors(path.parent, setting=setting, error_type=error_type):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            if on_progress is None:
                raise BookgraphError(
                    f"{busy.capitalize()} in {path.parent}. Run the command again when it is done."
                ) from error
            logger.info("Waiting: %s.", busy)
            on_progress(Progress(f"Waiting: {busy}", 0))
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
