"""Orders of lists, and the conditions that continue a list behind or in front of a place in it.

A page begins at the values of its neighbour, not at a number of items (keyset pagination). So
items that are added or removed elsewhere shift nothing, and a page costs the same anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.compile import Compiler
from bookgraph.graph.query.selection import Page, Position, Value


@dataclass(frozen=True, slots=True)
class Term:
    """One value that a list is sorted by.

    Attributes:
        expression: of the value.
        is_descending: whether the largest comes first.
        is_nullable: whether it may be null; null comes last.
    """

    expression: LiteralString
    is_descending: bool = False
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Keyset:
    """An order in which no two items are equal.

    Attributes:
        name: its name, which cursors carry.
        terms: the first decides; the last is unique among the items.
    """

    name: str
    terms: tuple[Term, ...]

    @property
    def values(self) -> LiteralString:
        """An expression of the list of an item's values."""
        texts: list[LiteralString] = [term.expression for term in self.terms]
        return "[" + ", ".join(texts) + "]"

    def order(self, page: Page) -> LiteralString:
        """What follows `ORDER BY`, in the direction of a page."""
        texts: list[LiteralString] = []
        for term in self.terms:
            if term.is_nullable:
                texts.append(term.expression + " IS NULL" + _direction(page.is_backward))
            texts.append(term.expression + _direction(term.is_descending != page.is_backward))
        return ", ".join(texts)

    def bounds(self, page: Page, compiler: Compiler) -> LiteralString:
        """A predicate: whether an item lies between the places of a page; empty for anywhere.

        Raises:
            UsageError: a place is of another list.
        """
        texts: list[LiteralString] = [
            self._beyond(self._checked(name, place), compiler, is_behind=is_behind)
            for name, place, is_behind in (
                ("after", page.after, True),
                ("before", page.before, False),
            )
            if place is not None
        ]
        return " AND ".join(texts)

    def limit(self, page: Page, compiler: Compiler) -> LiteralString:
        """The clauses that sort the items and cut them to a page and one item more."""
        return " ORDER BY " + self.order(page) + " LIMIT " + compiler.parameter(page.first + 1)

    def _checked(self, argument: str, place: Position) -> Sequence[Value]:
        if place.order != self.name or len(place.values) != len(self.terms):
            raise other_list(argument)
        return place.values

    def _beyond(
        self, values: Sequence[Value], compiler: Compiler, *, is_behind: bool
    ) -> LiteralString:
        text: LiteralString = ""
        for term, value in reversed(list(zip(self.terms, values, strict=True))):
            strictly, equally = _compare(term, value, compiler, is_behind=is_behind)
            text = "(" + strictly + (" OR " + equally + " AND " + text if text else "") + ")"
        return text


def other_list(argument: str) -> UsageError:
    """The error for a cursor of another list."""
    return UsageError(
        f"{argument}: this cursor is of another list or of another order. Pass a cursor of the "
        "same field with the same orderBy."
    )


def _direction(is_descending: bool) -> LiteralString:  # the only argument
    return " DESC" if is_descending else ""


def _compare(
    term: Term, value: Value, compiler: Compiler, *, is_behind: bool
) -> tuple[LiteralString, LiteralString]:
    """Predicates: whether an item comes strictly behind (in front of) a value, or equals it."""
    if value is None:
        is_null = term.expression + " IS NULL"
        return ("false" if is_behind else term.expression + " IS NOT NULL"), is_null
    given = compiler.parameter(value)
    operator: LiteralString = " > " if term.is_descending != is_behind else " < "
    strictly = term.expression + operator + given
    if term.is_nullable and is_behind:
        strictly = "(" + strictly + " OR " + term.expression + " IS NULL)"
    return strictly, term.expression + " = " + given
