"""Pages on the disk as a dump that grows: bzip2 streams one after the other, and what they hold.

The state is replaced as a whole, and only after the pages that it counts are on the disk. Bytes
after its length come from a run that died, and are cut off.
"""

from __future__ import annotations

import bz2
import json
import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

from bookgraph.core.errors import DownloadError
from bookgraph.core.files import atomic_write, translated_write_errors
from bookgraph.ingest.read.dump import PAGE_CLOSE, PAGE_OPEN, PageCutter

END = b"</mediawiki>\n"

_PAGE_ID = re.compile(rb"</ns>\s*<id>(\d+)</id>")
_REVISION_ID = re.compile(rb"<revision>\s*<id>(\d+)</id>")
_READ_BYTES = 2**20

Item = TypeVar("Item")


class PageArchive:
    """A file of pages. Use as a context manager while writing.

    Attributes:
        pages: number of a page to the number of its revision in the file; 0 for a page that the
            wiki no longer has.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pages: dict[int, int] = {}
        self._state_path = path.with_name(f"{path.name}.json")
        self._num_bytes = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> PageArchive:
        with translated_write_errors(self.path.parent, error_type=DownloadError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._load()
            self._file = self.path.open("r+b" if self.path.exists() else "w+b")
            self._file.truncate(self._num_bytes)
            self._file.seek(self._num_bytes)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.save()
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written yet, not even the head."""
        return self._num_bytes == 0

    def append(self, data: bytes, pages: dict[int, int]) -> None:
        """Append whole pages as one stream; they count only once `save` has been called."""
        if self._file is None:
            message = "an archive is written inside its `with` block only"
            raise RuntimeError(message)
        packed = bz2.compress(data)
        with translated_write_errors(self.path.parent, error_type=DownloadError):
            self._file.write(packed)
        self._num_bytes += len(packed)
        self.pages.update(pages)

    def save(self) -> None:
        """Put what was appended on the disk, then the state that counts it."""
        if self._file is None:
            return
        with translated_write_errors(self.path.parent, error_type=DownloadError):
            self._file.flush()
            os.fsync(self._file.fileno())
            with atomic_write(self._state_path) as file:
                json.dump({"num_bytes": self._num_bytes, "pages": self.pages}, file)

    def remove(self) -> None:
        """Delete the file and its state."""
        self.path.unlink(missing_ok=True)
        self._state_path.unlink(missing_ok=True)

    def rename(self, path: Path) -> None:
        """Give the file and its state another name."""
        target = path.with_name(f"{path.name}.json")
        self.path.replace(path)
        self._state_path.replace(target)
        self.path, self._state_path = path, target

    def _load(self) -> None:
        try:
            state = json.loads(self._state_path.read_bytes())
            num_bytes, pages = int(state["num_bytes"]), dict(state["pages"])
            if num_bytes <= self.path.stat().st_size:
                self._num_bytes = num_bytes
                self.pages = {int(page): int(revision) for page, revision in pages.items()}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            # Nothing, or nothing that can be trusted: it is fetched again.
            self._num_bytes, self.pages = 0, {}

    def read_pages(self) -> dict[int, int]:
        """What the state says of a file that is not open."""
        self._load()
        return self.pages


def split_export(xml: str) -> tuple[bytes, dict[int, tuple[int, bytes]]]:
    """The head of an export, and its pages.

    Returns:
        All before the first page; and number of a page to the number of its revision and its XML.
    """
    data = xml.encode()
    # An export without pages, where all were deleted meanwhile, is a head that ends at once.
    head = data.partition(PAGE_OPEN)[0].replace(END.strip(), b"")
    return head, {number: (revision, page) for number, revision, page in iter_pages([data])}


def iter_pages(chunks: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """The number, the number of the revision and the XML of each page of an export."""
    cutter = PageCutter("the export")
    for chunk in chunks:
        for page in cutter.add(chunk).split(PAGE_CLOSE)[:-1]:
            whole = page[page.find(PAGE_OPEN) :] + PAGE_CLOSE
            number, revision = _PAGE_ID.search(whole), _REVISION_ID.search(whole)
            if number is not None:
                yield int(number[1]), int(revision[1]) if revision else 0, whole


def read_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of an archive, decompressed."""
    with bz2.open(path) as file:
        while chunk := file.read(_READ_BYTES):
            yield chunk


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Split items into lists of some size; the last one may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
