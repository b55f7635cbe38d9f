"""`iter_records`: book records out of any file that bookgraph reads, told apart by content.

NDJSON or MediaWiki XML, each plain, gzip or bzip2. The name of a file decides nothing; its first
bytes do.
"""

from __future__ import annotations

import bz2
import gzip
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from core.errors import InputError
from core.types import BookRecord
from ingest.dump import iter_dump
from ingest.ndjson import BadRecord, OnBadRecord, iter_ndjson

logger = logging.getLogger(__name__)

_BOM = b"\xef\xbb\xbf"
_SNIFFED_BYTES = 1024


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
    try:
        with _open(path) as stream:
            head = _peek(stream)
            text = head.removeprefix(_BOM).lstrip()
            if not text:
                raise InputError(f"{path} is empty. Give a file of book records or a dump.")
            if text.startswith(b"<"):
                yield from iter_dump(stream, source=str(path), on_bad=report)
            elif text.startswith(b"[") or b"\n" in head or _looks_like_text(head):
                yield from iter_ndjson(stream, source=str(path), on_bad=report)
            else:
                raise InputError(
                    f"{path} is neither NDJSON book records nor a MediaWiki XML dump "
                    f"(it begins with {head[:12]!r}). Plain, gzip and bzip2 files are read."
                )
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
        reason = error.strerror or str(error)
        raise InputError(f"{path} cannot be read: {reason}.") from error


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        magic = stream.read(3)
    if magic == b"BZh":
        return cast("BinaryIO", bz2.open(path, "rb"))
    if magic[:2] == b"\x1f\x8b":
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def _peek(stream: BinaryIO) -> bytes:
    head = stream.read(_SNIFFED_BYTES)
    stream.seek(0)
    return head


def _looks_like_text(head: bytes) -> bool:
    return not any(byte < ord("\t") for byte in head)


def _warn(bad: BadRecord) -> None:
    logger.warning("%s, record %d: %s", bad.source, bad.position, bad.reason)
