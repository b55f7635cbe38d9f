"""Which records become books, with which properties and external links. Pure; counted in steps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bookgraph.core.types import BookRecord
from bookgraph.ingest.clean.fields import FIELD_PROPERTIES, parse_fields
from bookgraph.ingest.clean.steps import fold_whitespace, link_kind
from bookgraph.ingest.report import StepReport

NUM_EXAMPLES = 3

_EXAMPLE_CHARS = 80
# Neo4j's index keys hold about 8,000 bytes; browsers give up on URLs of 2,000 characters.
_MAX_URL_BYTES = 2_000
_NON_BOOK_MARK = "Wikipedia:"
_TITLE_KINDS = frozenset({"article", "interwiki"})
"""`Ulysses: A Novel` and `UFO:Aftermath` are titles; `Template:Infobox book` is another page."""


def select_books(
    records: Iterable[BookRecord], *, is_reference: bool
) -> tuple[dict[str, BookRecord], list[StepReport]]:
    """Drop what is no book and keep the latest record of each title.

    Args:
        records: consumed once.
        is_reference: drop only `Wikipedia:` titles and fold nothing, as the reference did.

    Returns:
        Title to record in the order of their first mention, and what the steps did.
    """
    kept: dict[str, BookRecord] = {}
    non_books: list[str] = []
    refolded: list[str] = []
    repeats: list[str] = []
    num_records = 0
    for record in records:
        num_records += 1
        if not _is_book_title(record.title, is_reference=is_reference):
            non_books.append(record.title)
            continue
        title = record.title
        if not is_reference:
            title = fold_whitespace(title) or title
            if title != record.title:
                refolded.append(record.title)
        if title in kept:
            repeats.append(title)
            if kept[title].edited_at > record.edited_at:
                continue
        kept[title] = record
    num_books = num_records - len(non_books)
    steps = [build_step("non-book titles dropped", "records", num_records, dropped=non_books)]
    if not is_reference:
        name = "titles' white space folded"
        steps.append(build_step(name, "books", num_books, changed=refolded))
    name = "earlier records of one title dropped"
    steps.append(build_step(name, "books", num_books, dropped=repeats))
    return kept, steps


def _is_book_title(title: str, *, is_reference: bool) -> bool:
    if _NON_BOOK_MARK in title:
        return False
    return is_reference or link_kind(title) in _TITLE_KINDS


def build_step(
    name: str, unit: str, num_in: int, *, changed: Sequence[str] = (), dropped: Sequence[str] = ()
) -> StepReport:
    """Report a step from the units that it changed and dropped, repeats counted."""
    examples = tuple(dict.fromkeys((*dropped, *changed)))[:NUM_EXAMPLES]
    return StepReport(name, unit, num_in, len(changed), len(dropped), examples)


def select_urls(records: Iterable[BookRecord]) -> tuple[list[dict[str, int]], StepReport]:
    """Count each book's external links; what cannot be a key of the graph is dropped.

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

    Unknown ones are None: Neo4j then removes what an earlier record may have set.
    """
    fields = parse_fields(record.infobox)
    return {
        **{name: fields.get(name) for name in FIELD_PROPERTIES},
        "redirects": None,
        "infobox": json.dumps(record.infobox, ensure_ascii=False, sort_keys=True),
        "article_length": record.length or None,
        "edited_at": record.edited_at or None,
    }
