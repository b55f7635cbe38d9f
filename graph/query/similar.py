"""The books or links nearest to some nodes and away from others.

The direction is the mean of the liked nodes' unit vectors minus half the mean of the unliked ones'
(Rocchio 1971). The list is exact: see `bookgraph.graph.query.nearest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

import numpy as np

from bookgraph.core.errors import UsageError
from bookgraph.core.fold_in import fold_in_direction
from bookgraph.graph.query.filters import NodeFilter
from bookgraph.graph.query.lookup import found as lookup_of
from bookgraph.graph.query.lookup import keys_of, not_found, spellings
from bookgraph.graph.query.nearest import NearList, as_node_list, near_lists, version_of
from bookgraph.graph.query.selection import NodeList, Page, Selection, select
from bookgraph.graph.schema import BOOK, LINK, NodeKind
from bookgraph.graph.store import Row, Store
from bookgraph.graph.vectors.models import Model, NotPlacedError, Outcome, answer_with
from bookgraph.graph.vectors.table import Doubles, VectorTable

MAX_GIVEN = 50
"""Maximum number of liked and unliked nodes."""

MAX_EXCLUDED = 200
"""Maximum number of excluded nodes."""

MAX_LINKS_OF_PAGE = 500
"""Maximum number of links of a page that is compared without being saved."""

_UNLIKE_WEIGHT = 0.5
# Liked and unliked nodes that cancel each other leave rounding errors of this size.
_NO_DIRECTION = 1e-9


@dataclass(frozen=True, slots=True)
class SimilarityRequest:
    """What to be near to, and which nodes to return.

    Attributes:
        like: titles of books, when books are returned; names of links, when links are.
        like_others: names of links, when books are returned; titles of books, when links are.
        weights: of the liked ones, in this order, above 0; by default all equal.
        to_links: names of the links of a page that is not in the graph; it counts as one liked
            node, at the place where saving it would put it.
        to_vector: a vector, which counts as one liked node.
        unlike: titles (names) to be away from.
        exclude: titles (names) that are not returned; the nodes above never are.
        where: which nodes may be returned.
        min_score: minimum cosine.
        is_author_excluded: leave out books by an author of a liked one.
        diversity: in [0, 1], see `VectorTable.rank_diverse`.
        is_counted: whether the length of the list is wanted.
        version: the model to use; by default the current one.
    """

    like: Sequence[str] = ()
    like_others: Sequence[str] = ()
    weights: Sequence[float] = ()
    to_links: Sequence[str] = ()
    to_vector: Sequence[float] = ()
    unlike: Sequence[str] = ()
    exclude: Sequence[str] = ()
    where: NodeFilter | None = None
    min_score: float | None = None
    is_author_excluded: bool = False
    diversity: float = 0.0
    is_counted: bool = False
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
        is_of_page: whether it is a link of the page that `to_links` stands for.
        key: the node's key, once it is found.
        degree: number of its edges, for links of the page.
    """

    kind: NodeKind
    text: str
    weight: float
    is_of_page: bool = False
    key: str | None = None
    degree: int = 1


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
        liked = [one for one in given if one.weight > 0 or one.is_of_page]
        wanted = NearList(
            kind,
            page,
            books=_keys(liked, BOOK),
            links=_keys(liked, LINK),
            hidden=_keys([one for one in given if not one.is_of_page], kind),
            edge=edge,
            node=node,
            where=request.where,
            is_author_excluded=request.is_author_excluded,
            least=least,
            diversity=request.diversity,
            is_counted=request.is_counted,
        )
        direction = _direction(store, model, given, request.to_vector)
        return near_lists(store, model, [wanted], directions=[direction])

    found = answer_with(store, answer, version=version_of(page, request.version))
    return as_node_list(found[0])


def _given(kind: NodeKind, request: SimilarityRequest) -> list[_Given]:
    """The liked, the unliked and the excluded nodes, each once.

    Raises:
        UsageError: nothing is liked, too much is given, or a number is out of bounds.
    """
    liked = [(kind, text) for text in request.like]
    liked += [(kind.other, text) for text in request.like_others]
    unliked = [(kind, text) for text in dict.fromkeys(request.unlike)]
    num_liked = len(liked) + bool(request.to_links) + bool(request.to_vector)
    if not num_liked or num_liked + len(unliked) > MAX_GIVEN:
        raise UsageError(
            f"{num_liked} liked and {len(unliked)} unliked nodes; give at least 1 liked one and "
            f"at most {MAX_GIVEN} in all."
        )
    for name, keys, most in (
        ("exclude", request.exclude, MAX_EXCLUDED),
        ("to_links", request.to_links, MAX_LINKS_OF_PAGE),
    ):
        if len(keys) > most:
            raise UsageError(f"{name}: {len(keys)} keys; give at most {most}.")
    if not 0 <= request.diversity <= 1:
        raise UsageError(f"diversity: {request.diversity} is out of bounds; give 0 to 1.")
    excluded = [(kind, text) for text in dict.fromkeys(request.exclude)]
    return [
        *(
            _Given(one, text, weight)
            for (one, text), weight in zip(liked, _weights(request, len(liked)), strict=True)
        ),
        *(_Given(one, text, -1.0) for one, text in unliked),
        *(_Given(one, text, 0.0) for one, text in excluded),
        *(_Given(LINK, text, 0.0, is_of_page=True) for text in dict.fromkeys(request.to_links)),
    ]


def _weights(request: SimilarityRequest, num_liked: int) -> Sequence[float]:
    weights = request.weights or [1.0] * num_liked
    if len(weights) != num_liked:
        raise UsageError(f"weights: {len(weights)} for {num_liked} liked nodes; give one for each.")
    for weight in weights:
        if not (0 < weight < np.inf):
            raise UsageError(f"weights: {weight} is out of bounds; give numbers above 0.")
    return weights


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
        if not is_placed or one.is_of_page:
            rest.append(one)
    if rest:
        rows = store.read(
            _FIND,
            given=[{"label": one.kind.label, **spellings(one.kind, one.text)} for one in rest],
        )
        for one, (key, degree) in zip(rest, rows[0]["keys"], strict=True):
            if key is None:
                raise not_found(store, one.kind, one.text)
            one.key, one.degree = key, degree
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
    "RETURN CASE one.label WHEN 'Book' THEN [known.title, known.num_links] "
    "ELSE [known.name, known.num_books] END } AS keys"
)


def _direction(
    store: Store, model: Model, given: Sequence[_Given], to_vector: Sequence[float]
) -> Doubles | None:
    """The weighted sum of unit vectors; None if they cancel each other.

    Raises:
        NotPlacedError: a node has no vector.
        UsageError: the given vector is not one of this model.
    """
    parts: list[tuple[float, Doubles]] = []
    unlike: list[Doubles] = []
    # Two names of one node count once.
    for one in {(one.kind, one.key): one for one in given if one.weight}.values():
        table = model.table(store, one.kind)
        row = table.row_of(one.key or "")
        if row is None:
            raise NotPlacedError(
                f"{one.key!r} has no vector in the model {model.version!r}: it has no links, or "
                "was loaded after the training. Run `bookgraph train` to place new books and links."
            )
        if one.weight > 0:
            parts.append((one.weight, table.unit(row)))
        else:
            unlike.append(table.unit(row))
    of_page = [one for one in given if one.is_of_page]
    if of_page:
        parts.append((1.0, _page_direction(model.table(store, LINK), of_page, model)))
    if to_vector:
        parts.append((1.0, _unit(to_vector, model.table(store, BOOK))))
    total = sum(weight for weight, _ in parts)
    direction: Doubles = np.sum([weight / total * unit for weight, unit in parts], axis=0)
    if unlike:
        direction = direction - _UNLIKE_WEIGHT * np.mean(unlike, axis=0)
    return direction if np.abs(direction).max() > _NO_DIRECTION else None


def _page_direction(table: VectorTable, links: Sequence[_Given], model: Model) -> Doubles:
    """Where saving a page with these links would put it.

    Raises:
        NotPlacedError: none of the links has a vector.
    """
    placed = [(row, one) for one in links if (row := table.row_of(one.key or "")) is not None]
    if not placed:
        raise NotPlacedError(
            f"None of the links of `to_links` has a vector in the model {model.version!r}. Give "
            "links that books mentioned when it was trained."
        )
    # Saving the page would be one more mention of each.
    num_books = np.array([one.degree + 1 for _, one in placed])
    return fold_in_direction(table.vectors[[row for row, _ in placed]], num_books)


def _unit(vector: Sequence[float], table: VectorTable) -> Doubles:
    found = np.array(vector, dtype=np.float64)
    dim = table.vectors.shape[1]
    if len(found) != dim:
        raise UsageError(f"to_vector: {len(found)} numbers; this model's vectors have {dim}.")
    length = np.sqrt((found * found).sum())
    if not (0 < length < np.inf):
        raise UsageError("to_vector: all numbers are 0, or they are too large to compare.")
    unit: Doubles = found / length
    return unit
