"""Files in, graph out: reads records, cleans them together and loads the result."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bookgraph.core.errors import InputError
from bookgraph.core.names import MAIN_ONLY
from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.graph.read.known import GraphSize, KnownGraph, read_known, read_size
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Store
from bookgraph.graph.write.bulk import can_import, import_graph
from bookgraph.graph.write.lease import hold
from bookgraph.graph.write.load import GraphRows, LoadReport, load_graph
from bookgraph.ingest.clean.graph import clean_books, name_redirects
from bookgraph.ingest.clean.options import CleaningOptions
from bookgraph.ingest.read.records import RecordSource
from bookgraph.ingest.report import BadRecordLog, CleaningReport

MAX_BAD_SHARE = 0.5
_FEW_BAD_RECORDS = 20


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest read, cleaned and loaded.

    Attributes:
        num_records: records that could be read.
        bad_records: those that could not, counted by reason, with examples.
        cleaning: what cleaning did.
        loaded: what the load changed.
        graph: what the graph holds now, with the books of other files if they were kept.
        left_out: pages with the infobox that a rule leaves out, by reason.
        unknown_templates: templates in infoboxes that no rule knows, with their uses.
        sources: each file, and for a dump its wiki and the day of its last edit of a book; the
            graph's `Dataset` node says the same.
    """

    num_records: int
    bad_records: BadRecordLog
    cleaning: CleaningReport
    loaded: LoadReport
    graph: GraphSize
    left_out: Counter[str]
    unknown_templates: Counter[str]
    sources: tuple[str, ...]

    @property
    def num_skipped(self) -> int:
        """Records that did not become a book: bad ones, non-books, older ones of a title."""
        return self.num_records + self.bad_records.total - self.cleaning.num_books

    def to_json(self) -> dict[str, object]:
        """Plain values for JSON; the first five names are those that scripts rely on."""
        folding_only = self.cleaning.folding_only
        return {
            "num_books": self.graph.num_books,
            "num_links": self.graph.num_links,
            "num_pairs": self.graph.num_pairs,
            "num_edges": self.graph.num_edges,
            "num_skipped": self.num_skipped,
            "num_books_with_link": self.graph.num_books_with_link,
            "in_files": {
                "num_books": self.cleaning.num_books,
                **dataclasses.asdict(self.cleaning.counts),
            },
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
            "left_out": dict(self.left_out.most_common()),
            "unknown_templates": dict(self.unknown_templates.most_common()),
            "loaded": dataclasses.asdict(self.loaded),
            "sources": list(self.sources),
        }


def ingest_files(
    paths: Sequence[Path],
    store: Store,
    *,
    options: CleaningOptions,
    keep_others: bool = False,
    work_dir: Path | None = None,
    num_workers: int | None = None,
    server: LocalServer | None = None,
    on_progress: OnProgress = ignore_progress,
) -> IngestReport:
    """Replace the graph's books with those of some files.

    The files are one set: the threshold counts over all of them, and the redirects of the dumps
    among them hold for all. Everything is read before the graph is touched, so that a file that
    cannot be read changes nothing.

    Args:
        paths: NDJSON records or MediaWiki dumps, in any mixture; the index of a dump is skipped.
        store: an empty database, or one that bookgraph loaded before.
        options: how to clean.
        keep_others: keep books that are not in the files; otherwise they are deleted.
        work_dir: keeps the records read of dumps, so that a killed run resumes and a second one is
            quick; by default a folder that is removed at the end.
        num_workers: processes that read dumps; by default one a core.
        server: our own server that `store` is connected to; a large first load then goes through
            its offline importer, which stops it for some seconds.
        on_progress: called while reading and loading.

    Raises:
        InputError: a file cannot be read, holds no book, or is mostly bad; the graph is unchanged.
        DiskFullError: `work_dir` is full; the graph is unchanged.
        ForeignDataError: the database holds data that bookgraph did not load; it is unchanged.
        StoreUnreachableError: Neo4j stopped responding; running it again completes the load.
    """
    with ExitStack() as lease:
        with ExitStack() as stack:
            if work_dir is None:
                work_dir = Path(stack.enter_context(TemporaryDirectory(prefix="bookgraph-")))
            source = RecordSource(
                paths,
                work_dir=work_dir,
                num_workers=num_workers,
                namespaces=options.namespaces or MAIN_ONLY,
                on_progress=on_progress,
            )
            records = list(source.iter_records())
            num_records = len(records)
            redirects = source.select_redirects(records)
            store = lease.enter_context(hold(store, work="ingest", on_progress=on_progress))
            known = read_known(store) if keep_others else KnownGraph(frozenset(), {})
            clean = clean_books(
                records,
                options,
                redirects={**known.redirects, **redirects},
                site=source.site,
                known_links=known.links,
            )
            _refuse_bad_input(source, num_records, num_books=clean.report.num_books)
            clean = name_redirects(clean, source.collect_redirects(clean.page_titles()))
            names = source.describe(records)
        del records
        rows = GraphRows(clean.books, clean.links, clean.refers_to, names)
        if server is not None and can_import(store, rows):
            loaded = import_graph(server, store, rows, on_progress=on_progress)
        else:
            loaded = load_graph(store, rows, keep_others=keep_others, on_progress=on_progress)
        return IngestReport(
            num_records,
            source.bad_records,
            clean.report,
            loaded,
            graph=_measure(store, clean.report, keep_others=keep_others),
            left_out=source.left_out,
            unknown_templates=source.unknown_templates,
            sources=tuple(names),
        )


def _measure(store: Store, report: CleaningReport, *, keep_others: bool) -> GraphSize:
    """What the graph holds now; it is counted only where it holds more than the files."""
    if keep_others:
        return read_size(store)
    counts = report.counts
    return GraphSize(
        report.num_books,
        counts.num_books_with_link,
        counts.num_links,
        num_edges=counts.num_edges,
        num_pairs=counts.num_pairs,
    )


def _refuse_bad_input(source: RecordSource, num_records: int, *, num_books: int) -> None:
    """Refuse files that are mostly bad or hold no books; single bad records are only counted."""
    bad_records = source.bad_records
    names = ", ".join(map(str, source.paths))
    total = num_records + bad_records.total
    if bad_records.total:
        reason, num = bad_records.num_by_reason.most_common(1)[0]
        first = bad_records.examples[reason][0]
        why = f"{num:,} times: {reason}, first in record {first.position}: {first.example!r}"
    if not num_records and bad_records.total:
        raise InputError(
            f"{names} holds no book records ({why}). The graph was not changed. Give one JSON "
            'array or object a line, such as {"title": "Dune", "links": ["Arrakis"]}, or a '
            "MediaWiki dump."
        )
    if bad_records.total > max(_FEW_BAD_RECORDS, MAX_BAD_SHARE * total):
        raise InputError(
            f"{bad_records.total:,} of {total:,} records of {names} cannot be read ({why}). "
            "The graph was not changed. Is this the right file?"
        )
    if not num_books:
        raise InputError(
            f"{names} holds no books{source.explain_no_books()}. The graph was not changed."
        )
