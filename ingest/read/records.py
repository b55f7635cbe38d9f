"""`iter_records`: book records out of any file that bookgraph reads, told apart by content.

NDJSON or MediaWiki XML, each plain, gzip or bzip2. The name of a file decides nothing; its first
bytes do.
"""

from __future__ import annotations

import bz2
import gzip
import logging
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from bookgraph.core.errors import InputError
from bookgraph.core.types import BookRecord
from bookgraph.ingest.read.dump import iter_dump
from bookgraph.ingest.read.ndjson import BadRecord, OnBadRecord, iter_ndjson

logger = logging.getLogger(__name__)

Content = Literal["ndjson", "dump", "index"]
Compression = Literal["none", "gzip", "bzip2"]

_BOM = b"\xef\xbb\xbf"
_SNIFFED_BYTES = 1024
_INDEX_LINE = re.compile(rb"\d+:\d+:[^\n]")


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is, by its first bytes.

    Attributes:
        content: NDJSON records, a MediaWiki dump, or the index of a multistream dump.
        compression: what it is wrapped in.
    """

    content: Content
    compression: Compression


def iter_records(path: Path | str, *, on_bad: OnBadRecord | None = None) -> Iterator[BookRecord]:
    """Yield the book records of a file, lazily, in order and as the source has them.

    Args:
        path: NDJSON or a MediaWiki XML dump; plain, gzip or bzip2.
        on_bad: called for each record that cannot be read; by default it is logged as a warning.

    Raises:
        InputError: the file is missing, empty, unreadable, of an unknown form, or ends too early.
    """
    path = Path(path)
    report = on_bad or _warn
    form = detect_form(path)
    if form.content == "index":
        raise InputError(
            f"{path} is the index of a multistream dump and holds no pages. Name the dump itself; "
            "bookgraph needs no index."
        )
    with translated_errors(path), _open(path, form.compression) as stream:
        if form.content == "dump":
            yield from iter_dump(stream, source=str(path), on_bad=report)
        else:
            yield from iter_ndjson(stream, source=str(path), on_bad=report)


def detect_form(path: Path) -> Form:
    """Look at the first bytes of a file.

    Raises:
        InputError: the file is missing, empty, unreadable or of an unknown form.
    """
    with translated_errors(path):
        compression = _detect_compression(path)
        with _open(path, compression) as stream:
            head = stream.read(_SNIFFED_BYTES)
    text = head.removeprefix(_BOM).lstrip()
    if not text:
        raise InputError(f"{path} is empty. Give a file of book records or a dump.")
    if text.startswith(b"<"):
        return Form("dump", compression)
    if _INDEX_LINE.match(text):
        return Form("index", compression)
    if text.startswith(b"[") or _looks_like_text(head):
        return Form("ndjson", compression)
    raise InputError(
        f"{path} is neither NDJSON book records nor a MediaWiki XML dump (it begins with "
        f"{head[:12]!r}). Plain, gzip and bzip2 files are read."
    )


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn what reading a file may raise into an `InputError` that names it."""
    try:
        yield
    except EOFError as error:
        raise InputError(
            f"{path} ends inside its compressed data: the file is cut. Fetch it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged ({error}). Fetch it again.") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder. Name the files inside it.") from error
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except OSError as error:
        if error.errno is None:
            # The bz2 module's own; the operating system's errors carry a number.
            raise InputError(f"{path} is damaged ({error}). Fetch it again.") from error
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _detect_compression(path: Path) -> Compression:
    with path.open("rb") as stream:
        magic = stream.read(3)
    if magic == b"BZh":
        return "bzip2"
    return "gzip" if magic[:2] == b"\x1f\x8b" else "none"


def _open(path: Path, compression: Compression) -> BinaryIO:
    if compression == "bzip2":
        return cast("BinaryIO", bz2.open(path, "rb"))
    if compression == "gzip":
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def _looks_like_text(head: bytes) -> bool:
    """Whether nothing in it is a control character; a record that is cut in the middle is text."""
    return not any(byte < ord("\t") for byte in head)


def _warn(bad: BadRecord) -> None:
    logger.warning("%s, record %d: %s", bad.source, bad.position, bad.reason)
