"""From dumps to spools of records: all files in parallel on all cores, in order, and resumable.

Worker processes read segments and parse the book pages in them. This process joins the pages that
two segments share, writes the spools and reports progress. Nothing here looks into a page.
"""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookgraph.core.concurrency import ended_unless_interrupted, map_in_order
from bookgraph.core.errors import BookgraphError, InputError
from bookgraph.core.locks import process_lock
from bookgraph.core.names import MAIN_ONLY
from bookgraph.core.progress import Meter, OnProgress, ignore_progress
from bookgraph.ingest.read.dump import (
    PAGE_CLOSE,
    PageScan,
    check_end,
    has_root,
    read_siteinfo,
    read_wiki,
    refuse_overlong,
    scan_pages,
)
from bookgraph.ingest.read.files import SourceFile
from bookgraph.ingest.read.ndjson import format_line
from bookgraph.ingest.read.segments import Segment, SegmentScan, plan_segments, scan_segment
from bookgraph.ingest.read.spool import (
    Spool,
    open_passing_spool,
    open_spool,
    remove_orphaned_spools,
)
from bookgraph.ingest.report import BadRecord

logger = logging.getLogger(__name__)

_STAGE = "Reading dumps"
_SAVE_EVERY_S = 5.0
_WAITING_PER_WORKER = 3
_GC_THRESHOLD = 100_000
_SMALL_BYTES = 8 * 2**20
"""Reading less than this takes less time than starting other processes."""

Scanned = Iterator[SegmentScan]


@dataclass(slots=True)
class _Job:
    """One dump and its segments."""

    spool: Spool
    segments: list[Segment]
    namespaces: frozenset[int]
    is_resumed: bool

    @property
    def todo(self) -> list[Segment]:
        if self.spool.state.is_complete:
            return []
        return self.segments[self.spool.state.num_segments :]


def extract_dumps(
    dumps: Sequence[SourceFile],
    *,
    work_dir: Path,
    num_workers: int | None = None,
    namespaces: frozenset[int] = MAIN_ONLY,
    on_progress: OnProgress = ignore_progress,
) -> list[Spool]:
    """Read dumps into spools, and resume what an earlier run has read of the same files.

    Args:
        dumps: in the order of their records.
        work_dir: where the spools are.
        num_workers: processes; by default one a core, and none for little work.
        namespaces: numbers of those whose pages are read.
        on_progress: called with bytes, pages and books read, and the time left.

    Returns:
        One complete spool a dump, in the same order.

    Raises:
        InputError: a dump cannot be read, is damaged or cut; records read so far are kept.
        DiskFullError: `work_dir` is full; records read so far are kept.
    """
    if not dumps:
        return []
    with (
        process_lock(
            work_dir / "lock", work="reading dumps", on_progress=None, error_type=InputError
        ),
        ExitStack() as stack,
    ):
        remove_orphaned_spools(work_dir)
        jobs = []
        for dump in dumps:
            spool = stack.enter_context(
                open_spool(work_dir, dump.path, namespaces=namespaces)
                if dump.stream is None
                else open_passing_spool(work_dir, dump.path)
            )
            segments = plan_segments(dump, namespaces=namespaces)
            jobs.append(_Job(spool, segments, namespaces, spool.state.num_segments > 0))
        meter = _DumpMeter(jobs, on_progress)
        todo = [segment for job in jobs for segment in job.todo]
        with _scanning(todo, num_workers) as scans:
            for job in jobs:
                _extract(job, scans, meter)
        meter.finish()
    return [job.spool for job in jobs]


def _extract(job: _Job, scans: Scanned, meter: _DumpMeter) -> None:
    """Take the scans of one dump in order, join their ends and spool what they hold."""
    spool, state = job.spool, job.spool.state
    if state.is_complete:
        return
    saved_s = time.monotonic()
    try:
        for segment in job.todo:
            _join(spool, next(scans), namespaces=job.namespaces)
            state.num_segments += 1
            meter.add(segment, job)
            if time.monotonic() - saved_s > _SAVE_EVERY_S:
                spool.save()
                saved_s = time.monotonic()
        check_end(
            state.carry,
            source=state.path,
            num_pages=state.num_pages,
            is_rooted=state.is_rooted,
        )
    except BrokenProcessPool as error:
        raise BookgraphError(
            f"A process that read {state.path} was killed, perhaps because memory ran out. "
            "Run the command again; it resumes where it stopped."
        ) from error
    finally:
        # Save after a failure too, so that the next run resumes here.
        spool.save()
    state.is_complete, state.carry = True, b""
    spool.save()
    logger.info(
        "%s: %d pages, %d books, %d redirects",
        *(state.path, state.num_pages, state.num_records, state.num_redirects),
    )


def _join(spool: Spool, scan: SegmentScan, *, namespaces: frozenset[int]) -> None:
    """Append a segment: first the page that ends in it, then its own pages."""
    state = spool.state
    if state.num_segments == 0:
        state.wiki, state.is_rooted = read_wiki(scan.head), has_root(scan.head)
        state.siteinfo = read_siteinfo(scan.head)
    joint = state.carry + scan.head
    end = joint.rfind(PAGE_CLOSE)
    if end >= 0:
        end += len(PAGE_CLOSE)
        _append(spool, scan_pages(joint[:end], namespaces=namespaces))
    left = joint[max(end, 0) :]
    refuse_overlong(len(left), state.path)
    _append(spool, scan)
    state.carry = scan.tail if scan.has_page_open else left


def _append(spool: Spool, scan: PageScan) -> None:
    state = spool.state
    skipped = [page._replace(position=state.num_pages + page.position) for page in scan.skipped]
    for page in skipped:
        if page.is_bad:
            state.bad.add(BadRecord(state.path, page.position, page.reason, page.title))
        else:
            state.left_out[page.reason] += 1
    state.num_pages += scan.num_pages
    state.num_records += len(scan.records)
    state.num_redirects += len(scan.redirects)
    state.unknown_templates.update(scan.unknown_templates)
    spool.append(
        records=b"".join(map(format_line, scan.records)),
        redirects="".join(f"{title}\t{target}\n" for title, target in scan.redirects).encode(),
        skipped="".join(json.dumps(page) + "\n" for page in skipped).encode(),
    )


@contextmanager
def _scanning(segments: Sequence[Segment], num_workers: int | None) -> Iterator[Scanned]:
    """Scan segments, in their order, here or in other processes."""
    num_workers = num_workers or os.cpu_count() or 1
    num_bytes = sum(segment.end - segment.start for segment in segments)
    if num_workers == 1 or num_bytes < _SMALL_BYTES or any(one.stream for one in segments):
        yield map(scan_segment, segments)
        return
    pool = ProcessPoolExecutor(
        min(num_workers, len(segments)),
        # Forking a process that has threads (the Neo4j driver's) may deadlock.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_worker,
    )
    with ended_unless_interrupted(pool):
        yield map_in_order(
            pool, scan_segment, segments, num_waiting=_WAITING_PER_WORKER * num_workers
        )


def _prepare_worker() -> None:
    """Leave Ctrl-C to the parent, and end with the parent even when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The tree of a page is thousands of live objects. Searching them for garbage as often as Python
    # does by default costs a fifth of the parsing.
    gc.set_threshold(_GC_THRESHOLD)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


class _DumpMeter:
    """Turns finished segments into progress."""

    def __init__(self, jobs: Sequence[_Job], on_progress: OnProgress) -> None:
        self._jobs = jobs
        total = sum(job.segments[-1].end for job in jobs if job.segments)
        self._todo = sum(segment.end - segment.start for job in jobs for segment in job.todo)
        self._meter = Meter(_STAGE, total, on_progress, num_present=total - self._todo)

    def add(self, segment: Segment, job: _Job) -> None:
        """Report a finished segment."""
        self._meter.add(
            segment.end - segment.start, note=self._note("resumed" if job.is_resumed else "")
        )

    def finish(self) -> None:
        """Report the end where no segment was left to read."""
        if self._todo == 0:
            self._meter.add_present(0, note=self._note("read before"))

    def _note(self, addition: str) -> str:
        num_pages = sum(job.spool.state.num_pages for job in self._jobs)
        num_records = sum(job.spool.state.num_records for job in self._jobs)
        note = f"{num_pages:,} pages, {num_records:,} books"
        return f"{note}, {addition}" if addition else note
