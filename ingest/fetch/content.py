"""MediaWiki Content File Exports: the current revision of every page of a wiki, monthly.

`other/mediawiki_content_current/WIKI/YYYY-MM-DD/xml/bzip2/` holds files of pages by number, a page
with a long history in files of its own, and `SHA256SUMS`, which is written last: an export without
it is still being written.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin

import httpx

from bookgraph.ingest.fetch.site import (
    Listing,
    Part,
    RetryPolicy,
    list_folders,
    read_page,
    request,
)

SOURCE = "content"

_FOLDER = "other/mediawiki_content_current/"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SUM_LINE = re.compile(r"^([0-9a-f]{64})[ \t]+\*?(?:\./)?(\S+)[ \t]*$", re.MULTILINE)
_RANGE = r"-p(\d+)(?:p\d+|r(\d+)r\d+)\.xml\.bz2"


def list_wikis(client: httpx.Client, root: str, policy: RetryPolicy) -> list[str]:
    """The database names of the wikis that the site has exports of."""
    return [
        name
        for name in list_folders(client, urljoin(root, _FOLDER), policy)
        if re.fullmatch(r"[a-z][a-z0-9_]*", name)
    ]


def list_dates(client: httpx.Client, root: str, wiki: str, policy: RetryPolicy) -> list[str]:
    """The dates of a wiki's exports as `YYYY-MM-DD`, newest first, complete or not."""
    folders = list_folders(client, urljoin(root, f"{_FOLDER}{wiki}/"), policy)
    return sorted(filter(_DATE.fullmatch, folders), reverse=True)


def read_listing(
    client: httpx.Client, root: str, wiki: str, date: str, policy: RetryPolicy
) -> Listing | None:
    """The files of an export; None where it is missing or still being written.

    Args:
        client: of `core.http`.
        root: URL of the dump site, with a slash at its end.
        wiki: database name.
        date: `YYYY-MM-DD`.
        policy: how often to retry.

    Raises:
        DownloadError: the site cannot be reached.
    """
    folder = urljoin(root, f"{_FOLDER}{wiki}/{date}/xml/bzip2/")
    sums = read_page(client, urljoin(folder, "SHA256SUMS"), policy)
    if sums is None:
        return None
    # Other names in the list are no pages; one with a path in it could not become a file here.
    is_part = re.compile(re.escape(f"{wiki}-{date}") + _RANGE)
    found = {
        name: (int(match[1]), int(match[2] or 0), digest)
        for digest, name in _SUM_LINE.findall(sums.decode("utf-8", "replace"))
        if (match := is_part.fullmatch(name))
    }
    parts = []
    for name, (_, _, digest) in sorted(found.items(), key=lambda item: item[1]):
        url = urljoin(folder, name)
        parts.append(Part(name, url, _size_of(client, url, policy), digest, "sha256"))
    return Listing(SOURCE, date, tuple(parts)) if parts else None


def _size_of(client: httpx.Client, url: str, policy: RetryPolicy) -> int | None:
    response = request(client, "HEAD", url, policy)
    length = response.headers.get("Content-Length", "") if response is not None else ""
    return int(length) if length.isdecimal() else None
