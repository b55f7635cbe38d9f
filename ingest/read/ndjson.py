"""Book records from NDJSON: one JSON array of six a line.

The form is that of Koehrsen's published extracts: `[title, infobox, wikilinks, external links, time
of the last edit, length]`. This module checks each line and reports what is wrong with a bad one;
it repairs and cleans nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import BinaryIO

from bookgraph.core.names import MAX_TITLE_BYTES, is_page_title
from bookgraph.core.types import BookRecord
from bookgraph.ingest.report import BadRecord, OnBadRecord

MAX_LINE_BYTES = 64 * 2**20
"""A longer line is not a book: the longest of 37,020 real records has 0.4 MB."""

_EXAMPLE_CHARS = 80


class _BadLineError(ValueError):
    """Carries the reason from the checks to the loop."""


def iter_ndjson(stream: BinaryIO, *, source: str, on_bad: OnBadRecord) -> Iterator[BookRecord]:
    r"""Yield the records of a stream, lazily and in order.

    Args:
        stream: bytes; lines end with `\n` or `\r\n`. Blank lines are skipped.
        source: the file's name for reports.
        on_bad: called once for each line that is not a record; reading continues.
    """
    for position, line in enumerate(_iter_lines(stream), start=1):
        if line is not None and not line.strip():
            continue
        try:
            yield parse_line(line)
        except _BadLineError as error:
            example = (line or b"")[:_EXAMPLE_CHARS].decode("utf-8", "backslashreplace").strip()
            on_bad(BadRecord(source, position, str(error), example))


def _iter_lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield lines, and None for each line longer than `MAX_LINE_BYTES`, which is skipped."""
    while line := stream.readline(MAX_LINE_BYTES):
        is_cut = len(line) == MAX_LINE_BYTES and not line.endswith(b"\n")
        yield None if is_cut else line
        while is_cut:
            line = stream.readline(MAX_LINE_BYTES)
            is_cut = len(line) == MAX_LINE_BYTES and not line.endswith(b"\n")


def parse_line(line: bytes | None) -> BookRecord:
    """Turn one line into a record.

    Raises:
        ValueError: the line is not a record; the message is the reason.
    """
    if line is None:
        raise _BadLineError(f"longer than {MAX_LINE_BYTES // 2**20} MiB")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _BadLineError("not UTF-8") from error
    try:
        # A BOM opens files that Windows editors have saved.
        value = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        # Not only JSONDecodeError: a number of more than 4,300 digits is a plain ValueError.
        raise _BadLineError("not JSON") from error
    if not isinstance(value, list) or len(value) != len(_CHECKS):
        raise _BadLineError("not an array of six values")
    for item, (name, is_right) in zip(value, _CHECKS, strict=True):
        if not is_right(item):
            raise _BadLineError(name)
    if b"\\ud" in line.lower():
        _check_surrogates(value)
    title, infobox, wikilinks, external_links, edited_at, length = value
    return BookRecord(
        title=title,
        infobox=infobox,
        wikilinks=tuple(wikilinks),
        external_links=tuple(external_links),
        edited_at=edited_at,
        length=length,
    )


def format_line(record: BookRecord) -> bytes:
    """Write a record as the line that `parse_line` reads."""
    values = [
        record.title,
        record.infobox,
        record.wikilinks,
        record.external_links,
        record.edited_at,
        record.length,
    ]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def _check_surrogates(value: list[object]) -> None:
    r"""Refuse a lone `\udXXX` escape: valid JSON, but UTF-8 and Neo4j cannot store it."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise _BadLineError("a lone surrogate in a text") from error


def _is_title(value: object) -> bool:
    return isinstance(value, str) and is_page_title(value)


def _is_infobox(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_length(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


_CHECKS: tuple[tuple[str, Callable[[object], bool]], ...] = (
    (f"the title is not a text of 1 to {MAX_TITLE_BYTES} bytes", _is_title),
    ("the infobox is not an object of texts", _is_infobox),
    ("the wikilinks are not a list of texts", _is_texts),
    ("the external links are not a list of texts", _is_texts),
    ("the time is not a text", lambda value: isinstance(value, str)),
    ("the length is not a whole number from 0", _is_length),
)
