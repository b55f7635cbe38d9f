# mypy: allow-subclassing-any
# graphene ships no types, so its classes are Any.
"""The GraphQL inputs: filters, orders and what can be named in a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphene

from bookgraph.graph.query.filters import BookFilter, LinkFilter


def _any_of(description: str) -> graphene.List:
    return graphene.List(graphene.NonNull(graphene.String), description=description)


class BookFilterInput(graphene.InputObjectType):
    """Which books are wanted; every condition that is given has to hold."""

    class Meta:
        name = "BookFilter"

    author = _any_of("One of these is among the book's authors, exactly.")
    genre = _any_of("One of these is among its genres, exactly.")
    country = _any_of("One of these is among its countries, exactly.")
    language = _any_of("One of these is among its languages, exactly.")
    publisher = _any_of("One of these is among its publishers, exactly.")
    year_from = graphene.Int(description="First year of publication, inclusive.")
    year_to = graphene.Int(description="Last year of publication, inclusive.")
    pages_from = graphene.Int(description="Least number of pages.")
    pages_to = graphene.Int(description="Greatest number of pages.")
    num_links_from = graphene.Int(description="Least number of links.")
    num_links_to = graphene.Int(description="Greatest number of links.")
    and_ = graphene.List(
        graphene.NonNull(lambda: BookFilterInput), name="and", description="All of these hold."
    )
    or_ = graphene.List(
        graphene.NonNull(lambda: BookFilterInput), name="or", description="One of these holds."
    )
    not_ = graphene.InputField(
        lambda: BookFilterInput,
        name="not",
        description="This does not hold; what is not known of a book does not match.",
    )


class LinkFilterInput(graphene.InputObjectType):
    """Which links are wanted; every condition that is given has to hold."""

    class Meta:
        name = "LinkFilter"

    kind = _any_of("One of these is its kind: `article`, `category`, `file`, ...")
    num_books_from = graphene.Int(description="At least so many books mention it.")
    num_books_to = graphene.Int(description="At most so many books mention it.")
    and_ = graphene.List(
        graphene.NonNull(lambda: LinkFilterInput), name="and", description="All of these hold."
    )
    or_ = graphene.List(
        graphene.NonNull(lambda: LinkFilterInput), name="or", description="One of these holds."
    )
    not_ = graphene.InputField(
        lambda: LinkFilterInput, name="not", description="This does not hold."
    )


class BookOrder(graphene.Enum):
    """How a list of books is ordered; books without the value come last."""

    TITLE = "title"
    AUTHOR = "author"
    YEAR = "year"
    YEAR_DESCENDING = "year_descending"
    NUM_LINKS_DESCENDING = "num_links_descending"
    PAGES_DESCENDING = "pages_descending"

    @property
    def description(self) -> str:
        """What each value stands for."""
        return _ORDERS.get(str(self.value), "How a list is ordered.")


class LinkOrder(graphene.Enum):
    """How a list of links is ordered."""

    NAME = "name"
    NUM_BOOKS = "num_books"
    NUM_BOOKS_DESCENDING = "num_books_descending"

    @property
    def description(self) -> str:
        """What each value stands for."""
        return _ORDERS.get(str(self.value), "How a list is ordered.")


_ORDERS = {
    "title": "By title.",
    "author": "By the first author, then by title.",
    "year": "The oldest first.",
    "year_descending": "The newest first.",
    "num_links_descending": "Those with the most links first.",
    "pages_descending": "The longest first.",
    "name": "By name.",
    "num_books": "The rarest first.",
    "num_books_descending": "Those that most books mention first.",
}


class NodeKind(graphene.Enum):
    """Books or links."""

    BOOK = "Book"
    LINK = "Link"

    @property
    def description(self) -> str:
        """What each value stands for."""
        return "Books." if self is NodeKind.BOOK else "Pages that books link to."


class PathEnd(graphene.InputObjectType):
    """One end of a path: give one of the two."""

    book = graphene.String(description="A book's title.")
    link = graphene.String(description="A link's name.")


def value_of(choice: Any) -> str:
    """The value of an enum's member, or the default that graphene passes as it is."""
    return str(getattr(choice, "value", choice))


def book_filter(given: Mapping[str, Any] | None) -> BookFilter | None:
    """The filter that a client gave; None where it gave none."""
    return None if given is None else BookFilter(**_conditions(given, book_filter))


def link_filter(given: Mapping[str, Any] | None) -> LinkFilter | None:
    """The filter that a client gave; None where it gave none."""
    return None if given is None else LinkFilter(**_conditions(given, link_filter))


def _conditions(given: Mapping[str, Any], convert: Any) -> dict[str, Any]:
    conditions = {name: value for name, value in given.items() if not name.endswith("_")}
    inner = given.get("not_")
    return {
        **conditions,
        "all_of": tuple(convert(one) for one in given.get("and_") or ()),
        "any_of": tuple(convert(one) for one in given.get("or_") or ()),
        "none_of": () if inner is None else (convert(inner),),
    }
