"""Infobox text to the values that filters use: names, a year, a number of pages. Pure.

The raw text stays in `Book.infobox`. A value that cannot be read with confidence is left out.
"""

from __future__ import annotations

import re
from html import unescape

from bookgraph.core.names import fold_whitespace

_COMMENT = re.compile(r"<\s*!\s*--.*?(?:--\s*>|$)", re.DOTALL)
_REF = re.compile(r"<\s*ref\b.*?(?:/\s*>|<\s*/\s*ref\s*>|$)", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<\s*/?\s*(?:br|li|p|div)\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<\s*/?\s*[a-z][^>]*>", re.IGNORECASE)
_ASIDE = re.compile(r"\s*\([^()]*\)\s*$")
_ANY_ASIDE = re.compile(r"\s*\([^()]*(?:\)|$)")
_GENERATION = re.compile(r"^(?:jr|sr|ii|iii|iv|ph\.? ?d|m\.? ?d|inc|ltd|llc)\.?$", re.IGNORECASE)

_ROLE = re.compile(
    r"^(?:editors?|eds?\.?|translators?|illustrators?|et al\.?|others)$", re.IGNORECASE
)

_CREDIT = re.compile(r"^(?:(?:edited|compiled|written|created|text) )?by ", re.IGNORECASE)

_LINES = re.compile(r"[\n;•·]|\s/\s|(?:^|\s)\*\s")
_COMMAS = re.compile(r",|/")
_ANDS = re.compile(
    r"\s(?:and|&|with)\s(?!Tobago|Herzegovina|Barbuda|Nevis|Príncipe|the Grenadines)"
)

_YEAR_BC = re.compile(r"\b(\d{1,4})(?:st|nd|rd|th)?( century)?\s*(?:bc|bce)\b", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)(1\d{3}|20\d{2})(?!\d)")
_EARLY_YEAR = re.compile(r"^(?:ad |c\.? ?|circa )*(\d{1,3})(?: ad| ce)?$", re.IGNORECASE)
_PAGES = re.compile(r"(\d[\d,]*)\s*(?:pp?\b|pages\b)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\d,-])(?<!\d\.)(\d[\d,]*)(?![\d.-]*\d)")

_MAX_PAGES = 99_999
_MAX_NAME_CHARS = 200
"""A longer text is a sentence, not a name."""

_COUNTRIES = {
    "usa": "United States",
    "us": "United States",
    "u.s.": "United States",
    "u.s.a.": "United States",
    "u.s": "United States",
    "united states of america": "United States",
    "the united states": "United States",
    "america": "United States",
    "uk": "United Kingdom",
    "u.k.": "United Kingdom",
    "great britain": "United Kingdom",
    "ussr": "Soviet Union",
}
_GENRES = {
    "nonfiction": "Non-fiction",
    "non fiction": "Non-fiction",
    "science-fiction": "Science fiction",
    "sci-fi": "Science fiction",
    "scifi": "Science fiction",
    "sf": "Science fiction",
    "novels": "Novel",
    "role-playing games": "Role-playing game",
    "short story collection": "Short stories",
    "ya": "Young adult",
}
_COMMON_WORD = re.compile(
    r"(?<=[ -])(?:Adult|Adventure|Book|Books|Comedy|Crime|Detective|Drama|Essays?|Fantasy|Fiction"
    r"|Game|Games|History|Horror|Humou?r|Literature|Mystery|Novel|Novels|Poetry|Romance|Satire"
    r"|Science|Stories|Story|Suspense|Thriller)\b"
)
"""Words that are no names: `Science Fiction` is `Science fiction`, `American Novel` keeps its A."""

_ROLES = {
    "genre": ("genre", "genres"),
    "country": ("country", "countries"),
    "language": ("language", "languages"),
    "publisher": ("publisher", "publishers"),
    "author": ("author", "authors"),
}
_DATE_KEYS = ("release_date", "pub_date", "published", "publication_date", "date")

FIELD_PROPERTIES = (*(name for pair in _ROLES.values() for name in pair), "year", "pages")
"""Properties that `parse_fields` may give, in a fixed order."""


def parse_fields(infobox: dict[str, str]) -> dict[str, object]:
    """Read what filters use from an infobox.

    Args:
        infobox: parameter name to plain text, as `BookRecord.infobox`; not changed.

    Returns:
        Those of `FIELD_PROPERTIES` that the infobox has: the singular one is the first value as a
        text, the plural one all values as a list; `year` (negative before Christ) and `pages` are
        int.
    """
    lowered = {key.strip().lower().replace(" ", "_"): value for key, value in infobox.items()}
    fields: dict[str, object] = {}
    for key, (singular, plural) in _ROLES.items():
        text = lowered.get(key) or lowered.get(plural) or ""
        values = parse_names(text, kind=key)
        if values:
            fields[singular] = values[0]
            fields[plural] = values
    for key in _DATE_KEYS:
        year = parse_year(lowered.get(key, ""))
        if year is not None:
            fields["year"] = year
            break
    pages = parse_pages(lowered.get("pages", ""))
    if pages is not None:
        fields["pages"] = pages
    return fields


def parse_names(text: str, *, kind: str) -> list[str]:
    """Split an infobox text into names, in order and without repeats.

    Args:
        text: as in the infobox; may hold the broken comments and tags of the published extracts.
        kind: `author`, `genre`, `country`, `language` or `publisher`; genres start with a capital,
            countries have one spelling, authors are also split at "and".
    """
    text = _strip_markup(text, break_with="\n")
    if kind in {"genre", "country", "language"}:
        # Before commas part it: `United States (1951, first), France`.
        text = _ANY_ASIDE.sub(" ", text) if _ANY_ASIDE.sub("", text).strip() else text
    parts = _LINES.split(text)
    if kind != "publisher":
        parts = [piece for part in parts for piece in _rejoin(_COMMAS.split(part))]
    if kind in {"author", "language", "country"}:
        parts = [piece for part in parts for piece in _ANDS.split(part)]
    names: dict[str, str] = {}
    for part in parts:
        name = _tidy(part, kind=kind)
        if name:
            names.setdefault(name.lower(), name)
    return list(names.values())


def parse_year(text: str) -> int | None:
    """The first year in a date: 1000 to 2099 anywhere, earlier ones only alone or BC."""
    text = fold_whitespace(_strip_markup(text, break_with=" "))
    if match := _YEAR_BC.search(text):
        number = int(match[1])
        # A century counts as its middle year: the 8th century BC is -750.
        return -(number * 100 - 50) if match[2] else -number
    if match := _YEAR.search(text):
        return int(match[1])
    if match := _EARLY_YEAR.match(text):
        return int(match[1])
    return None


def parse_pages(text: str) -> int | None:
    """The number of pages: the one before `pp` or `pages`, else the first whole number."""
    text = _strip_markup(text, break_with=" ")
    match = _PAGES.search(text) or _NUMBER.search(text)
    if match is None:
        return None
    pages = int(match[1].replace(",", ""))
    return pages if 0 < pages <= _MAX_PAGES else None


def _strip_markup(text: str, *, break_with: str) -> str:
    text = _REF.sub(" ", _COMMENT.sub(" ", unescape(text)))
    return _TAG.sub(" ", _BREAK.sub(break_with, text))


def _rejoin(parts: list[str]) -> list[str]:
    """Put `Jr.` and its like back behind the name that a comma parted them from."""
    joined: list[str] = []
    for part in parts:
        if joined and _GENERATION.match(part.strip()):
            joined[-1] += f", {part.strip()}"
        else:
            joined.append(part)
    return joined


def _tidy(part: str, *, kind: str) -> str:
    """Strip what surrounds a name; an empty result means that the part names nothing."""
    # The full stop belongs to `Jr.`, to an initial and to `U.S.`, but not to the end of a genre.
    edges = " ,:*'\"[]" if kind in {"author", "country", "publisher"} else " ,.:*'\"[]"
    name = fold_whitespace(part).strip(edges)
    # A text that is in brackets as a whole is the name itself.
    name = _ASIDE.sub("", name).strip(edges) or name.strip("() ")
    if len(name) > _MAX_NAME_CHARS or _ROLE.match(name) or not any(map(str.isalnum, name)):
        return ""
    return _spell(name, kind=kind)


def _spell(name: str, *, kind: str) -> str:
    """Give a name the one spelling that it has here."""
    if kind == "author":
        return _CREDIT.sub("", name)
    if kind == "publisher":
        return name
    text, name = name, name[0].upper() + name[1:]
    if kind == "genre":
        name = _COMMON_WORD.sub(lambda match: match[0].lower(), name)
        return _GENRES.get(name.lower(), name)
    if kind == "country":
        return _COUNTRIES.get(name.lower(), name.title() if text.islower() else name)
    return name.removesuffix(" language")
