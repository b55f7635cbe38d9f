"""Infobox text to the values that filters use: names, a year, a number of pages. Pure.

The text stays in `Book.infobox`. A value that cannot be read with confidence is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bookgraph.core.site import fold_whitespace
from bookgraph.ingest.clean.names_in_text import NameKind, read_names
from bookgraph.ingest.clean.numbers import read_pages, read_year
from bookgraph.ingest.wikitext.markup import decode_entities, parse
from bookgraph.ingest.wikitext.render import render

_COMMENT = re.compile(r"<\s*!\s*--.*?(?:--\s*>|$)", re.DOTALL)
_REF = re.compile(
    r"<\s*ref\b[^<>]*/\s*>|<\s*ref\b.*?(?:<\s*/\s*ref\s*>|$)", re.DOTALL | re.IGNORECASE
)
_BREAK = re.compile(r"<\s*/?\s*(?:br|li|p|div)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<\s*/?\s*[a-z][^<>]*>", re.IGNORECASE)
_SPACES = re.compile(r"[^\S\n]+")
_MAX_TEXT_CHARS = 20_000
"""What follows in a longer text is no list of names."""

_WIKITEXT = re.compile(r"\[\[|\{\{")

_NAMES: dict[NameKind, tuple[str, str]] = {
    "genre": ("genre", "genres"),
    "country": ("country", "countries"),
    "language": ("language", "languages"),
    "publisher": ("publisher", "publishers"),
    "author": ("author", "authors"),
}
_DATE_KEYS = ("release_date", "pub_date", "published", "publication_date", "date")

FIELD_PROPERTIES = (*(name for pair in _NAMES.values() for name in pair), "year", "pages")
"""Properties that `parse_fields` may give, in a fixed order."""


@dataclass(frozen=True, slots=True)
class FieldReading:
    """How a property came out of an infobox.

    Attributes:
        name: the property, a plural one for names: `authors`, `genres`, ..., `year`, `pages`.
        value: a list of names, a number, or None where the text gives none.
        parameter: the infobox parameter that was read.
        text: its text, without markup.
        rule: how the value was found, as a phrase.
    """

    name: str
    value: list[str] | int | None
    parameter: str
    text: str
    rule: str


def parse_fields(infobox: Mapping[str, str], wikilinks: Iterable[str] = ()) -> dict[str, object]:
    """Read what filters use from an infobox.

    Args:
        infobox: parameter name to plain text, as `BookRecord.infobox`; not changed.
        wikilinks: titles that the page links to: one is one name, whatever it holds.

    Returns:
        Those of `FIELD_PROPERTIES` that the infobox has: the singular one is the first value as a
        text, the plural one all values as a list; `year` (negative before Christ) and `pages` are
        int.
    """
    fields: dict[str, object] = {}
    for reading in explain_fields(infobox, wikilinks):
        if isinstance(reading.value, list) and reading.value:
            singular = next(one for one, plural in _NAMES.values() if plural == reading.name)
            fields[singular] = reading.value[0]
        if reading.value:
            fields[reading.name] = reading.value
    return fields


def explain_fields(infobox: Mapping[str, str], wikilinks: Iterable[str] = ()) -> list[FieldReading]:
    """Read what filters use from an infobox, and say how.

    Args:
        infobox: as for `parse_fields`.
        wikilinks: as for `parse_fields`.

    Returns:
        A reading of each property that the infobox has a text for.
    """
    keys = {key.strip().lower().replace(" ", "_"): key for key in infobox}
    titles = tuple(wikilinks)
    readings = []
    for kind, names in _NAMES.items():
        key = next((keys[name] for name in names if infobox.get(keys.get(name, ""))), None)
        if key is not None:
            text = _clean_text(infobox[key])
            values = read_names(text, kind=kind, titles=titles)
            readings.append(FieldReading(names[1], values, key, text, _name_rule(values, text)))
    readings += _read_first_year(infobox, keys)
    if key := keys.get("pages"):
        text = _one_line(infobox[key])
        readings.append(FieldReading("pages", *_flipped(read_pages(text), key, text)))
    return readings


def _read_first_year(infobox: Mapping[str, str], keys: Mapping[str, str]) -> list[FieldReading]:
    """The reading of the first date that has a year, or else of the first date."""
    readings = []
    for key in (keys[name] for name in _DATE_KEYS if name in keys):
        text = _one_line(infobox[key])
        reading = FieldReading("year", *_flipped(read_year(text), key, text))
        if reading.value is not None:
            return [reading]
        readings.append(reading)
    return readings[:1]


def _flipped(
    found: tuple[int | None, str], key: str, text: str
) -> tuple[int | None, str, str, str]:
    value, rule = found
    return value, key, text, rule


def _name_rule(values: list[str], text: str) -> str:
    if not values:
        return "no names"
    return "the whole text" if values == [text] else "names parted and tidied"


def _one_line(text: str) -> str:
    """A text whose lines do not run into each other, as two numbers would."""
    return "; ".join(filter(None, map(fold_whitespace, _clean_text(text).split("\n"))))


def _clean_text(text: str) -> str:
    """Plain text of a value; the published extracts have broken tags, others may have wikitext."""
    text = text[:_MAX_TEXT_CHARS]
    if "<" in text or "&" in text:
        text = _REF.sub(" ", _COMMENT.sub(" ", decode_entities(text)))
        text = _TAG.sub(" ", _BREAK.sub("\n", text))
    if _WIKITEXT.search(text):
        text = render(parse(text), unknown=Counter())
    return _SPACES.sub(" ", text)
