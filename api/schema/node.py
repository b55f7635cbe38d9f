"""Global ids: the interface `Node` and the root field that finds a book or a link by its id."""

from __future__ import annotations

from typing import Any

import graphene
from graphql import GraphQLResolveInfo
from graphql_relay import from_global_id

from bookgraph.api.execute.lookahead import selections_below
from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.resolve import call_store
from bookgraph.core.errors import UsageError
from bookgraph.graph.query import nodes
from bookgraph.graph.schema import KINDS


class Node(graphene.Interface):
    """An object with a global id. `node(id:)` returns it again."""

    id = graphene.ID(required=True, description="The global id.")


class NodeQuery(graphene.ObjectType):
    """Nodes by their global ids."""

    class Meta:
        abstract = True

    node = graphene.Field(
        Node,
        description="The book or link with this global id.",
        id=graphene.ID(required=True, description="A global id, as the field `id` returns it."),
    )

    @staticmethod
    async def resolve_node(root: None, info: GraphQLResolveInfo, id: str) -> Row:
        """Read it by the key inside the id."""
        label, key = parse_id(id)
        wanted = selections_below(info)[label]
        found = await call_store(
            info, lambda store: nodes.find_node(store, KINDS[label], key, wanted)
        )
        return typed(label, found)


def typed(label: str, node: Row) -> dict[str, Any]:
    """A node's row with the name of its GraphQL type, which is its label in the graph.

    graphql-core looks for `__typename` where a field may return several types.
    """
    return {**node, "__typename": label}


def key_of(type_name: str, argument: str, key: str | None, global_id: str | None) -> str:
    """The key of a node that a client named either by its key or by its global id.

    Raises:
        UsageError: both or none of them are given, or the id is of another type.
    """
    if (key is None) == (global_id is None):
        raise UsageError(f"Give either {argument} or id, and not both.")
    if key is not None:
        return key
    found_type, found_key = parse_id(global_id or "")
    if found_type != type_name:
        raise UsageError(
            f"id: {global_id!r} is the id of a {found_type.lower()}, not of a {type_name.lower()}."
        )
    return found_key


def parse_id(global_id: str) -> tuple[str, str]:
    """The type and the key in a global id.

    Raises:
        UsageError: it is not the id of a book or a link.
    """
    try:
        found = from_global_id(global_id)
    except (ValueError, UnicodeDecodeError):
        found = None
    if found is None or found.type not in KINDS:
        raise UsageError(f"id: {global_id!r} is not the id of a book or a link.")
    return found.type, found.id
