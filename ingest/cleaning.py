"""From book records to a clean bipartite graph, in named steps that are each counted. No I/O.

Targets are interned once and the whole book-link incidence is two integer arrays, so that every
count, threshold and comparison is one numpy expression instead of a dictionary of strings.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.types import BookRecord, BookRow, LinkRow
from ingest.fields import FIELD_PROPERTIES, parse_fields
from ingest.report import CleaningReport, GraphCounts, StepReport
from ingest.steps import (
    DEFAULT_STEPS,
    FOLDING_STEPS,
    REFERENCE_STEPS,
    LinkStep,
    fold_whitespace,
    link_kind,
)

Cleaning = Literal["default", "reference"]
Ints = NDArray[np.int64]

_NUM_EXAMPLES = 3
_DROPPED = -1
_EXAMPLE_CHARS = 80
# Neo4j's index keys hold about 8,000 bytes; browsers give up on URLs of 2,000 characters.
_MAX_URL_CHARS = 2_000
_NON_BOOK_MARK = "Wikipedia:"


def read_too_common(text: str) -> frozenset[str]:
    """Read a list of too common links: one name a line, `#` opens a comment, any letter case."""
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return frozenset(fold_whitespace(line).lower() for line in lines if line)


def _default_too_common() -> frozenset[str]:
    return read_too_common(resources.files("ingest").joinpath("too_common.txt").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class CleaningOptions:
    """How to clean.

    Attributes:
        cleaning: `default`, or `reference` for what Koehrsen's notebook did: no folding, and a
            threshold that counts the case variants of a link in one book separately.
        min_links: a link stays when at least so many books mention it.
        too_common: lowercase names of links to drop.
    """

    cleaning: Cleaning = "default"
    min_links: int = 4
    too_common: frozenset[str] = _default_too_common()

    @property
    def link_steps(self) -> tuple[LinkStep, ...]:
        """The steps over link targets, in order."""
        return DEFAULT_STEPS if self.cleaning == "default" else REFERENCE_STEPS


@dataclass(frozen=True, slots=True)
class CleanGraph:
    """A cleaned bipartite graph, ready to be loaded.

    Attributes:
        books: in input order; also those that no link survived of.
        links: sorted by name.
        refers_to: pairs of (link name, book title) where the link leads to a book of the set.
        report: what cleaning did.
    """

    books: tuple[BookRow, ...]
    links: tuple[LinkRow, ...]
    refers_to: tuple[tuple[str, str], ...]
    report: CleaningReport


@dataclass(slots=True)
class _Incidence:
    """Mentions as integers: book `book_rows[i]` mentions `targets[target_rows[i]]`."""

    targets: list[str]
    target_rows: Ints
    book_rows: Ints


def clean_books(records: Iterable[BookRecord], options: CleaningOptions) -> CleanGraph:
    """Clean all records of a set together: the threshold needs to see every book.

    Args:
        records: consumed once. Where two have one title, the one edited last counts.
        options: how to clean.
    """
    books, book_steps = _select_books(records, options)
    incidence = _intern_mentions(books)
    names, link_steps = _apply_steps(incidence, options.link_steps)
    vocabulary, name_rows = _intern(names)
    by_book = _books_per_name(incidence, name_rows, len(vocabulary), options.cleaning)
    is_common = np.array([name in options.too_common for name in vocabulary], dtype=bool)
    is_kept = ~is_common & (by_book >= options.min_links)
    counts = _count(incidence, name_rows, is_kept)
    set_steps = _report_set_steps(vocabulary, by_book, is_common, options)
    edges = _edges(incidence, name_rows, is_kept)
    urls, url_step = _select_urls(books)
    links = _build_links(incidence, names, name_rows, vocabulary, edges, options)
    report = CleaningReport(
        cleaning=options.cleaning,
        min_links=options.min_links,
        num_books=len(books),
        counts=counts,
        folding_only=_count_folding_only(incidence, options),
        steps=(*book_steps, *link_steps, *set_steps, url_step),
    )
    return CleanGraph(
        books=_build_books(books, vocabulary, edges, urls),
        links=links,
        refers_to=_match_titles(books, links),
        report=report,
    )


def _select_books(
    records: Iterable[BookRecord], options: CleaningOptions
) -> tuple[dict[str, BookRecord], list[StepReport]]:
    """Drop what is no book and keep the latest record of each title."""
    kept: dict[str, BookRecord] = {}
    non_books: list[str] = []
    refolded: list[str] = []
    repeats: list[str] = []
    num_records = 0
    for record in records:
        num_records += 1
        if _NON_BOOK_MARK in record.title:
            non_books.append(record.title)
            continue
        title = record.title
        if options.cleaning == "default":
            title = fold_whitespace(title) or title
            if title != record.title:
                refolded.append(record.title)
        if title in kept:
            repeats.append(title)
            if kept[title].edited_at > record.edited_at:
                continue
        kept[title] = record
    num_books = num_records - len(non_books)
    steps = [_step("non-book titles dropped", "records", num_records, dropped=non_books)]
    if options.cleaning == "default":
        steps.append(_step("titles' white space folded", "books", num_books, changed=refolded))
    steps.append(_step("earlier records of one title dropped", "books", num_books, dropped=repeats))
    return kept, steps


def _step(
    name: str, unit: str, num_in: int, *, changed: Sequence[str] = (), dropped: Sequence[str] = ()
) -> StepReport:
    examples = tuple(dict.fromkeys((*dropped, *changed)))[:_NUM_EXAMPLES]
    return StepReport(name, unit, num_in, len(changed), len(dropped), examples)


def _intern_mentions(books: dict[str, BookRecord]) -> _Incidence:
    rows: dict[str, int] = {}
    target_rows = array("q")
    book_rows = array("q")
    for book_row, record in enumerate(books.values()):
        target_rows.extend(rows.setdefault(target, len(rows)) for target in record.wikilinks)
        book_rows.extend([book_row] * len(record.wikilinks))
    return _Incidence(
        list(rows), np.array(target_rows, dtype=np.int64), np.array(book_rows, dtype=np.int64)
    )


def _apply_steps(
    incidence: _Incidence, steps: Iterable[LinkStep]
) -> tuple[list[str | None], list[StepReport]]:
    """Run each distinct target through the steps; counts are mentions, not distinct targets."""
    num_mentions = np.bincount(incidence.target_rows, minlength=len(incidence.targets))
    current: list[str | None] = list(incidence.targets)
    reports = []
    for step in steps:
        counts = {"in": 0, "changed": 0, "dropped": 0}
        examples: list[str] = []
        for row, target in enumerate(current):
            if target is None:
                continue
            result = step.apply(target)
            counts["in"] += int(num_mentions[row])
            if result == target:
                continue
            counts["dropped" if result is None else "changed"] += int(num_mentions[row])
            current[row] = result
            if len(examples) < _NUM_EXAMPLES:
                examples.append(target if result is None else f"{target} -> {result}")
        reports.append(
            StepReport(
                step.name,
                "link mentions",
                counts["in"],
                counts["changed"],
                counts["dropped"],
                tuple(examples),
            )
        )
    return current, reports


def _intern(names: Iterable[str | None]) -> tuple[list[str], Ints]:
    """Number the distinct names in sorted order; None gets `_DROPPED`."""
    names = list(names)
    vocabulary = sorted({name for name in names if name is not None})
    rows = {name: row for row, name in enumerate(vocabulary)}
    return vocabulary, np.array(
        [_DROPPED if name is None else rows[name] for name in names], dtype=np.int64
    )


def _books_per_name(
    incidence: _Incidence, name_rows: Ints, num_names: int, cleaning: Cleaning
) -> Ints:
    """How many books mention each name.

    The reference counted each exact-case target of a book once and lowercased only then, so a name
    counts once for each of its spellings in a book.
    """
    names = name_rows[incidence.target_rows]
    keys = incidence.target_rows if cleaning == "reference" else names
    is_kept = names != _DROPPED
    pairs = np.stack([incidence.book_rows[is_kept], keys[is_kept]], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    return np.bincount(names[is_kept][first], minlength=num_names)


def _count(incidence: _Incidence, name_rows: Ints, is_kept: NDArray[np.bool_]) -> GraphCounts:
    books, names, _ = _edges(incidence, name_rows, is_kept)
    mentions = name_rows[incidence.target_rows]
    return GraphCounts(
        num_links=int(np.unique(names).size),
        num_pairs=int(_is_in(mentions, is_kept).sum()),
        num_edges=int(names.size),
        num_books_with_link=int(np.unique(books).size),
    )


def _is_in(names: Ints, is_kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # The appended False answers for `_DROPPED`, which is index -1.
    result: NDArray[np.bool_] = np.append(is_kept, False)[names]
    return result


def _edges(
    incidence: _Incidence, name_rows: Ints, is_kept: NDArray[np.bool_]
) -> tuple[Ints, Ints, Ints]:
    """Distinct (book row, name row) pairs in sorted order, and how often each is mentioned."""
    names = name_rows[incidence.target_rows]
    mask = _is_in(names, is_kept)
    keys = incidence.book_rows[mask] * max(len(is_kept), 1) + names[mask]
    distinct, num_mentions = np.unique(keys, return_counts=True)
    book_rows, link_rows = np.divmod(distinct, max(len(is_kept), 1))
    return book_rows, link_rows, num_mentions


def _report_set_steps(
    vocabulary: list[str], by_book: Ints, is_common: NDArray[np.bool_], options: CleaningOptions
) -> list[StepReport]:
    common = [vocabulary[row] for row in np.flatnonzero(is_common)]
    rare = np.flatnonzero(~is_common & (by_book < options.min_links))
    return [
        _step("too common links dropped", "links", len(vocabulary), dropped=common),
        StepReport(
            f"links of fewer than {options.min_links} books dropped",
            "links",
            len(vocabulary) - len(common),
            num_dropped=len(rare),
            examples=tuple(vocabulary[row] for row in rare[:_NUM_EXAMPLES]),
        ),
    ]


def _count_folding_only(incidence: _Incidence, options: CleaningOptions) -> GraphCounts | None:
    if options.cleaning == "reference":
        return None
    names, _ = _apply_steps(incidence, FOLDING_STEPS)
    vocabulary, name_rows = _intern(names)
    by_book = _books_per_name(incidence, name_rows, len(vocabulary), "default")
    is_common = np.array([name in options.too_common for name in vocabulary], dtype=bool)
    return _count(incidence, name_rows, ~is_common & (by_book >= options.min_links))


def _build_links(
    incidence: _Incidence,
    names: list[str | None],
    name_rows: Ints,
    vocabulary: list[str],
    edges: tuple[Ints, Ints, Ints],
    options: CleaningOptions,
) -> tuple[LinkRow, ...]:
    """Name, commonest spelling and number of books of each link that has an edge."""
    spelled, _ = _apply_steps(incidence, options.link_steps[:-1])
    num_mentions = np.bincount(incidence.target_rows, minlength=len(incidence.targets))
    spellings: dict[int, dict[str, int]] = {}
    num_books = np.bincount(edges[1], minlength=len(vocabulary))
    for row, name_row in enumerate(name_rows.tolist()):
        spelling = spelled[row]
        if name_row == _DROPPED or spelling is None or not num_books[name_row]:
            continue
        counts = spellings.setdefault(name_row, {})
        counts[spelling] = counts.get(spelling, 0) + int(num_mentions[row])
    return tuple(
        LinkRow(
            name=vocabulary[row],
            # The alphabetically first of equally common spellings, so that a rerun says the same.
            title=min(counts, key=lambda spelling: (-counts[spelling], spelling)),
            kind=link_kind(vocabulary[row]),
            num_books=int(num_books[row]),
        )
        for row, counts in sorted(spellings.items())
    )


def _build_books(
    books: dict[str, BookRecord],
    vocabulary: list[str],
    edges: tuple[Ints, Ints, Ints],
    urls: list[dict[str, int]],
) -> tuple[BookRow, ...]:
    links: list[dict[str, int]] = [{} for _ in books]
    for book_row, link_row, count in zip(*(column.tolist() for column in edges), strict=True):
        links[book_row][vocabulary[link_row]] = count
    return tuple(
        BookRow(
            title=title,
            properties=_book_properties(record),
            links=links[row],
            external_links=urls[row],
        )
        for row, (title, record) in enumerate(books.items())
    )


def _book_properties(record: BookRecord) -> dict[str, Any]:
    fields = parse_fields(record.infobox)
    return {
        # Unknown ones are None: Neo4j then removes what an earlier record may have set.
        **{name: fields.get(name) for name in FIELD_PROPERTIES},
        "infobox": json.dumps(record.infobox, ensure_ascii=False, sort_keys=True),
        "article_length": record.length or None,
        "edited_at": record.edited_at or None,
    }


def _select_urls(books: dict[str, BookRecord]) -> tuple[list[dict[str, int]], StepReport]:
    """Count each book's external links; what cannot be a key of the graph is dropped."""
    by_book: list[dict[str, int]] = []
    num_in = 0
    dropped: list[str] = []
    for record in books.values():
        counts: dict[str, int] = {}
        num_in += len(record.external_links)
        for url in map(str.strip, record.external_links):
            if 0 < len(url) <= _MAX_URL_CHARS:
                counts[url] = counts.get(url, 0) + 1
            else:
                dropped.append(url[:_EXAMPLE_CHARS])
        by_book.append(counts)
    name = f"empty URLs and those longer than {_MAX_URL_CHARS:,} characters dropped"
    return by_book, _step(name, "external links", num_in, dropped=dropped)


def _match_titles(
    books: dict[str, BookRecord], links: Sequence[LinkRow]
) -> tuple[tuple[str, str], ...]:
    """Tie each link to the book of that title: the exact spelling first, any letter case second."""
    by_lower: dict[str, str] = {}
    for title in sorted(books):
        by_lower.setdefault(fold_whitespace(title).lower(), title)
    return tuple(
        (link.name, link.title if link.title in books else by_lower[link.name])
        for link in links
        if link.title in books or link.name in by_lower
    )
