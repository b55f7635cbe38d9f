"""Locks between processes, as files."""

from __future__ import annotations

import logging
from pathlib import Path

from filelock import FileLock, Timeout

from bookgraph.core.progress import OnProgress, Progress

logger = logging.getLogger(__name__)


def acquire_lock(path: Path, *, waiting: str, on_progress: OnProgress) -> FileLock:
    """Take a lock, waiting for another process that has it.

    Args:
        path: of the lock's file; its folder exists.
        waiting: what is said before waiting, such as "Waiting for another bookgraph".
        on_progress: told so.

    Returns:
        The lock, which the caller releases.

    Raises:
        OSError: the file cannot be written.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("%s.", waiting)
        on_progress(Progress(waiting, 0))
        lock.acquire()
    return lock
