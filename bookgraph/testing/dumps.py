"""Dumps of any size with a real dump's structure, for benchmarks and tests. Deterministic by seed.

They have namespaces, redirects (half of all pages, as in the English Wikipedia), articles of
log-normal length, and one book in two hundred pages. The words are made up. What matters for speed
is realistic: the share of markup and entities, the length of lines, and how well it compresses.

Two layouts: `classic` is that of `pages-articles`, in schema 0.10; `content` is that of a MediaWiki
Content File Export, in schema 0.11 and with the pages of all namespaces, most of them talk and user
pages.
"""

from __future__ import annotations

import bz2
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

DumpForm = Literal["plain", "single", "multistream"]
DumpLayout = Literal["classic", "content"]

_PAGES_PER_STREAM = 100
_NUM_WORDS = 30_000
_MAX_PARAGRAPHS = 40_000
_LIST_PROB = 0.25
_TABLE_PROB = 0.40
_NO_HEADING_PROB = 0.85
_MENTION_PROB = 0.002
_CYCLE = 200
"""Of so many pages one is a book, half are redirects, some belong to other namespaces."""

_OTHER_NAMESPACES = ((4, "Wikipedia"), (10, "Template"), (14, "Category"), (100, "Portal"))
_CONTENT_NAMESPACES = (
    *(("3", "User talk", 38), ("1", "Talk", 17), ("2", "User", 8), ("4", "Wikipedia", 4)),
    *(
        ("14", "Category", 6),
        ("10", "Template", 3),
        ("118", "Draft", 1),
        ("5", "Wikipedia talk", 1),
    ),
)
"""Number, name and weight; the rest to 100 are articles and redirects."""

_GENRES = ("Science fiction", "Novel", "Fantasy, Young adult", "Memoir", "Crime novel")
_COUNTRIES = ("United States", "USA", "United Kingdom", "France", "India")


@dataclass(frozen=True, slots=True)
class GeneratedDump:
    """What was written.

    Attributes:
        path: the file.
        num_bytes: of XML, before compression.
        num_pages: all pages.
        num_books: those with an `Infobox book`.
        num_redirects: redirects among the articles.
    """

    path: Path
    num_bytes: int
    num_pages: int
    num_books: int
    num_redirects: int


def write_dump(
    path: Path,
    *,
    num_bytes: int,
    form: DumpForm,
    layout: DumpLayout = "classic",
    seed: int = 0,
) -> GeneratedDump:
    """Write a dump.

    Args:
        path: the file, replaced where it exists.
        num_bytes: of XML; the dump ends with the page that reaches it.
        form: plain XML, one bzip2 stream, or a stream for each hundred pages.
        layout: which pages, in which schema.
        seed: one seed, one dump.
    """
    head = _HEAD if layout == "classic" else _CONTENT_HEAD
    pages = _iter_pages(num_bytes, seed, layout)
    counts = {"bytes": 0, "pages": 0, "books": 0, "redirects": 0}

    def texts() -> Iterator[bytes]:
        yield head
        for kind, text in pages:
            counts["bytes"] += len(text)
            counts["pages"] += 1
            if kind in counts:
                counts[kind] += 1
            yield text
        yield _END

    with path.open("wb") as file:
        for piece in _packed(texts(), form):
            file.write(piece)
    return GeneratedDump(
        path,
        num_bytes=counts["bytes"] + len(head) + len(_END),
        num_pages=counts["pages"],
        num_books=counts["books"],
        num_redirects=counts["redirects"],
    )


def _packed(texts: Iterator[bytes], form: DumpForm) -> Iterator[bytes]:
    if form == "plain":
        yield from texts
    elif form == "single":
        compressor = bz2.BZ2Compressor()
        for text in texts:
            yield compressor.compress(text)
        yield compressor.flush()
    else:
        # As Wikimedia does it: the head is a stream of its own, so that an index can point behind.
        yield bz2.compress(next(texts))
        while group := b"".join(itertools.islice(texts, _PAGES_PER_STREAM)):
            yield bz2.compress(group)


def _iter_pages(num_bytes: int, seed: int, layout: DumpLayout) -> Iterator[tuple[str, bytes]]:
    generator = random.Random(seed)  # a benchmark, not a secret
    paragraphs = _make_paragraphs(generator, min(_MAX_PARAGRAPHS, num_bytes // 300 + 100))
    done = 0
    for number in itertools.count():
        if layout == "classic":
            kind, text = _make_page(generator, number, paragraphs)
        else:
            kind, text = _make_content_page(generator, number, paragraphs)
        yield kind, text
        done += len(text)
        if done >= num_bytes:
            return


def _make_page(generator: random.Random, number: int, paragraphs: list[str]) -> tuple[str, bytes]:
    place = number % _CYCLE
    if place == _CYCLE // 2:
        body = "\n\n".join(_choose(generator, paragraphs, median=4))
        return "books", _page(number, f"Book {number}", _make_infobox(generator, number) + body)
    if place % 2:
        title = f"Article {generator.randrange(number + 1)}"
        extra = f'\n    <redirect title="{title}" />'
        return "redirects", _page(
            number, f"Alias {number}", f"#REDIRECT [[{title}]] {{{{R from move}}}}", extra=extra
        )
    namespace, prefix = 0, ""
    if place % 16 == 0:
        namespace, prefix = generator.choice(_OTHER_NAMESPACES)
    body = "\n\n".join(_choose(generator, paragraphs, median=6))
    title = f"{prefix}:Page {number}" if prefix else f"Article {number}"
    return "others", _page(number, title, body, namespace=namespace)


def _make_content_page(
    generator: random.Random, number: int, paragraphs: list[str]
) -> tuple[str, bytes]:
    """A page of any namespace; of those of articles as many are books as in the classic layout."""
    weights = [weight for _, _, weight in _CONTENT_NAMESPACES]
    (choice,) = generator.choices([*_CONTENT_NAMESPACES, None], [*weights, 100 - sum(weights)])
    if choice is None:
        kind, page = _make_page(generator, number, paragraphs)
        return kind, _as_content(page)
    namespace, prefix, _ = choice
    # People discuss and draft books, too.
    body = _make_infobox(generator, number) if generator.random() < _MENTION_PROB else ""
    body += "\n\n".join(_choose(generator, paragraphs, median=2))
    page = _page(number, f"{prefix}:Page {number}", body, namespace=int(namespace))
    return "others", _as_content(page)


def _as_content(page: bytes) -> bytes:
    """Write a page in the form of the content exporter, which escapes quotation marks."""
    before, _, rest = page.decode().partition('      <text xml:space="preserve">')
    text, _, after = rest.partition("</text>")
    text = text.replace('"', "&quot;")
    num_bytes = len(text.encode())
    sha1 = f"{num_bytes:031x}"
    before = before.replace("<comment>", '<comment deleted="deleted" />\n      <origin>', 1)
    before = before.replace("</comment>", "</origin>", 1)
    opening = f'      <text bytes="{num_bytes}" sha1="{sha1}" xml:space="preserve">'
    return f"{before}{opening}{text}</text>{after}".encode()


def _choose(generator: random.Random, paragraphs: list[str], *, median: int) -> list[str]:
    """Some paragraphs; their number is log-normal (sigma 1.1), as lengths of articles are."""
    num = 1 + int(median * generator.lognormvariate(0, 1.1))
    return generator.choices(paragraphs, k=min(num, 400))


def _page(number: int, title: str, text: str, *, namespace: int = 0, extra: str = "") -> bytes:
    return f"""  <page>
    <title>{escape(title)}</title>
    <ns>{namespace}</ns>
    <id>{number + 10}</id>{extra}
    <revision>
      <id>{number + 600_000_000}</id>
      <parentid>{number + 500_000_000}</parentid>
      <timestamp>2018-08-{1 + number % 28:02}T17:28:43Z</timestamp>
      <contributor>
        <username>Editor {number % 997}</username>
        <id>{number % 997}</id>
      </contributor>
      <comment>/* Section */ copy edit</comment>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text xml:space="preserve">{escape(text)}</text>
      <sha1>{number:031x}</sha1>
    </revision>
  </page>
""".encode()


def _make_infobox(generator: random.Random, number: int) -> str:
    return f"""{{{{Infobox book | <!-- See Wikipedia:WikiProject Novels -->
| name = Book {number}
| image = Book{number}.jpg
| author = [[Article {generator.randrange(2_000)}]]<br />[[Article {generator.randrange(2_000)}]]
| country = {generator.choice(_COUNTRIES)}
| language = English
| genre = {{{{nowrap|{generator.choice(_GENRES)}}}}}
| publisher = [[Simon & Schuster]]
| release_date = {generator.randrange(1850, 2018)}
| pages = {generator.randrange(60, 900)} pp
| isbn = 0-{generator.randrange(10**6)}
}}}}
'''''Book {number}''''' is a [[novel]].<ref>{{{{cite web|url=http://example.org/{number}}}}}</ref>

"""


def _make_paragraphs(generator: random.Random, num: int) -> list[str]:
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    weights = [30 / (rank + 3) for rank in range(len(letters))]
    words = [
        "".join(generator.choices(letters, weights, k=generator.randint(2, 11)))
        for _ in range(_NUM_WORDS)
    ]
    frequencies = list(itertools.accumulate(1 / (rank + 3) for rank in range(_NUM_WORDS)))
    return [_make_paragraph(generator, words, frequencies) for _ in range(num)]


def _make_paragraph(generator: random.Random, words: list[str], frequencies: list[float]) -> str:
    num_words = generator.randint(20, 110)
    text = generator.choices(words, cum_weights=frequencies, k=num_words)
    for at in range(0, num_words, 14):
        number = int(generator.paretovariate(0.5)) % 50_000
        target = f"Alias {number}" if number % 2 and at % 5 == 0 else f"Article {number}"
        text[at] = f"[[{target}|{text[at]}]]" if at % 28 else f"[[{target}]]"
    kind = generator.random()
    if kind < _LIST_PROB:
        return "".join(f"* {' '.join(text[at : at + 5])}\n" for at in range(0, num_words, 5))
    if kind < _TABLE_PROB:
        # A number keeps the names apart: of parameters with one name only the last one counts.
        pairs = enumerate(pairwise(text))
        cells = (f'| {name} {row} = "{value}"' for row, (name, value) in pairs)
        return "{{Infobox settlement\n" + "\n".join(itertools.islice(cells, 25)) + "\n}}"
    text[3] = f'"{text[3]}"&nbsp;<small>{text[4]}</small>'
    text.append(f'<ref name="r{generator.randrange(99)}">[http://example.org/{text[1]} x]</ref>')
    if kind > _NO_HEADING_PROB:
        text.insert(0, f"== {text[1].title()} ==\n")
    return " ".join(text) + "."


_HEAD = b"""<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" xml:lang="en">
  <siteinfo>
    <sitename>Generated</sitename>
    <dbname>generated</dbname>
    <generator>bookgraph</generator>
    <case>first-letter</case>
  </siteinfo>
"""
_END = b"</mediawiki>\n"
_CONTENT_HEAD = b"""<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/"
    version="0.11" xml:lang="en">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>enwiki</dbname>
    <generator>MediaWiki Content File Exporter 1.0.0</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="-2" case="first-letter">Media</namespace>
      <namespace key="-1" case="first-letter">Special</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="1" case="first-letter">Talk</namespace>
      <namespace key="2" case="first-letter">User</namespace>
      <namespace key="3" case="first-letter">User talk</namespace>
      <namespace key="4" case="first-letter">Wikipedia</namespace>
      <namespace key="5" case="first-letter">Wikipedia talk</namespace>
      <namespace key="6" case="first-letter">File</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
      <namespace key="118" case="first-letter">Draft</namespace>
    </namespaces>
  </siteinfo>
"""
