"""The books or links nearest to some nodes and away from others.

The direction is the mean of the liked nodes' unit vectors minus half the mean of the unliked ones'
(Rocchio 1971). The list is exact: see `bookgraph.graph.query.nearest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

import numpy as np

from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.graph.query.filters import NodeFilter
from bookgraph.graph.query.lookup import found as lookup_of
from bookgraph.graph.query.lookup import keys_of, not_found, spellings
from bookgraph.graph.query.nearest import NearList, as_node_list, near_lists, version_of
from bookgraph.graph.query.selection import NodeList, Page, Selection, select
from bookgraph.graph.schema import BOOK, LINK, NodeKind
from bookgraph.graph.store import Row, Store
from bookgraph.graph.vectors.models import Model, Outcome, answer_with
from bookgraph.graph.vectors.table import Doubles

MAX_GIVEN = 50
"""Maximum number of liked and unliked nodes."""

MAX_EXCLUDED = 200
"""Maximum number of excluded nodes."""

_UNLIKE_WEIGHT = 0.5
# Liked and unliked nodes that cancel each other leave rounding errors of this size.
_NO_DIRECTION = 1e-9


@dataclass(frozen=True, slots=True)
class SimilarityRequest:
    """What to be near to, and which nodes to return.

    Attributes:
        like: titles of books, when books are returned; names of links, when links are.
        like_others: names of links, when books are returned; titles of books, when links are.
        unlike: titles (names) to be away from.
        exclude: titles (names) that are not returned; the nodes above never are.
        where: which nodes may be returned.
        min_score: minimum cosine.
        is_author_excluded: leave out books by an author of a liked one.
        version: the model to use; by default the current one.
    """

    like: Sequence[str] = ()
    like_others: Sequence[str] = ()
    unlike: Sequence[str] = ()
    exclude: Sequence[str] = ()
    where: NodeFilter | None = None
    min_score: float | None = None
    is_author_excluded: bool = False
    version: str | None = None


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
        request: with 1 to `MAX_GIVEN` titles and names in all, in any spelling that finds a book.
        page: the part of the list.
        node: requested fields of each book.
        edge: `shared_links` and `why`, if requested.

    Returns:
        Items with `node` and `score`, the cosine, the nearest first.

    Raises:
        BookNotFoundError: one of the titles does not exist, also of those to leave out.
        LinkNotFoundError: one of the names does not exist.
        DataMissingError: the graph has no embeddings, or a given node has no vector.
        UsageError: nothing is liked, too much is given, or the page is of another list.
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


@dataclass(slots=True)
class _Given:
    """A node that a request names.

    Attributes:
        kind: book or link.
        text: as the request names it.
        weight: of its unit vector in the direction; 0 for one that is only left out.
        key: the node's key, once it is found.
    """

    kind: NodeKind
    text: str
    weight: float
    key: str | None = None


def _similar(
    store: Store,
    kind: NodeKind,
    request: SimilarityRequest,
    page: Page,
    *,
    node: Sequence[Selection],
    edge: Sequence[Selection],
) -> NodeList:
    given = _given(kind, request)
    least = -np.inf if request.min_score is None else request.min_score

    def answer(model: Model) -> Outcome[list[Row]]:
        _find(store, model, given)
        liked = [one for one in given if one.weight > 0]
        wanted = NearList(
            kind,
            page,
            books=_keys(liked, BOOK),
            links=_keys(liked, LINK),
            hidden=_keys(given, kind),
            edge=edge,
            node=node,
            where=request.where,
            is_author_excluded=request.is_author_excluded,
            least=least,
        )
        return near_lists(store, model, [wanted], directions=[_direction(store, model, given)])

    found = answer_with(store, answer, version=version_of(page, request.version))
    return as_node_list(found[0])


def _given(kind: NodeKind, request: SimilarityRequest) -> list[_Given]:
    """The liked, the unliked and the excluded nodes, each once.

    Raises:
        UsageError: nothing is liked, or too much is given.
    """
    liked = [(kind, text) for text in dict.fromkeys(request.like)]
    liked += [(kind.other, text) for text in dict.fromkeys(request.like_others)]
    unliked = [(kind, text) for text in dict.fromkeys(request.unlike)]
    if not liked or len(liked) + len(unliked) > MAX_GIVEN:
        raise UsageError(
            f"{len(liked)} liked and {len(unliked)} unliked nodes; give at least 1 liked one and "
            f"at most {MAX_GIVEN} in all."
        )
    if len(request.exclude) > MAX_EXCLUDED:
        raise UsageError(f"exclude: {len(request.exclude)} keys; give at most {MAX_EXCLUDED}.")
    excluded = [(kind, text) for text in dict.fromkeys(request.exclude)]
    return [
        _Given(one, text, weight)
        for nodes, weight in ((liked, 1.0), (unliked, -1.0), (excluded, 0.0))
        for one, text in nodes
    ]


def _keys(given: Sequence[_Given], kind: NodeKind) -> list[str]:
    return list(dict.fromkeys(one.key for one in given if one.kind == kind and one.key is not None))


def _find(store: Store, model: Model, given: Sequence[_Given]) -> None:
    """Find the keys of given nodes: those that the model has at once, the others in the graph.

    Raises:
        BookNotFoundError: one is a book that does not exist.
        LinkNotFoundError: one is a link that does not exist.
        UsageError: a node is both liked and unliked.
    """
    rest = []
    for one in given:
        exact = keys_of(one.kind, one.text)[0]
        is_placed = model.table(store, one.kind).row_of(exact) is not None
        one.key = exact if is_placed else None
        if not is_placed:
            rest.append(one)
    if rest:
        rows = store.read(
            _FIND,
            given=[{"label": one.kind.label, **spellings(one.kind, one.text)} for one in rest],
        )
        for one, key in zip(rest, rows[0]["keys"], strict=True):
            if key is None:
                raise not_found(store, one.kind, one.text)
            one.key = key
    for one in given:
        if one.weight > 0 and any(
            (one.kind, one.key) == (other.kind, other.key) for other in given if other.weight < 0
        ):
            raise UsageError(f"{one.key!r} is both liked and unliked; give it once.")


_FIND: LiteralString = (
    "CYPHER 25 RETURN COLLECT { UNWIND range(0, size($given) - 1) AS number "
    "LET one = $given[number] "
    "OPTIONAL MATCH (book:Book {title: CASE one.label WHEN 'Book' THEN one.keys[0] END}) "
    "OPTIONAL MATCH (link:Link {name: CASE one.label WHEN 'Link' THEN one.keys[0] END}) "
    "LET known = CASE one.label "
    "WHEN 'Book' THEN " + lookup_of(BOOK, "book", "one.keys", "one.phrase") + " "
    "ELSE " + lookup_of(LINK, "link", "one.keys", "one.phrase") + " END "
    "WITH * ORDER BY number "
    "RETURN CASE one.label WHEN 'Book' THEN known.title ELSE known.name END } AS keys"
)


def _direction(store: Store, model: Model, given: Sequence[_Given]) -> Doubles | None:
    """The weighted sum of unit vectors; None if they cancel each other.

    Raises:
        DataMissingError: a node has no vector.
    """
    # Two names of one node count once.
    nodes = {(one.kind, one.key): one for one in given if one.weight}
    num_liked = sum(one.weight > 0 for one in nodes.values())
    weights = {1.0: 1 / num_liked, -1.0: -_UNLIKE_WEIGHT / max(1, len(nodes) - num_liked)}
    parts: list[Doubles] = []
    for one in nodes.values():
        table = model.table(store, one.kind)
        row = table.row_of(one.key or "")
        if row is None:
            raise DataMissingError(
                f"{one.key!r} has no vector in the model {model.version!r}: it has no links, or "
                "was loaded after the training. Run `bookgraph train` to place new books and links."
            )
        parts.append(weights[one.weight] * table.unit(row))
    direction: Doubles = np.sum(parts, axis=0)
    return direction if np.abs(direction).max() > _NO_DIRECTION else None
