"""The redirects among the titles that books share: looked up, and written as redirect pages.

Titles of articles that two or more of the books link to are looked up, 50 a request, so that an
ingest resolves them as it resolves those of a dump.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from bookgraph.core.files import atomic_write
from bookgraph.core.names import InvalidNameError, page_title
from bookgraph.core.progress import Meter, OnProgress
from bookgraph.core.site import Site, read_site
from bookgraph.core.types import BookRecord
from bookgraph.ingest.fetch.api import MAX_TITLES, WikiApi
from bookgraph.ingest.fetch.archive import END, PageArchive, batches, read_chunks
from bookgraph.ingest.read.dump import PAGE_OPEN, read_siteinfo
from bookgraph.ingest.read.extract import extract_dumps
from bookgraph.ingest.read.files import detect_file

_MIN_BOOKS = 2
_SAVE_EVERY_S = 5.0
_PAGES_PER_STREAM = 100


def fetch_redirects(
    api: WikiApi,
    pages: Path,
    redirects: Path,
    lookups: Path,
    *,
    work_dir: Path,
    on_progress: OnProgress,
) -> None:
    """Look up the titles that several books link to, and write those that are redirects.

    Args:
        api: of the wiki.
        pages: the file of the books' pages.
        redirects: the file to write.
        lookups: remembers what was looked up, so that a run that stops resumes.
        work_dir: keeps what is read of the pages.
        on_progress: receives titles, rate and time left.
    """
    head = next(read_chunks(pages)).partition(PAGE_OPEN)[0]
    titles = _shared_titles(pages, read_site(read_siteinfo(head)), work_dir=work_dir)
    known = _read_lookups(lookups)
    missing = [title for title in titles if title not in known]
    meter = Meter("Resolving redirects", len(titles), on_progress, unit="titles", unit_size=1)
    meter.add_present(len(titles) - len(missing))
    saved_s = time.monotonic()
    try:
        for batch in batches(missing, MAX_TITLES):
            known.update(_look_up(api, batch))
            meter.add(len(batch))
            if time.monotonic() - saved_s > _SAVE_EVERY_S:
                _write_lookups(lookups, known)
                saved_s = time.monotonic()
    finally:
        _write_lookups(lookups, known)
    wanted = set(titles)
    found = {title: target for title, target in known.items() if target and title in wanted}
    _write_redirects(redirects, head, found)


def _shared_titles(path: Path, site: Site, *, work_dir: Path) -> list[str]:
    """Titles of articles that at least two books link to, sorted, without the books' own."""
    counts: Counter[str] = Counter()
    books: set[str] = set()
    (spool,) = extract_dumps([detect_file(path)], work_dir=work_dir)
    for record in spool.iter_records(on_bad=lambda _: None):
        books.add(record.title)
        counts.update(_linked_titles(record, site))
    return sorted(
        title for title, num in counts.items() if num >= _MIN_BOOKS and title not in books
    )


def _linked_titles(record: BookRecord, site: Site) -> set[str]:
    titles = set()
    for link in record.wikilinks:
        try:
            title = site.capitalize(page_title(link, site))
        except InvalidNameError:
            continue
        if site.kind(title) == "article":
            titles.add(title)
    return titles


def _look_up(api: WikiApi, titles: Sequence[str]) -> dict[str, str]:
    """Title to the title that it redirects to; to an empty text for a page of its own."""
    query = api.query(titles="|".join(titles), redirects=1).get("query", {})
    spelled = {one["from"]: one["to"] for one in query.get("normalized", ())}
    leads_to = {one["from"]: one["to"] for one in query.get("redirects", ())}
    found = {}
    for title in titles:
        name = spelled.get(title, title)
        target = leads_to.get(name, name)
        seen = {name}
        while target in leads_to and target not in seen:
            seen.add(target)
            target = leads_to[target]
        found[title] = target if target != title else ""
    return found


def _read_lookups(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_lookups(path: Path, known: dict[str, str]) -> None:
    with atomic_write(path) as file:
        json.dump(known, file, ensure_ascii=False)


def _write_redirects(path: Path, head: bytes, redirects: dict[str, str]) -> None:
    draft = PageArchive(path.with_name(f"{path.name}.new"))
    draft.remove()
    with draft:
        draft.append(head, {})
        for row, group in enumerate(batches(redirects.items(), _PAGES_PER_STREAM)):
            first = row * _PAGES_PER_STREAM + 1
            pages = (
                _redirect_page(number, *redirect) for number, redirect in enumerate(group, first)
            )
            draft.append("".join(pages).encode(), {})
        draft.append(END, {})
    draft.path.replace(path)
    draft.remove()


def _redirect_page(number: int, title: str, target: str) -> str:
    quoted = escape(target, {'"': "&quot;"})
    return f"""  <page>
    <title>{escape(title)}</title>
    <ns>0</ns>
    <id>{number}</id>
    <redirect title="{quoted}" />
  </page>
"""
