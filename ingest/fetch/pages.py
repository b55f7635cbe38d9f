"""The books of a wiki alone, page by page through its API instead of a dump of all pages.

First the pages that use the infobox are listed with the numbers of their revisions
(`generator=embeddedin` with `prop=info`, 500 a request). Then those that are not on the disk yet
are fetched by number, 50 a request, with `export`: the API then answers in the XML of a dump, and
its limit for the size of a result, which cuts `prop=revisions` short, does not hold. The list first
gives a total for the progress, and makes an update the same work as a first run.

Last come the redirects of the titles that the books share, see `ingest.fetch.redirects`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from bookgraph.core.errors import DataMissingError, DownloadError, InputError
from bookgraph.core.files import atomic_write, translated_write_errors
from bookgraph.core.http import open_client
from bookgraph.core.locks import process_lock
from bookgraph.core.progress import Meter, OnProgress, ignore_progress
from bookgraph.ingest.fetch.api import MAX_TITLES, WikiApi, api_url
from bookgraph.ingest.fetch.archive import (
    END,
    PageArchive,
    batches,
    iter_pages,
    read_chunks,
    split_export,
)
from bookgraph.ingest.fetch.redirects import fetch_redirects
from bookgraph.ingest.fetch.site import RetryPolicy, check_url, check_wiki, user_agent
from bookgraph.ingest.read.dump import PAGE_OPEN
from bookgraph.ingest.read.files import translated_errors

logger = logging.getLogger(__name__)

TEMPLATES = ("Template:Infobox book", "Template:Infobox novel")
"""The infobox, and what is a template of its own on some wikis and redirects to it on others."""

_LISTED_AT_ONCE = 500
_SAVE_EVERY_S = 5.0
_PAGES_PER_STREAM = 100

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class FetchedPages:
    """The books of a wiki on the disk.

    Attributes:
        wiki: database name.
        paths: the file of the pages and that of the redirects.
        num_pages: pages in the file.
        num_fetched: pages that this call fetched.
        num_removed: pages that are no longer there, or do not use the infobox any more.
        num_redirects: redirects in the file.
        num_requests: requests that this call made.
        elapsed_s: seconds.
    """

    wiki: str
    paths: tuple[Path, ...]
    num_pages: int
    num_fetched: int
    num_removed: int
    num_redirects: int
    num_requests: int
    elapsed_s: float


def fetch_pages(
    wiki: str,
    *,
    folder: Path,
    work_dir: Path,
    limit: int | None = None,
    is_update: bool = False,
    api: str | None = None,
    contact: str | None = None,
    policy: RetryPolicy | None = None,
    on_progress: OnProgress = ignore_progress,
) -> FetchedPages:
    """Fetch the pages of a wiki's books, or the rest of them.

    Args:
        wiki: database name, such as `enwiki`.
        folder: the files go to `folder/WIKI/pages`.
        work_dir: keeps what is read of the pages, so that a later ingest is quick.
        limit: fetch no more than so many pages, for a try.
        is_update: fetch what changed since, within the limit of before; without it, nothing is done
            where all is on the disk.
        api: URL of the wiki's `api.php`; by default that of Wikimedia's wiki.
        contact: e-mail address or URL of whoever runs this program.
        policy: how long to wait and how often to retry.
        on_progress: receives pages, rate and time left.

    Raises:
        UsageError: the wiki is not known.
        DataMissingError: no page of the wiki uses the infobox.
        DownloadError: the wiki cannot be reached or keeps failing. The pages so far are kept, and
            the next call resumes.
        DiskFullError: the disk is full; the pages so far are kept.
    """
    start_s = time.monotonic()
    check_wiki(wiki)
    check_url(url := api or api_url(wiki), "--api")
    policy = policy or RetryPolicy()
    place = _Place(folder / wiki / "pages", wiki)
    with (
        open_client(timeout_s=policy.timeout_s, user_agent=user_agent(contact)) as client,
        translated_write_errors(place.folder, error_type=DownloadError),
        _unexpected_forms(url),
        place.locked(),
    ):
        client.headers["Accept-Encoding"] = "gzip"
        wiki_api = WikiApi(client, url, policy)
        earlier = place.read_progress()
        num_fetched = num_removed = 0
        if is_update or not earlier.covers(limit):
            if is_update:
                # The lookups of redirects are as old as the pages.
                limit = earlier.limit
                place.lookups.unlink(missing_ok=True) if earlier.is_complete else None
            place.write_progress(_Progress(limit, is_complete=False))
            num_fetched, num_removed = _fetch_all(
                wiki_api, place, limit, work_dir=work_dir, on_progress=on_progress
            )
    pages = PageArchive(place.pages).read_pages()
    return FetchedPages(
        wiki,
        (place.pages, place.redirects),
        num_pages=sum(revision > 0 for revision in pages.values()),
        num_fetched=num_fetched,
        num_removed=num_removed,
        num_redirects=sum(1 for _ in iter_pages(read_chunks(place.redirects))),
        num_requests=wiki_api.num_requests,
        elapsed_s=time.monotonic() - start_s,
    )


@dataclass(frozen=True, slots=True)
class _Progress:
    """What an earlier run was asked for, and whether it came to its end."""

    limit: int | None = None
    is_complete: bool = False

    def covers(self, limit: int | None) -> bool:
        """Whether nothing is left to do for this limit."""
        is_enough = self.limit is None or (limit is not None and self.limit >= limit)
        return self.is_complete and is_enough


class _Place:
    """The files of a wiki's pages."""

    def __init__(self, folder: Path, wiki: str) -> None:
        self.folder = folder
        self.pages = folder / f"{wiki}-pages.xml.bz2"
        self.redirects = folder / f"{wiki}-redirects.xml.bz2"
        self.lookups = folder / "lookups.json"
        self._progress = folder / "progress.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from the files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with process_lock(
            self.folder / "lock", work="fetching pages", on_progress=None, error_type=DownloadError
        ):
            yield

    def read_progress(self) -> _Progress:
        """What is known of earlier runs."""
        try:
            values = json.loads(self._progress.read_bytes())
            return _Progress(values["limit"], values["is_complete"])
        except (OSError, ValueError, KeyError, TypeError):
            return _Progress()

    def write_progress(self, progress: _Progress) -> None:
        """Remember how far a run has come."""
        with atomic_write(self._progress) as file:
            json.dump(asdict(progress), file)


@contextmanager
def _unexpected_forms(url: str) -> Iterator[None]:
    """Say so where an answer of the wiki has another form than the API's documentation."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise DownloadError(
            f"An answer of {url} does not have the expected form. Is this the api.php of a "
            "MediaWiki? What was fetched is kept."
        ) from error


def _fetch_all(
    api: WikiApi,
    place: _Place,
    limit: int | None,
    *,
    work_dir: Path,
    on_progress: OnProgress,
) -> tuple[int, int]:
    """Bring the files up to date, and tell how many pages were fetched and dropped."""
    had = PageArchive(place.pages).read_pages() if place.pages.exists() else {}
    wanted = _list_pages(api, limit, on_progress)
    if not wanted:
        raise DataMissingError(f"No page of {api.url} uses {TEMPLATES[0]}. Check --wiki.")
    num_fetched = _fetch_missing(api, place.pages, wanted, had, on_progress)
    fetch_redirects(
        api,
        place.pages,
        place.redirects,
        place.lookups,
        work_dir=work_dir,
        on_progress=on_progress,
    )
    # A limit that was not reached is none.
    reached = limit if limit is not None and len(wanted) >= limit else None
    place.write_progress(_Progress(reached, is_complete=True))
    return num_fetched, len(had.keys() - wanted.keys())


def _list_pages(api: WikiApi, limit: int | None, on_progress: OnProgress) -> dict[int, int]:
    """Number of each page that uses the infobox to the number of its latest revision."""
    found: dict[int, int] = {}
    meter = Meter("Listing pages", 0, on_progress, unit="pages", unit_size=1)
    for template in TEMPLATES:
        answers = api.query_all(
            generator="embeddedin",
            geititle=template,
            geinamespace=0,
            geifilterredir="nonredirects",
            geilimit=min(_LISTED_AT_ONCE, limit or _LISTED_AT_ONCE),
            prop="info",
        )
        for answer in answers:
            before = len(found)
            for page in answer.get("query", {}).get("pages", ()):
                if not page.get("missing"):
                    found[page["pageid"]] = page.get("lastrevid", 0)
            meter.extend(len(found) - before)
            meter.add(len(found) - before)
            if limit is not None and len(found) >= limit:
                return dict(islice(found.items(), limit))
    return found


def _fetch_missing(
    api: WikiApi,
    path: Path,
    wanted: dict[int, int],
    had: dict[int, int],
    on_progress: OnProgress,
) -> int:
    """Fetch the pages that are not on the disk as they are now, and put the file together."""
    draft = PageArchive(path.with_name(f"{path.name}.part"))
    meter = Meter("Fetching pages", len(wanted), on_progress, unit="pages", unit_size=1)
    with draft:
        here = {**had, **draft.pages}
        missing = [number for number, revision in wanted.items() if here.get(number) != revision]
        meter.add_present(len(wanted) - len(missing))
        saved_s = time.monotonic()
        for numbers in batches(missing, MAX_TITLES):
            _fetch_batch(api, draft, numbers, wanted)
            meter.add(len(numbers))
            if time.monotonic() - saved_s > _SAVE_EVERY_S:
                draft.save()
                saved_s = time.monotonic()
    if draft.pages or had.keys() - wanted.keys() or not path.exists():
        _put_together(path, draft, wanted)
    draft.remove()
    return len(missing)


def _fetch_batch(
    api: WikiApi, draft: PageArchive, numbers: Sequence[int], wanted: dict[int, int]
) -> None:
    answer = api.query(
        pageids="|".join(map(str, numbers)), export=1, exportschema="0.11", prop="info"
    )
    head, pages = split_export(answer.get("query", {}).get("export", ""))
    if draft.is_empty:
        draft.append(head, {})
    # What is not in the answer was deleted since it was listed. A page that was edited since then
    # counts as the listed revision, so that the next update does not miss the edit.
    found = {number: wanted[number] if number in pages else 0 for number in numbers}
    draft.append(b"".join(page for _, page in pages.values()), found)


def _put_together(path: Path, draft: PageArchive, wanted: dict[int, int]) -> None:
    """Write the final file: of the earlier one and of the draft, the pages that are wanted."""
    fresh = {n: revision for n, revision in draft.pages.items() if wanted.get(n) == revision}
    earlier = PageArchive(path).read_pages() if path.exists() else {}
    kept = {n: revision for n, revision in earlier.items() if n in wanted and n not in fresh}
    new = PageArchive(path.with_name(f"{path.name}.new"))
    new.remove()
    with new:
        head = next(read_chunks(draft.path if draft.pages else path)).partition(PAGE_OPEN)[0]
        new.append(head, {})
        for source, numbers in ((path, kept), (draft.path, fresh)):
            _copy(source, new, {n: revision for n, revision in numbers.items() if revision})
        # Pages that the wiki no longer has: the next update need not ask for them again.
        new.append(END, {number: 0 for number in wanted if number not in new.pages})
    new.rename(path)


def _copy(source: Path, target: PageArchive, wanted: dict[int, int]) -> None:
    """Append the pages with some numbers, the last one of each.

    Raises:
        InputError: the file is damaged.
    """
    if not wanted:
        return
    with translated_errors(str(source)):
        # A page that was fetched again after a stop is in a draft twice.
        last = {number: row for row, (number, _, _) in enumerate(iter_pages(read_chunks(source)))}
        if missing := wanted.keys() - last.keys():
            raise InputError(
                f"{source} is damaged: {len(missing):,} of its pages are missing. Delete the file "
                "and run the command again."
            )
        pages = (
            (number, page)
            for row, (number, _, page) in enumerate(iter_pages(read_chunks(source)))
            if number in wanted and last[number] == row
        )
        for group in batches(pages, _PAGES_PER_STREAM):
            text = b"\n".join(page for _, page in group)
            target.append(text, {number: wanted[number] for number, _ in group})
