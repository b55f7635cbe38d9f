# mypy: allow-subclassing-any
# graphene ships no types, so its classes are Any.
"""Relay's connections: pages of a list with cursors, as GraphQL clients know them."""

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
    """A page of a list on its way to the client.

    Attributes:
        items: rows with `node` and the edge's own values.
        page: which part of the list they are.
        total: length of the whole list, where it has one.
        has_next: whether there is more.
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
    """Find a nested list in its row and make it a connection."""
    value = row[selection_key(info.field_name, arguments)]
    page = page_of(arguments)
    items, total = value["items"], value["total"]
    if total is None:
        # A list by likeness has no length of its own: a full page may be followed by another one.
        return ConnectionValue(items, page, None, 0 < page.first == len(items))
    return ConnectionValue(items, page, total, page.offset + len(items) < total)


def paged(connection: Any, description: str) -> Any:
    """A list field with Relay's `first` and `after`."""
    return graphene.NonNull(
        connection,
        description=description,
        **page_arguments(),
        resolver=resolve_selected_list,
    )


def page_arguments() -> dict[str, Any]:
    """Relay's `first` and `after`."""
    return {
        "first": graphene.Int(
            default_value=DEFAULT_PAGE_SIZE, description="At most so many, to 100."
        ),
        "after": graphene.String(description="Go on behind this cursor."),
    }


class PageInfo(graphene.ObjectType):
    """Where a page stands in its list."""

    has_next_page = graphene.Boolean(required=True, description="Whether there is more behind it.")
    has_previous_page = graphene.Boolean(required=True, description="Whether there is more before.")
    start_cursor = graphene.String(description="Cursor of its first edge.")
    end_cursor = graphene.String(description="Cursor of its last edge; pass it as `after`.")


class Edge(graphene.ObjectType):
    """An item of a list with its place."""

    class Meta:
        abstract = True

    cursor = graphene.String(required=True, description="Where the edge stands in the list.")


class Connection(graphene.ObjectType):
    """A page of a list."""

    class Meta:
        abstract = True

    page_info = graphene.NonNull(PageInfo, description="Where this page stands.")

    @staticmethod
    def resolve_edges(value: ConnectionValue, info: GraphQLResolveInfo) -> list[Row]:
        """Rows with their cursors."""
        return [
            {**row, "cursor": offset_to_cursor(value.page.offset + position)}
            for position, row in enumerate(value.items)
        ]

    @staticmethod
    def resolve_nodes(value: ConnectionValue, info: GraphQLResolveInfo) -> list[Row]:
        """The rows' nodes."""
        return [row["node"] for row in value.items]

    @staticmethod
    def resolve_total_count(value: ConnectionValue, info: GraphQLResolveInfo) -> int | None:
        """The length of the whole list."""
        return value.total

    @staticmethod
    def resolve_page_info(value: ConnectionValue, info: GraphQLResolveInfo) -> PageInfo:
        """Cursors and whether there is more."""
        start, num = value.page.offset, len(value.items)
        return PageInfo(
            has_next_page=value.has_next,
            has_previous_page=start > 0,
            start_cursor=offset_to_cursor(start) if num else None,
            end_cursor=offset_to_cursor(start + num - 1) if num else None,
        )


def edges_of(edge: Any, description: str = "With cursors.") -> Any:
    """The field `edges`."""
    return graphene.NonNull(graphene.List(graphene.NonNull(edge)), description=description)


def nodes_of(node: Any) -> Any:
    """The field `nodes`."""
    return graphene.NonNull(graphene.List(graphene.NonNull(node)), description="Without cursors.")


def total_of(description: str) -> Any:
    """The field `totalCount`."""
    return graphene.Int(required=True, description=description)
