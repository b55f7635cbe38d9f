"""Which books or links to answer with: conditions on their properties, and, or, not.

A filter compiles to one Cypher predicate with parameters. The part of it that the vector index can
check by itself is told apart, so that a search meets only what may be answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.projection import Compiler

MAX_CONDITIONS = 40
MAX_VALUES = 200

# Attribute of a filter, property of the node.
_LISTS: tuple[tuple[str, LiteralString], ...] = (
    ("author", "authors"),
    ("genre", "genres"),
    ("country", "countries"),
    ("language", "languages"),
    ("publisher", "publishers"),
)
_BOOK_RANGES: tuple[tuple[str, LiteralString], ...] = (
    ("year", "year"),
    ("pages", "pages"),
    ("num_links", "num_links"),
)


@dataclass(frozen=True, slots=True)
class BookFilter:
    """Which books are wanted; every condition that is set has to hold.

    Attributes:
        author: the book has one of these among its authors.
        genre: one of these among its genres.
        country: one of these among its countries.
        language: one of these among its languages.
        publisher: one of these among its publishers.
        year_from: first year of publication, inclusive; books without a year do not match.
        year_to: last year, inclusive.
        pages_from: least number of pages.
        pages_to: greatest number of pages.
        num_links_from: least number of links.
        num_links_to: greatest number of links.
        all_of: filters that all have to hold.
        any_of: filters of which one has to hold; none given means no such condition.
        none_of: filters of which none may hold.
    """

    author: Sequence[str] | None = None
    genre: Sequence[str] | None = None
    country: Sequence[str] | None = None
    language: Sequence[str] | None = None
    publisher: Sequence[str] | None = None
    year_from: int | None = None
    year_to: int | None = None
    pages_from: int | None = None
    pages_to: int | None = None
    num_links_from: int | None = None
    num_links_to: int | None = None
    all_of: Sequence[BookFilter] = ()
    any_of: Sequence[BookFilter] = ()
    none_of: Sequence[BookFilter] = ()


@dataclass(frozen=True, slots=True)
class LinkFilter:
    """Which links are wanted; every condition that is set has to hold.

    Attributes:
        kind: one of these kinds.
        num_books_from: at least so many books mention it.
        num_books_to: at most so many books mention it.
        all_of: filters that all have to hold.
        any_of: filters of which one has to hold; none given means no such condition.
        none_of: filters of which none may hold.
    """

    kind: Sequence[str] | None = None
    num_books_from: int | None = None
    num_books_to: int | None = None
    all_of: Sequence[LinkFilter] = ()
    any_of: Sequence[LinkFilter] = ()
    none_of: Sequence[LinkFilter] = ()


Filter = BookFilter | LinkFilter


def predicate(wanted: Filter | None, node: LiteralString, compiler: Compiler) -> LiteralString:
    """The filter as a Cypher predicate, or an empty text where everything matches.

    Args:
        wanted: the filter.
        node: expression of the node.
        compiler: takes the parameters.

    Raises:
        UsageError: the filter has too many conditions or values.
    """
    if wanted is None:
        return ""
    num_conditions = sum(1 for _ in _all_filters(wanted))
    if num_conditions > MAX_CONDITIONS:
        raise UsageError(
            f"filter: {num_conditions} conditions are nested in it; give at most {MAX_CONDITIONS}."
        )
    return _predicate(wanted, node, compiler)


def index_predicate(
    wanted: Filter | None, node: LiteralString, compiler: Compiler
) -> LiteralString:
    """What of the filter the vector index checks, as ` AND ...`; it may be less than all of it.

    Neo4j takes conjunctions of equalities and ranges on single values there, and no `OR` or `NOT`.
    """
    if isinstance(wanted, BookFilter):
        parts = _range(node + ".year", wanted.year_from, wanted.year_to, compiler)
    elif isinstance(wanted, LinkFilter):
        parts = _range(node + ".num_books", wanted.num_books_from, wanted.num_books_to, compiler)
    else:
        parts = []
    texts: list[LiteralString] = [" AND " + part for part in parts]
    return "".join(texts)


def is_index_enough(wanted: Filter | None) -> bool:
    """Whether `index_predicate` says all that the filter says."""
    if wanted is None:
        return True
    if isinstance(wanted, BookFilter):
        return wanted == BookFilter(year_from=wanted.year_from, year_to=wanted.year_to)
    return wanted == LinkFilter(
        num_books_from=wanted.num_books_from, num_books_to=wanted.num_books_to
    )


def _all_filters(wanted: Filter) -> Iterator[Filter]:
    yield wanted
    for inner in (*wanted.all_of, *wanted.any_of, *wanted.none_of):
        yield from _all_filters(inner)


def _predicate(wanted: Filter, node: LiteralString, compiler: Compiler) -> LiteralString:
    parts = (
        _book_conditions(wanted, node, compiler)
        if isinstance(wanted, BookFilter)
        else _link_conditions(wanted, node, compiler)
    )
    parts += [_predicate(inner, node, compiler) for inner in wanted.all_of]
    if wanted.any_of:
        choices = [_predicate(inner, node, compiler) or "true" for inner in wanted.any_of]
        parts.append("(" + " OR ".join(choices) + ")")
    for inner in wanted.none_of:
        # What is not known does not match, so that its contrary does: `not` is the complement.
        text = _predicate(inner, node, compiler) or "true"
        parts.append("NOT coalesce(" + text + ", false)")
    texts = [part for part in parts if part]
    return "(" + " AND ".join(texts) + ")" if texts else ""


def _book_conditions(
    wanted: BookFilter, node: LiteralString, compiler: Compiler
) -> list[LiteralString]:
    parts: list[LiteralString] = []
    for attribute, values_name in _LISTS:
        values = getattr(wanted, attribute)
        if values is not None:
            known = compiler.parameter(_checked(attribute, values))
            parts.append(
                "any(value IN " + node + "." + values_name + " WHERE value IN " + known + ")"
            )
    for attribute, property_name in _BOOK_RANGES:
        least, most = getattr(wanted, attribute + "_from"), getattr(wanted, attribute + "_to")
        parts += _range(node + "." + property_name, least, most, compiler)
    return parts


def _link_conditions(
    wanted: LinkFilter, node: LiteralString, compiler: Compiler
) -> list[LiteralString]:
    parts = _range(node + ".num_books", wanted.num_books_from, wanted.num_books_to, compiler)
    if wanted.kind is not None:
        parts.append(node + ".kind IN " + compiler.parameter(_checked("kind", wanted.kind)))
    return parts


def _range(
    value: LiteralString, least: int | None, most: int | None, compiler: Compiler
) -> list[LiteralString]:
    parts: list[LiteralString] = []
    if least is not None:
        parts.append(value + " >= " + compiler.parameter(least))
    if most is not None:
        parts.append(value + " <= " + compiler.parameter(most))
    return parts


def _checked(name: str, values: Sequence[str]) -> list[str]:
    if len(values) > MAX_VALUES:
        raise UsageError(f"{name}: {len(values)} values; give at most {MAX_VALUES}.")
    return list(values)
