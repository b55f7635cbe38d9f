"""A verified copy of each of the local Neo4j's jars in the cache folder.

The files are exactly what `jars.lock` names, checked by sha256. A warm call only looks at their
sizes and times, which takes milliseconds.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, wait
from contextlib import nullcontext
from pathlib import Path

from bookgraph.core.concurrency import worker_threads
from bookgraph.core.errors import ChecksumError, DownloadError, LocalServerError
from bookgraph.core.files import check_free_space, sync_file, translated_write_errors
from bookgraph.core.locks import process_lock
from bookgraph.core.progress import Meter, OnProgress, ignore_progress
from bookgraph.graph.jars.lock import LOCK_FILE, Jar, load_lock
from bookgraph.graph.jars.repository import FetchJar, find_in_local_repository, open_repository

logger = logging.getLogger(__name__)

# Space that must stay free beside the jars, for the store's first files and the logs.
_MARGIN_BYTES = 100_000_000
# Most jars are small, so that waiting for responses sets the pace. More threads gained nothing.
_NUM_THREADS = 8
# A cut connection or a slow name server recovers in seconds; a machine without a network does not.
_RETRY_PAUSES_S = (2.0, 6.0)
_SETTING = "BOOKGRAPH_CACHE"


def fetch_jars(
    cache: Path,
    *,
    jars: tuple[Jar, ...] | None = None,
    fetch: FetchJar | None = None,
    on_progress: OnProgress = ignore_progress,
) -> tuple[Path, ...]:
    """Make sure that every jar is in the cache folder, and download what is missing.

    Of two processes that call this at once, the second waits for the first. A call that was
    interrupted leaves the jars that it completed.

    Args:
        cache: the cache folder; the jars go into its `jars` folder.
        jars: which jars; by default the `neo4j` section of the lock.
        fetch: downloads one jar; by default from Maven's central repository or its mirror.
        on_progress: receives the MB and the number of jars that are complete.

    Returns:
        The jars' files, in the order of `jars`.

    Raises:
        DownloadError: a jar cannot be downloaded after two retries.
        ChecksumError: a download differs from the lock; it was deleted.
        DiskFullError: the disk has no space for the missing jars.
        LocalServerError: the cache folder cannot be written.
    """
    wanted = load_lock() if jars is None else jars
    folder = cache / "jars"
    if not all(_is_verified(folder / jar.file_name, jar) for jar in wanted):
        with (
            process_lock(
                folder / ".lock",
                work="downloading Neo4j's jars",
                on_progress=on_progress,
                setting=_SETTING,
                error_type=LocalServerError,
            ),
            translated_write_errors(folder, setting=_SETTING, error_type=LocalServerError),
        ):
            _Filling(folder, wanted, fetch=fetch, on_progress=on_progress).run()
    return tuple(folder / jar.file_name for jar in wanted)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _StoppedError(Exception):
    """Another jar failed, so this one's download ends too."""


class _Filling:
    """Brings the missing jars into the folder. Its caller holds the folder's lock."""

    def __init__(
        self,
        folder: Path,
        jars: tuple[Jar, ...],
        *,
        fetch: FetchJar | None,
        on_progress: OnProgress,
    ) -> None:
        self._folder, self._jars = folder, jars
        self._source = nullcontext(fetch) if fetch else open_repository()
        self._partial = folder / "partial"
        self._on_progress = on_progress
        self._num_done = 0
        self._count_lock = threading.Lock()
        self._is_stopped = threading.Event()

    def run(self) -> None:
        """Verify what is in the folder, and download the rest."""
        # Nobody else writes here, so anything partial was left by a killed process.
        shutil.rmtree(self._partial, ignore_errors=True)
        start_s = time.monotonic()
        missing = [jar for jar in self._jars if not self._is_present(jar)]
        if missing:
            needed = sum(jar.size for jar in missing) + _MARGIN_BYTES
            check_free_space(self._folder, needed, purpose="Neo4j", setting=_SETTING)
            self._meter = self._start_meter(missing)
            self._partial.mkdir()
            try:
                self._bring_all(missing)
            finally:
                shutil.rmtree(self._partial, ignore_errors=True)
        seconds = time.monotonic() - start_s
        num_present = len(self._jars) - len(missing)
        logger.info(
            "%d jars present, %d downloaded, in %.1f s.", num_present, len(missing), seconds
        )

    def _is_present(self, jar: Jar) -> bool:
        path = self._folder / jar.file_name
        if not path.is_file():
            return False
        if not _is_verified(path, jar):
            if path.stat().st_size != jar.size or sha256_of(path) != jar.sha256:
                logger.warning("%s is damaged and will be downloaded again.", path)
                path.unlink()
                return False
            _mark_verified(path, jar)
        self._num_done += 1
        return True

    def _start_meter(self, missing: list[Jar]) -> Meter:
        total = sum(jar.size for jar in self._jars)
        num_present = total - sum(jar.size for jar in missing)
        return Meter("Downloading Neo4j's jars", total, self._on_progress, num_present=num_present)

    def _bring_all(self, jars: list[Jar]) -> None:
        # The largest first: the last thread to finish then has a small jar, not neo4j-browser.
        ordered = sorted(jars, key=lambda jar: -jar.size)
        with self._source as fetch, worker_threads(_NUM_THREADS, name="jars") as pool:
            try:
                futures = [pool.submit(self._bring, jar, fetch) for jar in ordered]
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    if future.done():
                        future.result()
            finally:
                self._is_stopped.set()

    def _bring(self, jar: Jar, fetch: FetchJar) -> None:
        local = find_in_local_repository(jar)
        if local is not None:
            target = self._partial / jar.file_name
            shutil.copyfile(local, target)
            if sha256_of(target) == jar.sha256:
                self._put(jar, target, num_counted=0)
                return
            logger.info("%s differs from %s and is not used.", local, LOCK_FILE)
        arrived, num_counted = self._download(jar, fetch)
        found = sha256_of(arrived)
        if found != jar.sha256:
            size = arrived.stat().st_size
            arrived.unlink()
            raise ChecksumError(
                f"The download of {jar.coordinate} differs from {LOCK_FILE}: its sha256 is "
                f"{found} ({size:,} bytes), expected {jar.sha256} ({jar.size:,} bytes). It was "
                "deleted. Run the command again. If the error persists, a proxy or mirror changes "
                "what it sends."
            )
        self._put(jar, arrived, num_counted=num_counted)

    def _put(self, jar: Jar, source: Path, *, num_counted: int) -> None:
        # Its size and time vouch for a jar from now on, so a power cut must not leave it empty.
        sync_file(source)
        _mark_verified(source, jar)
        source.replace(self._folder / jar.file_name)
        with self._count_lock:
            self._num_done += 1
            note = f"{self._num_done} of {len(self._jars)} jars"
            self._meter.add(jar.size - num_counted, note=note)

    def _download(self, jar: Jar, fetch: FetchJar) -> tuple[Path, int]:
        """Download one jar, with retries; return the file and its bytes that were counted."""
        num_counted = 0

        def count(num_bytes: int) -> None:
            nonlocal num_counted
            if self._is_stopped.is_set():
                raise _StoppedError
            # The last byte counts once the jar is verified: the total is not reached before.
            num_bytes = min(num_bytes, jar.size - 1 - num_counted)
            num_counted += num_bytes
            self._meter.add(num_bytes)

        for pause_s in (*_RETRY_PAUSES_S, None):
            try:
                return fetch(jar, self._partial, count), num_counted
            except DownloadError as error:
                if self._is_stopped.is_set():
                    raise _StoppedError from error
                self._meter.add(-num_counted)
                num_counted = 0
                if pause_s is None:
                    raise self._failed(jar, error) from error
                logger.info("%s: %s. Retrying in %.0f s.", jar.coordinate, error, pause_s)
                self._is_stopped.wait(pause_s)
        raise AssertionError("unreachable")  # The last pause is None, which returns or raises.

    def _failed(self, jar: Jar, error: Exception) -> DownloadError:
        return DownloadError(
            f"Cannot download {jar.coordinate}: {error}. {self._num_done} of "
            f"{len(self._jars)} jars of Neo4j are complete. Check the network and run the command "
            "again to download the rest."
        )


def _is_verified(path: Path, jar: Jar) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_size == jar.size and found.st_mtime == _verified_time(jar)


def _mark_verified(path: Path, jar: Jar) -> None:
    seconds = _verified_time(jar)
    os.utime(path, (seconds, seconds))


def _verified_time(jar: Jar) -> int:
    """The modification time, in seconds, that marks a file as verified for this sha256.

    Any later change of the file changes its time, and the file is then read and checked again. The
    times are even, as some file systems keep nothing finer, and between 2001 and 2018.
    """
    return 1_000_000_000 + int(jar.sha256[:7], 16) * 2
