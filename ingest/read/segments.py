"""A dump in pieces that can be read in parallel: ranges of bytes, each decompressed by itself.

A piece may begin and end inside a page. Its scan therefore keeps the bytes before its first page
tag and those after its last one, and `ingest.read.extract` joins these ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bookgraph.core.names import MAIN_ONLY
from bookgraph.ingest.bzip2.blocks import iter_blocks
from bookgraph.ingest.read.dump import PageCutter, PageScan, scan_pages
from bookgraph.ingest.read.files import Compression, SourceFile, open_file, translated_errors

# Large enough to keep the processes busy, small enough that a killed run repeats little.
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
        stream: the bytes of a pipe, which only this process can read; None for a file.
        is_compiled: whether to decode it with compiled code, which takes a second to load.
        namespaces: numbers of those whose pages are read.
    """

    path: Path
    compression: Compression
    start: int
    end: int
    stream: BinaryIO | None = None
    is_compiled: bool = False
    namespaces: frozenset[int] = MAIN_ONLY


@dataclass(slots=True)
class SegmentScan(PageScan):
    """What a segment holds: its whole pages, and the ends of those that it shares with others.

    Attributes:
        head: the bytes before its first opening page tag; all of them where it has none.
        tail: the bytes after its last whole page.
        has_page_open: whether it has an opening page tag.
    """

    head: bytes = b""
    tail: bytes = b""
    has_page_open: bool = False


def plan_segments(file: SourceFile, *, namespaces: frozenset[int] = MAIN_ONLY) -> list[Segment]:
    """Cut a file into segments; what can be read only from its start is one."""
    if file.stream is not None:
        return [
            Segment(file.path, file.compression, 0, 0, stream=file.stream, namespaces=namespaces)
        ]
    size = file.size
    step = _SEGMENT_BYTES.get(file.compression, max(size, 1))
    is_compiled = file.compression == "bzip2" and size >= _LARGE_BYTES
    return [
        Segment(
            *(file.path, file.compression, start, min(start + step, size)),
            is_compiled=is_compiled,
            namespaces=namespaces,
        )
        for start in range(0, size, step)
    ]


def scan_segment(segment: Segment) -> SegmentScan:
    """Decompress a segment, find its pages and parse the books among them.

    The largest page bounds the memory, whatever the segment inflates to.

    Raises:
        InputError: the file cannot be read, is damaged or cut, or a page does not end.
    """
    scan = SegmentScan()
    cutter = PageCutter(str(segment.path))
    with translated_errors(str(segment.path)):
        for chunk in iter_chunks(segment):
            scan.add(scan_pages(cutter.add(chunk), namespaces=segment.namespaces))
    scan.head, scan.tail, scan.has_page_open = cutter.head, cutter.tail, cutter.has_page_open
    return scan


def iter_chunks(segment: Segment) -> Iterator[bytes]:
    """Yield the bytes of a segment as they were before compression."""
    if segment.compression == "bzip2" and segment.stream is None:
        yield from iter_blocks(
            segment.path, segment.start, segment.end, is_compiled=segment.is_compiled
        )
        return
    file = SourceFile(segment.path, "dump", segment.compression, segment.stream)
    with open_file(file) as stream:
        if segment.compression != "none" or segment.stream is not None:
            while chunk := stream.read(_READ_BYTES):
                yield chunk
            return
        stream.seek(segment.start)
        left = segment.end - segment.start
        while left > 0 and (chunk := stream.read(min(_READ_BYTES, left))):
            left -= len(chunk)
            yield chunk
