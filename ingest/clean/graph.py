"""From book records to a clean bipartite graph, in named steps that are each counted. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bookgraph.core.names import NameStep, match_titles
from bookgraph.core.site import ENGLISH, Site
from bookgraph.core.types import BookRecord, BookRow, LinkRow
from bookgraph.ingest.clean.books import (
    NUM_EXAMPLES,
    book_properties,
    build_step,
    select_books,
    select_urls,
)
from bookgraph.ingest.clean.incidence import (
    DROPPED,
    Edges,
    Incidence,
    Ints,
    Mask,
    build_incidence,
    count_books,
    number_names,
    select_edges,
)
from bookgraph.ingest.clean.options import FOLDING_STEPS, CleaningOptions
from bookgraph.ingest.report import CleaningReport, GraphCounts, StepReport


@dataclass(frozen=True, slots=True)
class CleanGraph:
    """A cleaned bipartite graph, ready to be loaded.

    Attributes:
        books: in input order, with and without links.
        links: sorted by name.
        refers_to: (link name, book title) where the link leads to a book of the set.
        report: what cleaning did.
        site: the rules of the wiki.
    """

    books: tuple[BookRow, ...]
    links: tuple[LinkRow, ...]
    refers_to: tuple[tuple[str, str], ...]
    report: CleaningReport
    site: Site

    def page_titles(self) -> set[str]:
        """Titles of the pages behind all books and links, as their wiki writes them."""
        titles = {book.title for book in self.books} | {link.title for link in self.links}
        return set(map(self.site.capitalize, titles))


def clean_books(
    records: Iterable[BookRecord],
    options: CleaningOptions,
    *,
    redirects: Mapping[str, str] | None = None,
    site: Site = ENGLISH,
    known_links: Collection[str] = (),
) -> CleanGraph:
    """Clean all records of a set together: the threshold needs to see every book.

    Args:
        records: consumed once. Where two have one title, the one edited last counts.
        options: how to clean.
        redirects: title to the title that it leads to; the reference cleaning ignores them.
        site: the rules of the wiki that the records come from.
        known_links: names of links that are kept, however few books mention them here.
    """
    is_reference = options.cleaning == "reference"
    books, book_steps = select_books(records, options, site)
    incidence = build_incidence([record.wikilinks for record in books.values()])
    steps = options.link_steps(redirects or {}, site)
    names, link_steps = _apply_steps(incidence, steps)
    vocabulary, name_rows = number_names(names)
    by_book = count_books(incidence, name_rows, len(vocabulary), by_target=is_reference)
    is_common = _is_common(vocabulary, options)
    is_known = np.array([name in known_links for name in vocabulary], dtype=bool)
    is_frequent = is_known | (by_book >= options.min_links)
    edges = select_edges(incidence, name_rows, ~is_common & is_frequent)
    urls, url_step = select_urls(books.values())
    links = _build_links(incidence, name_rows, vocabulary, edges, steps=steps[:-1], site=site)
    report = CleaningReport(
        cleaning=options.cleaning,
        min_links=options.min_links,
        num_books=len(books),
        counts=edges.counts(),
        folding_only=None if is_reference else _count_folding_only(incidence, options),
        steps=(
            *book_steps,
            *link_steps,
            *_report_set_steps(vocabulary, is_frequent, is_common, options),
            url_step,
        ),
    )
    return CleanGraph(
        books=_build_books(books, vocabulary, edges, urls),
        links=links,
        refers_to=tuple(match_titles(((link.name, link.title) for link in links), books.keys())),
        report=report,
        site=site,
    )


def name_redirects(clean: CleanGraph, redirects: Mapping[str, tuple[str, ...]]) -> CleanGraph:
    """Give books and links the other titles under which people look for them.

    Args:
        clean: a cleaned graph; not changed.
        redirects: page title to the titles that lead there, as `collect_redirects` finds them for
            the graph's `page_titles`.

    Returns:
        The graph with `redirects` set on its books and links. A name that is itself a book or link
        (in the reference cleaning, which resolves nothing) is left out.
    """
    taken = {link.name for link in clean.links} | {book.title.lower() for book in clean.books}

    def names_of(title: str) -> tuple[str, ...]:
        others = redirects.get(clean.site.capitalize(title), ())
        return tuple(name for name in others if name.lower() not in taken)

    return replace(
        clean,
        books=tuple(
            replace(book, properties={**book.properties, "redirects": list(names)})
            if (names := names_of(book.title))
            else book
            for book in clean.books
        ),
        links=tuple(
            replace(link, redirects=names) if (names := names_of(link.title)) else link
            for link in clean.links
        ),
    )


def _apply_steps(
    incidence: Incidence, steps: Iterable[NameStep]
) -> tuple[list[str | None], list[StepReport]]:
    """Run each distinct target through the steps; counts are mentions, not distinct targets."""
    num_mentions = incidence.mentions_per_target().tolist()
    current: list[str | None] = list(incidence.targets)
    reports = []
    for step in steps:
        num_in = num_changed = num_dropped = 0
        examples: list[str] = []
        for row, target in enumerate(current):
            if target is None:
                continue
            num_in += num_mentions[row]
            result = step.apply(target)
            if result == target:
                continue
            current[row] = result
            if result is None:
                num_dropped += num_mentions[row]
            else:
                num_changed += num_mentions[row]
            if len(examples) < NUM_EXAMPLES:
                examples.append(target if result is None else f"{target} -> {result}")
        reports.append(
            StepReport(
                step.name, "link mentions", num_in, num_changed, num_dropped, tuple(examples)
            )
        )
    return current, reports


def _is_common(vocabulary: Sequence[str], options: CleaningOptions) -> Mask:
    return np.array([name in options.too_common for name in vocabulary], dtype=bool)


def _count_folding_only(incidence: Incidence, options: CleaningOptions) -> GraphCounts:
    names, _ = _apply_steps(incidence, FOLDING_STEPS)
    vocabulary, name_rows = number_names(names)
    by_book = count_books(incidence, name_rows, len(vocabulary), by_target=False)
    is_kept = ~_is_common(vocabulary, options) & (by_book >= options.min_links)
    return select_edges(incidence, name_rows, is_kept).counts()


def _report_set_steps(
    vocabulary: Sequence[str], is_frequent: Mask, is_common: Mask, options: CleaningOptions
) -> list[StepReport]:
    common = [vocabulary[row] for row in np.flatnonzero(is_common).tolist()]
    rare = np.flatnonzero(~is_common & ~is_frequent)
    return [
        build_step("too common links dropped", "links", len(vocabulary), dropped=common),
        StepReport(
            f"links that fewer than {options.min_links} books mention dropped",
            "links",
            len(vocabulary) - len(common),
            num_dropped=len(rare),
            examples=tuple(vocabulary[row] for row in rare[:NUM_EXAMPLES].tolist()),
        ),
    ]


def _build_links(
    incidence: Incidence,
    name_rows: Ints,
    vocabulary: Sequence[str],
    edges: Edges,
    *,
    steps: Iterable[NameStep],
    site: Site,
) -> tuple[LinkRow, ...]:
    """Name, commonest spelling and number of books of each link that has an edge."""
    spelled, _ = _apply_steps(incidence, steps)
    num_mentions = incidence.mentions_per_target().tolist()
    num_books = np.bincount(edges.name_rows, minlength=len(vocabulary))
    spellings: dict[int, dict[str, int]] = {}
    for row, name_row in enumerate(name_rows.tolist()):
        spelling = spelled[row]
        if name_row == DROPPED or spelling is None or not num_books[name_row]:
            continue
        counts = spellings.setdefault(name_row, {})
        counts[spelling] = counts.get(spelling, 0) + num_mentions[row]
    return tuple(
        LinkRow(
            name=vocabulary[row],
            # The alphabetically first of equally common spellings, so that reruns agree.
            title=min(counts, key=lambda spelling: (-counts[spelling], spelling)),
            kind=site.kind(vocabulary[row]),
            num_books=int(num_books[row]),
        )
        for row, counts in sorted(spellings.items())
    )


def _build_books(
    books: Mapping[str, BookRecord],
    vocabulary: Sequence[str],
    edges: Edges,
    urls: Sequence[dict[str, int]],
) -> tuple[BookRow, ...]:
    links: list[dict[str, int]] = [{} for _ in books]
    columns = (edges.book_rows.tolist(), edges.name_rows.tolist(), edges.num_mentions.tolist())
    for book_row, name_row, count in zip(*columns, strict=True):
        links[book_row][vocabulary[name_row]] = count
    return tuple(
        BookRow(
            title=title,
            properties=book_properties(record),
            links=links[row],
            external_links=urls[row],
        )
        for row, (title, record) in enumerate(books.items())
    )
