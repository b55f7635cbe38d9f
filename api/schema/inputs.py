"""The GraphQL inputs: filters, orders, kinds of nodes, ends of a path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import graphene

from bookgraph.api.schema.properties import filter_fields
from bookgraph.graph.query.nodes import BOOK_ORDERS, LINK_ORDERS, Order
from bookgraph.graph.schema import BOOK, KINDS, LINK, NodeKind

_BookConditions: Any = filter_fields(BOOK)
_LinkConditions: Any = filter_fields(LINK)


def _all_of(of_type: Callable[[], Any]) -> graphene.List:
    return graphene.List(graphene.NonNull(of_type), name="and", description="All of these hold.")


def _any_of(of_type: Callable[[], Any]) -> graphene.List:
    text = "At least one of these holds."
    return graphene.List(graphene.NonNull(of_type), name="or", description=text)


def _none_of(of_type: Callable[[], Any]) -> graphene.InputField:
    text = "This does not hold. A condition on an unknown value does not hold."
    return graphene.InputField(of_type, name="not", description=text)


class BookFilterInput(_BookConditions, graphene.InputObjectType):
    """Which books to return; every given condition has to hold."""

    class Meta:
        name = "BookFilter"

    and_ = _all_of(lambda: BookFilterInput)
    or_ = _any_of(lambda: BookFilterInput)
    not_ = _none_of(lambda: BookFilterInput)


class LinkFilterInput(_LinkConditions, graphene.InputObjectType):
    """Which links to return; every given condition has to hold."""

    class Meta:
        name = "LinkFilter"

    and_ = _all_of(lambda: LinkFilterInput)
    or_ = _any_of(lambda: LinkFilterInput)
    not_ = _none_of(lambda: LinkFilterInput)


def book_filter_argument() -> graphene.Argument:
    """The argument `filter` of a list of books."""
    return graphene.Argument(BookFilterInput, description="Return only books that match.")


def link_filter_argument() -> graphene.Argument:
    """The argument `filter` of a list of links."""
    return graphene.Argument(LinkFilterInput, description="Return only links that match.")


def enum_of(name: str, text: str, values: Mapping[str, tuple[Any, str]]) -> Any:
    """A GraphQL enum.

    Args:
        name: its name.
        text: its description.
        values: name to value and description.
    """
    texts = dict(values.values())
    return graphene.Enum(
        name,
        [(key, value) for key, (value, _) in values.items()],
        # graphene calls this with None for the description of the enum itself.
        description=lambda member: text if member is None else texts[member.value],
    )


def _orders(name: str, text: str, orders: Sequence[Order]) -> Any:
    return enum_of(name, text, {one.name.upper(): (one.name, one.text) for one in orders})


BookOrder = _orders(
    "BookOrder", "Order of a list of books. Books without the value come last.", BOOK_ORDERS
)
LinkOrder = _orders("LinkOrder", "Order of a list of links.", LINK_ORDERS)
NodeKindInput = enum_of(
    "NodeKind",
    "Books or links.",
    {
        "BOOK": (BOOK.label, "Books."),
        "LINK": (LINK.label, "Links: pages that books link to."),
    },
)


class PathEnd(graphene.InputObjectType):
    """One end of a path: give a book or a link."""

    book = graphene.String(description="Title of a book.")
    link = graphene.String(description="Name of a link.")


def value_of(choice: Any) -> str:
    """The value of an enum's member; a default arrives as the value itself."""
    return str(getattr(choice, "value", choice))


def kind_of(choice: Any) -> NodeKind:
    """The kind that a member of `NodeKindInput` stands for."""
    return KINDS[value_of(choice)]
