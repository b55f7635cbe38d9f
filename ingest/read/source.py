"""All records of some files, whatever they are: NDJSON read as it stands, dumps through spools."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.core.types import BookRecord
from bookgraph.ingest.clean.redirects import collect_redirects, select_redirects
from bookgraph.ingest.read.extract import Dump, extract_dumps
from bookgraph.ingest.read.ndjson import BadRecord
from bookgraph.ingest.read.records import Form, detect_form, iter_records
from bookgraph.ingest.read.spool import Spool
from bookgraph.ingest.report import BadRecordLog

logger = logging.getLogger(__name__)

_STAGE = "Reading records"
_REPORT_EVERY_RECORDS = 500


class RecordSource:
    """The records of a set of files, and what is known of where they come from."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        work_dir: Path,
        num_workers: int | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        """Look at each file, and read the dumps among them.

        Args:
            paths: NDJSON or dumps; the index of a multistream dump is passed over.
            work_dir: where the spools of dumps are.
            num_workers: processes that read dumps; by default one a core.
            on_progress: told of bytes and records read.

        Raises:
            InputError: a file cannot be read.
            DiskFullError: no room in `work_dir`.
        """
        self.paths = list(paths)
        self.bad_records = BadRecordLog()
        self._on_progress = on_progress
        forms = {path: detect_form(path) for path in paths}
        dumps = [
            Dump(path, form.compression) for path, form in forms.items() if form.content == "dump"
        ]
        spools = (
            extract_dumps(
                dumps, work_dir=work_dir, num_workers=num_workers, on_progress=on_progress
            )
            if dumps
            else []
        )
        self._forms: dict[Path, Form] = forms
        self._spools: dict[Path, Spool] = {
            dump.path: spool for dump, spool in zip(dumps, spools, strict=True)
        }

    def iter_records(self) -> Iterator[BookRecord]:
        """Yield the records of all files in their order; bad ones go to `bad_records`.

        Raises:
            InputError: a file cannot be read to its end.
        """
        num_records = 0
        # A link is named by dozens of books; one string for all of them saves half of the memory.
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
        for path, form in self._forms.items():
            if form.content == "index":
                logger.warning("%s is the index of a dump; no index is needed, passed over.", path)
            elif path in self._spools:
                spool = self._spools[path]
                self.bad_records.merge(spool.state.bad)
                yield from spool.iter_records(on_bad=self._add_bad)
            else:
                yield from iter_records(path, on_bad=self._add_bad)

    def _add_bad(self, bad: BadRecord) -> None:
        self.bad_records.add(bad)
        logger.debug("%s, record %d: %s", bad.source, bad.position, bad.reason)

    def select_redirects(self, records: Sequence[BookRecord]) -> dict[str, str]:
        """The redirects of the dumps that some record's link leads through."""
        if not self._spools:
            return {}
        self._on_progress(Progress("Resolving redirects", 0, unit="redirects"))
        selected = select_redirects(
            (target for record in records for target in record.wikilinks),
            [partial(Spool.iter_redirects, spool) for spool in self._spools.values()],
        )
        self._on_progress(
            Progress("Resolving redirects", len(selected), len(selected), "redirects")
        )
        return selected

    def collect_redirects(self, titles: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The other titles under which the dumps know some pages."""
        if not self._spools:
            return {}
        return collect_redirects(
            titles, [partial(Spool.iter_redirects, spool) for spool in self._spools.values()]
        )

    def describe(self, records: Sequence[BookRecord]) -> list[str]:
        """Name each file, and for dumps the wiki and the day of the last edit of a book."""
        edited_at = max((record.edited_at for record in records), default="")[:10]
        return [
            f"{path.name} ({spool.state.wiki or 'unknown wiki'}, books edited until {edited_at})"
            if (spool := self._spools.get(path)) is not None
            else path.name
            for path in self.paths
        ]

    def explain_no_books(self) -> str:
        """Which wikis were searched in vain, to be appended to "holds no books"."""
        wikis = sorted({spool.state.wiki or "an unknown wiki" for spool in self._spools.values()})
        if not wikis:
            return ""
        num_pages = sum(spool.state.num_pages for spool in self._spools.values())
        return (
            f": none of {num_pages:,} pages of {', '.join(wikis)} has the template Infobox book, "
            "which the English and the Simple English Wikipedia use"
        )
