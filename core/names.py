"""What a page is called: one spelling, one key and one kind, however its name is written. Pure.

Ingest, `saveBook` and every lookup follow these rules, so that one page is one node. They are
MediaWiki's (its manual, "Page title" and "Title.php") with two additions: the key of a link is
lowercase, and pages that only Wikipedia writers use are dropped.

A link's text goes through `SPELLING_STEPS`, which give the page's title, then `DROPPING_STEPS`,
which refuse what is not a link, then `LOWERCASING`, which gives the key. Each step is idempotent,
and so is the whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

MAX_TITLE_BYTES = 255
"""MediaWiki's limit for a title in UTF-8, its namespace not counted."""

# Marks of writing direction, which copying from a browser adds, and control characters that are no
# white space: nobody sees them, and MediaWiki removes the former and refuses the latter.
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_SPACES = re.compile(r"[\s_]+")
_PERCENT_CODES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_INTERWIKI = re.compile(r"^[a-z]{2,3}(?:-[a-z]+)*$")

_KINDS = {
    "Category": "category",
    "Draft": "draft",
    "File": "file",
    "Help": "help",
    "MediaWiki": "mediawiki",
    "Module": "template",
    "MOS": "wikipedia",
    "Portal": "portal",
    "Special": "special",
    "Talk": "talk",
    "Template": "template",
    "TimedText": "file",
    "User": "user",
    "User talk": "user",
    "Wikipedia": "wikipedia",
    "Wikipedia talk": "wikipedia",
    "Category talk": "talk",
    "Draft talk": "talk",
    "File talk": "talk",
    "Help talk": "talk",
    "MediaWiki talk": "talk",
    "Module talk": "talk",
    "MOS talk": "talk",
    "Portal talk": "talk",
    "Template talk": "talk",
    "TimedText talk": "talk",
}
"""English Wikipedia's namespaces and the `kind` of the links into each."""

_ALIASES = {
    "image": "File",
    "image talk": "File talk",
    "media": "File",
    "project": "Wikipedia",
    "project talk": "Wikipedia talk",
    "wp": "Wikipedia",
    "wt": "Wikipedia talk",
}
_NAMESPACES = {**{name.lower(): name for name in _KINDS}, **_ALIASES}

_WRITERS_KINDS = frozenset(
    {"draft", "help", "mediawiki", "special", "talk", "template", "user", "wikipedia"}
)
_BOOK_KINDS = frozenset({"article", "interwiki"})
"""`Ulysses: A Novel` and `UFO:Aftermath` are titles; `Template:Infobox book` is another page."""

PROJECT_PREFIX = "Wikipedia:"
"""A title that holds this, wherever, is a project page and not a book."""


class InvalidNameError(ValueError):
    """A text that names no page of the graph; the message completes "TEXT ..."."""


@dataclass(frozen=True, slots=True)
class NameStep:
    """One named step over the texts of links.

    Attributes:
        name: what the step does, as in an ingest's report.
        apply: a text to its new form, or None where it names no link.
        refusal: why it then names none; completes "TEXT ...".
    """

    name: str
    apply: Callable[[str], str | None]
    refusal: str = ""


def fold_whitespace(text: str) -> str:
    """Fold what cannot be seen: one space for white space and underscores, no marks, NFC."""
    text = _INVISIBLE.sub("", text)
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


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


def spell_namespace(text: str) -> str | None:
    """`image : Dune.jpg` is `File:Dune.jpg`; a namespace without a page is None."""
    namespace, title = _split(text)
    if not namespace:
        return text
    return f"{namespace}:{title}" if title else None


def drop_overlong(text: str) -> str | None:
    """Drop what is longer than MediaWiki lets a title be: no page has that name."""
    return text if _num_bytes(text) <= MAX_TITLE_BYTES else None


def drop_writers_pages(text: str) -> str | None:
    """Drop project, user, talk and template pages, and others that are not for readers."""
    return None if kind_of(text) in _WRITERS_KINDS else text


def lowercase(text: str) -> str:
    """Lowercase by Unicode's rules, so that `Science fiction` and `science fiction` are one."""
    return unicodedata.normalize("NFC", text.lower())


FOLDING = NameStep("white space, underscores and direction marks folded", fold_whitespace)
LOWERCASING = NameStep("lowercased", lowercase)
SPELLING_STEPS = (
    FOLDING,
    NameStep("percent codes decoded", decode_percent_codes, "is encoded twice"),
    NameStep("leading colons removed", strip_leading_colon),
    NameStep("sections cut", cut_section, "names no page"),
    NameStep("namespaces spelled out", spell_namespace, "names a namespace without a page"),
)
DROPPING_STEPS = (
    NameStep(
        f"titles longer than {MAX_TITLE_BYTES} bytes dropped",
        drop_overlong,
        f"is longer than {MAX_TITLE_BYTES} bytes, MediaWiki's limit for a title",
    ),
    NameStep(
        "project, user and template pages dropped",
        drop_writers_pages,
        "is a page for writers of the wiki (project, user, talk, template, help, draft, special)",
    ),
)


def page_title(text: str) -> str:
    """The title of the page that a text names, whatever its kind.

    Raises:
        InvalidNameError: it names none.
    """
    return _apply(SPELLING_STEPS, text)


def link_title(text: str) -> str:
    """The title of the page that a link's text names.

    Raises:
        InvalidNameError: ingest would drop such a link.
    """
    return _apply((*SPELLING_STEPS, *DROPPING_STEPS), text)


def link_name(text: str) -> str:
    """The key of the link that a text names: its title in lowercase.

    Raises:
        InvalidNameError: ingest would drop such a link.
    """
    return lowercase(link_title(text))


def book_title(text: str) -> str:
    """The key of the book that a text names.

    Raises:
        InvalidNameError: ingest would make no book of such a page.
    """
    title = _apply(SPELLING_STEPS[:2], text)
    if not title:
        raise InvalidNameError("is blank")
    if _num_bytes(title) > MAX_TITLE_BYTES:
        raise InvalidNameError(DROPPING_STEPS[0].refusal)
    if PROJECT_PREFIX in title or kind_of(title) not in _BOOK_KINDS:
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
    return list(dict.fromkeys((text, title, capitalize_first(title))))


def link_keys(text: str) -> list[str]:
    """The names under which a lookup finds a link, that as written first, without repeats.

    A graph of `--cleaning reference` keeps names as they are written, in lowercase.
    """
    written = text.strip().lower()
    try:
        return list(dict.fromkeys((written, lowercase(page_title(text)))))
    except InvalidNameError:
        return [written]


def capitalize_first(title: str) -> str:
    """Write a title as MediaWiki stores it: its first letter is a capital, the others stay."""
    return title[:1].upper() + title[1:]


def kind_of(title: str) -> str:
    """The kind of a page: `article`, `interwiki`, or that of its namespace."""
    namespace, _ = _split(title)
    if namespace:
        return _KINDS[namespace]
    prefix, colon, rest = title.lstrip(": ").partition(":")
    # `ru:...` or `zh-min-nan:...` right before a letter; `Maus: A Tale` has a space and is a title.
    is_interwiki = colon and _INTERWIKI.match(fold_whitespace(prefix).lower()) and rest[:1].strip()
    return "interwiki" if is_interwiki else "article"


def _split(title: str) -> tuple[str, str]:
    """The namespace of a title, spelled out, and what follows it; empty for none."""
    prefix, colon, rest = title.lstrip(": ").partition(":")
    namespace = _NAMESPACES.get(fold_whitespace(prefix).lower(), "") if colon else ""
    return namespace, rest.strip() if namespace else title


def _num_bytes(title: str) -> int:
    return len(_split(title)[1].encode("utf-8", "replace"))


def _apply(steps: Iterable[NameStep], text: str) -> str:
    for step in steps:
        result = step.apply(text)
        if result is None:
            raise InvalidNameError(step.refusal)
        text = result
    return text
