"""The names in an infobox text: authors, genres, countries, languages, publishers. Pure.

A text is parted only where it holds several names. A comma or an "and" inside a title that the page
links to, inside the name of a country, before `Jr.` or in `3rd Earl of ...` parts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

from bookgraph.core.regions import countries_with_and
from bookgraph.core.site import fold_whitespace
from bookgraph.core.values import MAX_VALUE_CHARS, is_value, spell_value, stands_for_nothing

NameKind = Literal["author", "genre", "country", "language", "publisher"]

# `[1]`, `[note 2]`, `[ed.]` behind a name; a name that is in brackets as a whole stays.
_NOTE_MARK = re.compile(r"(?<=[\w.)])(?:\s*\[[^\[\]\n]{1,20}\])+")
_ASIDE = re.compile(r"\s*\([^()]*\)\s*$")
_ANY_ASIDE = re.compile(r"\s*\([^()]*(?:\)|$)")
_COMMA_IN_ASIDE = re.compile(r"\([^()]*\)")

_LINES = re.compile(r"[\n;\uff1b•·\u3001\uff0c]|\s/\s|(?:^|\s)\*\s")
_DASH = re.compile(r"\s[\u2013\u2014-]\s")
_COMMAS = re.compile(r"[,/]")
_AFTER_ASIDE = re.compile(r"(?<=\)),\s*|(?<=\))\s+(?:and|&)\s+|(?<=\))\s+(?=[^\W\d_a-z])")
_ANDS = re.compile(r"\s*,?\s(?:and|&|with)\s+")

# What belongs to the name before the comma, and what is a degree, an honour or an order after it.
_GENERATION = re.compile(r"^(?:jr|jnr|sr|snr|ii|iii|iv|inc|ltd|llc|co)\.?$", re.IGNORECASE)
_PEERAGE = re.compile(
    r"^(?:the\s+)?\d+(?:st|nd|rd|th)\s|^(?:the\s+)?(?:elder|younger)$"
    r"|^(?:[\w']+\s)?(?:baron|baroness|earl|duke|duchess|count|countess|viscount|viscountess|marquess"
    r"|marquis|marchioness|prince|princess|lord|lady|bishop|archbishop|king|queen)\s+(?:of\s|[A-Z])",
    re.IGNORECASE,
)
_DEGREES = (
    "AC|AM|AO|BA|BD|BEM|BS|BSC|CBE|CFA|CH|CM|CMG|CNM|CPA|CSC|DBE|DC|DD|DDS|DLIT|DLITT|DMIN|DPHIL|DSC|DSO"
    "|DVM|EDD|ESQ|ESQUIRE|FBA|FRAS|FRCP|FRCS|FRGS|FRHISTS|FRS|FRSA|FRSC|FRSE|FRSL|GBE|JD|KBE|KC|KCB|KCMG"
    "|KG|KT|LITTD|LLB|LLD|LLM|LPC|LVO|MA|MBA|MBE|MC|MD|MED|MEP|MFA|MP|MPH|MPHIL|MS|MSC|MSW|MVO|OBE|OC|OFM"
    "|OM|ONZ|OP|OSB|OSM|PC|PE|PHARMD|PHD|PSYD|QC|RN|SC|SJ|SM|TD|THD|VC"
)
_DEGREE = re.compile(rf"^(?:{_DEGREES})$")
_FINAL_DEGREE = re.compile(
    r"(?<=\w)[.\s]\s*(?:OBE|CBE|MBE|KBE|DBE|FRS|FBA|FRSL|FRSA|Ph\.?\s?D\.?|M\.D\.|MD|Esq\.?|S\.J\.|SJ)$"
)

_ROLE_WORDS = (
    "editors?|eds?|translators?|trans|tr|illustrators?|illus|ill|authors?|writers?|compilers?|comp"
    "|narrators?|contributors?|photographers?|artists?|foreword|afterword|introduction"
    "|text|words|story|art|illustrations?|photographs?|photos?|pictures|author and illustrator"
)
_ROLE = re.compile(rf"^(?:(?:the|and|with)\s+)?(?:{_ROLE_WORDS})\.?$", re.IGNORECASE)
_FINAL_ROLE = re.compile(
    rf"\s+et al\.?$|(?:,|\s[\u2013\u2014-])\s*(?:{_ROLE_WORDS})\.?$", re.IGNORECASE
)
_CREDIT = re.compile(
    rf"^(?:(?:(?:originally|co-?)?\s*(?:written|edited|compiled|created|translated|illustrated|told"
    rf"|retold|selected|{_ROLE_WORDS})\s+)?by\s+|(?:{_ROLE_WORDS})\s*:\s*)",
    re.IGNORECASE,
)
_FIRST_MARK = 0xE000
"""Private-use characters stand for protected names while a text is parted."""


def read_names(text: str, *, kind: NameKind, titles: Iterable[str] = ()) -> list[str]:
    """Part an infobox text into names, in order and without repeats.

    Args:
        text: without markup, one item of a list a line.
        kind: genres start with a capital, countries and languages have one spelling, authors are
            also parted at "and".
        titles: of pages that the page links to; one of them is one name, whatever it holds.
    """
    text = _NOTE_MARK.sub(" ", text)
    text, protected = _protect(text, kind=kind, titles=titles)
    if kind in {"genre", "country", "language"}:
        # Before commas part it: `United States (1951, first), France`.
        text = _ANY_ASIDE.sub(" ", text) if _ANY_ASIDE.sub("", text).strip() else text
    names: dict[str, str] = {}
    for part in _part(text, kind=kind):
        name = _tidy(part, kind=kind, protected=protected)
        if name:
            names.setdefault(name.lower(), name)
    return list(names.values())


def _protect(text: str, *, kind: NameKind, titles: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Put one character for each name that holds what otherwise parts names."""
    marks: dict[str, str] = {}
    known = countries_with_and() if kind == "country" else ()
    linked = {fold_whitespace(_ASIDE.sub("", title)) for title in titles if _may_part(title, kind)}
    for name in (*known, *sorted(linked, key=len, reverse=True)):
        if name and name in text:
            mark = chr(_FIRST_MARK + len(marks))
            marks[mark] = name
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", mark, text)
    return text, marks


def _may_part(title: str, kind: NameKind) -> bool:
    if kind == "country":
        return " and " in title or " & " in title
    return any(mark in title for mark in (" and ", " & ", ",", "/", " with ", " \u2013 "))


def _part(text: str, *, kind: NameKind) -> Iterator[str]:
    for line in _LINES.split(text):
        if stands_for_nothing(line.strip(" .*'\"")):
            continue
        if kind == "publisher":
            yield from filter(None, _AFTER_ASIDE.split(line))
            continue
        pieces = _DASH.split(line) if kind != "author" else [line]
        for piece in pieces:
            parts = _split_ands(piece, are_people=kind == "author") if kind != "genre" else [piece]
            for part in parts:
                pieces_of_names = _split_commas(part)
                yield from _rejoin(pieces_of_names) if kind == "author" else pieces_of_names


def _split_commas(text: str) -> list[str]:
    """Split at commas that stand in no brackets."""
    hidden = _COMMA_IN_ASIDE.sub(lambda match: match[0].translate(_HIDE), text)
    return [part.translate(_SHOW) for part in _COMMAS.split(hidden)]


_HIDE = {ord(","): "\uf8f0", ord("/"): "\uf8f1"}
_SHOW = {ord("\uf8f0"): ",", ord("\uf8f1"): "/"}


def _split_ands(text: str, *, are_people: bool) -> list[str]:
    """Split at "and", but people as `Ann and Jo Sample` share a surname and stay together."""
    parts: list[str] = []
    start = 0
    for match in _ANDS.finditer(text):
        # Only the words next to the "and" matter; the rest may be long.
        near = max(start, match.start() - MAX_VALUE_CHARS)
        before = _COMMAS.split(text[near : match.start()])[-1].split()
        following = text[match.end() : match.end() + MAX_VALUE_CHARS]
        after = _ANDS.split(following, maxsplit=1)[0].split(",")[0].split()
        is_first_name = (
            are_people and len(before) == 1 and before[0].isalpha() and "," not in match[0]
        )
        if is_first_name and len(after) > 1 and not _follows_a_name(before[0]):
            continue
        parts.append(text[start : match.start()])
        start = match.end()
    return [*parts, text[start:]]


def _follows_a_name(word: str) -> bool:
    """Whether a word is `Jr.`, a degree or an honour."""
    return bool(_GENERATION.match(word) or _DEGREE.match(re.sub(r"[.\s]", "", word).upper()))


def _rejoin(parts: list[str]) -> list[str]:
    """Put `Jr.` and titles back behind the name that a comma parted them from; drop degrees."""
    joined: list[str] = []
    for part in map(str.strip, parts):
        if joined and _DEGREE.match(re.sub(r"[.\s]", "", part).upper()):
            continue
        if joined and (_GENERATION.match(part) or _PEERAGE.match(part)):
            joined[-1] += f", {part}"
        else:
            joined.append(part)
    return joined


def _tidy(part: str, *, kind: NameKind, protected: dict[str, str]) -> str:
    """Strip what surrounds a name; an empty result means that the part names nothing."""
    # The full stop belongs to `Jr.`, to an initial and to `U.S.`, but not to the end of a genre.
    edges = " ,:*'\"[]" if kind in {"author", "country", "publisher"} else " ,.:*'\"[]"
    name = fold_whitespace(part).strip(edges)
    # A text that is in brackets as a whole is the name itself.
    name = _ASIDE.sub("", name).strip(edges) or name.strip("() ")
    if kind == "author":
        name = _tidy_author(name, edges=edges)
    for mark, original in protected.items():
        name = name.replace(mark, original)
    return spell_value(name, kind) if is_value(name) else ""


def _tidy_author(name: str, *, edges: str) -> str:
    shorter = _FINAL_ROLE.sub("", _CREDIT.sub("", name))
    if len(shorter.split()) > 2:  # noqa: PLR2004  # a first name, a surname and what follows
        shorter = _FINAL_DEGREE.sub("", shorter)
    if shorter != name:
        name = shorter.strip(edges)
    return "" if _ROLE.match(name) else name
