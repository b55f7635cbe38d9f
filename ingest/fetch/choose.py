"""Which dump to take: the newest complete content export, or a classic dump."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import httpx

from bookgraph.core.errors import DownloadError
from bookgraph.core.http import open_client
from bookgraph.ingest.fetch import classic, content
from bookgraph.ingest.fetch.site import (
    DUMP_SITE,
    Listing,
    RetryPolicy,
    check_date,
    check_site,
    check_wiki,
    user_agent,
)

Source = Literal["content", "classic"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A dump, and why it was taken.

    Attributes:
        listing: its files.
        why: a sentence for the user.
    """

    listing: Listing
    why: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A dump that the site offers.

    Attributes:
        wiki: database name.
        source: `content` or `classic`.
        date: as the site writes it.
        num_files: 0 where it is not complete.
        num_bytes: of the files whose size the site tells.
        is_complete: whether it can be fetched.
    """

    wiki: str
    source: str
    date: str
    num_files: int
    num_bytes: int
    is_complete: bool


def choose_dump(
    wiki: str,
    date: str,
    *,
    source: Source | None = None,
    site: str = DUMP_SITE,
    policy: RetryPolicy | None = None,
    contact: str | None = None,
) -> Choice:
    """Find a dump of a wiki.

    Args:
        wiki: database name, such as `enwiki`.
        date: `YYYY-MM-DD`, `YYYYMMDD`, or `latest` for the newest that is complete.
        source: which layout; by default the content exports, and classic dumps where a wiki has
            none of them.
        site: URL of the dump site or of a mirror with the same folders.
        policy: how long to wait and how often to retry.
        contact: e-mail address or URL of whoever runs this program.

    Raises:
        UsageError: the wiki, the date or the site is not valid.
        DownloadError: the site cannot be reached, or has no such dump.
    """
    policy = policy or RetryPolicy()
    check_wiki(wiki)
    day, root = check_date(date), check_site(site)
    with open_client(timeout_s=policy.timeout_s, user_agent=user_agent(contact)) as client:
        if source != "classic":
            listing, problem = _newest_content(client, root, wiki, day, policy)
            if listing is not None:
                return Choice(listing, f"It is the {_rank(day)} complete content export.")
            if source == "content":
                raise DownloadError(f"{problem} Try --source classic or an earlier --date.")
        listing, classic_problem = _newest_classic(client, root, wiki, day, policy)
    if listing is None:
        if source is None:
            classic_problem = f"{problem} {classic_problem}"
        raise DownloadError(f"{classic_problem} Check --wiki, --date and --mirror.")
    if source == "classic":
        return Choice(listing, f"It is the {_rank(day)} finished classic dump.")
    return Choice(listing, f"{problem} This is a classic dump, which Wikimedia has deprecated.")


def list_offers(
    wiki: str | None,
    *,
    site: str = DUMP_SITE,
    policy: RetryPolicy | None = None,
    contact: str | None = None,
) -> list[Offer]:
    """What the site offers of a wiki; without one, the wikis that have content exports.

    Args:
        wiki: database name. Offers of all wikis have no files and bytes, and no date.
        site: as for `choose_dump`.
        policy: as for `choose_dump`.
        contact: as for `choose_dump`.
    """
    policy = policy or RetryPolicy()
    root = check_site(site)
    with open_client(timeout_s=policy.timeout_s, user_agent=user_agent(contact)) as client:
        if wiki is None:
            names = content.list_wikis(client, root, policy)
            return [Offer(name, content.SOURCE, "", 0, 0, is_complete=True) for name in names]
        check_wiki(wiki)
        offers = []
        for layout in (content, classic):
            for date in layout.list_dates(client, root, wiki, policy):
                listing = layout.read_listing(client, root, wiki, date, policy)
                num_files, num_bytes = (
                    (len(listing.parts), listing.num_bytes) if listing is not None else (0, 0)
                )
                offers.append(
                    Offer(wiki, layout.SOURCE, date, num_files, num_bytes, listing is not None)
                )
    return offers


def _rank(day: str | None) -> str:
    return "newest" if day is None else "requested"


def _newest_content(
    client: httpx.Client, root: str, wiki: str, day: str | None, policy: RetryPolicy
) -> tuple[Listing | None, str]:
    dates = content.list_dates(client, root, wiki, policy)
    if not dates:
        return None, f"The site has no content exports of {wiki}."
    wanted = [date for date in dates if day is None or date.replace("-", "") == day]
    for date in wanted:
        listing = content.read_listing(client, root, wiki, date, policy)
        if listing is not None:
            return listing, ""
    if day is None:
        return None, f"No content export of {wiki} is complete yet."
    state = "is still being written" if wanted else f"does not exist (there are {', '.join(dates)})"
    return None, f"The content export of {wiki} of {day} {state}."


def _newest_classic(
    client: httpx.Client, root: str, wiki: str, day: str | None, policy: RetryPolicy
) -> tuple[Listing | None, str]:
    dates = [day] if day is not None else classic.list_dates(client, root, wiki, policy)
    for date in dates:
        listing = classic.read_listing(client, root, wiki, date, policy)
        if listing is not None:
            return listing, ""
    wanted = "finished classic dump" if day is None else f"finished classic dump of {day}"
    return None, f"The site has no {wanted} of {wiki}."
