"""Global ids: the interface `Node` and the root field that finds a book or a link by its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphene
from graphql import GraphQLResolveInfo
from graphql_relay import from_global_id

from bookgraph.api.execute.lookahead import selections_below, selections_of_node
from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.resolve import call_store
from bookgraph.core.errors import UsageError
from bookgraph.graph.query import nodes
from bookgraph.graph.schema import BOOK, KINDS, LINK, NodeKind


class Node(graphene.Interface):
    """An object with a global id. `node(id:)` returns it again."""

    id = graphene.ID(required=True, description="The global id.")


def many(node: Any, description: str, **arguments: graphene.Argument) -> graphene.Field:
    """A root field that looks up one node for each key, and returns null for an unknown one."""
    return graphene.Field(
        graphene.NonNull(graphene.List(node)), description=description, **arguments
    )


def keys_argument(scalar: Any, description: str) -> graphene.Argument:
    """The argument of a field that `many` makes."""
    return graphene.Argument(
        graphene.NonNull(graphene.List(graphene.NonNull(scalar))), description=description
    )


class NodeQuery(graphene.ObjectType):
    """Nodes by their global ids."""

    class Meta:
        abstract = True

    node = graphene.Field(
        Node,
        description="The book or link with this global id.",
        id=graphene.ID(required=True, description="A global id, as the field `id` returns it."),
    )
    nodes = many(
        Node,
        "The books and links with these global ids, in order. Null for each id without a node.",
        ids=keys_argument(graphene.ID, "Global ids, at most 100."),
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

    @staticmethod
    async def resolve_nodes(
        root: None, info: GraphQLResolveInfo, ids: Sequence[str]
    ) -> Sequence[Row | None]:
        """Read them by the keys inside the ids."""
        keys = [_key_in(one) for one in checked_keys("ids", ids)]
        wanted = selections_below(info)
        selections = {kind: wanted.get(kind.label, ()) for kind in (BOOK, LINK)}
        found = await call_store(info, lambda store: nodes.find_nodes(store, keys, selections))
        return [
            typed(key[0].label, node) if key and node else None
            for key, node in zip(keys, found, strict=True)
        ]


def checked_keys(argument: str, keys: Sequence[str]) -> Sequence[str]:
    """The keys of a lookup of many nodes.

    Raises:
        UsageError: there are too many.
    """
    if len(keys) > nodes.MAX_KEYS:
        raise UsageError(f"{argument}: {len(keys)} were given; give at most {nodes.MAX_KEYS}.")
    return keys


async def find_many(
    info: GraphQLResolveInfo, kind: NodeKind, argument: str, keys: Sequence[str]
) -> Sequence[Row | None]:
    """The rows of many nodes of one kind.

    Raises:
        UsageError: there are too many keys.
    """
    wanted = [(kind, key) for key in checked_keys(argument, keys)]
    selections = {kind: selections_of_node(info)}
    return await call_store(info, lambda store: nodes.find_nodes(store, wanted, selections))


def _key_in(global_id: str) -> tuple[NodeKind, str] | None:
    """The kind and the key in a global id, or None if it is malformed."""
    try:
        label, key = parse_id(global_id)
    except UsageError:
        return None
    return KINDS[label], key


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
