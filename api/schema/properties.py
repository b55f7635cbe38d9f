"""GraphQL fields made from the graph's table of properties, `bookgraph.graph.schema`.

Each function returns a base class with the fields, which graphene adds to the class that inherits
it. So a new property needs no edit here and none in the types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphene

from bookgraph.graph.query.filters import conditions_of
from bookgraph.graph.schema import BOOK, LINK, NodeKind, Property, ValueType

_SCALARS: Mapping[ValueType, Any] = {
    "string": graphene.String,
    "int": graphene.Int,
    "float": graphene.Float,
}
_LISTS: Mapping[ValueType, Any] = {"strings": graphene.String, "floats": graphene.Float}


def output_fields(kind: NodeKind) -> Any:
    """The properties that queries can return."""
    fields: dict[str, Any] = {}
    for one in kind.having("answer"):
        fields[one.name] = _field(one)
        if one.plural:
            fields[one.plural] = _list_of(graphene.String, f"All {_words(one.plural)}.")
    return _base(f"{kind.label}Properties", fields)


def filter_fields(kind: NodeKind) -> Any:
    """The conditions of a filter, see `conditions_of`."""
    fields: dict[str, Any] = {}
    for name, (known, operator) in conditions_of(kind).items():
        if operator == "IN":
            what = _words(known.plural or known.name)
            text = f"Match any of these values exactly; one of the {what} is enough."
            if not known.plural:
                text = "Match any of these values exactly."
            fields[name] = _list_of(graphene.String, text)
        elif operator == "CONTAINS":
            fields[name] = graphene.String(description="A part of the title, in any letter case.")
        elif operator == "ALL":
            others = "links, each of which the book mentions, by name"
            if kind == LINK:
                others = "books, each of which mentions the link, by title"
            fields[name] = _list_of(graphene.String, f"All of these {others}.")
        else:
            bound = "Minimum" if operator == ">=" else "Maximum"
            fields[name] = _SCALARS[known.value_type](
                description=f"{bound} {known.noun}, inclusive."
            )
    return _base(f"{kind.label}Conditions", fields)


def edit_fields(kind: NodeKind) -> Any:
    """The properties that a mutation can set; of a field with a list, the list."""
    return _base(
        f"{kind.label}Edit",
        {
            one.plural or one.name: _list_of(
                graphene.String, f"All {_words(one.plural)}, the most important first."
            )
            if one.plural
            else _field(one)
            for one in kind.having("edit")
        },
    )


def map_fields(column: Any) -> Any:
    """The columns of a map that only books or only links have.

    Args:
        column: the scalar type of a column.
    """
    fields = {
        one.name: column(description=f"{one.text} Null for {kind.other.word}s.")
        for kind in (BOOK, LINK)
        for one in kind.having("map")
        if one.name not in {"title", "x", "y"}
    }
    return _base("MapColumns", fields)


def _field(one: Property) -> Any:
    if one.value_type in _LISTS:
        return _list_of(_LISTS[one.value_type], one.text)
    return _SCALARS[one.value_type](required="required" in one.uses, description=one.text)


def _list_of(scalar: Any, text: str) -> Any:
    return graphene.List(graphene.NonNull(scalar), description=text)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _base(name: str, fields: Mapping[str, Any]) -> Any:
    return type(name, (), dict(fields))
