"""What Wikimedia's dump site (or a mirror of it) offers: dates, part files, sizes and checksums.

Only small pages are read here; `bookgraph.ingest.fetch.download` downloads.
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.parse import urljoin, urlsplit

from bookgraph.core.errors import DownloadError, UsageError

DUMP_SITE = "https://dumps.wikimedia.org/"
USER_AGENT = "bookgraph/0.1 (reads Wikipedia dumps into a graph of books)"

_WIKI = re.compile(r"[a-z][a-z0-9_]{1,40}")
_DATE = re.compile(r"\d{8}")
_DATE_FOLDER = re.compile(r'href="(?:[^"]*/)?(\d{8})/?"')
_PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.bz2")
_JOBS = ("articlesdump", "articlesmultistreamdump")
"""Either has all pages; the multistream one is larger and bookgraph gains nothing by it."""

_MAX_PAGE_BYTES = 16 * 2**20
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a dump.

    Attributes:
        name: of the file.
        url: where it is.
        size: in bytes.
        sha1: its published checksum, 40 hexadecimal digits.
    """

    name: str
    url: str
    size: int
    sha1: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, and how often to try.

    Attributes:
        num_tries: without a single new byte, before it is given up.
        timeout_s: for an answer or the next bytes.
        pause_s: before the second try; it doubles from one try to the next.
    """

    num_tries: int = 6
    timeout_s: float = 60.0
    pause_s: float = _FIRST_PAUSE_S

    def pause(self, num_failures: int, retry_after: str | None = None) -> float:
        """Seconds to wait after so many failures, or what the server asks for."""
        if retry_after is not None and retry_after.isdecimal():
            return min(float(retry_after), 10 * _LONGEST_PAUSE_S)
        return min(self.pause_s * 2.0 ** (num_failures - 1), _LONGEST_PAUSE_S)


def list_parts(
    wiki: str, date: str, *, site: str = DUMP_SITE, patience: Patience | None = None
) -> tuple[str, list[Part]]:
    """Find the files that hold all articles of a wiki.

    Args:
        wiki: database name, such as `enwiki` or `simplewiki`.
        date: `YYYYMMDD`, or `latest` for the newest dump that is complete.
        site: address of the dump site or of a mirror with the same folders.
        patience: how long to wait and how often to try.

    Returns:
        The date of the dump and its files, in the order of their pages.

    Raises:
        UsageError: a name or an address that can never work.
        DownloadError: the site cannot be reached or has no such dump; the message says which.
    """
    patience = patience or Patience()
    if not _WIKI.fullmatch(wiki):
        raise UsageError(f"--wiki {wiki!r} is no name of a wiki; use enwiki, simplewiki, ...")
    if date != "latest" and not _DATE.fullmatch(date):
        raise UsageError(f"--date {date!r} is no date; use YYYYMMDD or latest.")
    if urlsplit(site).scheme not in {"http", "https"}:
        raise UsageError(f"--mirror {site!r} is no address; use https://HOST/FOLDER/.")
    root = site.rstrip("/") + "/"
    folder = urljoin(root, f"{wiki}/")
    dates = [date] if date != "latest" else _list_dates(folder, patience)
    for candidate in dates:
        status = _read_page(urljoin(folder, f"{candidate}/dumpstatus.json"), patience)
        parts = _read_parts(status, root)
        if parts:
            return candidate, parts
    asked = "no finished dump" if date == "latest" else f"no finished dump of {date}"
    raise DownloadError(f"{folder} has {asked} of the articles. Try an earlier --date YYYYMMDD.")


def _list_dates(folder: str, patience: Patience) -> list[str]:
    """The dates of a wiki's dumps, newest first."""
    listing = _read_page(folder, patience).decode("utf-8", "replace")
    dates = sorted(set(_DATE_FOLDER.findall(listing)), reverse=True)
    if not dates:
        raise DownloadError(
            f"{folder} lists no dumps. Is this a dump site, and the wiki's name right?"
        )
    return dates


def _read_parts(status: bytes, root: str) -> list[Part]:
    """The parts of the first finished job, or none."""
    try:
        jobs = json.loads(status)["jobs"]
        for job in _JOBS:
            if jobs.get(job, {}).get("status") == "done":
                return sorted(_iter_job(jobs[job]["files"], root), key=_page_order)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DownloadError(
            f"The dump site's dumpstatus.json is not understood ({error!r}). Try again later, "
            "another --date, or another --mirror."
        ) from error
    return []


def _iter_job(files: Mapping[str, Mapping[str, object]], root: str) -> list[Part]:
    parts = []
    for name, entry in files.items():
        # A name from outside becomes a file name here, so it must not lead anywhere else.
        if not _PART_NAME.fullmatch(name):
            raise ValueError(name)
        if "-index" in name:
            continue
        size, sha1 = entry["size"], str(entry["sha1"])
        if not isinstance(size, int) or not re.fullmatch(r"[0-9a-f]{40}", sha1):
            raise ValueError(name)
        parts.append(Part(name, urljoin(root, str(entry["url"]).lstrip("/")), size, sha1))
    return parts


def _page_order(part: Part) -> tuple[int, str]:
    match = re.search(r"-p(\d+)p\d+\.bz2$", part.name)
    return (int(match[1]) if match else 0, part.name)


def _read_page(url: str, patience: Patience) -> bytes:
    failure: Exception | None = None
    for num_failures in range(1, patience.num_tries + 1):
        try:
            with open_url(url, timeout_s=patience.timeout_s) as response:
                return response.read(_MAX_PAGE_BYTES)
        except urllib.error.HTTPError as error:
            failure = error
            if not is_retryable(error):
                break
            pause_s = patience.pause(num_failures, error.headers.get("Retry-After"))
        except (OSError, HTTPException) as error:
            failure = error
            pause_s = patience.pause(num_failures)
        if num_failures < patience.num_tries:
            time.sleep(pause_s)
    if isinstance(failure, urllib.error.HTTPError) and failure.code == 404:  # noqa: PLR2004  # HTTP's own
        raise DownloadError(f"There is no {url}. Check --wiki and --date.") from failure
    raise DownloadError(
        f"{url} cannot be read ({failure}). Check the network, or name another --mirror."
    ) from failure


def open_url(
    url: str, *, timeout_s: float, headers: Mapping[str, str] | None = None
) -> HTTPResponse:
    """Open an http or https address; the caller closes it.

    Raises:
        OSError: no answer, or an error status (`urllib.error.HTTPError`).
        HTTPException: an answer that is no HTTP.
    """
    request = urllib.request.Request(  # noqa: S310  # `list_parts` has checked the scheme
        url, headers={"User-Agent": USER_AGENT, **(headers or {})}
    )
    return cast("HTTPResponse", urllib.request.urlopen(request, timeout=timeout_s))  # noqa: S310  # the same


def is_retryable(error: urllib.error.HTTPError) -> bool:
    """Whether the same request may succeed later."""
    return error.code in {408, 425, 429, 500, 502, 503, 504}
