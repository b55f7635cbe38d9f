"""Reads from a GraphQL query what it needs of the graph, so that one statement can fetch it all.

Fragments, aliases, `@skip` and `@include` are resolved by graphql-core itself. Two fields with the
same name and arguments are one selection, whatever their aliases.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from graphene.utils.str_converters import to_snake_case
from graphql import (
    FieldNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLUnionType,
    get_named_type,
)
from graphql.execution.collect_fields import collect_sub_fields
from graphql.execution.values import get_argument_values
from graphql_relay import cursor_to_offset

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.selection import Page, Selection

MAX_PAGE_SIZE = 100
MAX_OFFSET = 10_000
DEFAULT_PAGE_SIZE = 10
DEFAULT_WHY_SIZE = 5

# What a GraphQL field needs of the graph where it is not the property of the same name.
_NEEDS = {"Book": {"id": "title"}, "Link": {"id": "name"}, "ExternalLink": {}}


def selection_key(name: str, arguments: Mapping[str, Any]) -> str:
    """The key under which a field's value stands in a row: its name, and a digest of arguments."""
    if not arguments:
        return _snake(name)
    content = json.dumps(arguments, sort_keys=True, default=str)
    return f"{_snake(name)}_{hashlib.sha256(content.encode()).hexdigest()[:16]}"


@lru_cache(1024)
def _snake(name: str) -> str:
    return str(to_snake_case(name))


def page_of(arguments: Mapping[str, Any]) -> Page:
    """The page that `first` and `after` name.

    Raises:
        UsageError: `first` is out of its bounds or `after` is no cursor of ours.
    """
    first = arguments.get("first", DEFAULT_PAGE_SIZE)
    if not isinstance(first, int) or not 0 <= first <= MAX_PAGE_SIZE:
        raise UsageError(f"first: {first} is out of bounds; give 0 to {MAX_PAGE_SIZE}.")
    after = arguments.get("after")
    if after is None:
        return Page(first)
    offset = cursor_to_offset(after)
    if offset is None or not 0 <= offset < MAX_OFFSET:
        raise UsageError(f"after: {after!r} is no cursor. Pass an endCursor as it was answered.")
    return Page(first, offset + 1)


def wanted_of_node(info: GraphQLResolveInfo) -> tuple[Selection, ...]:
    """Selections of a field whose type is a node."""
    return _node_selections(info, _object_type(info.return_type), info.field_nodes)


def wanted_of_connection(
    info: GraphQLResolveInfo,
) -> tuple[tuple[Selection, ...], tuple[Selection, ...]]:
    """Selections of a field whose type is a connection: those of its edges, those of its nodes."""
    return _connection_selections(info, _object_type(info.return_type), info.field_nodes)


def wanted_below(
    info: GraphQLResolveInfo, *path: Collection[str]
) -> dict[str, tuple[Selection, ...]]:
    """What is wanted of the nodes that a chain of plain fields leads to.

    Args:
        info: of the field where the chain starts.
        *path: for each step the fields that may be taken; none for the type of the field itself.

    Returns:
        Type name to what is wanted of it; each member of a union or interface has its own.
    """
    ends = [(get_named_type(info.return_type), list(info.field_nodes))]
    for step in path:
        ends = [
            (get_named_type(output_type), nodes)
            for output, parent_nodes in ends
            for parent in _object_types(info, output)
            for name, _, nodes, output_type in _sub_fields(info, parent, parent_nodes)
            if name in step
        ]
    wanted: dict[str, dict[str, Selection]] = {}
    for output, nodes in ends:
        for member in _object_types(info, output):
            known = wanted.setdefault(member.name, {})
            for item in _node_selections(info, member, nodes):
                _merge(known, item)
    return {name: tuple(items.values()) for name, items in wanted.items()}


def _object_types(
    info: GraphQLResolveInfo, output_type: GraphQLNamedType
) -> Sequence[GraphQLObjectType]:
    if isinstance(output_type, GraphQLObjectType):
        return (output_type,)
    if isinstance(output_type, (GraphQLUnionType, GraphQLInterfaceType)):
        return info.schema.get_possible_types(output_type)
    return ()


def selected_fields(info: GraphQLResolveInfo) -> frozenset[str]:
    """Names of the fields, as the graph spells them, that are selected of a plain object."""
    parent = _object_type(info.return_type)
    return frozenset(_snake(name) for name, *_ in _sub_fields(info, parent, info.field_nodes))


def _object_type(output_type: GraphQLOutputType) -> GraphQLObjectType:
    named = get_named_type(output_type)
    if not isinstance(named, GraphQLObjectType):
        message = f"{named} is no object type"
        raise TypeError(message)
    return named


def _sub_fields(
    info: GraphQLResolveInfo, parent: GraphQLObjectType, field_nodes: Iterable[FieldNode]
) -> list[tuple[str, dict[str, Any], list[FieldNode], GraphQLOutputType]]:
    """Name, arguments, nodes and type of each field selected below some field nodes."""
    collected = collect_sub_fields(
        info.schema, info.fragments, info.variable_values, parent, list(field_nodes)
    )
    fields = []
    for nodes in collected.values():
        name = nodes[0].name.value
        definition = parent.fields.get(name)
        if definition is None:  # __typename
            continue
        arguments = get_argument_values(definition, nodes[0], info.variable_values)
        fields.append((name, arguments, nodes, definition.type))
    return fields


def _node_selections(
    info: GraphQLResolveInfo, parent: GraphQLObjectType, field_nodes: Iterable[FieldNode]
) -> tuple[Selection, ...]:
    merged: dict[str, Selection] = {}
    needs = _NEEDS.get(parent.name, {})
    for name, arguments, nodes, output_type in _sub_fields(info, parent, field_nodes):
        snake = _snake(name)
        needed = needs.get(snake, snake)
        key = selection_key(needed, arguments)
        inner = get_named_type(output_type)
        if not isinstance(inner, GraphQLObjectType) or inner.name == "InfoboxField":
            merged[key] = Selection(key, needed)
        elif inner.name.endswith("Connection"):
            edge, node = _connection_selections(info, inner, nodes)
            _merge(merged, Selection(key, needed, page_of(arguments), edge, node))
        else:
            node = _node_selections(info, inner, nodes)
            page = page_of(arguments) if "first" in arguments else Page(DEFAULT_PAGE_SIZE)
            _merge(merged, Selection(key, needed, page, (), node))
    return tuple(merged.values())


def _connection_selections(
    info: GraphQLResolveInfo, connection: GraphQLObjectType, field_nodes: Iterable[FieldNode]
) -> tuple[tuple[Selection, ...], tuple[Selection, ...]]:
    edge: dict[str, Selection] = {}
    node: dict[str, Selection] = {}
    for name, _, nodes, output_type in _sub_fields(info, connection, field_nodes):
        if name == "nodes":
            for item in _node_selections(info, _object_type(output_type), nodes):
                _merge(node, item)
        if name != "edges":
            continue
        edge_type = _object_type(output_type)
        for item in _node_selections(info, edge_type, nodes):
            if item.name == "node":
                for inner in item.node:
                    _merge(node, inner)
            else:
                _merge(edge, item)
    return tuple(edge.values()), tuple(node.values())


def _merge(known: dict[str, Selection], item: Selection) -> None:
    """Unite two selections of one field, as GraphQL unites the fields below them."""
    present = known.get(item.key)
    if present is None:
        known[item.key] = item
        return
    edge = {one.key: one for one in present.edge}
    node = {one.key: one for one in present.node}
    for one in item.edge:
        _merge(edge, one)
    for one in item.node:
        _merge(node, one)
    known[item.key] = Selection(
        item.key, item.name, item.page, tuple(edge.values()), tuple(node.values())
    )
