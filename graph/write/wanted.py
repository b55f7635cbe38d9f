"""What an edit wants, cleaned: titles, links and values as an ingest would store them. Pure.

What an ingest would drop is refused here, with the place in the edit and what to do. The rules
themselves are `core.names` and `core.values`; nothing here meets the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bookgraph.core.errors import EditRefusedError, Refusal, RefusalCode
from bookgraph.core.names import (
    InvalidNameError,
    book_keys,
    book_title,
    has_lone_surrogate,
    kind_of,
    link_title,
    lowercase,
)
from bookgraph.core.site import fold_whitespace
from bookgraph.core.values import MAX_PAGES, MAX_VALUE_CHARS, MAX_YEAR, is_value, spell_value
from bookgraph.graph.schema import BOOK, NodeKind
from bookgraph.graph.store import Row

MAX_LINKS = 5_000
MAX_VALUES = 100
"""Values of one field."""

_BOUNDS = {"year": (-MAX_YEAR, MAX_YEAR), "pages": (1, MAX_PAGES)}
# Refusals that an error lists one by one.
_NUM_LISTED = 20
_SHOWN_CHARS = 80


@dataclass(frozen=True, slots=True)
class BookEdit:
    """The wanted state of a book.

    Attributes:
        title: its key, in any spelling that ingest reads; a new title adds a book.
        links: what its page links to, as a wiki writes it; a repeat is one more mention. None
            leaves the links as they are.
        fields: values by the names of the properties that `saveBook` sets, a list where there is a
            plural one. None and an empty list remove a value; what is not named stays as it is.
    """

    title: str
    links: Sequence[str] | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedBook:
    """A cleaned edit.

    Attributes:
        title: the key.
        links: a row for each link: `name`, `title`, `titles` (of the book that it may refer to),
            `kind` and `count`, sorted by name. None leaves the links as they are.
        properties: those to set; None removes one.
    """

    title: str
    links: Sequence[Row] | None
    properties: Mapping[str, object]

    @property
    def counts(self) -> dict[str, int] | None:
        """Link name to number of mentions; None where the links stay."""
        return None if self.links is None else {row["name"]: row["count"] for row in self.links}


class _Refusals:
    """Collects why an edit is refused; counts what is too much to list."""

    def __init__(self) -> None:
        self._listed: list[Refusal] = []
        self._num_more: Counter[str] = Counter()

    def add(self, where: tuple[str, ...], code: RefusalCode, message: str) -> None:
        if len(self._listed) < _NUM_LISTED:
            self._listed.append(Refusal(where, code, f"{where[0]}: {message}"))
        else:
            self._num_more[where[0]] += 1

    def check(self) -> None:
        more = [
            Refusal((name,), "TOO_MANY", f"{name}: {num:,} more cannot be saved. Remove them.")
            for name, num in self._num_more.items()
        ]
        if self._listed:
            raise EditRefusedError((*self._listed, *more))


def clean_edit(edit: BookEdit) -> WantedBook:
    """Clean an edit as an ingest cleans a record.

    Raises:
        EditRefusedError: an ingest would drop the book, a link or a value, or there are too many.
    """
    refusals = _Refusals()
    title = ""
    try:
        title = book_title(edit.title)
    except InvalidNameError as error:
        refusals.add(("title",), error.fault, f"{_shown(edit.title)} {error}. Change it.")
    properties = clean_properties(BOOK, edit.fields, refusals)
    links = None if edit.links is None else _clean_links(edit.links, refusals)
    refusals.check()
    return WantedBook(title, links, properties)


def check_title(title: str) -> None:
    """Refuse a title that no book can have and that no statement can look for.

    Raises:
        EditRefusedError: it is blank, or holds half a character.
    """
    refusals = _Refusals()
    if has_lone_surrogate(title):
        why = "holds half a character (a lone surrogate)"
        refusals.add(("title",), "INVALID", f"{_shown(title)} {why}. Change it.")
    elif not fold_whitespace(title):
        refusals.add(("title",), "BLANK", f"{_shown(title)} is blank. Give the title of a book.")
    refusals.check()


def clean_properties(
    kind: NodeKind, given: Mapping[str, object], refusals: _Refusals | None = None
) -> dict[str, object]:
    """The properties that some values set: of a list, all values and the first one.

    Args:
        kind: what the node is.
        given: values by name, as in `BookEdit.fields`.
        refusals: receives what cannot be saved; without it, that is an error.

    Raises:
        EditRefusedError: a value cannot be saved, and `refusals` is None.
    """
    found = _Refusals() if refusals is None else refusals
    properties: dict[str, object] = {}
    for one in kind.having("edit"):
        name = one.plural or one.name
        if name not in given:
            continue
        value = given[name]
        if one.plural:
            values = _clean_values(name, one.name, value, found)
            properties[one.plural] = values or None
            properties[one.name] = values[0] if values else None
        elif isinstance(value, str):
            properties[one.name] = _clean_value((one.name,), one.name, value, found)
        else:
            properties[one.name] = _check_number(one.name, value, found)
    if refusals is None:
        found.check()
    return properties


def _clean_values(name: str, singular: str, given: object, refusals: _Refusals) -> list[str]:
    """The values of a list, without repeats in any letter case."""
    values = list(given) if isinstance(given, Sequence) else []
    if len(values) > MAX_VALUES:
        message = f"{len(values):,} were given; give at most {MAX_VALUES}."
        refusals.add((name,), "TOO_MANY", message)
        return []
    cleaned = (
        _clean_value((name, str(place)), singular, text, refusals)
        for place, text in enumerate(values)
    )
    kept: dict[str, str] = {}
    for value in filter(None, cleaned):
        kept.setdefault(value.lower(), value)
    return list(kept.values())


def _clean_value(
    where: tuple[str, ...], field_name: str, text: str, refusals: _Refusals
) -> str | None:
    if has_lone_surrogate(text):
        why = "holds half a character (a lone surrogate)"
        refusals.add(where, "INVALID", f"{_shown(text)} {why}. Change it.")
        return None
    value = fold_whitespace(text)
    if not value:
        refusals.add(where, "BLANK", f"{_shown(text)} is blank. Remove it.")
    elif len(value) > MAX_VALUE_CHARS:
        why = f"is longer than {MAX_VALUE_CHARS} characters"
        refusals.add(where, "TOO_LONG", f"{_shown(text)} {why}. Shorten it.")
    elif not is_value(value):
        refusals.add(where, "INVALID", f"{_shown(text)} names nothing. Remove it.")
    else:
        return spell_value(value, field_name)
    return None


def _check_number(name: str, value: object, refusals: _Refusals) -> object:
    low, high = _BOUNDS.get(name, (None, None))
    if isinstance(value, int) and low is not None and high is not None:
        if not low <= value <= high:
            message = f"{value} is out of range. Give a number from {low} to {high}."
            refusals.add((name,), "OUT_OF_RANGE", message)
        elif name == "year" and value == 0:
            message = "there is no year 0. The year before 1 is -1."
            refusals.add((name,), "OUT_OF_RANGE", message)
    return value


def _clean_links(links: Sequence[str], refusals: _Refusals) -> list[Row]:
    """Each link once by its name: its first spelling, and how often it is mentioned."""
    if len(links) > MAX_LINKS:
        message = f"{len(links):,} were given; give at most {MAX_LINKS:,}."
        refusals.add(("links",), "TOO_MANY", message)
        return []
    written: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for place, link in enumerate(links):
        try:
            title = link_title(link)
        except InvalidNameError as error:
            where = ("links", str(place))
            refusals.add(where, error.fault, f"{_shown(link)} {error}. Remove it.")
            continue
        name = lowercase(title)
        written.setdefault(name, title)
        counts[name] += 1
    # By name: training takes the edges in the order in which they are stored.
    return [
        {
            "name": name,
            "title": written[name],
            "titles": book_keys(written[name]),
            "kind": kind_of(written[name]),
            "count": counts[name],
        }
        for name in sorted(written)
    ]


def _shown(text: str) -> str:
    """The start of a text for a message, with escapes for what cannot be seen."""
    return repr(text[:_SHOWN_CHARS])
