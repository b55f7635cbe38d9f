"""What is a file, and what are its bytes? Its content decides, never its name.

NDJSON or MediaWiki XML, each plain, gzip or bzip2. No other module tells formats apart.
"""

from __future__ import annotations

import bz2
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from bookgraph.core.errors import InputError

Content = Literal["ndjson", "dump", "index"]
Compression = Literal["none", "gzip", "bzip2"]

_BOM = b"\xef\xbb\xbf"
_SNIFFED_BYTES = 1024
_INDEX_LINE = re.compile(rb"\d+:\d+:[^\n]")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file and its format.

    Attributes:
        path: the file.
        content: NDJSON records, a MediaWiki dump, or the index of a multistream dump.
        compression: how it is compressed.
    """

    path: Path
    content: Content
    compression: Compression

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return self.path.stat().st_size


def detect_file(path: Path) -> SourceFile:
    """Tell a file's format by its first bytes.

    Raises:
        InputError: the file is missing, empty, unreadable or of an unknown format.
    """
    with translated_errors(path):
        compression = _detect_compression(path)
        with open_file(path, compression) as stream:
            head = stream.read(_SNIFFED_BYTES)
    text = head.removeprefix(_BOM).lstrip()
    if not text:
        raise InputError(f"{path} is empty. Give a file of book records or a dump.")
    if text.startswith(b"<"):
        return SourceFile(path, "dump", compression)
    if _INDEX_LINE.match(text):
        return SourceFile(path, "index", compression)
    if text.startswith(b"[") or _looks_like_text(head):
        return SourceFile(path, "ndjson", compression)
    raise InputError(
        f"{path} is neither NDJSON book records nor a MediaWiki XML dump: it begins with "
        f"{head[:12]!r}. Give a plain, gzip or bzip2 file of either."
    )


def open_file(path: Path, compression: Compression) -> BinaryIO:
    """Open a file to read its bytes as they were before compression."""
    if compression == "bzip2":
        return cast("BinaryIO", bz2.open(path, "rb"))
    if compression == "gzip":
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn errors of reading a file into an `InputError` that names it."""
    try:
        yield
    except EOFError as error:
        raise InputError(
            f"{path} ends inside its compressed data: the file is cut. Fetch it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: its gzip data is invalid. Fetch it again.") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder. Name the files inside it.") from error
    except FileNotFoundError as error:
        raise InputError(f"File not found: {path}.") from error
    except PermissionError as error:
        raise InputError(f"Permission to read {path} was denied. Check its mode.") from error
    except OSError as error:
        if error.errno is None:
            # The bz2 module's own; the operating system's errors carry a number.
            raise InputError(
                f"{path} is damaged: its bzip2 data is invalid. Fetch it again."
            ) from error
        raise InputError(f"Reading {path} failed. Check the disk and the file.") from error


def _detect_compression(path: Path) -> Compression:
    with path.open("rb") as stream:
        magic = stream.read(3)
    if magic == b"BZh":
        return "bzip2"
    return "gzip" if magic[:2] == b"\x1f\x8b" else "none"


def _looks_like_text(head: bytes) -> bool:
    """Whether it holds no control character; a record that is cut in the middle is text."""
    return not any(byte < ord("\t") for byte in head)
