"""Files in, graph out: reads records, cleans them together and loads the result."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.progress import OnProgress, Progress, ignore_progress
from core.types import BookRecord
from graph.load import GraphRows, LoadReport, load_graph
from graph.store import Store
from ingest.cleaning import CleaningOptions, clean_books
from ingest.ndjson import BadRecord
from ingest.records import iter_records
from ingest.report import BadRecordLog, CleaningReport

logger = logging.getLogger(__name__)

MAX_BAD_SHARE = 0.5
_FEW_BAD_RECORDS = 20
_REPORT_EVERY_RECORDS = 500


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest read, cleaned and loaded.

    Attributes:
        num_records: records that could be read.
        bad_records: those that could not, counted by reason, with examples.
        cleaning: what cleaning did.
        loaded: what the load changed.
    """

    num_records: int
    bad_records: BadRecordLog
    cleaning: CleaningReport
    loaded: LoadReport

    @property
    def num_skipped(self) -> int:
        """Records that did not become a book: bad ones, non-books, older ones of a title."""
        return self.num_records + self.bad_records.total - self.cleaning.num_books

    def to_json(self) -> dict[str, object]:
        """Plain values for JSON; the first five names are those that scripts rely on."""
        counts = self.cleaning.counts
        folding_only = self.cleaning.folding_only
        return {
            "num_books": self.cleaning.num_books,
            "num_links": counts.num_links,
            "num_pairs": counts.num_pairs,
            "num_edges": counts.num_edges,
            "num_skipped": self.num_skipped,
            "num_books_with_link": counts.num_books_with_link,
            "cleaning": self.cleaning.cleaning,
            "min_links": self.cleaning.min_links,
            "folding_only": dataclasses.asdict(folding_only) if folding_only else None,
            "steps": [dataclasses.asdict(step) for step in self.cleaning.steps],
            "bad_records": {
                reason: {
                    "num": num,
                    "examples": [
                        dataclasses.asdict(bad) for bad in self.bad_records.examples[reason]
                    ],
                }
                for reason, num in self.bad_records.num_by_reason.most_common()
            },
            "loaded": dataclasses.asdict(self.loaded),
        }


def ingest_files(
    paths: Sequence[Path],
    store: Store,
    *,
    options: CleaningOptions,
    keep_others: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> IngestReport:
    """Make the graph equal to the books of some files.

    The files are one set: the threshold counts over all of them. Everything is read before the
    graph is touched, so that a file that cannot be read changes nothing.

    Args:
        paths: NDJSON records or MediaWiki dumps, in any mixture.
        store: an empty database, or one that bookgraph loaded before.
        options: how to clean.
        keep_others: leave books that are not in the files where they are.
        on_progress: told of reading and loading.

    Raises:
        InputError: a file cannot be read, holds no book, or is mostly bad; nothing was changed.
        ForeignDataError: the database holds somebody else's books; nothing was changed.
        StoreUnreachableError: the server went away; run it again to finish.
    """
    bad_records = BadRecordLog()
    num_records = 0

    def count(records: Iterator[BookRecord]) -> Iterator[BookRecord]:
        nonlocal num_records
        for record in records:
            num_records += 1
            if num_records % _REPORT_EVERY_RECORDS == 0:
                on_progress(Progress("Reading records", num_records, unit="records"))
            yield record

    clean = clean_books(count(_iter_files(paths, bad_records)), options)
    on_progress(Progress("Reading records", num_records, num_records, "records"))
    _refuse_bad_input(paths, num_records, bad_records, num_books=clean.report.num_books)
    rows = GraphRows(clean.books, clean.links, clean.refers_to, [path.name for path in paths])
    loaded = load_graph(store, rows, keep_others=keep_others, on_progress=on_progress)
    return IngestReport(num_records, bad_records, clean.report, loaded)


def _iter_files(paths: Sequence[Path], bad_records: BadRecordLog) -> Iterator[BookRecord]:
    def on_bad(bad: BadRecord) -> None:
        bad_records.add(bad)
        logger.debug("%s, record %d: %s", bad.source, bad.position, bad.reason)

    for path in paths:
        yield from iter_records(path, on_bad=on_bad)


def _refuse_bad_input(
    paths: Sequence[Path], num_records: int, bad_records: BadRecordLog, *, num_books: int
) -> None:
    """One bad line is never fatal; a file that is no set of book records is."""
    names = ", ".join(map(str, paths))
    total = num_records + bad_records.total
    if bad_records.total:
        reason, num = bad_records.num_by_reason.most_common(1)[0]
        first = bad_records.examples[reason][0]
        why = f"{num:,} times: {reason}, first in record {first.position}: {first.example!r}"
    if not num_records and bad_records.total:
        raise InputError(f"{names} holds no book records ({why}). Nothing was changed.")
    if bad_records.total > max(_FEW_BAD_RECORDS, MAX_BAD_SHARE * total):
        raise InputError(
            f"{bad_records.total:,} of {total:,} records of {names} cannot be read ({why}). "
            "Nothing was changed. Is this the right file?"
        )
    if not num_books:
        raise InputError(f"{names} holds no books. Nothing was changed.")
