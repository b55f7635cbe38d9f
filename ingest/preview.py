"""What an ingest would make of some files, without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bookgraph.core.names import MAIN_ONLY, book_keys
from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.core.types import BookRecord, BookRow, LinkRow
from bookgraph.ingest.clean.books import select_books
from bookgraph.ingest.clean.fields import FieldReading, explain_fields
from bookgraph.ingest.clean.graph import CleanGraph, clean_books, name_redirects
from bookgraph.ingest.clean.options import CleaningOptions
from bookgraph.ingest.read.records import RecordSource, find_text
from bookgraph.ingest.report import BadRecordLog, SkippedPage
from bookgraph.ingest.wikitext.page import ValueSource, explain_infobox

_FIELDS = ("authors", "genres", "countries", "languages", "publishers")


@dataclass(frozen=True, slots=True)
class Preview:
    """What came out of some files, before thresholds.

    Attributes:
        graph: the books with all their links, however few books mention one.
        records: book title to the record that it came from.
        skipped: the file and each page of a dump that names the infobox and is no book.
        bad_records: records that could not be read, counted by reason, with examples.
        unknown_templates: templates in infoboxes that no rule knows, with their uses.
    """

    graph: CleanGraph
    records: dict[str, BookRecord]
    skipped: list[tuple[Path, SkippedPage]]
    bad_records: BadRecordLog
    unknown_templates: Counter[str]

    def to_json(self) -> Iterator[dict[str, object]]:
        """One plain object a book, in the order of the files."""
        links = {link.name: link for link in self.graph.links}
        for book in self.graph.books:
            yield _book_json(book, links)

    def find(self, title: str) -> tuple[BookRow, BookRecord] | None:
        """The book of a title, as written or as MediaWiki would store it."""
        books = {book.title: book for book in self.graph.books}
        return next(
            ((books[key], self.records[key]) for key in book_keys(title) if key in books), None
        )


def preview_files(
    paths: Sequence[Path],
    *,
    namespaces: frozenset[int] | None = MAIN_ONLY,
    work_dir: Path | None = None,
    num_workers: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Preview:
    """Read and clean some files as `ingest_files` does, and keep all links.

    Args:
        paths: as for `ingest_files`.
        namespaces: as in `CleaningOptions`.
        work_dir: keeps what was read of dumps, so that a later ingest is quick; by default a folder
            that is removed at the end.
        num_workers: processes that read dumps; by default one a core.
        on_progress: called while reading.

    Raises:
        InputError: a file cannot be read.
        DiskFullError: `work_dir` is full.
    """
    options = CleaningOptions(min_links=1, too_common=frozenset(), namespaces=namespaces)
    with ExitStack() as stack:
        if work_dir is None:
            work_dir = Path(stack.enter_context(TemporaryDirectory(prefix="bookgraph-")))
        source = RecordSource(
            paths,
            work_dir=work_dir,
            num_workers=num_workers,
            namespaces=namespaces or MAIN_ONLY,
            on_progress=on_progress,
        )
        records = list(source.iter_records())
        redirects = source.select_redirects(records)
        graph = clean_books(records, options, redirects=redirects, site=source.site)
        graph = name_redirects(graph, source.collect_redirects(graph.page_titles()))
        selected, _ = select_books(records, options, source.site)
        return Preview(
            graph,
            selected,
            list(source.iter_skipped()),
            source.bad_records,
            source.unknown_templates,
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a value of a book comes from.

    Attributes:
        reading: the value, the parameter, its text and the rule.
        source: the parameter's wikitext; its text again where the input is no dump.
        templates: (name, what readers see of it) of the templates in the source, the inner ones
            first; None where no rule knows one.
    """

    reading: FieldReading
    source: str
    templates: tuple[tuple[str, str | None], ...]


def explain_book(record: BookRecord, paths: Sequence[Path]) -> list[Explanation]:
    """Where each value of a book comes from.

    Args:
        record: of the book.
        paths: the files that it may come from.
    """
    texts = (find_text(path, {record.title}) for path in paths)
    sources = explain_infobox(next((text for text in texts if text is not None), ""))
    explanations = []
    for reading in explain_fields(record.infobox, record.wikilinks):
        source = sources.get(reading.parameter, ValueSource(reading.text, ()))
        explanations.append(Explanation(reading, source.source, source.templates))
    return explanations


def _book_json(book: BookRow, links: dict[str, LinkRow]) -> dict[str, object]:
    properties = book.properties
    return {
        "title": book.title,
        **{name: properties.get(name) or [] for name in _FIELDS},
        "year": properties.get("year"),
        "pages": properties.get("pages"),
        "links": [
            {"name": name, "title": links[name].title, "kind": links[name].kind, "count": count}
            for name, count in book.links.items()
        ],
        "external_links": list(book.external_links),
        "redirects": properties.get("redirects") or [],
    }
