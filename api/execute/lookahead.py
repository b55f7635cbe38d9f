"""Reads from a GraphQL query which parts of the graph it needs, before any field is resolved.

A root field's resolver calls this module, hands the result to the graph, and gets back one row with
everything that the fields below it need. For example,

    { book(title: "Dune") { id name: title links(first: 2) { edges { count node { title } } } } }

needs of the book:

    Selection("title", "title")
    Selection("links_5f0c...", "links", Page(2),
              edge=(Selection("count", "count"),), node=(Selection("title", "title"),))

A selection's `key` is where the value stands in the row. It is made of the field's name and its
arguments, not of its alias, so that a resolver can find it again without knowing the query, and
two fields with equal arguments share one value. graphql-core resolves fragments, aliases, `@skip`
and `@include` for us (`collect_sub_fields`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

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

from bookgraph.api.execute.cursors import decode_cursor
from bookgraph.api.execute.defaults import argument_values
from bookgraph.api.execute.filters import filter_of
from bookgraph.core.errors import UsageError
from bookgraph.graph.query.selection import Page, Selection
from bookgraph.graph.schema import KINDS

MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 10
DEFAULT_WHY_SIZE = 5

Selections = tuple[Selection, ...]

# GraphQL fields that are computed from a property of another name.
_PROPERTIES = {"Book": {"id": "title"}, "Link": {"id": "name"}}
# Object types whose fields are all made from one property of the node.
_PROPERTY_TYPES = frozenset({"InfoboxField"})


class _Field(NamedTuple):
    """One field of a query, after fragments and directives.

    Attributes:
        name: in snake case, as the graph spells it.
        arguments: with variables and defaults filled in.
        nodes: where the query selects it: more than once if fragments repeat it.
        output_type: its type without list and non-null.
    """

    name: str
    arguments: Mapping[str, Any]
    nodes: list[FieldNode]
    output_type: GraphQLNamedType


def selection_key(name: str, arguments: Mapping[str, Any]) -> str:
    """The key of a field's value in a row: its name in snake case, and a digest of arguments."""
    if not arguments:
        return _snake(name)
    content = json.dumps(arguments, sort_keys=True, default=str)
    return f"{_snake(name)}_{hashlib.sha256(content.encode()).hexdigest()[:16]}"


@lru_cache(1024)
def _snake(name: str) -> str:
    return str(to_snake_case(name))


def page_of(arguments: Mapping[str, Any]) -> Page:
    """The page that `first`, `after`, `last` and `before` name.

    Raises:
        UsageError: a size is out of bounds, both are given, or a cursor is not one.
    """
    first, last = arguments.get("first", DEFAULT_PAGE_SIZE), arguments.get("last")
    if last is not None and first != DEFAULT_PAGE_SIZE:
        raise UsageError("first and last are both given. Use one of them.")
    name, size = ("first", first) if last is None else ("last", last)
    if not isinstance(size, int) or not 0 <= size <= MAX_PAGE_SIZE:
        raise UsageError(
            f"{name}: {size} is out of bounds. Use a number from 0 to {MAX_PAGE_SIZE}."
        )
    after, before = (
        None if arguments.get(name) is None else decode_cursor(name, arguments[name])
        for name in ("after", "before")
    )
    return Page(size, after, before, is_backward=last is not None)


def selections_of_node(info: GraphQLResolveInfo) -> Selections:
    """What a field needs whose type is a node."""
    return _below_node(info, _object_type(info.return_type), info.field_nodes)


def selections_of_connection(info: GraphQLResolveInfo) -> tuple[Selections, Selections]:
    """What a field needs whose type is a connection: of each edge, and of each node."""
    edge, node, _ = _below_connection(info, _object_type(info.return_type), info.field_nodes)
    return edge, node


def selections_below(info: GraphQLResolveInfo, *path: Collection[str]) -> dict[str, Selections]:
    """What a field needs of the nodes at the end of a path of plain fields.

    Args:
        info: of the field where the path starts.
        *path: for each step, the names of the fields to follow. Without steps, the nodes are those
            of the field itself.

    Returns:
        Type name to selections, with an entry for each member of a union or interface.
    """
    found: dict[str, Selections] = {}
    start = get_named_type(info.return_type)
    for member, nodes in _follow(info, start, info.field_nodes, path):
        found[member.name] = _unite(
            (*found.get(member.name, ()), *_below_node(info, member, nodes))
        )
    return found


def selected_fields(info: GraphQLResolveInfo) -> frozenset[str]:
    """Names of the fields that are selected below a field, in snake case."""
    parent = _object_type(info.return_type)
    return frozenset(field.name for field in _fields(info, parent, info.field_nodes))


def _follow(
    info: GraphQLResolveInfo,
    output_type: GraphQLNamedType,
    field_nodes: list[FieldNode],
    path: Sequence[Collection[str]],
) -> Iterator[tuple[GraphQLObjectType, list[FieldNode]]]:
    """The object types at the end of a path, each with the field nodes that lead there."""
    for member in _members(info, output_type):
        if not path:
            yield member, field_nodes
            continue
        for field in _fields(info, member, field_nodes):
            if field.nodes[0].name.value in path[0]:
                yield from _follow(info, field.output_type, field.nodes, path[1:])


def _members(
    info: GraphQLResolveInfo, output_type: GraphQLNamedType
) -> Sequence[GraphQLObjectType]:
    """The object types that a value of a type can have."""
    if isinstance(output_type, GraphQLObjectType):
        return (output_type,)
    if isinstance(output_type, (GraphQLUnionType, GraphQLInterfaceType)):
        return info.schema.get_possible_types(output_type)
    return ()


def _object_type(output_type: GraphQLOutputType | GraphQLNamedType) -> GraphQLObjectType:
    named = get_named_type(output_type)
    if not isinstance(named, GraphQLObjectType):
        message = f"{named} is not an object type"
        raise TypeError(message)
    return named


def _fields(
    info: GraphQLResolveInfo, parent: GraphQLObjectType, field_nodes: list[FieldNode]
) -> Iterator[_Field]:
    """The fields that a query selects of one object, without `__typename`."""
    collected = collect_sub_fields(
        info.schema, info.fragments, info.variable_values, parent, field_nodes
    )
    for nodes in collected.values():
        name = nodes[0].name.value
        definition = parent.fields.get(name)
        if definition is not None:
            arguments = argument_values(definition, nodes[0], info.variable_values)
            yield _Field(_snake(name), arguments, nodes, get_named_type(definition.type))


def _below_node(
    info: GraphQLResolveInfo, parent: GraphQLObjectType, field_nodes: list[FieldNode]
) -> Selections:
    """What the fields below a node, or below another object, need."""
    return _unite(_selection(info, parent, field) for field in _fields(info, parent, field_nodes))


def _selection(info: GraphQLResolveInfo, parent: GraphQLObjectType, field: _Field) -> Selection:
    """What one field of a node needs: a property, a connection, or other nodes."""
    name = _PROPERTIES.get(parent.name, {}).get(field.name, field.name)
    key = selection_key(name, field.arguments)
    inner = field.output_type
    if not isinstance(inner, GraphQLObjectType) or inner.name in _PROPERTY_TYPES:
        return Selection(key, name)
    if inner.name.endswith("Connection"):
        edge, node, is_counted = _below_connection(info, inner, field.nodes)
        kind = KINDS.get(get_named_type(inner.fields["nodes"].type).name)
        given = field.arguments.get("filter")
        return Selection(
            key,
            name,
            page_of(field.arguments),
            edge,
            node,
            version=field.arguments.get("model"),
            where=None if kind is None else filter_of(kind, given),
            is_counted=is_counted,
        )
    page = page_of(field.arguments) if "first" in field.arguments else Page(DEFAULT_PAGE_SIZE)
    return Selection(key, name, page, node=_below_node(info, inner, field.nodes))


def _below_connection(
    info: GraphQLResolveInfo, connection: GraphQLObjectType, field_nodes: list[FieldNode]
) -> tuple[Selections, Selections, bool]:
    """What a connection needs of its edges and of its nodes, and whether its length is wanted.

    Its nodes can be selected both as `nodes { ... }` and as `edges { node { ... } }`.
    """
    edge: list[Selection] = []
    node: list[Selection] = []
    is_counted = False
    for field in _fields(info, connection, field_nodes):
        if field.name == "total_count":
            is_counted = True
        elif field.name == "nodes":
            node += _below_node(info, _object_type(field.output_type), field.nodes)
        elif field.name == "edges":
            for one in _below_node(info, _object_type(field.output_type), field.nodes):
                if one.name == "node":
                    node += one.node
                else:
                    edge.append(one)
    return _unite(edge), _unite(node), is_counted


def _unite(selections: Iterable[Selection]) -> Selections:
    """Merge selections with equal keys, as GraphQL merges repeated fields."""
    by_key: dict[str, Selection] = {}
    for one in selections:
        known = by_key.get(one.key)
        by_key[one.key] = one if known is None else _merged(known, one)
    return tuple(by_key.values())


def _merged(one: Selection, other: Selection) -> Selection:
    return replace(
        one,
        edge=_unite((*one.edge, *other.edge)),
        node=_unite((*one.node, *other.node)),
        is_counted=one.is_counted or other.is_counted,
    )
