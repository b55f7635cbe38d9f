"""Book records from the bytes of a MediaWiki XML dump (`pages-articles`), already decompressed.

The template is searched in the raw bytes at memory speed; only the pages around its hits are cut
out and parsed, first as XML, then as wikitext. Memory is bounded by the largest page. Decompression
and the choice of format are `bookgraph.ingest.read.records`' job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import BinaryIO

from lxml import etree

from bookgraph.core.errors import InputError
from bookgraph.core.types import BookRecord
from bookgraph.ingest.read.ndjson import MAX_TITLE_CHARS, BadRecord, OnBadRecord
from bookgraph.ingest.read.wikitext import (
    INFOBOX_BYTES,
    MAX_UNCLOSED,
    count_unclosed,
    parse_book_page,
)

PAGE_OPEN = b"<page>"
PAGE_CLOSE = b"</page>"
MAX_PAGE_BYTES = 256 * 2**20
"""No page of any wiki comes near this; what does is no dump."""

_CHUNK_BYTES = 1 << 20
_MAX_TEXT_BYTES = 2 * 2**20
"""MediaWiki's own limit of a page (`$wgMaxArticleSize`); mwparserfromhell would need gigabytes."""

_REDIRECT = re.compile(
    rb"<title>([^<]+)</title>\s*<ns>0</ns>\s*<id>\d+</id>\s*<redirect title=\"([^\"]+)\""
)
_DBNAME = re.compile(rb"<dbname>([^<]{1,100})</dbname>")
_HAS_ROOT = re.compile(rb"<mediawiki[\s>]")
_HEAD_BYTES = 4096
_ROOT_CLOSE = b"</mediawiki>"
_EXAMPLE_CHARS = 120


@dataclass(slots=True)
class PageScan:
    """What a run of whole pages holds.

    Attributes:
        num_pages: all pages, books or not.
        records: the book pages, in order.
        redirects: (title, the title that it leads to) of articles.
        bad: (page number from 1 within the run, reason, example) of candidates that are no pages.
    """

    num_pages: int = 0
    records: list[BookRecord] = field(default_factory=list)
    redirects: list[tuple[str, str]] = field(default_factory=list)
    bad: list[tuple[int, str, str]] = field(default_factory=list)


def iter_dump(stream: BinaryIO, *, source: str, on_bad: OnBadRecord) -> Iterator[BookRecord]:
    """Yield the record of each page that holds an `Infobox book`, lazily and in order.

    Redirects and pages without the template are passed over; they are no bad records.

    Args:
        stream: the XML's bytes, UTF-8.
        source: the file's name for reports.
        on_bad: called for each candidate page that cannot be read.

    Raises:
        InputError: the stream ends too early, or holds no page at all.
    """
    num_pages = 0
    for pages in _iter_whole_pages(stream, source):
        scan = scan_pages(pages)
        for position, reason, example in scan.bad:
            on_bad(BadRecord(source, num_pages + position, reason, example))
        num_pages += scan.num_pages
        yield from scan.records


def scan_pages(data: bytes) -> PageScan:
    """Find and parse the book pages of a run of whole pages.

    A text never holds a bare `<`, so the page tags next to a hit are those of its page.

    Args:
        data: bytes of a dump; what stands before, between and after its pages does not matter.
    """
    scan = PageScan(num_pages=data.count(PAGE_OPEN))
    scan.redirects = [
        (_unescape(match[1]), _unescape(match[2])) for match in _REDIRECT.finditer(data)
    ]
    end = num_before = 0
    while (hit := INFOBOX_BYTES.search(data, end)) is not None:
        start = data.rfind(PAGE_OPEN, end, hit.start())
        if start < 0 or data.find(PAGE_CLOSE, start, hit.start()) >= 0:
            # Between two pages, where only what is no MediaWiki dump has a text.
            num_before += data.count(PAGE_OPEN, end, hit.end())
            end = hit.end()
            continue
        closing = data.find(PAGE_CLOSE, hit.end())
        if closing < 0:
            break
        num_before += data.count(PAGE_OPEN, end, start)
        end = closing + len(PAGE_CLOSE)
        _read_page(data[start:end], num_before + 1, scan)
        num_before += 1
    return scan


def _unescape(raw: bytes) -> str:
    return unescape(raw.decode("utf-8", "replace"))


def _read_page(page: bytes, position: int, scan: PageScan) -> None:
    try:
        element = _parse_xml(page)
    except etree.XMLSyntaxError as error:
        reason = "the page is not well-formed XML"
        scan.bad.append((position, reason, str(error)[:_EXAMPLE_CHARS]))
        return
    if element.find("redirect") is not None:
        return
    title = (element.findtext("title") or "").strip()
    if not 0 < len(title) <= MAX_TITLE_CHARS:
        reason = f"the page has no title, or one longer than {MAX_TITLE_CHARS} characters"
        scan.bad.append((position, reason, title[:_EXAMPLE_CHARS]))
        return
    # A dump with the whole history has the oldest revision first.
    revisions = element.findall("revision")
    text = (revisions[-1].findtext("text") or "") if revisions else ""
    if len(text.encode()) > _MAX_TEXT_BYTES:
        reason = f"the page is longer than {_MAX_TEXT_BYTES // 2**20} MiB"
        scan.bad.append((position, reason, title[:_EXAMPLE_CHARS]))
        return
    if count_unclosed(text) > MAX_UNCLOSED:
        reason = f"the page opens more than {MAX_UNCLOSED} marks that it never closes"
        scan.bad.append((position, reason, title[:_EXAMPLE_CHARS]))
        return
    edited_at = (revisions[-1].findtext("timestamp") or "").strip() if revisions else ""
    record = parse_book_page(title, text, edited_at=edited_at)
    if record is not None:
        scan.records.append(record)


def _iter_whole_pages(stream: BinaryIO, source: str) -> Iterator[bytes]:
    """Cut the stream after its last closing page tag so far, again and again."""
    rest = bytearray()
    num_pages = 0
    head = b""
    while chunk := stream.read(_CHUNK_BYTES):
        # Only what is new is searched, else a long page would be searched once for every chunk.
        searched = max(0, len(rest) - len(PAGE_CLOSE))
        rest += chunk
        head += chunk[: _HEAD_BYTES - len(head)]
        end = rest.rfind(PAGE_CLOSE, searched)
        if end >= 0:
            end += len(PAGE_CLOSE)
            pages = bytes(rest[:end])
            num_pages += pages.count(PAGE_OPEN)
            del rest[:end]
            yield pages
        elif len(rest) > MAX_PAGE_BYTES:
            raise InputError(overlong_message(source, num_pages))
    check_end(bytes(rest), source=source, num_pages=num_pages, is_rooted=has_root(head))


def read_wiki(head: bytes) -> str | None:
    """The database name of the wiki (`enwiki`) in the beginning of a dump, or None."""
    match = _DBNAME.search(head)
    return match[1].decode("utf-8", "replace") if match else None


def has_root(head: bytes) -> bool:
    """Whether a dump that begins so has a root element, and so must end with its closing tag."""
    return _HAS_ROOT.search(head) is not None


def overlong_message(source: str, num_pages: int) -> str:
    """What to say of a page that does not end."""
    return (
        f"{source}: page {num_pages + 1:,} is longer than {MAX_PAGE_BYTES // 2**20} MiB. "
        "Is this a MediaWiki dump?"
    )


def check_end(rest: bytes, *, source: str, num_pages: int, is_rooted: bool) -> None:
    """Check what stands after the last whole page of a dump.

    Args:
        rest: all bytes after the last closing page tag.
        source: the file's name.
        num_pages: whole pages before it.
        is_rooted: whether the dump began with `<mediawiki`, and must so end with its closing tag.

    Raises:
        InputError: the dump is cut, or holds no page at all.
    """
    where = f"inside page {num_pages + 1:,}" if PAGE_OPEN in rest else "before its end tag"
    is_cut = PAGE_OPEN in rest or (is_rooted and _ROOT_CLOSE not in rest)
    if is_cut:
        raise InputError(
            f"{source} ends {where}: the dump is cut. Fetch it again; the {num_pages:,} whole "
            "pages before the cut were read."
        )
    if num_pages == 0:
        raise InputError(f"{source} holds no <page>: it is no MediaWiki dump of pages.")


def _parse_xml(page: bytes) -> etree._Element:
    # A dump declares no entities of its own, so none are resolved and nothing is fetched.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(page, parser)
