"""What is a file, and what are its bytes? Its content decides, never its name.

Book records as JSON or MediaWiki XML, each plain, gzip, bzip2, xz or zstd; a file, a pipe, or `-`
for standard input. No other module tells formats apart.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

import zstandard

from bookgraph.core.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Content = Literal["ndjson", "json", "dump", "index"]
Compression = Literal["none", "gzip", "bzip2", "xz", "zstd"]

STDIN = Path("-")

_BOM = b"\xef\xbb\xbf"
_SNIFFED_BYTES = 1024
_PEEKED_BYTES = 2**21
"""More than a block of bzip2, which gives nothing before its end."""

_READ_BYTES = 2**17
_INDEX_LINE = re.compile(rb"\d+:\d+:[^\n]")
# One record a line begins with `["` or `{"`; an array of records, or one over several lines, does
# not.
_JSON_DOCUMENT = re.compile(rb"\[\s*[\[{]|\[\s*\n|\{\s*\n")
_HTML = re.compile(rb"<!doctype\s+html|<html", re.IGNORECASE)

_MAGIC: tuple[tuple[bytes, Compression], ...] = (
    (b"BZh", "bzip2"),
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_UNREADABLE: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "a zip archive. Unpack it first: unzip -p FILE | bookgraph ingest -"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive. Unpack it first: 7z x -so FILE | bookgraph ingest -"),
    (257, b"ustar", "a tar archive. Unpack it first, then name the files in it."),
    (0, b"PAR1", "a Parquet file. Write its rows as one JSON object a line, then name that file."),
    (0, b"%PDF", "a PDF file. Name a file of book records or a MediaWiki dump."),
    (0, b"SQLite format 3\x00", "a SQLite database. Write its rows as one JSON object a line."),
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file or pipe and its format.

    Attributes:
        path: the file; `-` for standard input.
        content: book records, one a line or in one JSON document; a MediaWiki dump; or the index of
            a multistream dump.
        compression: how it is compressed.
        stream: the bytes of a pipe, which can be read only once; None for a file.
    """

    path: Path
    content: Content
    compression: Compression
    stream: BinaryIO | None = None

    @property
    def size(self) -> int:
        """Bytes on the disk; 0 for a pipe."""
        return 0 if self.stream is not None else self.path.stat().st_size

    @property
    def name(self) -> str:
        """The name for people."""
        return "standard input" if self.path == STDIN else str(self.path)


def detect_file(path: Path) -> SourceFile:
    """Tell a file's format by its first bytes.

    Args:
        path: a file, a pipe, or `-` for standard input.

    Raises:
        InputError: the file is missing, empty, unreadable or of an unknown format.
    """
    name = "standard input" if path == STDIN else str(path)
    with translated_errors(name):
        stream = _open_pipe(path)
        if stream is None:
            with path.open("rb") as file:
                head = file.read(_PEEKED_BYTES)
        else:
            head = stream.read(_PEEKED_BYTES)
            stream = cast("BinaryIO", io.BufferedReader(_Rejoined(head, stream)))
        _refuse_archives(head, name)
        compression = _detect_compression(head)
        text = _decompress_head(head, compression)
    return SourceFile(path, _detect_content(text, name), compression, stream)


def _open_pipe(path: Path) -> BinaryIO | None:
    """The bytes of standard input or of a pipe; None for a file, which can be opened again."""
    if path == STDIN:
        return sys.stdin.buffer
    if path.is_dir() or path.is_file() or not path.exists():
        return None
    return path.open("rb")


class _Rejoined(io.RawIOBase):
    """The first bytes of a stream, which were read to tell its format, and all others."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._head[: len(view)] or self._rest.read(len(view))
        self._head = self._head[len(view) :]
        view[: len(data)] = data
        return len(data)


def _refuse_archives(head: bytes, name: str) -> None:
    for offset, magic, advice in _UNREADABLE:
        if head[offset : offset + len(magic)] == magic:
            raise InputError(f"{name} is {advice}")


def _detect_compression(head: bytes) -> Compression:
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "none")


def _decompress_head(head: bytes, compression: Compression) -> bytes:
    """The beginning of what a stream holds, of which the head is the beginning."""
    match compression:
        case "none":
            return head[:_SNIFFED_BYTES]
        case "gzip":
            text = zlib.decompressobj(wbits=31).decompress(head, _SNIFFED_BYTES)
        case "bzip2":
            text = bz2.BZ2Decompressor().decompress(head, _SNIFFED_BYTES)
        case "xz":
            text = lzma.LZMADecompressor().decompress(head, _SNIFFED_BYTES)
        case "zstd":
            text = zstandard.ZstdDecompressor().decompressobj().decompress(head)[:_SNIFFED_BYTES]
    # Nothing came out: either nothing was put in, or the stream is cut, which this raises.
    return text or _OPENERS[compression](io.BytesIO(head)).read(_SNIFFED_BYTES)


def _detect_content(head: bytes, name: str) -> Content:
    text = head.removeprefix(_BOM).lstrip()
    if not text:
        raise InputError(f"{name} is empty. Give a file of book records or a dump.")
    if _HTML.match(text):
        raise InputError(
            f"{name} is a web page, perhaps the error page of a failed download. Fetch it again."
        )
    if text.startswith(b"<"):
        return "dump"
    if _INDEX_LINE.match(text):
        return "index"
    if _JSON_DOCUMENT.match(text):
        return "json"
    if text.startswith(b"[") or _looks_like_text(head):
        return "ndjson"
    raise InputError(
        f"{name} is neither book records nor a MediaWiki XML dump: it begins with {head[:12]!r}. "
        "Give a plain, gzip, bzip2, xz or zstd file of either."
    )


def open_file(file: SourceFile) -> BinaryIO:
    """Open a file or pipe to read its bytes as they were before compression."""
    return _OPENERS[file.compression](file.stream or file.path.open("rb"))


class _ZstdFile(io.RawIOBase):
    """The decompressed bytes of zstd frames, one after the other; a cut is an error."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._decompressor = zstandard.ZstdDecompressor()
        self._frame = self._decompressor.decompressobj()
        self._is_inside = False
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while not self._left:
            data = self._frame.unused_data if self._frame.eof else b""
            data = data or self._source.read(_READ_BYTES)
            if not data:
                if self._is_inside:
                    message = "the data end inside a frame"
                    raise EOFError(message)
                return 0
            if self._frame.eof:
                self._frame = self._decompressor.decompressobj()
            self._left = self._frame.decompress(data)
            self._is_inside = not self._frame.eof
        given = self._left[: len(view)]
        self._left = self._left[len(view) :]
        view[: len(given)] = given
        return len(given)


_OPENERS: dict[Compression, Callable[[BinaryIO], BinaryIO]] = {
    "none": lambda stream: stream,
    "gzip": lambda stream: cast("BinaryIO", gzip.GzipFile(fileobj=stream)),
    "bzip2": lambda stream: cast("BinaryIO", bz2.BZ2File(stream)),
    "xz": lambda stream: cast("BinaryIO", lzma.LZMAFile(stream)),  # noqa: SIM115  # the caller does
    "zstd": lambda stream: cast("BinaryIO", io.BufferedReader(_ZstdFile(stream), _READ_BYTES)),
}


@contextmanager
def translated_errors(name: str) -> Iterator[None]:
    """Turn errors of reading a file into an `InputError` that names it."""
    try:
        yield
    except EOFError as error:
        raise InputError(
            f"{name} ends inside its compressed data: the file is cut. Fetch it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        kind = _DAMAGED.get(type(error), "compressed")
        raise InputError(
            f"{name} is damaged: its {kind} data is invalid. Fetch it again."
        ) from error
    except IsADirectoryError as error:
        raise InputError(f"{name} is a folder. Name the files inside it.") from error
    except FileNotFoundError as error:
        raise InputError(f"File not found: {name}.") from error
    except PermissionError as error:
        raise InputError(f"Permission to read {name} was denied. Check its mode.") from error
    except OSError as error:
        if error.errno is None:
            # The bz2 module's own; the operating system's errors carry a number.
            raise InputError(
                f"{name} is damaged: its bzip2 data is invalid. Fetch it again."
            ) from error
        raise InputError(f"Reading {name} failed. Check the disk and the file.") from error


_DAMAGED: dict[type[Exception], str] = {
    gzip.BadGzipFile: "gzip",
    zlib.error: "gzip",
    lzma.LZMAError: "xz",
    zstandard.ZstdError: "zstd",
}


def _looks_like_text(head: bytes) -> bool:
    """Whether it holds no control character; a record that is cut in the middle is text."""
    return not any(byte < ord("\t") for byte in head)
