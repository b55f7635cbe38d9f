"""Book records from JSON: one a line, or all in one document.

A record is an array of six as in Koehrsen's published extracts (`[title, infobox, wikilinks,
external links, time of the last edit, length]`), or an object with named fields. This module checks
each record and reports what is wrong with a bad one; it repairs and cleans nothing.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from bookgraph.core.names import MAX_TITLE_BYTES, is_page_title
from bookgraph.core.types import BookRecord
from bookgraph.ingest.report import BadRecord, OnBadRecord

MAX_LINE_BYTES = 64 * 2**20
"""A longer line is not a book: the longest of 37,020 real records has 0.4 MB."""

_EXAMPLE_CHARS = 80
_READ_CHARS = 2**20
_FIELD_NAMES = {"year": "pub_date"}
"""Where the infobox has another name for a field that people expect."""


class _BadLineError(ValueError):
    """Carries the reason from the checks to the loop."""

    def __init__(self, reason: str, example: str = "") -> None:
        super().__init__(reason)
        self.example = example


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


def iter_document(stream: BinaryIO, *, source: str, on_bad: OnBadRecord) -> Iterator[BookRecord]:
    """Yield the records of one JSON document: an array of records, or records one after the other.

    Args:
        stream: bytes, in UTF-8.
        source: the file's name for reports.
        on_bad: called once for each value that is not a record; reading continues behind it. What
            is not JSON ends the document.
    """
    text = io.TextIOWrapper(stream, "utf-8", errors="surrogateescape")
    position = 0
    try:
        for value in _iter_values(text.read):
            position += 1
            try:
                yield _to_record(value)
            except _BadLineError as error:
                example = json.dumps(value, ensure_ascii=True)[:_EXAMPLE_CHARS]
                on_bad(BadRecord(source, position, str(error), example))
    except _BadLineError as error:
        on_bad(BadRecord(source, position + 1, str(error), error.example))


def _iter_values(read: Callable[[int], str]) -> Iterator[object]:
    """Decode values one by one, so that a large array never is in memory as a whole."""
    decoder = json.JSONDecoder()
    buffer = read(_READ_CHARS).lstrip("\ufeff").lstrip()
    is_array = buffer.startswith("[") and not buffer[1:].lstrip().startswith(('"', "]"))
    buffer = buffer[1:] if is_array else buffer
    is_end = False
    while True:
        buffer = buffer.lstrip(" \t\r\n,")
        if is_array and buffer.startswith("]"):
            return
        try:
            value, end = decoder.raw_decode(buffer)
            if end == len(buffer) and not is_end:
                # A number may go on.
                raise ValueError  # noqa: TRY301  # the same as an incomplete value
        except (ValueError, RecursionError) as error:
            if not buffer and is_end:
                return
            more = "" if is_end else read(_READ_CHARS)
            is_end = is_end or not more
            if not more and buffer.strip() and not _is_complete(decoder, buffer):
                raise _BadLineError("not JSON", buffer[:_EXAMPLE_CHARS]) from error
            if len(buffer) > MAX_LINE_BYTES:
                reason = f"longer than {MAX_LINE_BYTES // 2**20} MiB"
                raise _BadLineError(reason, buffer[:_EXAMPLE_CHARS]) from error
            buffer += more
            continue
        yield value
        buffer = buffer[end:]


def _is_complete(decoder: json.JSONDecoder, text: str) -> bool:
    try:
        decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return True


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
    return _to_record(value)


def _to_record(value: object) -> BookRecord:
    if isinstance(value, dict):
        value = _name_fields(value)
    if not isinstance(value, list) or len(value) != len(_CHECKS):
        raise _BadLineError("neither an array of six values nor an object with a title")
    for item, (name, is_right) in zip(value, _CHECKS, strict=True):
        if not is_right(item):
            raise _BadLineError(name)
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


def _name_fields(fields: dict[str, object]) -> list[object] | None:
    """The six values of a record with named fields; None for one without a title.

    What is not one of the six, such as `author` or `pages`, is a parameter of the infobox.
    """
    fields = {name: value for name, value in fields.items() if value is not None}
    if "title" not in fields:
        return None
    links = fields.pop("wikilinks", fields.pop("links", []))
    known = [
        fields.pop("title"),
        fields.pop("infobox", {}),
        _expand_links(links),
        fields.pop("external_links", []),
        fields.pop("edited_at", ""),
        fields.pop("length", 0),
    ]
    if isinstance(known[1], dict):
        known[1] = {**_as_texts(fields), **_as_texts(known[1])}
    return known


def _expand_links(links: object) -> object:
    """Links as `preview --json` writes them, with a title and a count, become mentions."""
    if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
        return links
    return [
        link.get("title", link.get("name"))
        for link in links
        for _ in range(link["count"] if isinstance(link.get("count"), int) else 1)
    ]


def _as_texts(fields: Mapping[str, object]) -> dict[str, str]:
    texts = {}
    for name, value in fields.items():
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float) for item in items):
            reason = "a field is neither a text, a number nor a list of these"
            raise _BadLineError(reason)
        if items:
            texts[_FIELD_NAMES.get(name, name)] = "\n".join(map(str, items))
    return texts


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
