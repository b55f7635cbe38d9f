"""Book records from the bytes of a MediaWiki XML dump (`pages-articles`), already decompressed.

The template is searched in the raw bytes at memory speed; only the pages around its hits are cut
out and parsed, first as XML, then as wikitext. Memory is bounded by the largest page. No I/O.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape

from lxml import etree

from bookgraph.core.errors import InputError
from bookgraph.core.names import MAIN_ONLY, MAX_TITLE_BYTES, is_page_title
from bookgraph.core.types import BookRecord
from bookgraph.ingest.report import BadRecord, OnBadRecord, SkippedPage
from bookgraph.ingest.wikitext.page import INFOBOX_BYTES, PageResult, parse_book_page

PAGE_OPEN = b"<page>"
PAGE_CLOSE = b"</page>"
MAX_PAGE_BYTES = 256 * 2**20
"""No page of any wiki comes near this; a file with a longer one is not a dump."""

_MAX_TEXT_BYTES = 2 * 2**20
"""MediaWiki's own limit of a page (`$wgMaxArticleSize`)."""

_REDIRECT = re.compile(
    rb"<title>([^<]+)</title>\s*<ns>0</ns>\s*<id>\d+</id>\s*<redirect title=\"([^\"]+)\""
)
# Schemas 0.3 to 0.5 say only that the page is a redirect; its text names the target.
_OLD_REDIRECT = re.compile(
    rb"<title>([^<]+)</title>\s*(?:<ns>0</ns>\s*)?<id>\d+</id>\s*<redirect\s*/>"
    rb"(?:(?!</page>).)*?<text[^>]*>[^<\[]*\[\[:?\s*([^\]|#<]+)",
    re.DOTALL,
)
_OLD_REDIRECT_MARK = re.compile(rb"<redirect\s*/>")
_NAMESPACE = re.compile(rb"</title>\s*<ns>(-?\d+)</ns>")
_HEAD_BYTES = 4096
"""Before this many bytes of a page its namespace has come: a title has at most 255."""

_SITEINFO = re.compile(rb"<siteinfo>.*?</siteinfo>", re.DOTALL)
_DBNAME = re.compile(rb"<dbname>([^<]{1,100})</dbname>")
_TITLE = re.compile(rb"<title>([^<]*)</title>")
_HAS_ROOT = re.compile(rb"<mediawiki[\s>]")
_ROOT_CLOSE = b"</mediawiki>"
_EXAMPLE_CHARS = 120


OTHER_NAMESPACE = "the page is in a namespace that is not read"
IS_REDIRECT = "the page is a redirect"


@dataclass(slots=True)
class PageScan:
    """What a run of whole pages holds.

    Attributes:
        num_pages: all pages, books or not.
        records: the book pages, in order.
        redirects: (title, the title that it leads to) of articles.
        skipped: pages that name the infobox and are no books.
        unknown_templates: templates in infoboxes that no rule knows, with their uses.
    """

    num_pages: int = 0
    records: list[BookRecord] = field(default_factory=list)
    redirects: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[SkippedPage] = field(default_factory=list)
    unknown_templates: Counter[str] = field(default_factory=Counter)

    def add(self, pages: PageScan) -> None:
        """Append the scan of the pages that follow."""
        self.skipped.extend(
            page._replace(position=self.num_pages + page.position) for page in pages.skipped
        )
        self.num_pages += pages.num_pages
        self.records.extend(pages.records)
        self.redirects.extend(pages.redirects)
        self.unknown_templates.update(pages.unknown_templates)


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


def iter_dump(
    chunks: Iterable[bytes],
    *,
    source: str,
    on_bad: OnBadRecord,
    namespaces: frozenset[int] = MAIN_ONLY,
) -> Iterator[BookRecord]:
    """Yield the record of each page that holds an `Infobox book`, lazily and in order.

    Redirects, pages of other namespaces and pages without the template are left out; they are not
    bad records.

    Args:
        chunks: the bytes of a whole dump: XML in UTF-8.
        source: the file's name for reports.
        on_bad: called for each page with the template that cannot be read.
        namespaces: numbers of those whose pages are read.

    Raises:
        InputError: the dump is cut, or holds no page.
    """
    cutter = PageCutter(source)
    num_pages = 0
    for chunk in chunks:
        scan = scan_pages(cutter.add(chunk), namespaces=namespaces)
        for page in scan.skipped:
            if page.is_bad:
                on_bad(BadRecord(source, num_pages + page.position, page.reason, page.title))
        num_pages += scan.num_pages
        yield from scan.records
    check_end(
        cutter.tail or cutter.head,
        source=source,
        num_pages=num_pages,
        is_rooted=has_root(cutter.head),
    )


def scan_pages(data: bytes, *, namespaces: frozenset[int] = MAIN_ONLY) -> PageScan:
    """Find and parse the book pages of a run of whole pages.

    A text never holds a bare `<`, so the page tags next to a hit are those of its page.

    Args:
        data: bytes of a dump; anything before, between and after its pages is ignored.
        namespaces: numbers of those whose pages are read.
    """
    scan = PageScan(num_pages=data.count(PAGE_OPEN), redirects=_find_redirects(data))
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
        _read_page(data[start:end], num_before + 1, scan, namespaces=namespaces)
        num_before += 1
    return scan


def _find_redirects(data: bytes) -> list[tuple[str, str]]:
    patterns = [_REDIRECT]
    if _OLD_REDIRECT_MARK.search(data):
        patterns.append(_OLD_REDIRECT)
    return [
        (_unescape(match[1]), _unescape(match[2]).strip())
        for pattern in patterns
        for match in pattern.finditer(data)
    ]


def _unescape(raw: bytes) -> str:
    return unescape(raw.decode("utf-8", "replace"))


def _read_page(page: bytes, position: int, scan: PageScan, *, namespaces: frozenset[int]) -> None:
    namespace = _NAMESPACE.search(page, 0, _HEAD_BYTES)
    if namespace is not None and int(namespace[1]) not in namespaces:
        found = _TITLE.search(page, 0, _HEAD_BYTES)
        name = _unescape(found[1]) if found else ""
        scan.skipped.append(SkippedPage(position, OTHER_NAMESPACE, name, is_bad=False))
        return
    try:
        element = _parse_xml(page)
    except etree.XMLSyntaxError as error:
        example = str(error)[:_EXAMPLE_CHARS]
        scan.skipped.append(SkippedPage(position, "the page is not well-formed XML", example))
        return
    title = (element.findtext("title") or "").strip()
    result = _read_element(element, title)
    if result.record is None:
        is_bad = result.reason != IS_REDIRECT
        scan.skipped.append(SkippedPage(position, result.reason, title[:_EXAMPLE_CHARS], is_bad))
    else:
        scan.records.append(result.record)
        scan.unknown_templates.update(result.unknown_templates)


def _read_element(element: etree._Element, title: str) -> PageResult:
    if element.find("redirect") is not None:
        return PageResult(None, IS_REDIRECT)
    if not is_page_title(title):
        reason = f"the page has no title, or one longer than {MAX_TITLE_BYTES} bytes"
        return PageResult(None, reason)
    text, edited_at = _latest_text(element)
    if len(text.encode()) > _MAX_TEXT_BYTES:
        return PageResult(None, f"the page is longer than {_MAX_TEXT_BYTES // 2**20} MiB")
    return parse_book_page(title, text, edited_at=edited_at)


def _latest_text(element: etree._Element) -> tuple[str, str]:
    """The text of a page and the time of its last edit."""
    # A history has the oldest revision first, or the newest.
    revision = max(
        enumerate(element.findall("revision")),
        key=lambda item: ((item[1].findtext("timestamp") or "").strip(), item[0]),
        default=(0, element),
    )[1]
    return revision.findtext("text") or "", (revision.findtext("timestamp") or "").strip()


def find_text(chunks: Iterable[bytes], titles: Collection[str], *, source: str) -> str | None:
    """The wikitext of the first page of one of some titles, or None.

    Args:
        chunks: the bytes of a whole dump.
        titles: of the page, in any of the spellings that it may have.
        source: the file's name for errors.
    """
    cutter = PageCutter(source)
    for chunk in chunks:
        pages = cutter.add(chunk)
        for found in _TITLE.finditer(pages):
            if _unescape(found[1]).strip() in titles:
                start = pages.rfind(PAGE_OPEN, 0, found.start())
                end = pages.find(PAGE_CLOSE, found.end()) + len(PAGE_CLOSE)
                return _latest_text(_parse_xml(pages[start:end]))[0]
    return None


def read_siteinfo(head: bytes) -> str:
    """The `<siteinfo>` in the head of a dump; empty for none."""
    match = _SITEINFO.search(head)
    return match[0].decode("utf-8", "replace") if match else ""


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
