"""Turns the filters that clients give into those of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookgraph.graph.query.filters import BookFilter, LinkFilter, NodeFilter
from bookgraph.graph.schema import BOOK, NodeKind


def filter_of(kind: NodeKind, given: Mapping[str, Any] | None) -> NodeFilter | None:
    """The filter of books or links that a client gave; None where it gave none."""
    return None if given is None else _filter(kind, given)


def _filter(kind: NodeKind, given: Mapping[str, Any]) -> NodeFilter:
    conditions = {name: value for name, value in given.items() if not name.endswith("_")}
    inner = given.get("not_")
    return (BookFilter if kind == BOOK else LinkFilter)(
        all_of=tuple(_filter(kind, one) for one in given.get("and_") or ()),
        any_of=tuple(_filter(kind, one) for one in given.get("or_") or ()),
        none_of=() if inner is None else (_filter(kind, inner),),
        **conditions,
    )
