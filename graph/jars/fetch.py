"""The jars of the local Neo4j: the committed lock, and a verified copy of each jar in the cache.

What is used is exactly what `jars.lock` names, checked by sha256. Where a jar comes from is
`graph.jars.source`'s business; how the lock is made is `tools.lock_jars`'s. A jar is checked by its
size on every call, and by its sha256 again only when its file has changed since the last check, so
that a warm call costs milliseconds.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from bookgraph.core.errors import (
    ChecksumError,
    DiskFullError,
    DownloadError,
    LocalServerError,
    is_disk_full,
)
from bookgraph.core.locks import acquire_lock
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.jars.cache import JarFolder, sha256_of
from bookgraph.graph.jars.lock import LOCK_FILE, Jar, load_lock
from bookgraph.graph.jars.source import fetch_by_jgo, find_in_local_repository, system_certificates

logger = logging.getLogger(__name__)

_MB = 1_000_000
# Room that must stay free beside the jars, for the store's first files and the logs.
_MARGIN_BYTES = 100 * _MB
# Most jars are small, so that waiting for answers sets the pace. More threads gained nothing.
_NUM_THREADS = 8
# A cut connection or a slow name server mends in seconds, a machine without a network never does.
_RETRY_PAUSES_S = (2.0, 6.0)

FetchJar = Callable[[Jar, Path, Callable[[int], None]], Path]


def fetch_jars(
    cache: Path,
    *,
    jars: tuple[Jar, ...] | None = None,
    fetch: FetchJar = fetch_by_jgo,
    on_progress: OnProgress = ignore_progress,
) -> tuple[Path, ...]:
    """Bring every jar of the lock into the cache folder and check it.

    Two processes may call this at once: the second waits for the first and finds its jars. Stopped
    at any point, the next call goes on with what is still missing.

    Args:
        cache: the cache folder; the jars go into its `jars` folder.
        jars: which jars; by default the `neo4j` section of the lock.
        fetch: downloads one jar into a folder, calling back with the number of bytes of each
            piece, and returns the file. It may raise any `OSError` or `RuntimeError`.
        on_progress: told the MB and the jars that are there.

    Returns:
        The jars' files, in the order of `jars`.

    Raises:
        DownloadError: a jar cannot be fetched, after two retries; calling again goes on.
        ChecksumError: what arrived is not what the lock names; it was deleted.
        DiskFullError: there is no room for the missing jars.
        LocalServerError: the cache folder cannot be written.
    """
    wanted = load_lock() if jars is None else jars
    folder = cache / "jars"
    store = JarFolder(folder)
    if store.missing(wanted):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder / ".lock", on_progress):
                _fill(store, wanted, fetch=fetch, on_progress=on_progress)
        except OSError as error:
            reason = error.strerror or error
            message = (
                f"Cannot write Neo4j's jars to {folder}: {reason}. Make that folder writable, or "
                "set BOOKGRAPH_CACHE to another one."
            )
            raise LocalServerError(message) from error
    return tuple(store.path(jar) for jar in wanted)


class _Tally:
    """Counts bytes and jars over all threads and tells them as progress."""

    def __init__(self, jars: tuple[Jar, ...], on_progress: OnProgress) -> None:
        self.num_jars = len(jars)
        self.num_done = 0
        self.is_stopped = False
        self._total_bytes = sum(jar.size for jar in jars)
        self._bytes: dict[str, int] = {}
        self._on_progress = on_progress
        self._guard = threading.Lock()

    def start(self, jar: Jar) -> None:
        """A jar's download begins, or begins again."""
        self._bytes[jar.file_name] = 0

    def add(self, jar: Jar, num_bytes: int) -> None:
        """Some bytes of a jar arrived."""
        if self.is_stopped:
            raise _StoppedError
        with self._guard:
            self._bytes[jar.file_name] = min(jar.size, self._bytes[jar.file_name] + num_bytes)
            self._tell()

    def finish(self, jar: Jar) -> None:
        """A jar is there and verified."""
        with self._guard:
            self._bytes[jar.file_name] = jar.size
            self.num_done += 1
            self._tell()

    def _tell(self) -> None:
        arrived = sum(self._bytes.values())
        if self.num_done < self.num_jars:
            # The last jar's bytes are all there before it is verified; it is not finished yet.
            arrived = min(arrived, self._total_bytes - 1)
        self._on_progress(
            Progress(
                "Fetching Neo4j's jars",
                arrived / _MB,
                self._total_bytes / _MB,
                "MB",
                f"{self.num_done} of {self.num_jars} jars",
            )
        )


class _StoppedError(Exception):
    """Another jar failed, so this one's download ends too."""


def _fill(
    store: JarFolder, jars: tuple[Jar, ...], *, fetch: FetchJar, on_progress: OnProgress
) -> None:
    # Under the lock nobody else writes here, so anything partial was left by a killed process.
    shutil.rmtree(store.partial, ignore_errors=True)
    started_s = time.monotonic()
    # Read the stamps again: whoever held the lock before may have fetched everything.
    store = JarFolder(store.folder)
    tally = _Tally(jars, on_progress)
    missing = []
    for jar in jars:
        if jar not in store.missing((jar,)) or store.adopt(jar):
            tally.finish(jar)
        else:
            missing.append(jar)
    if missing:
        _check_room(store.folder, missing)
        store.partial.mkdir()
    try:
        with system_certificates():
            _fetch_all(store, missing, fetch=fetch, tally=tally)
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise DiskFullError(_full_message(store.folder, missing)) from error
    finally:
        shutil.rmtree(store.partial, ignore_errors=True)
        store.save_stamps()
    seconds = time.monotonic() - started_s
    logger.info("%d jars verified, %d fetched, in %.1f s.", len(jars), len(missing), seconds)


def _fetch_all(store: JarFolder, jars: list[Jar], *, fetch: FetchJar, tally: _Tally) -> None:
    # The largest first: the last thread to finish then holds a small jar, not neo4j-browser.
    ordered = sorted(jars, key=lambda jar: -jar.size)
    pool = ThreadPoolExecutor(_NUM_THREADS, thread_name_prefix="jars")
    try:
        futures: list[Future[None]] = [
            pool.submit(_bring, jar, store=store, fetch=fetch, tally=tally) for jar in ordered
        ]
        wait(futures, return_when=FIRST_EXCEPTION)
        failed = [done.exception() for done in futures if done.done() and done.exception()]
        if failed and failed[0] is not None:
            raise failed[0]
    finally:
        tally.is_stopped = True
        pool.shutdown(cancel_futures=True)


def _bring(jar: Jar, *, store: JarFolder, fetch: FetchJar, tally: _Tally) -> None:
    target = store.partial / jar.file_name
    local = find_in_local_repository(jar)
    if local is not None:
        tally.start(jar)
        shutil.copyfile(local, target)
        if sha256_of(target) == jar.sha256:
            store.put(jar, target)
            tally.finish(jar)
            return
        logger.info("%s is not what the lock names and is not used.", local)
    arrived = _download(jar, store.partial, fetch=fetch, tally=tally)
    found = sha256_of(arrived)
    if found != jar.sha256:
        size = arrived.stat().st_size
        arrived.unlink()
        message = (
            f"The download of {jar.coordinate} is not what {LOCK_FILE} names: its sha256 is "
            f"{found} ({size:,} bytes), expected {jar.sha256} ({jar.size:,} bytes). It was "
            "deleted. Run the command again; if this happens again, something between this "
            "machine and the jar's source (a proxy, a mirror) changes what it sends."
        )
        raise ChecksumError(message)
    store.put(jar, arrived)
    tally.finish(jar)


def _download(jar: Jar, folder: Path, *, fetch: FetchJar, tally: _Tally) -> Path:
    for pause_s in (*_RETRY_PAUSES_S, None):
        tally.start(jar)
        try:
            return fetch(jar, folder, lambda num_bytes: tally.add(jar, num_bytes))
        except (OSError, RuntimeError) as error:
            if isinstance(error, OSError) and is_disk_full(error):
                raise
            if tally.is_stopped:
                raise _StoppedError from error
            if pause_s is None:
                message = (
                    f"Cannot fetch {jar.coordinate} ({_reason(error)}). {tally.num_done} of "
                    f"{tally.num_jars} jars of Neo4j are there. Check the network and run the "
                    "command again: it goes on where it stopped."
                )
                raise DownloadError(message) from error
            logger.info("Fetching %s failed (%s); again in %.0f s.", jar, error, pause_s)
            time.sleep(pause_s)
    raise AssertionError("unreachable")  # The last pause is None, which returns or raises.


def _reason(error: BaseException) -> str:
    """What the network itself said, without the layers that wrap it."""
    innermost: BaseException = error
    while (inner := innermost.__cause__ or innermost.__context__) is not None:
        innermost = inner
    reason = str(innermost) or type(innermost).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        reason += "; if your network signs its own, name its certificates in REQUESTS_CA_BUNDLE"
    return reason


def _check_room(folder: Path, missing: list[Jar]) -> None:
    needed = sum(jar.size for jar in missing) + _MARGIN_BYTES
    if shutil.disk_usage(folder).free < needed:
        raise DiskFullError(_full_message(folder, missing))


def _full_message(folder: Path, missing: list[Jar]) -> str:
    needed = (sum(jar.size for jar in missing) + _MARGIN_BYTES) / _MB
    free = shutil.disk_usage(folder).free / _MB
    return (
        f"There is no room for Neo4j's jars in {folder}: {needed:,.0f} MB are needed and "
        f"{free:,.0f} MB are free. Free some space, or set BOOKGRAPH_CACHE to a folder on "
        "another disk, and run the command again: it goes on where it stopped."
    )


@contextmanager
def _locked(path: Path, on_progress: OnProgress) -> Iterator[None]:
    waiting = "Waiting for another bookgraph that is fetching Neo4j's jars"
    lock = acquire_lock(path, waiting=waiting, on_progress=on_progress)
    try:
        yield
    finally:
        lock.release()
