"""Book records from a MediaWiki XML dump (`pages-articles`), already decompressed.

Pages are cut out of the byte stream at their tags, the template is searched in the raw bytes, and
only pages that have it are parsed: first as XML, then as wikitext. Memory is bounded by the largest
page. Decompression and the choice of format are `ingest.records`' job.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from core.errors import InputError
from core.types import BookRecord
from ingest.ndjson import BadRecord, OnBadRecord
from ingest.wikitext import INFOBOX_BYTES, parse_book_page

_CHUNK_BYTES = 1 << 20
_MAX_PAGE_BYTES = 256 * 2**20
"""MediaWiki itself caps a page at 2 MiB; what is far beyond that is no page."""

_OPEN = b"<page>"
_CLOSE = b"</page>"


def iter_dump(stream: BinaryIO, *, source: str, on_bad: OnBadRecord) -> Iterator[BookRecord]:
    """Yield the record of each page that holds an `Infobox book`, lazily and in order.

    Redirects and pages without the template are passed over; they are no bad records.

    Args:
        stream: the XML's bytes, UTF-8.
        source: the file's name for reports.
        on_bad: called for each candidate page that is no well-formed XML.

    Raises:
        InputError: the stream ends inside a page, or holds no page at all.
    """
    for position, page in _iter_pages(stream, source):
        if INFOBOX_BYTES.search(page) is None:
            continue
        try:
            element = _parse_xml(page)
        except etree.XMLSyntaxError as error:
            on_bad(BadRecord(source, position, "the page is not well-formed XML", str(error)[:120]))
            continue
        if element.find("redirect") is not None:
            continue
        title = (element.findtext("title") or "").strip()
        if not title:
            on_bad(BadRecord(source, position, "the page has no title", ""))
            continue
        record = parse_book_page(
            title,
            element.findtext("revision/text") or "",
            edited_at=(element.findtext("revision/timestamp") or "").strip(),
        )
        if record is not None:
            yield record


def _iter_pages(stream: BinaryIO, source: str) -> Iterator[tuple[int, bytes]]:
    """Cut the stream at its page tags; a text never holds a bare `<`, so the cut is exact."""
    buffer = b""
    position = 0
    is_ended = False
    while not is_ended:
        chunk = stream.read(_CHUNK_BYTES)
        is_ended = not chunk
        buffer += chunk
        start = 0
        while (opening := buffer.find(_OPEN, start)) >= 0:
            closing = buffer.find(_CLOSE, opening)
            if closing < 0:
                break
            start = closing + len(_CLOSE)
            position += 1
            yield position, buffer[opening:start]
        # What may still grow into a page stays: from the open tag on, or the tag's beginning.
        buffer = buffer[opening:] if opening >= 0 else buffer[start:][-len(_OPEN) :]
        if len(buffer) > _MAX_PAGE_BYTES:
            raise InputError(
                f"{source}: page {position + 1} is longer than {_MAX_PAGE_BYTES // 2**20} MiB. "
                "Is this a MediaWiki dump?"
            )
    if buffer.startswith(_OPEN):
        raise InputError(
            f"{source} ends inside page {position + 1}: the dump is cut. Fetch it again; the "
            f"{position:,} whole pages before the cut were read."
        )
    if position == 0:
        raise InputError(f"{source} holds no <page>: it is no MediaWiki dump of pages.")


def _parse_xml(page: bytes) -> etree._Element:
    # A dump declares no entities of its own, so none are resolved and nothing is fetched.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(page, parser)
