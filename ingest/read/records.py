"""Book records out of files: those of one file lazily, or those of all files of an ingest."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from bookgraph.core.errors import InputError
from bookgraph.core.names import MAIN_ONLY
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.core.site import ENGLISH, Site, read_site
from bookgraph.core.types import BookRecord
from bookgraph.ingest.clean.redirects import collect_redirects, select_redirects
from bookgraph.ingest.read import dump
from bookgraph.ingest.read.extract import extract_dumps
from bookgraph.ingest.read.files import SourceFile, detect_file, open_file, translated_errors
from bookgraph.ingest.read.ndjson import iter_document, iter_ndjson
from bookgraph.ingest.read.segments import iter_chunks, plan_segments
from bookgraph.ingest.read.spool import Spool
from bookgraph.ingest.report import BadRecord, BadRecordLog, OnBadRecord, SkippedPage

logger = logging.getLogger(__name__)

_STAGE = "Reading records"
_REPORT_EVERY_RECORDS = 500


def iter_records(path: Path | str, *, on_bad: OnBadRecord | None = None) -> Iterator[BookRecord]:
    """Yield the book records of a file, lazily, in order and as the source has them.

    Args:
        path: book records or a MediaWiki XML dump; plain, gzip, bzip2, xz or zstd; `-` for standard
            input.
        on_bad: called for each record that cannot be read; by default it is logged as a warning.

    Raises:
        InputError: the file is missing, empty, unreadable, of an unknown format, or cut.
    """
    file = detect_file(Path(path))
    if file.content == "index":
        raise InputError(
            f"{path} is the index of a multistream dump and holds no pages. Name the dump itself; "
            "bookgraph needs no index."
        )
    yield from _iter_file(file, on_bad or _warn)


def find_text(path: Path, titles: Collection[str]) -> str | None:
    """The wikitext of a dump's first page of one of some titles; None for none, or for NDJSON.

    Raises:
        InputError: the file cannot be read.
    """
    if not path.is_file() or (file := detect_file(path)).content != "dump":
        # A pipe was read already.
        return None
    with translated_errors(file.name):
        chunks = chain.from_iterable(map(iter_chunks, plan_segments(file)))
        return dump.find_text(chunks, titles, source=str(path))


def _iter_file(file: SourceFile, on_bad: OnBadRecord) -> Iterator[BookRecord]:
    with translated_errors(file.name):
        if file.content == "dump":
            chunks = chain.from_iterable(map(iter_chunks, plan_segments(file)))
            yield from dump.iter_dump(chunks, source=str(file.path), on_bad=on_bad)
            return
        read = iter_document if file.content == "json" else iter_ndjson
        with open_file(file) as stream:
            yield from read(stream, source=file.name, on_bad=on_bad)


def _warn(bad: BadRecord) -> None:
    logger.warning("%s, record %d: %s", bad.source, bad.position, bad.reason)


class RecordSource:
    """The records of a set of files, and what is known about their origin."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        work_dir: Path,
        num_workers: int | None = None,
        namespaces: frozenset[int] = MAIN_ONLY,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        """Tell each file's format, and read the dumps among them.

        Args:
            paths: NDJSON or dumps; the index of a multistream dump is skipped.
            work_dir: where the spools of dumps are.
            num_workers: processes that read dumps; by default one a core.
            namespaces: numbers of those whose pages are read from dumps.
            on_progress: called with the bytes and records read.

        Raises:
            InputError: a file cannot be read.
            DiskFullError: `work_dir` is full.
        """
        self.paths = list(paths)
        self.bad_records = BadRecordLog()
        self._on_progress = on_progress
        self._files = [detect_file(path) for path in paths]
        dumps = [file for file in self._files if file.content == "dump"]
        spools = extract_dumps(
            dumps,
            work_dir=work_dir,
            num_workers=num_workers,
            namespaces=namespaces,
            on_progress=on_progress,
        )
        self._spools: dict[Path, Spool] = {
            file.path: spool for file, spool in zip(dumps, spools, strict=True)
        }

    @property
    def site(self) -> Site:
        """The rules of the first dump's wiki; without a dump, those of the English Wikipedia."""
        return next((read_site(spool.state.siteinfo) for spool in self._spools.values()), ENGLISH)

    @property
    def left_out(self) -> Counter[str]:
        """Pages with the infobox that a rule leaves out, by reason."""
        return self._sum(spool.state.left_out for spool in self._spools.values())

    @property
    def unknown_templates(self) -> Counter[str]:
        """Templates in infoboxes that no rule knows, with their uses."""
        return self._sum(spool.state.unknown_templates for spool in self._spools.values())

    def _sum(self, counters: Iterable[Counter[str]]) -> Counter[str]:
        return sum(counters, Counter())

    def iter_skipped(self) -> Iterator[tuple[Path, SkippedPage]]:
        """Yield the file and each page of the dumps that names the infobox and is no book."""
        for path, spool in self._spools.items():
            for page in spool.iter_skipped():
                yield path, page

    def iter_records(self) -> Iterator[BookRecord]:
        """Yield the records of all files in their order; bad ones go to `bad_records`.

        Raises:
            InputError: a file cannot be read to its end.
        """
        num_records = 0
        # Dozens of books name a link; one string for all of them halves the memory.
        shared: dict[str, str] = {}
        for record in self._iter_files():
            num_records += 1
            if num_records % _REPORT_EVERY_RECORDS == 0:
                self._on_progress(Progress(_STAGE, num_records, unit="records"))
            yield BookRecord(
                title=record.title,
                infobox={
                    shared.setdefault(name, name): text for name, text in record.infobox.items()
                },
                wikilinks=tuple(shared.setdefault(link, link) for link in record.wikilinks),
                external_links=record.external_links,
                edited_at=record.edited_at,
                length=record.length,
            )
        self._on_progress(Progress(_STAGE, num_records, num_records, "records"))

    def _iter_files(self) -> Iterator[BookRecord]:
        for file in self._files:
            if file.content == "index":
                logger.warning("Skipped %s: it is the index of a dump.", file.path)
            elif (spool := self._spools.get(file.path)) is not None:
                self.bad_records.merge(spool.state.bad)
                yield from spool.iter_records(on_bad=self._add_bad)
            else:
                yield from _iter_file(file, self._add_bad)

    def _add_bad(self, bad: BadRecord) -> None:
        self.bad_records.add(bad)
        logger.debug("%s, record %d: %s", bad.source, bad.position, bad.reason)

    def select_redirects(self, records: Sequence[BookRecord]) -> dict[str, str]:
        """The redirects of the dumps that some record's link leads through."""
        if not self._spools:
            return {}
        self._on_progress(Progress("Resolving redirects", 0, unit="redirects"))
        selected = select_redirects(
            (link for record in records for link in record.wikilinks),
            self._redirect_sources(),
            self.site,
        )
        self._on_progress(
            Progress("Resolving redirects", len(selected), len(selected), "redirects")
        )
        return selected

    def collect_redirects(self, titles: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The other titles under which the dumps know some pages."""
        return collect_redirects(titles, self._redirect_sources()) if self._spools else {}

    def _redirect_sources(self) -> list[partial[Iterator[tuple[str, str]]]]:
        return [partial(Spool.iter_redirects, spool) for spool in self._spools.values()]

    def describe(self, records: Sequence[BookRecord]) -> list[str]:
        """Name each file, and for dumps the wiki and the day of the last edit of a book."""
        edited_at = max((record.edited_at for record in records), default="")[:10]
        return [
            f"{file.path.name if file.stream is None else file.name} "
            f"({spool.state.wiki or 'unknown wiki'}, books edited until {edited_at})"
            if (spool := self._spools.get(file.path)) is not None
            else file.path.name
            if file.stream is None
            else file.name
            for file in self._files
        ]

    def explain_no_books(self) -> str:
        """Which wikis hold no books, to be appended to "holds no books"."""
        wikis = sorted({spool.state.wiki or "an unknown wiki" for spool in self._spools.values()})
        if not wikis:
            return ""
        num_pages = sum(spool.state.num_pages for spool in self._spools.values())
        return (
            f": none of {num_pages:,} pages of {', '.join(wikis)} has the template Infobox book, "
            "which the English and the Simple English Wikipedia use"
        )
