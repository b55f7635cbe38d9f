"""Relay connections: pages of a list, with cursors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import graphene
from graphene.utils.str_converters import to_snake_case
from graphql import FieldNode, GraphQLResolveInfo

from bookgraph.api.execute.cursors import encode_cursor
from bookgraph.api.execute.lookahead import DEFAULT_PAGE_SIZE, page_of, selection_key
from bookgraph.graph.query.nearest import as_node_list
from bookgraph.graph.query.selection import NodeList, Page, Position, node_list

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConnectionValue:
    """One page of a list, before it becomes a GraphQL connection.

    Attributes:
        found: the items in the list's order: rows with `node`, `at` and the properties of the edge.
        page: which part of the list this is.
    """

    found: NodeList
    page: Page


def resolve_selected(row: Row, info: GraphQLResolveInfo, **arguments: object) -> object:
    """Find a field's value in its row."""
    return row.get(selection_key(info.field_name, arguments))


def resolve_selected_list(
    row: Row, info: GraphQLResolveInfo, **arguments: object
) -> ConnectionValue:
    """Find a nested list in its row and turn it into a connection."""
    value, page = row[selection_key(info.field_name, arguments)], page_of(arguments)
    if "has_more" in value:
        return ConnectionValue(as_node_list(value), page)
    order = to_snake_case(info.field_name)
    return ConnectionValue(
        node_list(value["items"], page, order=_ORDERS.get(order, order), total=value.get("total")),
        page,
    )


# Orders that are not named as their field.
_ORDERS = {"related_books": "related"}


def paged(connection: Any, description: str, **arguments: Any) -> Any:
    """A list field with Relay's `first`, `after`, `last` and `before`.

    Args:
        connection: its type; as `module.Class` of this package where it is defined later.
        description: of the field.
        **arguments: more arguments.
    """
    if isinstance(connection, str):
        connection = f"{__package__}.{connection}"
    return graphene.NonNull(
        connection,
        description=description,
        **_page_arguments(),
        **arguments,
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
        "last": graphene.Int(
            description="Number of items from the end of the list, at most 100; instead of `first`."
        ),
        "before": graphene.String(description="Return the items before this cursor."),
    }


def model_argument() -> graphene.String:
    """The argument `model`."""
    return graphene.String(
        description="Version of the embedding model to use, one of `embeddingModels`. By default "
        "the current one."
    )


def model_version() -> graphene.String:
    """The field `modelVersion`."""
    return graphene.String(
        description="Version of the embedding model that the list was made with. Null if there "
        "is none."
    )


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
        """The rows, each with its cursor if that is selected."""
        if not _may_select(info, "cursor"):
            return list(value.found.items)
        return [{**row, "cursor": _cursor(value, row)} for row in value.found.items]

    @staticmethod
    def resolve_nodes(value: ConnectionValue, info: GraphQLResolveInfo) -> list[Row]:
        """The nodes of the rows."""
        return [row["node"] for row in value.found.items]

    @staticmethod
    def resolve_total_count(value: ConnectionValue, info: GraphQLResolveInfo) -> int | None:
        """The length of the whole list."""
        return value.found.total

    @staticmethod
    def resolve_model_version(value: ConnectionValue, info: GraphQLResolveInfo) -> str | None:
        """The model that the list was made with."""
        return value.found.version

    @staticmethod
    def resolve_page_info(value: ConnectionValue, info: GraphQLResolveInfo) -> PageInfo:
        """Cursors, and whether other pages exist."""
        items, page, has_more = value.found.items, value.page, value.found.has_more
        return PageInfo(
            # A cursor's own item lies on the other side of it.
            has_next_page=page.before is not None if page.is_backward else has_more,
            has_previous_page=has_more if page.is_backward else page.after is not None,
            start_cursor=_cursor(value, items[0]) if items else None,
            end_cursor=_cursor(value, items[-1]) if items else None,
        )


def _may_select(info: GraphQLResolveInfo, name: str) -> bool:
    """Whether a field may be selected below: it is, or there are fragments that may select it."""
    for node in info.field_nodes:
        for one in node.selection_set.selections if node.selection_set else ():
            if not isinstance(one, FieldNode) or one.name.value == name:
                return True
    return False


def _cursor(value: ConnectionValue, row: Row) -> str:
    found = value.found
    return encode_cursor(Position(found.order, tuple(row["at"]), found.version))


def edges_of(edge: Any, description: str = "The items with cursors.") -> Any:
    """The field `edges`."""
    return graphene.NonNull(graphene.List(graphene.NonNull(edge)), description=description)


def nodes_of(node: Any) -> Any:
    """The field `nodes`."""
    return graphene.NonNull(
        graphene.List(graphene.NonNull(node)), description="The items without cursors."
    )


def length_of() -> Any:
    """The field `totalCount` of a list by vector."""
    return graphene.Int(
        description="How many items the whole list has. With a filter, counting takes longer than "
        "the page itself. Null if there is no model."
    )


def total_of(description: str) -> Any:
    """The field `totalCount`."""
    return graphene.Int(required=True, description=description)
