"""The books or links nearest to some nodes and away from others, in one statement.

The direction is the mean of the liked nodes' unit vectors minus half the mean of the unliked ones'
(Rocchio 1971). The index checks what it can of a filter. What it cannot check, such as one of
several genres, is checked on the hits of a wider search and, where too few pass, on every node. So
a page is full whenever enough nodes match, and its nodes are the nearest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bookgraph.core.errors import DataMissingError, StoreUnreachableError, UsageError
from bookgraph.graph.query.fields import new_compiler
from bookgraph.graph.query.lookup import fold_key, keys_of, not_found, phrase_of
from bookgraph.graph.query.selection import NodeList, Page, Selection, select
from bookgraph.graph.query.similar_statement import (
    MAX_GIVEN,
    SimilarityRequest,
    similar_statement,
)
from bookgraph.graph.schema import BOOK, KINDS, LINK, NodeKind
from bookgraph.graph.store import Row, Store

__all__ = ["MAX_EXCLUDED", "MAX_GIVEN", "SimilarityRequest", "similar_books", "similar_links"]

MAX_EXCLUDED = 200

# A replaced model shows within milliseconds in a small graph; the pauses add up to 6 s.
_PAUSES_S = (0.01, 0.05, 0.2, 0.75, 2.0, 3.0)
# float32 in the index against float64 in Cypher.
_SAME_SCORE = 1e-4
_UNLIKE_WEIGHT = 0.5


def similar_books(
    store: Store,
    request: SimilarityRequest,
    page: Page,
    *,
    node: Sequence[Selection] = select("title"),
    edge: Sequence[Selection] = (),
) -> NodeList:
    """The books nearest to the liked nodes.

    Args:
        store: the graph.
        request: with 1 to `MAX_GIVEN` titles and names in all.
        page: the part of the list.
        node: requested fields of each book.
        edge: `shared_links` and `why`, if requested.

    Returns:
        Items with `node` and `score`, the cosine, the nearest first.

    Raises:
        BookNotFoundError: one of the titles does not exist, also of those to leave out.
        LinkNotFoundError: one of the names does not exist.
        DataMissingError: the graph has no embeddings, or a given node has no vector.
        UsageError: nothing is liked, or too much is given.
        StoreUnreachableError: a new model is being written; a retry helps.
    """
    return _similar(store, BOOK, request, page, node=node, edge=edge)


def similar_links(
    store: Store,
    request: SimilarityRequest,
    page: Page,
    *,
    node: Sequence[Selection] = select("name"),
    edge: Sequence[Selection] = (),
) -> NodeList:
    """The links nearest to the liked nodes; see `similar_books`."""
    return _similar(store, LINK, request, page, node=node, edge=edge)


def _similar(
    store: Store,
    kind: NodeKind,
    request: SimilarityRequest,
    page: Page,
    *,
    node: Sequence[Selection],
    edge: Sequence[Selection],
) -> NodeList:
    compiler = new_compiler({"given": _given(kind, request)})
    statement = similar_statement(compiler, kind, request, page, edge=edge, node=node)
    for pause_s in _PAUSES_S:
        row = store.read(statement, **compiler.parameters)[0]
        if _is_of_one_model(row, is_own_kind=bool(request.like) and request.where is None):
            break
        time.sleep(pause_s)
    else:
        raise StoreUnreachableError("A new model is being written to the graph. Retry in a moment.")
    _check_given(store, row)
    for key in row["unknown"]:
        raise not_found(store, kind, key)
    items: list[Row] = row["items"]
    return NodeList(items[: page.first], None, len(items) > page.first)


def _given(kind: NodeKind, request: SimilarityRequest) -> list[Row]:
    """The liked and the unliked nodes with their weights in the direction.

    Raises:
        UsageError: there are none, or too many.
    """
    liked = [(kind, key) for key in _keys(kind, request.like)]
    liked += [(kind.other, key) for key in _keys(kind.other, request.like_others)]
    unliked = [(kind, key) for key in _keys(kind, request.unlike)]
    if not liked or len(liked) + len(unliked) > MAX_GIVEN:
        raise UsageError(
            f"{len(liked)} liked and {len(unliked)} unliked nodes; give at least 1 liked one and "
            f"at most {MAX_GIVEN} in all."
        )
    if len(request.exclude) > MAX_EXCLUDED:
        raise UsageError(f"exclude: {len(request.exclude)} keys; give at most {MAX_EXCLUDED}.")
    for node in liked:
        if node in unliked:
            raise UsageError(f"{node[1]!r} is both liked and unliked; give it once.")
    towards, away = 1 / len(liked), -_UNLIKE_WEIGHT / max(1, len(unliked))
    return [
        {
            "label": one.label,
            "key": key,
            "keys": keys_of(one, key),
            "phrase": phrase_of(key),
            "weight": weight,
        }
        for nodes, weight in ((liked, towards), (unliked, away))
        for one, key in nodes
    ]


def _keys(kind: NodeKind, keys: Sequence[str]) -> list[str]:
    """Folded keys, each once."""
    return list(dict.fromkeys(fold_key(kind, key) for key in keys))


def _is_of_one_model(row: Row, *, is_own_kind: bool) -> bool:
    """Whether every score of the index is the one that the node's own vector has."""
    if any(one["version"] not in {None, row["version"]} for one in row["given"]):
        return False
    for one in row["seen"]:
        if one["expected"] is None or abs(one["score"] - one["expected"]) > _SAME_SCORE:
            return False
    is_alone = len(row["given"]) == 1 and row["has_direction"] and is_own_kind
    # The index of the same model finds the node itself, at a cosine of 1.
    return not is_alone or (row["best"] is not None and row["best"] > 1 - _SAME_SCORE)


def _check_given(store: Store, row: dict[str, Any]) -> None:
    for one in row["given"]:
        if not one["is_found"]:
            raise not_found(store, KINDS[one["label"]], one["key"])
    if row["version"] is None:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings yet. Run `bookgraph train`."
        )
    for one in row["given"]:
        if not one["is_placed"]:
            raise DataMissingError(
                f"{one['key']!r} has no vector in the current model: it has no links, or was "
                "loaded after the training. Run `bookgraph train` to place new books and links."
            )
