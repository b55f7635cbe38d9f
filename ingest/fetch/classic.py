"""The classic dumps, `pages-articles`: one folder a wiki and date, described by a JSON file.

Wikimedia has marked them as deprecated; `content` knows their successor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin

import httpx

from bookgraph.core.errors import DownloadError
from bookgraph.ingest.fetch.site import Listing, Part, RetryPolicy, list_folders, read_page

SOURCE = "classic"

_PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.bz2")
_JOBS = ("articlesdump", "articlesmultistreamdump")
"""Either has all pages. The multistream one is larger, without a gain for bookgraph."""


def list_dates(client: httpx.Client, root: str, wiki: str, policy: RetryPolicy) -> list[str]:
    """The dates of a wiki's dumps as `YYYYMMDD`, newest first, finished or not."""
    folders = list_folders(client, urljoin(root, f"{wiki}/"), policy)
    return sorted((name for name in folders if re.fullmatch(r"\d{8}", name)), reverse=True)


def read_listing(
    client: httpx.Client, root: str, wiki: str, date: str, policy: RetryPolicy
) -> Listing | None:
    """The files of a dump; None where it is missing or not finished.

    Args:
        client: of `core.http`.
        root: URL of the dump site, with a slash at its end.
        wiki: database name.
        date: `YYYYMMDD`.
        policy: how often to retry.

    Raises:
        DownloadError: the site cannot be reached, or describes the dump in an unknown form.
    """
    status = read_page(client, urljoin(root, f"{wiki}/{date}/dumpstatus.json"), policy)
    if status is None:
        return None
    try:
        jobs = json.loads(status)["jobs"]
        for job in _JOBS:
            if jobs.get(job, {}).get("status") == "done":
                parts = sorted(_iter_job(jobs[job]["files"], root), key=_page_order)
                return Listing(SOURCE, date, tuple(parts)) if parts else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DownloadError(
            "The dump site's dumpstatus.json does not have the expected form. Retry later, or name "
            "another --date or --mirror."
        ) from error
    return None


def _iter_job(files: Mapping[str, Mapping[str, object]], root: str) -> Iterator[Part]:
    for name, entry in files.items():
        # A name from the site becomes a file name here, so it must not contain a path.
        if not _PART_NAME.fullmatch(name):
            raise ValueError(name)
        if "-index" in name:
            continue
        size, sha1 = entry["size"], str(entry["sha1"])
        if not isinstance(size, int) or not re.fullmatch(r"[0-9a-f]{40}", sha1):
            raise ValueError(name)
        yield Part(name, urljoin(root, str(entry["url"]).lstrip("/")), size, sha1, "sha1")


def _page_order(part: Part) -> tuple[int, str]:
    match = re.search(r"-p(\d+)p\d+\.bz2$", part.name)
    return (int(match[1]) if match else 0, part.name)
