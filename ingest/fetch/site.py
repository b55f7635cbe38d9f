"""What Wikimedia's dump site (or a mirror of it) offers: dates, part files, sizes and checksums.

Only small pages are read here; `bookgraph.ingest.fetch.download` downloads.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import httpx

from bookgraph.core.errors import DownloadError, UsageError
from bookgraph.core.http import (
    describe_http_error,
    is_retryable,
    open_client,
    retry_after,
    status_of,
)

DUMP_SITE = "https://dumps.wikimedia.org/"
USER_AGENT = "bookgraph/0.1 (reads Wikipedia dumps into a graph of books)"

_WIKI = re.compile(r"[a-z][a-z0-9_]{1,40}")
_DATE = re.compile(r"\d{8}")
_DATE_FOLDER = re.compile(r'href="(?:[^"]*/)?(\d{8})/?"')
_PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.bz2")
_JOBS = ("articlesdump", "articlesmultistreamdump")
"""Either has all pages. The multistream one is larger, without a gain for bookgraph."""

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
class RetryPolicy:
    """How long to wait, and how often to retry.

    Attributes:
        num_attempts: attempts without a single new byte until a download fails.
        timeout_s: seconds without a response or the next bytes until an attempt fails.
        pause_s: seconds before the first retry; each further pause is twice as long.
    """

    num_attempts: int = 6
    timeout_s: float = 60.0
    pause_s: float = _FIRST_PAUSE_S

    def pause(self, num_failures: int, retry_after: str | None = None) -> float:
        """Seconds to wait after so many failures, or as many as the server asks for."""
        if retry_after is not None and retry_after.isdecimal():
            return min(float(retry_after), 10 * _LONGEST_PAUSE_S)
        return min(self.pause_s * 2.0 ** (num_failures - 1), _LONGEST_PAUSE_S)


def list_parts(
    wiki: str, date: str, *, site: str = DUMP_SITE, policy: RetryPolicy | None = None
) -> tuple[str, list[Part]]:
    """Find the files that hold all articles of a wiki.

    Args:
        wiki: database name, such as `enwiki` or `simplewiki`.
        date: `YYYYMMDD`, or `latest` for the newest dump that is complete.
        site: URL of the dump site or of a mirror with the same folders.
        policy: how long to wait and how often to retry.

    Returns:
        The date of the dump and its files, in the order of their pages.

    Raises:
        UsageError: the wiki, the date or the site is not valid.
        DownloadError: the site cannot be reached, or has no such dump.
    """
    policy = policy or RetryPolicy()
    if not _WIKI.fullmatch(wiki):
        raise UsageError(f"Invalid --wiki {wiki!r}. Use a name such as enwiki or simplewiki.")
    if date != "latest" and not _DATE.fullmatch(date):
        raise UsageError(f"Invalid --date {date!r}. Use YYYYMMDD or latest.")
    if not _is_web_address(site):
        raise UsageError(f"Invalid URL in --mirror: {site!r}. Use https://HOST/FOLDER/.")
    root = site.rstrip("/") + "/"
    folder = urljoin(root, f"{wiki}/")
    with open_client(timeout_s=policy.timeout_s, user_agent=USER_AGENT) as client:
        dates = [date] if date != "latest" else _list_dates(client, folder, policy)
        for candidate in dates:
            status = _read_page(client, urljoin(folder, f"{candidate}/dumpstatus.json"), policy)
            parts = _read_parts(status, root)
            if parts:
                return candidate, parts
    wanted = "finished dump" if date == "latest" else f"finished dump of {date}"
    raise DownloadError(f"No {wanted} of the articles at {folder}. Try an earlier --date YYYYMMDD.")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _list_dates(client: httpx.Client, folder: str, policy: RetryPolicy) -> list[str]:
    """The dates of a wiki's dumps, newest first."""
    listing = _read_page(client, folder, policy).decode("utf-8", "replace")
    dates = sorted(set(_DATE_FOLDER.findall(listing)), reverse=True)
    if not dates:
        raise DownloadError(f"No dumps found at {folder}. Check --wiki and --mirror.")
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
            "The dump site's dumpstatus.json does not have the expected form. Retry later, or name "
            "another --date or --mirror."
        ) from error
    return []


def _iter_job(files: Mapping[str, Mapping[str, object]], root: str) -> list[Part]:
    parts = []
    for name, entry in files.items():
        # A name from the site becomes a file name here, so it must not contain a path.
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


def _read_page(client: httpx.Client, url: str, policy: RetryPolicy) -> bytes:
    for num_failures in range(1, policy.num_attempts + 1):
        try:
            with client.stream("GET", url) as response:
                response.raise_for_status()
                return _read_start(response)
        except httpx.HTTPError as error:
            failure = error
        if not is_retryable(failure):
            break
        if num_failures < policy.num_attempts:
            time.sleep(policy.pause(num_failures, retry_after(failure)))
    if status_of(failure) == HTTPStatus.NOT_FOUND:
        raise DownloadError(f"Not found: {url}. Check --wiki and --date.") from failure
    raise DownloadError(
        f"Cannot read {url}: {describe_http_error(failure)}. Check the network, or name another "
        "--mirror."
    ) from failure


def _read_start(response: httpx.Response) -> bytes:
    """Read a page, but no more than a page of this kind can have."""
    data = b""
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > _MAX_PAGE_BYTES:
            break
    return data
