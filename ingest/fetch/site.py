"""Wikimedia's dump site or a mirror of it: its small pages, and who we say that we are.

`content` and `classic` know the two layouts; `bookgraph.ingest.fetch.download` downloads.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from bookgraph import __version__
from bookgraph.core.errors import DownloadError, UsageError
from bookgraph.core.http import describe_http_error, is_retryable, retry_after, status_of

PROJECT_URL = "https://github.com/bookgraph/bookgraph"
DUMP_SITE = "https://dumps.wikimedia.org/"

_WIKI = re.compile(r"[a-z][a-z0-9_]{1,40}")
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_FOLDER_LINK = re.compile(r'href="(?:[^"]*/)?([A-Za-z0-9_-]+)/"')

_MAX_PAGE_BYTES = 16 * 2**20
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0


def user_agent(contact: str | None = None) -> str:
    """How we introduce ourselves, as Wikimedia's User-Agent policy asks.

    Args:
        contact: an e-mail address or URL of whoever runs this program.

    Raises:
        UsageError: the contact cannot stand in a header of HTTP.
    """
    if contact and not (contact.isascii() and contact.isprintable()):
        raise UsageError(
            f"BOOKGRAPH_CONTACT is {contact!r}. Use an e-mail address or URL in ASCII letters."
        )
    return f"bookgraph/{__version__} ({'; '.join(filter(None, (PROJECT_URL, contact)))})"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a dump.

    Attributes:
        name: of the file.
        url: where it is.
        size: in bytes; None where the site does not tell.
        digest: its published checksum in hexadecimal digits.
        algorithm: of the checksum.
    """

    name: str
    url: str
    size: int | None
    digest: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one dump.

    Attributes:
        source: `content` for a MediaWiki Content File Export, `classic` for `pages-articles`.
        date: as the site writes it: `2026-09-01` for content exports, `20260901` for classic dumps.
        parts: in the order of their pages.
    """

    source: str
    date: str
    parts: tuple[Part, ...]

    @property
    def num_bytes(self) -> int:
        """The size of all files whose size is known."""
        return sum(part.size or 0 for part in self.parts)


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
        asked_s = _seconds_until(retry_after)
        if asked_s is not None:
            return min(asked_s, 10 * _LONGEST_PAUSE_S)
        return min(self.pause_s * 2.0 ** (num_failures - 1), _LONGEST_PAUSE_S)


def _seconds_until(retry_after: str | None) -> float | None:
    """What `Retry-After` means: a number of seconds or a date (RFC 9110, 10.2.3)."""
    if retry_after is None or retry_after.isdecimal():
        return float(retry_after) if retry_after else None
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    now = datetime.now(UTC)
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())


def check_wiki(wiki: str) -> None:
    """Raise `UsageError` for what cannot be the database name of a wiki."""
    if not _WIKI.fullmatch(wiki):
        raise UsageError(f"Invalid --wiki {wiki!r}. Use a name such as enwiki or simplewiki.")


def check_date(date: str) -> str | None:
    """The date as `YYYYMMDD`, or None for `latest`.

    Raises:
        UsageError: it is neither.
    """
    if date == "latest":
        return None
    match = _DATE.fullmatch(date)
    if match is None:
        raise UsageError(f"Invalid --date {date!r}. Use YYYY-MM-DD, YYYYMMDD or latest.")
    return "".join(match.groups())


def check_url(url: str, flag: str) -> None:
    """Raise `UsageError` for what is no address of a web site, naming the option."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise UsageError(f"Invalid URL in {flag}: {url!r}. Use https://HOST/FOLDER/.")


def check_site(url: str) -> str:
    """The root of a dump site with one slash at its end.

    Raises:
        UsageError: it is no address of a web site.
    """
    check_url(url, "--mirror")
    return url.rstrip("/") + "/"


def read_page(client: httpx.Client, url: str, policy: RetryPolicy) -> bytes | None:
    """Read a small page; None where the site has none at this address.

    Raises:
        DownloadError: the site cannot be reached or keeps failing.
    """
    response = request(client, "GET", url, policy)
    return None if response is None else response.content


def list_folders(client: httpx.Client, url: str, policy: RetryPolicy) -> list[str]:
    """The names of the folders that a page of the site links to; none where there is no page."""
    page = read_page(client, url, policy)
    return (
        [] if page is None else sorted(set(_FOLDER_LINK.findall(page.decode("utf-8", "replace"))))
    )


def request(
    client: httpx.Client, method: str, url: str, policy: RetryPolicy
) -> httpx.Response | None:
    """Request a small page with retries; None where the site has none at this address.

    Raises:
        DownloadError: the site cannot be reached or keeps failing.
    """
    for num_failures in range(1, policy.num_attempts + 1):
        try:
            with client.stream(method, url) as response:
                response.raise_for_status()
                return httpx.Response(
                    response.status_code, headers=response.headers, content=_read_start(response)
                )
        except httpx.HTTPError as error:
            failure = error
        if not is_retryable(failure):
            break
        if num_failures < policy.num_attempts:
            time.sleep(policy.pause(num_failures, retry_after(failure)))
    if status_of(failure) == HTTPStatus.NOT_FOUND:
        return None
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
