"""Relay connections: pages of a list, with cursors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import graphene
from graphql import GraphQLResolveInfo
from graphql_relay import offset_to_cursor

from bookgraph.api.execute.lookahead import DEFAULT_PAGE_SIZE, page_of, selection_key
from bookgraph.graph.query.selection import Page

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConnectionValue:
    """One page of a list, before it becomes a GraphQL connection.

    Attributes:
        items: rows with `node` and the properties of the edge.
        page: which part of the list this is.
        total: length of the whole list, if it is known.
        has_next: whether another page follows.
    """

    items: Sequence[Row]
    page: Page
    total: int | None
    has_next: bool


def resolve_selected(row: Row, info: GraphQLResolveInfo, **arguments: object) -> object:
    """Find a field's value in its row."""
    return row.get(selection_key(info.field_name, arguments))


def resolve_selected_list(
    row: Row, info: GraphQLResolveInfo, **arguments: object
) -> ConnectionValue:
    """Find a nested list in its row and turn it into a connection."""
    value = row[selection_key(info.field_name, arguments)]
    page = page_of(arguments)
    items, total = value["items"], value["total"]
    if total is None:
        # A list of similar nodes has no length of its own, so a full page may not be the last one.
        return ConnectionValue(items, page, None, 0 < page.first == len(items))
    return ConnectionValue(items, page, total, page.offset + len(items) < total)


def paged(connection: Any, description: str) -> Any:
    """A list field with Relay's `first` and `after`.

    Args:
        connection: its type; as `module.Class` of this package where it is defined later.
        description: of the field.
    """
    if isinstance(connection, str):
        connection = f"{__package__}.{connection}"
    return graphene.NonNull(
        connection,
        description=description,
        **_page_arguments(),
        resolver=resolve_selected_list,
    )


def root_list(connection: Any, description: str, **arguments: object) -> graphene.Field:
    """A root field that returns a list.

    It is nullable, so that one root field can fail without taking the others with it.
    """
    return graphene.Field(connection, description=description, **_page_arguments(), **arguments)


def size_argument(default: int) -> graphene.Int:
    """The argument `first`."""
    return graphene.Int(default_value=default, description="Number of items, at most 100.")


def _page_arguments() -> dict[str, Any]:
    return {
        "first": size_argument(DEFAULT_PAGE_SIZE),
        "after": graphene.String(description="Return the items after this cursor."),
    }


class PageInfo(graphene.ObjectType):
    """The position of a page in its list."""

    has_next_page = graphene.Boolean(required=True, description="Whether another page follows.")
    has_previous_page = graphene.Boolean(
        required=True, description="Whether another page precedes it."
    )
    start_cursor = graphene.String(description="Cursor of the first edge.")
    end_cursor = graphene.String(
        description="Cursor of the last edge. Pass it as `after` to get the next page."
    )


class Edge(graphene.ObjectType):
    """An item of a list with its cursor."""

    class Meta:
        abstract = True

    cursor = graphene.String(required=True, description="Position of the edge in the list.")


class Connection(graphene.ObjectType):
    """A page of a list."""

    class Meta:
        abstract = True

    page_info = graphene.NonNull(PageInfo, description="The position of this page in the list.")

    @staticmethod
    def resolve_edges(value: ConnectionValue, info: GraphQLResolveInfo) -> list[Row]:
        """The rows, each with its cursor."""
        return [
            {**row, "cursor": offset_to_cursor(value.page.offset + position)}
            for position, row in enumerate(value.items)
        ]

    @staticmethod
    def resolve_nodes(value: ConnectionValue, info: GraphQLResolveInfo) -> list[Row]:
        """The nodes of the rows."""
        return [row["node"] for row in value.items]

    @staticmethod
    def resolve_total_count(value: ConnectionValue, info: GraphQLResolveInfo) -> int | None:
        """The length of the whole list."""
        return value.total

    @staticmethod
    def resolve_page_info(value: ConnectionValue, info: GraphQLResolveInfo) -> PageInfo:
        """Cursors, and whether other pages exist."""
        start, num = value.page.offset, len(value.items)
        return PageInfo(
            has_next_page=value.has_next,
            has_previous_page=start > 0,
            start_cursor=offset_to_cursor(start) if num else None,
            end_cursor=offset_to_cursor(start + num - 1) if num else None,
        )


def edges_of(edge: Any, description: str = "The items with cursors.") -> Any:
    """The field `edges`."""
    return graphene.NonNull(graphene.List(graphene.NonNull(edge)), description=description)


def nodes_of(node: Any) -> Any:
    """The field `nodes`."""
    return graphene.NonNull(
        graphene.List(graphene.NonNull(node)), description="The items without cursors."
    )


def total_of(description: str) -> Any:
    """The field `totalCount`."""
    return graphene.Int(required=True, description=description)
