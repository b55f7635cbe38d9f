"""What a page is called: one spelling, one key and one kind, however its name is written. Pure.

Ingest, `saveBook` and every lookup follow these rules, so that one page is one node. They are
MediaWiki's (its manual, "Page title" and "Title.php") with two additions: the key of a link is
lowercase, and pages that only Wikipedia writers use are dropped.

A link's text goes through `spelling_steps`, which give the page's title, then `dropping_steps`,
which refuse what is not a link, then `LOWERCASING`, which gives the key. Each step is idempotent,
and so is the whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Container, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal
from urllib.parse import unquote_to_bytes

from bookgraph.core.site import ENGLISH, MAIN, Site, fold_whitespace

MAX_TITLE_BYTES = 255
"""MediaWiki's limit for a title in UTF-8, its namespace not counted."""

_PERCENT_CODES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")

_WRITERS_KINDS = frozenset(
    {"draft", "help", "mediawiki", "special", "talk", "template", "user", "wikipedia"}
)
MAIN_ONLY = frozenset({MAIN})


NameFault = Literal["BLANK", "TOO_LONG", "INVALID"]


class InvalidNameError(ValueError):
    """A text that names no page of the graph; the message completes "TEXT ..."."""

    def __init__(self, message: str, fault: NameFault = "INVALID") -> None:
        super().__init__(message)
        self.fault: NameFault = fault


@dataclass(frozen=True, slots=True)
class NameStep:
    """One named step over the texts of links.

    Attributes:
        name: what the step does, as in an ingest's report.
        apply: a text to its new form, or None where it names no link.
        refusal: why it then names none; completes "TEXT ...".
        fault: the kind of that reason.
    """

    name: str
    apply: Callable[[str], str | None]
    refusal: str = ""
    fault: NameFault = "INVALID"


def decode_percent_codes(text: str) -> str | None:
    """Decode `Caf%C3%A9` to `Café`, as MediaWiki does in links; None where it was encoded twice.

    Bytes that are not UTF-8 stay as they are, such as those of `100%ab`.
    """
    if not _PERCENT_CODES.search(text):
        return text
    decoded = _PERCENT_CODES.sub(_decode_run, text)
    if decoded == text:
        return text
    decoded = fold_whitespace(decoded)
    return decoded if _PERCENT_CODES.sub(_decode_run, decoded) == decoded else None


def _decode_run(codes: re.Match[str]) -> str:
    try:
        return unquote_to_bytes(codes[0]).decode()
    except UnicodeDecodeError:
        return codes[0]


def strip_leading_colon(text: str) -> str:
    """`:Category:Novels` leads to a page without joining it: the colon is not in its name."""
    return text.lstrip(": ")


def cut_section(text: str) -> str | None:
    """`Dune (novel)#Plot` is `Dune (novel)`; a bare `#Plot` names no page, so None."""
    return text.split("#", 1)[0].rstrip() or None


def spell_namespace(text: str, site: Site = ENGLISH) -> str | None:
    """`image : Dune.jpg` is `File:Dune.jpg`; a namespace without a page is None."""
    prefix, title, _ = site.split(text)
    if not prefix:
        return text
    return f"{prefix}:{title}" if title else None


def drop_overlong(text: str, site: Site = ENGLISH) -> str | None:
    """Drop what is longer than MediaWiki lets a title be: no page has that name."""
    return text if _num_bytes(text, site) <= MAX_TITLE_BYTES else None


def drop_writers_pages(text: str, site: Site = ENGLISH) -> str | None:
    """Drop project, user, talk and template pages, and others that are not for readers."""
    return None if site.kind(text) in _WRITERS_KINDS else text


def lowercase(text: str) -> str:
    """Lowercase by Unicode's rules, so that `Science fiction` and `science fiction` are one."""
    return unicodedata.normalize("NFC", text.lower())


FOLDING = NameStep("white space, underscores and direction marks folded", fold_whitespace)
LOWERCASING = NameStep("lowercased", lowercase)


@cache
def spelling_steps(site: Site = ENGLISH) -> tuple[NameStep, ...]:
    """The steps that give the title of the page that a link's text names."""
    return (
        FOLDING,
        NameStep("percent codes decoded", decode_percent_codes, "is encoded twice"),
        NameStep("leading colons removed", strip_leading_colon),
        NameStep("sections cut", cut_section, "names no page"),
        NameStep(
            "namespaces spelled out",
            partial(spell_namespace, site=site),
            "names a namespace without a page",
        ),
    )


@cache
def dropping_steps(site: Site = ENGLISH) -> tuple[NameStep, ...]:
    """The steps that refuse the title of a page that is no link."""
    return (
        NameStep(
            f"titles longer than {MAX_TITLE_BYTES} bytes dropped",
            partial(drop_overlong, site=site),
            f"is longer than {MAX_TITLE_BYTES} bytes, MediaWiki's limit for a title",
            "TOO_LONG",
        ),
        NameStep(
            "project, user and template pages dropped",
            partial(drop_writers_pages, site=site),
            "is a page for writers of the wiki (project, user, talk, template, help, draft,"
            " special)",
        ),
    )


def page_title(text: str, site: Site = ENGLISH) -> str:
    """The title of the page that a text names, whatever its kind.

    Raises:
        InvalidNameError: it names none.
    """
    return _apply(spelling_steps(site), text)


def link_title(text: str) -> str:
    """The title of the page that a link's text names.

    Raises:
        InvalidNameError: ingest would drop such a link.
    """
    return _apply((*spelling_steps(), *dropping_steps()), text)


def link_name(text: str) -> str:
    """The key of the link that a text names: its title in lowercase.

    Raises:
        InvalidNameError: ingest would drop such a link.
    """
    return lowercase(link_title(text))


def book_title(
    text: str, site: Site = ENGLISH, *, namespaces: Container[int] | None = MAIN_ONLY
) -> str:
    """The key of the book that a text names.

    Args:
        text: as its source has it.
        site: the rules of its wiki.
        namespaces: numbers of those that hold books; None for a catalogue without namespaces.

    Raises:
        InvalidNameError: ingest would make no book of such a page.
    """
    title = _apply(spelling_steps(site)[:2], text)
    if not title:
        raise InvalidNameError("is blank", "BLANK")
    if _num_bytes(title, site) > MAX_TITLE_BYTES:
        raise InvalidNameError(dropping_steps(site)[0].refusal, "TOO_LONG")
    if namespaces is not None and site.split(title)[2] not in namespaces:
        raise InvalidNameError("is a page of a namespace for other pages than articles")
    return title


def spell_title(text: str) -> str:
    """A title as it was meant, in any text: folded, percent codes decoded."""
    folded = fold_whitespace(text)
    return decode_percent_codes(folded) or folded


def is_page_title(text: str) -> bool:
    """Whether a page can have this title, whatever its namespace."""
    return 0 < _num_bytes(fold_whitespace(text)) <= MAX_TITLE_BYTES


def book_keys(text: str) -> list[str]:
    """The titles under which a lookup finds a book, those as written first, without repeats."""
    title = spell_title(text)
    return list(dict.fromkeys((text, title, ENGLISH.capitalize(title))))


def link_keys(text: str) -> list[str]:
    """The names under which a lookup finds a link, that as written first, without repeats.

    A graph of `--cleaning reference` keeps names as they are written, in lowercase.
    """
    written = text.strip().lower()
    try:
        return list(dict.fromkeys((written, lowercase(page_title(text)))))
    except InvalidNameError:
        return [written]


def kind_of(title: str, site: Site = ENGLISH) -> str:
    """The kind of a page: `article`, `interwiki`, or that of its namespace."""
    return site.kind(title)


def match_titles(
    links: Iterable[tuple[str, str]], titles: Collection[str]
) -> list[tuple[str, str]]:
    """Match links with the books of their titles, exactly or else in any letter case.

    Args:
        links: name and title of each.
        titles: of all books.

    Returns:
        (name of the link, title of the book), in the order of the links.
    """
    by_lower: dict[str, str] = {}
    for title in sorted(titles):
        by_lower.setdefault(fold_whitespace(title).lower(), title)
    return [
        (name, title if title in titles else by_lower[name])
        for name, title in links
        if title in titles or name in by_lower
    ]


def _num_bytes(title: str, site: Site = ENGLISH) -> int:
    _, rest, number = site.split(title)
    return len((title if number == MAIN else rest).encode("utf-8", "replace"))


def has_lone_surrogate(text: str) -> bool:
    r"""Whether a text holds a lone `\udXXX`: valid JSON, but UTF-8 and Neo4j cannot store it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _apply(steps: Iterable[NameStep], text: str) -> str:
    if has_lone_surrogate(text):
        raise InvalidNameError("holds half a character (a lone surrogate)")
    if not fold_whitespace(text):
        raise InvalidNameError("is blank", "BLANK")
    for step in steps:
        result = step.apply(text)
        if result is None:
            raise InvalidNameError(step.refusal, step.fault)
        text = result
    return text
