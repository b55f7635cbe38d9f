"""Book records from the bytes of a MediaWiki XML dump (`pages-articles`), already decompressed.

The template is searched in the raw bytes at memory speed; only the pages around its hits are cut
out and parsed, first as XML, then as wikitext. Memory is bounded by the largest page. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape

from lxml import etree

from bookgraph.core.errors import InputError
from bookgraph.core.names import MAX_TITLE_BYTES, is_page_title
from bookgraph.core.types import BookRecord
from bookgraph.ingest.report import BadRecord, OnBadRecord
from bookgraph.ingest.wikitext.page import INFOBOX_BYTES, parse_book_page

PAGE_OPEN = b"<page>"
PAGE_CLOSE = b"</page>"
MAX_PAGE_BYTES = 256 * 2**20
"""No page of any wiki comes near this; a file with a longer one is not a dump."""

_MAX_TEXT_BYTES = 2 * 2**20
"""MediaWiki's own limit of a page (`$wgMaxArticleSize`)."""

_REDIRECT = re.compile(
    rb"<title>([^<]+)</title>\s*<ns>0</ns>\s*<id>\d+</id>\s*<redirect title=\"([^\"]+)\""
)
_DBNAME = re.compile(rb"<dbname>([^<]{1,100})</dbname>")
_HAS_ROOT = re.compile(rb"<mediawiki[\s>]")
_ROOT_CLOSE = b"</mediawiki>"
_EXAMPLE_CHARS = 120


@dataclass(slots=True)
class PageScan:
    """What a run of whole pages holds.

    Attributes:
        num_pages: all pages, books or not.
        records: the book pages, in order.
        redirects: (title, the title that it leads to) of articles.
        bad: (page number from 1 within the run, reason, example) of pages with the template that
            cannot be read.
    """

    num_pages: int = 0
    records: list[BookRecord] = field(default_factory=list)
    redirects: list[tuple[str, str]] = field(default_factory=list)
    bad: list[tuple[int, str, str]] = field(default_factory=list)


class PageCutter:
    """Cuts bytes that come in chunks into runs of whole pages.

    Attributes:
        head: the bytes before the first opening page tag; all of them where there is none.
        tail: the bytes after the last whole page.
        has_page_open: whether an opening page tag has come.
    """

    def __init__(self, source: str) -> None:
        self.has_page_open = False
        self._source = source
        self._head = b""
        self._rest = bytearray()

    @property
    def head(self) -> bytes:
        """See the class."""
        return self._head if self.has_page_open else bytes(self._rest)

    @property
    def tail(self) -> bytes:
        """See the class."""
        return bytes(self._rest) if self.has_page_open else b""

    def add(self, chunk: bytes) -> bytes:
        """Take the next bytes and give the whole pages that they complete, if any.

        Raises:
            InputError: a page does not end.
        """
        rest = self._rest
        # Only what is new is searched; otherwise each chunk would search a long page once more.
        searched = max(0, len(rest) - len(PAGE_CLOSE))
        rest += chunk
        if not self.has_page_open and (opening := rest.find(PAGE_OPEN, searched)) >= 0:
            self._head, self.has_page_open = bytes(rest[:opening]), True
            del rest[:opening]
            searched = 0
        end = rest.rfind(PAGE_CLOSE, searched) if self.has_page_open else -1
        if end < 0:
            refuse_overlong(len(rest), self._source)
            return b""
        end += len(PAGE_CLOSE)
        pages = bytes(rest[:end])
        del rest[:end]
        return pages


def iter_dump(chunks: Iterable[bytes], *, source: str, on_bad: OnBadRecord) -> Iterator[BookRecord]:
    """Yield the record of each page that holds an `Infobox book`, lazily and in order.

    Redirects and pages without the template are skipped; they are not bad records.

    Args:
        chunks: the bytes of a whole dump: XML in UTF-8.
        source: the file's name for reports.
        on_bad: called for each page with the template that cannot be read.

    Raises:
        InputError: the dump is cut, or holds no page.
    """
    cutter = PageCutter(source)
    num_pages = 0
    for chunk in chunks:
        scan = scan_pages(cutter.add(chunk))
        for position, reason, example in scan.bad:
            on_bad(BadRecord(source, num_pages + position, reason, example))
        num_pages += scan.num_pages
        yield from scan.records
    check_end(
        cutter.tail or cutter.head,
        source=source,
        num_pages=num_pages,
        is_rooted=has_root(cutter.head),
    )


def scan_pages(data: bytes) -> PageScan:
    """Find and parse the book pages of a run of whole pages.

    A text never holds a bare `<`, so the page tags next to a hit are those of its page.

    Args:
        data: bytes of a dump; anything before, between and after its pages is ignored.
    """
    scan = PageScan(num_pages=data.count(PAGE_OPEN))
    scan.redirects = [
        (_unescape(match[1]), _unescape(match[2])) for match in _REDIRECT.finditer(data)
    ]
    end = num_before = 0
    while (hit := INFOBOX_BYTES.search(data, end)) is not None:
        start = data.rfind(PAGE_OPEN, end, hit.start())
        if start < 0 or data.find(PAGE_CLOSE, start, hit.start()) >= 0:
            # Between two pages: a MediaWiki dump has no text there, but other XML may.
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
    if not is_page_title(title):
        reason = f"the page has no title, or one longer than {MAX_TITLE_BYTES} bytes"
        scan.bad.append((position, reason, title[:_EXAMPLE_CHARS]))
        return
    # A dump with the whole history has the oldest revision first.
    revisions = element.findall("revision")
    text = (revisions[-1].findtext("text") or "") if revisions else ""
    if len(text.encode()) > _MAX_TEXT_BYTES:
        reason = f"the page is longer than {_MAX_TEXT_BYTES // 2**20} MiB"
        scan.bad.append((position, reason, title[:_EXAMPLE_CHARS]))
        return
    edited_at = (revisions[-1].findtext("timestamp") or "").strip() if revisions else ""
    result = parse_book_page(title, text, edited_at=edited_at)
    if result.record is None:
        scan.bad.append((position, result.reason, title[:_EXAMPLE_CHARS]))
        return
    scan.records.append(result.record)


def read_wiki(head: bytes) -> str | None:
    """The database name of the wiki (`enwiki`) in the head of a dump, or None."""
    match = _DBNAME.search(head)
    return match[1].decode("utf-8", "replace") if match else None


def has_root(head: bytes) -> bool:
    """Whether a dump has a root element, given its head; it must then end with the closing tag."""
    return _HAS_ROOT.search(head) is not None


def refuse_overlong(num_bytes: int, source: str) -> None:
    """Raise `InputError` where so many bytes without a whole page cannot be of a dump."""
    if num_bytes > MAX_PAGE_BYTES:
        raise InputError(
            f"{source}: a page is longer than {MAX_PAGE_BYTES // 2**20} MiB. "
            "Is this a MediaWiki dump?"
        )


def check_end(rest: bytes, *, source: str, num_pages: int, is_rooted: bool) -> None:
    """Check the bytes after the last whole page of a dump.

    Args:
        rest: all bytes after the last closing page tag.
        source: the file's name.
        num_pages: whole pages before it.
        is_rooted: whether the dump began with `<mediawiki`, and so must end with its closing tag.

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
        raise InputError(f"{source} holds no <page>: it is not a MediaWiki dump of pages.")


def _parse_xml(page: bytes) -> etree._Element:
    # A dump declares no entities of its own. Resolve none, and fetch nothing.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(page, parser)
