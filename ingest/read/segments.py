"""A dump in pieces that can be read at once: ranges of bytes, each decompressed on its own.

Where a piece begins and ends has nothing to do with pages. A piece therefore says what stands
before its first page tag and after its last one, and `ingest.read.extract` joins those ends.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bookgraph.core.errors import InputError
from bookgraph.core.types import BookRecord
from bookgraph.ingest.bzip2.blocks import iter_blocks
from bookgraph.ingest.read.dump import MAX_PAGE_BYTES, PAGE_CLOSE, PAGE_OPEN, PageScan, scan_pages
from bookgraph.ingest.read.records import Compression, translated_errors

# Large enough that a process is not asked too often, small enough that a killed run repeats little.
_SEGMENT_BYTES: dict[Compression, int] = {"bzip2": 4 * 2**20, "none": 16 * 2**20}
_READ_BYTES = 2**20
_LARGE_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Segment:
    """A range of bytes of a dump file.

    Attributes:
        path: the file.
        compression: of the file.
        start: first byte.
        end: the byte after the last one.
        is_compiled: whether it is worth compiled code, which takes a second to load.
    """

    path: Path
    compression: Compression
    start: int
    end: int
    is_compiled: bool = False


@dataclass(slots=True)
class SegmentScan:
    """What a segment holds.

    Attributes:
        num_pages: whole pages inside it.
        records: the book pages among them, in order.
        redirects: (title, the title that it leads to) of the articles among them.
        bad: (page number from 1 within the segment, reason, example).
        head: the bytes before its first opening page tag; all of them where it has none.
        tail: the bytes after its last whole page.
        has_page_open: whether it has an opening page tag.
    """

    num_pages: int = 0
    records: list[BookRecord] = field(default_factory=list)
    redirects: list[tuple[str, str]] = field(default_factory=list)
    bad: list[tuple[int, str, str]] = field(default_factory=list)
    head: bytes = b""
    tail: bytes = b""
    has_page_open: bool = False

    def add(self, pages: PageScan) -> None:
        """Append what a further run of pages holds."""
        self.bad.extend(
            (self.num_pages + position, reason, example) for position, reason, example in pages.bad
        )
        self.num_pages += pages.num_pages
        self.records.extend(pages.records)
        self.redirects.extend(pages.redirects)


def plan_segments(path: Path, compression: Compression, *, size: int) -> list[Segment]:
    """Cut a file into segments; gzip, which has no marks to start from, is one.

    Args:
        path: the dump.
        compression: of it.
        size: of the file, in bytes.
    """
    step = _SEGMENT_BYTES.get(compression, max(size, 1))
    is_compiled = compression == "bzip2" and size >= _LARGE_BYTES
    return [
        Segment(path, compression, start, min(start + step, size), is_compiled)
        for start in range(0, size, step)
    ]


def scan_segment(segment: Segment) -> SegmentScan:
    """Decompress a segment, find its pages and parse the books among them.

    Memory is bounded by the largest page, whatever the segment inflates to.

    Raises:
        InputError: the file cannot be read, is damaged or cut, or a page does not end.
    """
    scan = SegmentScan()
    rest = bytearray()
    with translated_errors(segment.path):
        for chunk in _iter_chunks(segment):
            searched = max(0, len(rest) - len(PAGE_CLOSE))
            rest += chunk
            if not scan.has_page_open and (opening := rest.find(PAGE_OPEN, searched)) >= 0:
                scan.head, scan.has_page_open = bytes(rest[:opening]), True
                del rest[:opening]
                searched = 0
            end = rest.rfind(PAGE_CLOSE, searched) if scan.has_page_open else -1
            if end >= 0:
                end += len(PAGE_CLOSE)
                scan.add(scan_pages(bytes(rest[:end])))
                del rest[:end]
            elif len(rest) > MAX_PAGE_BYTES:
                raise InputError(
                    f"{segment.path}: a page after byte {segment.start:,} is longer than "
                    f"{MAX_PAGE_BYTES // 2**20} MiB. Is this a MediaWiki dump?"
                )
    if scan.has_page_open:
        scan.tail = bytes(rest)
    else:
        scan.head = bytes(rest)
    return scan


def _iter_chunks(segment: Segment) -> Iterator[bytes]:
    if segment.compression == "bzip2":
        yield from iter_blocks(
            segment.path, segment.start, segment.end, is_compiled=segment.is_compiled
        )
    elif segment.compression == "gzip":
        with gzip.open(segment.path, "rb") as stream:
            while chunk := stream.read(_READ_BYTES):
                yield chunk
    else:
        with segment.path.open("rb") as file:
            file.seek(segment.start)
            left = segment.end - segment.start
            while left > 0 and (chunk := file.read(min(_READ_BYTES, left))):
                left -= len(chunk)
                yield chunk
