"""Which records become books, with which properties and external links. Pure.

Each step is counted for the report.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bookgraph.core.names import InvalidNameError, book_title
from bookgraph.core.site import ENGLISH, Site
from bookgraph.core.types import BookRecord
from bookgraph.ingest.clean.fields import FIELD_PROPERTIES, parse_fields
from bookgraph.ingest.clean.options import CleaningOptions
from bookgraph.ingest.report import StepReport

NUM_EXAMPLES = 3

_EXAMPLE_CHARS = 80
_PROJECT_PREFIX = "Wikipedia:"
"""The published notebook dropped titles that hold this, wherever."""

# Neo4j's index keys hold about 8,000 bytes; browsers give up on URLs of 2,000 characters.
_MAX_URL_BYTES = 2_000


def select_books(
    records: Iterable[BookRecord], options: CleaningOptions, site: Site = ENGLISH
) -> tuple[dict[str, BookRecord], list[StepReport]]:
    """Drop pages that are not books and keep the latest record of each title.

    Args:
        records: consumed once.
        options: the reference cleaning drops only `Wikipedia:` titles and folds nothing.
        site: the rules of the wiki.

    Returns:
        Title to record in the order of their first mention, and what the steps did.
    """
    kept: dict[str, BookRecord] = {}
    non_books: list[str] = []
    respelled: list[str] = []
    repeats: list[str] = []
    num_records = 0
    for record in records:
        num_records += 1
        title = _book_title(record.title, options, site)
        if title is None:
            non_books.append(record.title)
            continue
        if title != record.title:
            respelled.append(record.title)
        if title in kept:
            repeats.append(title)
            if kept[title].edited_at > record.edited_at:
                continue
        kept[title] = record
    num_books = num_records - len(non_books)
    steps = [
        build_step("pages that are not books dropped", "records", num_records, dropped=non_books)
    ]
    if options.cleaning != "reference":
        steps.append(build_step("titles folded", "books", num_books, changed=respelled))
    name = "older records of a title dropped"
    steps.append(build_step(name, "books", num_books, dropped=repeats))
    return kept, steps


def _book_title(title: str, options: CleaningOptions, site: Site) -> str | None:
    if options.cleaning == "reference":
        return None if _PROJECT_PREFIX in title else title
    try:
        return book_title(title, site, namespaces=options.namespaces)
    except InvalidNameError:
        return None


def build_step(
    name: str, unit: str, num_in: int, *, changed: Sequence[str] = (), dropped: Sequence[str] = ()
) -> StepReport:
    """Report a step from the units that it changed and dropped, repeats counted."""
    examples = tuple(dict.fromkeys((*dropped, *changed)))[:NUM_EXAMPLES]
    return StepReport(name, unit, num_in, len(changed), len(dropped), examples)


def select_urls(records: Iterable[BookRecord]) -> tuple[list[dict[str, int]], StepReport]:
    """Count each book's external links; drop those that cannot be a key of the graph.

    Returns:
        URL to number of mentions for each book, and what was dropped.
    """
    by_book: list[dict[str, int]] = []
    num_in = 0
    dropped: list[str] = []
    for record in records:
        counts: dict[str, int] = {}
        num_in += len(record.external_links)
        for url in map(str.strip, record.external_links):
            if 0 < len(url.encode("utf-8", "replace")) <= _MAX_URL_BYTES:
                counts[url] = counts.get(url, 0) + 1
            else:
                dropped.append(url[:_EXAMPLE_CHARS])
        by_book.append(counts)
    name = f"empty URLs and those longer than {_MAX_URL_BYTES:,} bytes dropped"
    return by_book, build_step(name, "external links", num_in, dropped=dropped)


def book_properties(record: BookRecord) -> dict[str, Any]:
    """All properties of a `(:Book)` node but its title.

    Unknown ones are None, so that Neo4j removes what an earlier record may have set.
    """
    fields = parse_fields(record.infobox, record.wikilinks)
    return {
        **{name: fields.get(name) for name in FIELD_PROPERTIES},
        "redirects": None,
        "infobox": json.dumps(record.infobox, ensure_ascii=False, sort_keys=True),
        "article_length": record.length or None,
        "edited_at": record.edited_at or None,
    }
