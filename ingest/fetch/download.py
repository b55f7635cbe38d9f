"""Downloads the files of a dump in parallel, verifies them, and resumes after interruptions.

A file gets its final name when its checksum is right. Until then it is `NAME.part`, and its bytes
are not downloaded again.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import httpx

from bookgraph.core.concurrency import worker_threads
from bookgraph.core.errors import ChecksumError, DownloadError
from bookgraph.core.files import check_free_space, translated_write_errors
from bookgraph.core.http import (
    describe_http_error,
    is_retryable,
    open_client,
    retry_after,
    status_of,
)
from bookgraph.core.progress import Meter, OnProgress, ignore_progress
from bookgraph.ingest.fetch.choose import Source, choose_dump
from bookgraph.ingest.fetch.site import DUMP_SITE, Part, RetryPolicy, user_agent

logger = logging.getLogger(__name__)

NUM_CONNECTIONS = 3
"""As many as Wikimedia allows from one host."""

_SPARE_BYTES = 64 * 2**20
_STAGE = "Downloading the dump"


@dataclass(frozen=True, slots=True)
class FetchedDump:
    """A dump on the disk.

    Attributes:
        wiki: database name.
        source: `content` or `classic`.
        date: as the site writes it.
        why: a sentence that says why it was this dump.
        paths: its files, in the order of their pages.
        num_bytes: their size in all.
        num_fetched_bytes: the bytes that this call downloaded.
        elapsed_s: seconds.
    """

    wiki: str
    source: str
    date: str
    why: str
    paths: tuple[Path, ...]
    num_bytes: int
    num_fetched_bytes: int
    elapsed_s: float


def fetch_dump(
    wiki: str,
    date: str,
    *,
    folder: Path,
    source: Source | None = None,
    site: str = DUMP_SITE,
    contact: str | None = None,
    num_connections: int = NUM_CONNECTIONS,
    policy: RetryPolicy | None = None,
    on_progress: OnProgress = ignore_progress,
) -> FetchedDump:
    """Download a dump of all articles, or the rest of it.

    Args:
        wiki: database name, such as `enwiki` or `simplewiki`.
        date: `YYYY-MM-DD`, `YYYYMMDD`, or `latest`.
        folder: files go to `folder/WIKI/DATE`.
        source: as for `choose_dump`.
        site: URL of the dump site or of a mirror.
        contact: e-mail address or URL of whoever runs this program.
        num_connections: files that are downloaded at once.
        policy: how long to wait and how often to retry.
        on_progress: receives bytes, rate and time left.

    Raises:
        UsageError: the wiki, the date or the site is not valid.
        DownloadError: the site cannot be reached or keeps failing. The bytes so far are kept, and
            the next call resumes.
        ChecksumError: a file had a wrong checksum twice; it was deleted.
        DiskFullError: the disk has not enough space.
    """
    start_s = time.monotonic()
    policy = policy or RetryPolicy()
    choice = choose_dump(wiki, date, source=source, site=site, policy=policy, contact=contact)
    listing = choice.listing
    parts = listing.parts
    target = folder / wiki / listing.date
    with translated_write_errors(target, error_type=DownloadError):
        target.mkdir(parents=True, exist_ok=True)
    _check_room(target, parts)
    meter = Meter(_STAGE, listing.num_bytes, on_progress)
    is_stopped = threading.Event()
    with (
        open_client(timeout_s=policy.timeout_s, user_agent=user_agent(contact)) as client,
        worker_threads(num_connections, name="download") as pool,
    ):
        try:
            downloads = [
                pool.submit(_Download(part, target, client, policy, meter, is_stopped).run)
                for part in parts
            ]
            wait(downloads, return_when=FIRST_EXCEPTION)
            # A download that is not done yet is unfinished only because another one failed.
            paths = tuple(download.result() for download in downloads if download.done())
        finally:
            # After a failure or Ctrl-C the other threads end with their chunk, which is kept.
            is_stopped.set()
    elapsed_s = time.monotonic() - start_s
    logger.info("fetched %s of %s into %s in %.0f s", wiki, listing.date, target, elapsed_s)
    return FetchedDump(
        wiki,
        listing.source,
        listing.date,
        choice.why,
        paths,
        num_bytes=sum(path.stat().st_size for path in paths),
        num_fetched_bytes=meter.num_new,
        elapsed_s=elapsed_s,
    )


def _check_room(target: Path, parts: Sequence[Part]) -> None:
    present = sum(
        path.stat().st_size
        for part in parts
        for path in (target / part.name, _draft_of(target, part))
        if path.exists()
    )
    needed = sum(part.size or 0 for part in parts) - present + _SPARE_BYTES
    check_free_space(target, needed, purpose="The rest of the dump")


def _draft_of(target: Path, part: Part) -> Path:
    return target / f"{part.name}.part"


class _StoppedError(Exception):
    """Ends a download after another one failed."""


class _Download:
    """The download of one file."""

    def __init__(
        self,
        part: Part,
        target: Path,
        client: httpx.Client,
        policy: RetryPolicy,
        meter: Meter,
        is_stopped: threading.Event,
    ) -> None:
        self._part = part
        self._size = part.size
        self._path = target / part.name
        self._draft = _draft_of(target, part)
        self._client = client
        self._policy = policy
        self._meter = meter
        self._is_stopped = is_stopped

    def run(self) -> Path:
        """Download the rest, verify the file and give it its name."""
        with translated_write_errors(self._path.parent, error_type=DownloadError):
            if self._path.exists():
                self._path.replace(self._draft)
            for is_last in (False, True):
                self._fill()
                if _digest(self._draft, self._part.algorithm) == self._part.digest:
                    self._draft.replace(self._path)
                    return self._path
                self._meter.add_present(-self._draft.stat().st_size)
                self._draft.unlink()
                if not is_last:
                    logger.warning("%s: wrong checksum, downloading again.", self._part.url)
        raise ChecksumError(
            f"Wrong checksum of {self._part.url} after two downloads: expected the published "
            f"{self._part.algorithm} {self._part.digest}. The file was deleted. Retry later, or "
            "name another --mirror."
        )

    def _fill(self) -> None:
        """Download until the draft has its full size."""
        num_failures = 0
        self._draft.touch()
        have = self._draft.stat().st_size
        if self._size is not None and have > self._size:
            self._truncate(0)
            have = 0
        self._meter.add_present(have)
        while not self._is_full(have := self._draft.stat().st_size):
            failure = self._try_from(have)
            # Only attempts that brought nothing count: a bad line that makes progress will do.
            has_grown = self._draft.stat().st_size > have
            if self._size is None and failure is None and not has_grown:
                # A whole response brought nothing new: the file has no more.
                self._learn_size(have)
            num_failures = 0 if has_grown else num_failures + 1
            if num_failures >= self._policy.num_attempts:
                raise self._failed(failure) from failure
            if not self._is_full(self._draft.stat().st_size):
                retry = retry_after(failure) if failure else None
                pause_s = self._policy.pause(max(num_failures, 1), retry)
                logger.debug("%s: %s, retrying in %.1f s", self._part.url, failure, pause_s)
                self._wait(pause_s)

    def _is_full(self, have: int) -> bool:
        return self._size is not None and have >= self._size

    def _try_from(self, offset: int) -> httpx.HTTPError | None:
        """Download from there on; return what a retry may overcome."""
        try:
            self._download_from(offset)
        except httpx.HTTPError as error:
            if status_of(error) == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                if self._size is None and _total_of(error) in {None, offset}:
                    # The site did not tell the size, and there is no more.
                    self._learn_size(offset)
                    return None
                self._restart(offset)
            elif not is_retryable(error):
                raise self._failed(error) from error
            return error
        return None

    def _download_from(self, offset: int) -> None:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._client.stream("GET", self._part.url, headers=headers) as response:
            response.raise_for_status()
            if offset and not _starts_at(response, offset):
                self._restart(offset)
                if response.status_code == HTTPStatus.PARTIAL_CONTENT:
                    # A cache that sends another range than the requested one.
                    return
                # A server without ranges sends the whole file.
                offset = 0
            if self._size is None and (total := _announced_size(response)) is not None:
                self._learn_size(total)
            with self._draft.open("r+b") as file:
                file.seek(offset)
                self._copy(response, file, offset=offset)
            if self._size is None and "chunked" in response.headers.get("Transfer-Encoding", ""):
                # The end of such a response is marked, so that a cut would have been an error.
                self._learn_size(self._draft.stat().st_size)

    def _learn_size(self, size: int) -> None:
        self._size = size
        self._meter.extend(size)

    def _copy(self, response: httpx.Response, file: BinaryIO, *, offset: int) -> None:
        for chunk in response.iter_raw():
            self._wait(0)
            wanted = chunk if self._size is None else chunk[: self._size - offset]
            file.write(wanted)
            offset += len(wanted)
            self._meter.add(len(wanted))
            if self._is_full(offset):
                return

    def _restart(self, have: int) -> None:
        self._truncate(0)
        self._meter.add_present(-have)

    def _truncate(self, length: int) -> None:
        with self._draft.open("r+b") as file:
            file.truncate(length)

    def _wait(self, seconds: float) -> None:
        if self._is_stopped.wait(seconds) if seconds else self._is_stopped.is_set():
            raise _StoppedError

    def _failed(self, failure: httpx.HTTPError | None) -> DownloadError:
        have = self._draft.stat().st_size
        reason = describe_http_error(failure) if failure else "the response ends too early"
        size = f" of {self._size:,}" if self._size is not None else ""
        return DownloadError(
            f"Cannot download {self._part.url}: {reason}. {have:,}{size} bytes are kept. Run the "
            "command again to resume, or name another --mirror."
        )


def _starts_at(response: httpx.Response, offset: int) -> bool:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    is_partial = response.status_code == HTTPStatus.PARTIAL_CONTENT
    return is_partial and found is not None and int(found[1]) == offset


def _announced_size(response: httpx.Response) -> int | None:
    """The size of the whole file, where the response tells it."""
    found = re.fullmatch(r"bytes (?:\d+-\d+|\*)/(\d+)", response.headers.get("Content-Range", ""))
    if found is not None:
        return int(found[1])
    length: str = response.headers.get("Content-Length", "")
    return int(length) if response.status_code == HTTPStatus.OK and length.isdecimal() else None


def _total_of(error: httpx.HTTPError) -> int | None:
    return _announced_size(error.response) if isinstance(error, httpx.HTTPStatusError) else None


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
