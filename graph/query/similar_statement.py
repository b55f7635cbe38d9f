"""A request for similar nodes, and the text of the one statement that finds them.

The statement binds one name after the other, and each function here makes the text for some:

    model      the current model
    given      the given nodes with their weights and, where they have one, their vectors
    centre     the direction, the weighted sum of their unit vectors; null unless all are placed
    excluded   the nodes to leave out
    own, sources, authors      the given nodes, the liked ones, the authors of the liked ones
    found      the hits of the vector index: maps of node and similarity, the nearest first
    chosen     the hits that may be returned
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.graph.query.compile import Compiler
from bookgraph.graph.query.filters import (
    NodeFilter,
    index_predicate,
    is_index_enough,
    predicate,
)
from bookgraph.graph.query.lookup import found as lookup_of
from bookgraph.graph.query.lookup import lookup_all, lookup_all_parameter
from bookgraph.graph.query.near import NearEdge, near_edge
from bookgraph.graph.query.selection import Page, Selection
from bookgraph.graph.schema import BOOK, LINK, NodeKind

MAX_GIVEN = 50
"""Maximum number of given nodes."""

# Where the index cannot check a filter, the search is this many times as wide as the page.
_WIDER = 10
_MOST_SEARCHED = 1_000

_HAS_DIRECTION: LiteralString = "any(x IN centre WHERE x <> 0.0)"

_GIVEN: LiteralString = (
    "OPTIONAL MATCH (model:EmbeddingModel {is_current: true}) "
    "CALL (model) { UNWIND $given AS one "
    "OPTIONAL MATCH (book:Book {title: CASE one.label WHEN 'Book' THEN one.keys[0] END}) "
    "OPTIONAL MATCH (link:Link {name: CASE one.label WHEN 'Link' THEN one.keys[0] END}) "
    "LET known = CASE one.label "
    "WHEN 'Book' THEN " + lookup_of(BOOK, "book", "one.keys", "one.phrase") + " "
    "ELSE " + lookup_of(LINK, "link", "one.keys", "one.phrase") + " END "
    "LET version = known.embedding_version "
    "LET vector = CASE WHEN version = model.version THEN known.embedding END "
    "RETURN collect({label: one.label, key: one.key, weight: one.weight, "
    "known: known, version: version, vector: vector}) AS given } "
)

# Each vector counts with its length taken out, which is part of its weight here.
_CENTRE: LiteralString = (
    "LET placed = [one IN given WHERE one.vector IS NOT NULL | {vector: one.vector, "
    "weight: one.weight / sqrt(reduce(sum = 0.0, x IN one.vector | sum + x * x))}] "
    "LET centre = CASE WHEN size(placed) = size(given) THEN "
    "[i IN range(0, size(placed[0].vector) - 1) | "
    "reduce(sum = 0.0, one IN placed | sum + one.weight * one.vector[i])] END "
)

_SOURCES: LiteralString = (
    "LET own = [one IN given | one.known] "
    "LET sources = [one IN given WHERE one.weight > 0 | one.known] "
    "LET authors = reduce(all = [], one IN sources | all + coalesce(one.authors, [])) "
)

# Neo4j shows the changes of a commit one after the other. A statement that runs while a model is
# replaced can read a new vector of a given node and search the old vectors with it. So the response
# carries what proves that both are of one model: the versions of the given nodes, the similarity
# of the best hit, and for some hits the similarity that their own vectors have.
_PROOF: LiteralString = (
    "model.version AS version, "
    "[one IN given | {label: one.label, key: one.key, is_found: one.known IS NOT NULL, "
    "version: one.version, is_placed: one.vector IS NOT NULL}] AS given, "
    "[one IN excluded WHERE one.known IS NULL | one.key] AS unknown, "
    "CASE WHEN " + _HAS_DIRECTION + " THEN true END AS has_direction, "
    "head([one IN found | one.similarity]) AS best, "
    "COLLECT { UNWIND found[..20] AS hit "
    "WITH hit.similarity AS score, hit.node.embedding AS vector "
    "RETURN {score: score, expected: CASE WHEN size(vector) = size(centre) "
    "THEN vector.similarity.cosine(vector, centre) END} } AS seen"
)


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
    """

    like: Sequence[str] = ()
    like_others: Sequence[str] = ()
    unlike: Sequence[str] = ()
    exclude: Sequence[str] = ()
    where: NodeFilter | None = None
    min_score: float | None = None
    is_author_excluded: bool = False


def similar_statement(
    compiler: Compiler,
    kind: NodeKind,
    request: SimilarityRequest,
    page: Page,
    *,
    edge: Sequence[Selection],
    node: Sequence[Selection],
) -> LiteralString:
    """The whole statement; its parameter `given` holds a map for each given node.

    Args:
        compiler: takes the other parameters.
        kind: kind of the nodes to return.
        request: what is given, and which nodes may be returned.
        page: the part of the list.
        edge: requested fields of each edge.
        node: requested fields of each node.
    """
    num = page.offset + page.first + 1
    excluded = lookup_all_parameter(kind, request.exclude)
    compiler.parameters["excluded"] = excluded
    is_own: LiteralString = "NOT near IN own AND NOT near IN [one IN excluded | one.known]"
    rest = _unchecked(kind, request, compiler)
    # The given nodes and the excluded ones are found too, and dropped afterwards.
    width = MAX_GIVEN + len(excluded)
    if rest:
        width += max(num, min(_MOST_SEARCHED, _WIDER * num))
        choice = _choose_widely(kind, is_own + " AND " + rest, compiler.parameter(num))
    else:
        width += num
        choice = "LET chosen = " + _hits_where(is_own)
    return (
        "CYPHER 25 " + _GIVEN + lookup_all(kind, "excluded", "excluded") + _CENTRE + _SOURCES
        + _search(kind, request.where, compiler, width) + choice
        + " RETURN " + _PROOF + ", " + _items(compiler, kind, request, page, edge, node)
    )  # fmt: skip


def _unchecked(kind: NodeKind, request: SimilarityRequest, compiler: Compiler) -> LiteralString:
    """What the index cannot check of the nodes that may be returned; empty for nothing."""
    parts: list[LiteralString] = []
    if not is_index_enough(request.where):
        parts.append(predicate(request.where, "near", compiler))
    if request.is_author_excluded and kind == BOOK:
        parts.append("none(author IN coalesce(near.authors, []) WHERE author IN authors)")
    return " AND ".join(part for part in parts if part)


def _search(
    kind: NodeKind, where: NodeFilter | None, compiler: Compiler, width: int
) -> LiteralString:
    """Binds `found` to the hits of the index, which checks what it can of the filter."""
    return (
        "LET found = COLLECT { WITH centre WHERE " + _HAS_DIRECTION
        + " MATCH (near:" + kind.label + ") SEARCH near IN (VECTOR INDEX " + kind.vector_index
        + " FOR centre WHERE near.embedding_version = model.version"
        + index_predicate(where, "near", compiler)
        + " LIMIT " + compiler.parameter(width) + ") SCORE AS similarity "
        + _hits(kind) + " } "
    )  # fmt: skip


def _choose_widely(kind: NodeKind, allowed: LiteralString, num: LiteralString) -> LiteralString:
    """Binds `chosen` to allowed hits of the index or, where they are too few, of all nodes.

    So a filter that few nodes pass still returns a full page, and the nearest nodes.
    """
    return (
        "LET near_ones = " + _hits_where(allowed)
        + " LET all_ones = COLLECT { WITH centre WHERE " + _HAS_DIRECTION
        + " AND size(near_ones) < " + num
        + " MATCH (near:" + kind.label + ") WHERE near.embedding_version = model.version"
        + " AND " + allowed
        + " WITH near, vector.similarity.cosine(near.embedding, centre) AS similarity "
        + _hits(kind, limit=" LIMIT " + num) + " }"
        + " LET chosen = CASE WHEN size(near_ones) < " + num + " THEN all_ones ELSE near_ones END"
    )  # fmt: skip


def _hits_where(allowed: LiteralString) -> LiteralString:
    return (
        "COLLECT { UNWIND found AS hit WITH hit, hit.node AS near WHERE "
        + allowed
        + " RETURN hit }"
    )


def _hits(kind: NodeKind, *, limit: LiteralString = "") -> LiteralString:
    """Rows of `near` and `similarity` as maps, the nearest first."""
    return (
        "WITH near, similarity ORDER BY similarity DESC, near." + kind.key + limit
        + " RETURN {node: near, similarity: similarity}"
    )  # fmt: skip


def _items(
    compiler: Compiler,
    kind: NodeKind,
    request: SimilarityRequest,
    page: Page,
    edge: Sequence[Selection],
    node: Sequence[Selection],
) -> LiteralString:
    """The page of `chosen`, and one item more, which tells whether there is a next page."""
    least = compiler.parameter(-2.0 if request.min_score is None else request.min_score)
    begin = compiler.parameter(page.offset)
    end = compiler.parameter(page.offset + page.first + 1)
    # The index gives (1 + cosine) / 2.
    has_others = bool(request.like_others)
    hit = NearEdge(kind, "near", "2 * similarity - 1", "sources", has_others=has_others)
    return (
        "COLLECT { UNWIND [one IN chosen WHERE one.similarity >= (1 + " + least + ") / 2]"
        + "[" + begin + ".." + end + "] AS hit"
        + " WITH hit.node AS near, hit.similarity AS similarity"
        + " RETURN " + near_edge(compiler, hit, edge=edge, node=node) + " } AS items"
    )  # fmt: skip
