"""Downloads a dump's part files: in parallel, resumed after any cut, verified by their checksums.

A file has its final name only once its checksum is right; until then it is `NAME.part`, and what it
holds is never fetched again.
"""

from __future__ import annotations

import hashlib
import logging
import re
import ssl
import threading
import time
import urllib.error
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO

from bookgraph.core.errors import ChecksumError, DownloadError
from bookgraph.core.files import check_free_space, translated_write_errors
from bookgraph.core.progress import Meter, OnProgress, ignore_progress
from bookgraph.ingest.fetch.site import (
    DUMP_SITE,
    Part,
    Patience,
    is_retryable,
    list_parts,
    open_url,
)

logger = logging.getLogger(__name__)

NUM_CONNECTIONS = 2
"""What Wikimedia asks users to stay within."""

_CHUNK_BYTES = 2**20
_SPARE_BYTES = 64 * 2**20
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_NETWORK_ERRORS = (
    TimeoutError,
    ConnectionError,
    HTTPException,
    ssl.SSLError,
    urllib.error.URLError,
)
_STAGE = "Downloading the dump"


@dataclass(frozen=True, slots=True)
class FetchedDump:
    """A dump on the disk.

    Attributes:
        wiki: database name.
        date: `YYYYMMDD`.
        paths: its files, in the order of their pages.
        num_bytes: of them together.
        num_fetched_bytes: of those that came over the network now.
        elapsed_s: seconds.
    """

    wiki: str
    date: str
    paths: tuple[Path, ...]
    num_bytes: int
    num_fetched_bytes: int
    elapsed_s: float


def fetch_dump(
    wiki: str,
    date: str,
    *,
    folder: Path,
    site: str = DUMP_SITE,
    num_connections: int = NUM_CONNECTIONS,
    patience: Patience | None = None,
    on_progress: OnProgress = ignore_progress,
) -> FetchedDump:
    """Download a dump of all articles, or what of it is not there yet.

    Args:
        wiki: database name, such as `enwiki` or `simplewiki`.
        date: `YYYYMMDD`, or `latest`.
        folder: files go to `folder/WIKI/DATE`.
        site: address of the dump site or of a mirror.
        num_connections: files that are downloaded at once.
        patience: how long to wait and how often to try.
        on_progress: told of bytes, rate and the time left.

    Raises:
        UsageError: a name or an address that can never work.
        DownloadError: the site cannot be reached or keeps failing; what came is kept, and calling
            again goes on there.
        ChecksumError: a file came twice with a wrong checksum; it was deleted.
        DiskFullError: there is not enough room.
    """
    start_s = time.monotonic()
    patience = patience or Patience()
    date, parts = list_parts(wiki, date, site=site, patience=patience)
    target = folder / wiki / date
    with translated_write_errors(target, error_type=DownloadError):
        target.mkdir(parents=True, exist_ok=True)
    _check_room(target, parts)
    meter = Meter(_STAGE, sum(part.size for part in parts), on_progress)
    is_stopped = threading.Event()
    pool = ThreadPoolExecutor(num_connections)
    try:
        downloads = [
            pool.submit(_Download(part, target, patience, meter, is_stopped).run) for part in parts
        ]
        wait(downloads, return_when=FIRST_EXCEPTION)
        # Those that are not done yet are unfinished only because another one failed.
        paths = tuple(download.result() for download in downloads if download.done())
    finally:
        # After a failure or Ctrl-C the other threads end with their chunk; what they have is kept.
        is_stopped.set()
        pool.shutdown(cancel_futures=True)
    elapsed_s = time.monotonic() - start_s
    logger.info("fetched %s of %s into %s in %.0f s", wiki, date, target, elapsed_s)
    return FetchedDump(wiki, date, paths, meter.total, meter.num_new, elapsed_s)


def _check_room(target: Path, parts: Sequence[Part]) -> None:
    present = sum(
        path.stat().st_size
        for part in parts
        for path in (target / part.name, _draft_of(target, part))
        if path.exists()
    )
    needed = sum(part.size for part in parts) - present + _SPARE_BYTES
    check_free_space(target, needed, purpose="The rest of the dump")


def _draft_of(target: Path, part: Part) -> Path:
    return target / f"{part.name}.part"


class _StoppedError(Exception):
    """Ends a thread whose result nobody waits for any more."""


class _Download:
    """One part file on its way."""

    def __init__(
        self,
        part: Part,
        target: Path,
        patience: Patience,
        meter: Meter,
        is_stopped: threading.Event,
    ) -> None:
        self._part = part
        self._path = target / part.name
        self._draft = _draft_of(target, part)
        self._patience = patience
        self._meter = meter
        self._is_stopped = is_stopped

    def run(self) -> Path:
        """Fetch what is missing, verify it and give the file its name."""
        with translated_write_errors(self._path.parent, error_type=DownloadError):
            if self._path.exists():
                self._path.replace(self._draft)
            for is_last in (False, True):
                self._fill()
                if _sha1(self._draft) == self._part.sha1:
                    self._draft.replace(self._path)
                    return self._path
                self._meter.add_present(-self._draft.stat().st_size)
                self._draft.unlink()
                if not is_last:
                    logger.warning("%s has a wrong checksum, once more.", self._part.url)
        raise ChecksumError(
            f"{self._part.url} came twice with a checksum other than the published sha1 "
            f"{self._part.sha1}. It was deleted. Try again later or name another --mirror."
        )

    def _fill(self) -> None:
        """Download until the draft has its full size."""
        num_failures = 0
        self._draft.touch()
        have = self._draft.stat().st_size
        if have > self._part.size:
            self._truncate(0)
            have = 0
        self._meter.add_present(have)
        while (have := self._draft.stat().st_size) < self._part.size:
            retry_after = None
            try:
                self._download_from(have)
                failure: Exception | None = None
            except urllib.error.HTTPError as error:
                failure, retry_after = error, error.headers.get("Retry-After")
                if error.code == _RANGE_NOT_SATISFIABLE:
                    self._restart(have)
                elif not is_retryable(error):
                    raise self._failed(error) from error
            except _NETWORK_ERRORS as error:
                failure = error
            # Only tries that brought nothing count: a bad line that moves on is good enough.
            has_moved = self._draft.stat().st_size > have
            num_failures = 0 if has_moved else num_failures + 1
            if num_failures >= self._patience.num_tries:
                raise self._failed(failure) from failure
            if self._draft.stat().st_size < self._part.size:
                pause_s = self._patience.pause(max(num_failures, 1), retry_after)
                logger.debug("%s: %s, again in %.1f s", self._part.url, failure, pause_s)
                self._wait(pause_s)

    def _download_from(self, offset: int) -> None:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        timeout_s = self._patience.timeout_s
        with open_url(self._part.url, timeout_s=timeout_s, headers=headers) as response:
            if offset and not _starts_at(response, offset):
                self._restart(offset)
                if response.status == _PARTIAL_CONTENT:
                    # A cache that answers with another range than it was asked for.
                    return
                # A server that knows no ranges sends the whole file.
                offset = 0
            with self._draft.open("r+b") as file:
                file.seek(offset)
                self._copy(response, file, left=self._part.size - offset)

    def _copy(self, response: HTTPResponse, file: BinaryIO, *, left: int) -> None:
        while left > 0:
            self._wait(0)
            chunk = response.read1(min(_CHUNK_BYTES, left))
            if not chunk:
                return
            file.write(chunk)
            left -= len(chunk)
            self._meter.add(len(chunk))

    def _restart(self, have: int) -> None:
        self._truncate(0)
        self._meter.add_present(-have)

    def _truncate(self, length: int) -> None:
        with self._draft.open("r+b") as file:
            file.truncate(length)

    def _wait(self, seconds: float) -> None:
        if self._is_stopped.wait(seconds) if seconds else self._is_stopped.is_set():
            raise _StoppedError

    def _failed(self, failure: Exception | None) -> DownloadError:
        have = self._draft.stat().st_size
        return DownloadError(
            f"{self._part.url} cannot be fetched ({failure or 'the answer ends too early'}). "
            f"{have:,} of {self._part.size:,} bytes are here; run the command again to go on, or "
            "name another --mirror."
        )


def _starts_at(response: HTTPResponse, offset: int) -> bool:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range") or "")
    return response.status == _PARTIAL_CONTENT and match is not None and int(match[1]) == offset


def _sha1(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()
