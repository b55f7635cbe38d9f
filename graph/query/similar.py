"""The books or links nearest to several, away from others, in one statement.

The direction is the mean of the liked nodes' unit vectors less half the mean of the unliked ones'
(Rocchio 1971). The index checks what it can of a filter; what it cannot, such as one of several
genres, is checked on a wider search, and where that does not fill the page, on every node that
matches. So as many answers come as were asked for, and they are the nearest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, LiteralString

from bookgraph.core.errors import (
    BookNotFoundError,
    DataMissingError,
    LinkNotFoundError,
    StoreUnreachableError,
    UsageError,
)
from bookgraph.graph.query.filters import Filter, index_predicate, is_index_enough, predicate
from bookgraph.graph.query.near import NearEdge, near_edge
from bookgraph.graph.query.projection import Compiler
from bookgraph.graph.query.selection import Page, Selection, select
from bookgraph.graph.query.titles import (
    nearest_names,
    nearest_titles,
    redirect_query,
    redirected_book,
    redirected_link,
)
from bookgraph.graph.store import Row, Store

MAX_GIVEN = 50
MAX_EXCLUDED = 200

# A replaced model shows within milliseconds in a small graph; the waits add up to 6 s.
_PAUSES_S = (0.01, 0.05, 0.2, 0.75, 2.0, 3.0)
# float32 in the index against float64 in Cypher.
_SAME_SCORE = 1e-4
_UNLIKE_WEIGHT = 0.5
# So many times the wanted number are searched where a filter is checked afterwards.
_WIDER = 10
_MOST_SEARCHED = 1_000


@dataclass(frozen=True, slots=True)
class NearQuestion:
    """What to be near to, and which answers are wanted.

    Attributes:
        like: titles (for links: names) of the same kind as the answers.
        like_others: names of links, for books as answers; titles of books, for links.
        unlike: titles (names) to be away from.
        exclude: titles (names) that are not answered; what is given above never is.
        where: which answers are wanted.
        min_score: least cosine.
        is_author_excluded: leave out books by an author of a liked one.
    """

    like: Sequence[str] = ()
    like_others: Sequence[str] = ()
    unlike: Sequence[str] = ()
    exclude: Sequence[str] = ()
    where: Filter | None = None
    min_score: float | None = None
    is_author_excluded: bool = False


@dataclass(frozen=True, slots=True)
class NodeList:
    """A part of a list.

    Attributes:
        items: rows as the selections asked for, each with `node` and, where it applies, `score`.
        total: length of the whole list, or None where it has no end of its own.
        has_next: whether there is more after `items`.
    """

    items: list[Row]
    total: int | None
    has_next: bool


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between answering with books and with links."""

    is_book: bool
    label: LiteralString
    key: LiteralString
    index: LiteralString


_BOOK = _Kind(True, "Book", "title", "book_embedding")  # noqa: FBT003  # reads well by its field
_LINK = _Kind(False, "Link", "name", "link_embedding")  # noqa: FBT003  # the same


def similar_books(
    store: Store,
    question: NearQuestion,
    page: Page,
    *,
    node: Sequence[Selection] = select("title"),
    edge: Sequence[Selection] = (),
) -> NodeList:
    """The books nearest to what is liked.

    Args:
        store: the graph.
        question: with 1 to `MAX_GIVEN` titles or links in all.
        page: which part of the list.
        node: what is wanted of each book.
        edge: `shared_links` and `why`, if wanted.

    Returns:
        Items with `node` and `score`, the cosine, best first.

    Raises:
        BookNotFoundError: one of the titles does not exist.
        LinkNotFoundError: one of the links does not exist.
        DataMissingError: no model was written back, or what is liked has no vector.
        UsageError: nothing is given to be near to, or too much.
        StoreUnreachableError: a new model is being written; a retry helps.
    """
    return _similar(store, _BOOK, question, page, node=node, edge=edge)


def similar_links(
    store: Store,
    question: NearQuestion,
    page: Page,
    *,
    node: Sequence[Selection] = select("name"),
    edge: Sequence[Selection] = (),
) -> NodeList:
    """The links nearest to what is liked; see `similar_books`."""
    lowered = replace(
        question,
        like=_link_names(question.like),
        unlike=_link_names(question.unlike),
        exclude=_link_names(question.exclude),
    )
    return _similar(store, _LINK, lowered, page, node=node, edge=edge)


def _link_names(names: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in names]


def _similar(
    store: Store,
    kind: _Kind,
    question: NearQuestion,
    page: Page,
    *,
    node: Sequence[Selection],
    edge: Sequence[Selection],
) -> NodeList:
    given = _given(kind, question)
    compiler = Compiler({"given": given})
    statement = _statement(kind, compiler, question, page, node=node, edge=edge)
    for pause_s in _PAUSES_S:
        row = store.read(statement, num_given=len(given), **compiler.parameters)[0]
        if _is_of_one_model(row, is_own_kind=bool(question.like) and question.where is None):
            break
        time.sleep(pause_s)
    else:
        raise StoreUnreachableError(
            "The vectors are being replaced by those of a newer model. Ask again in a moment."
        )
    _check_given(store, row)
    items: list[Row] = row["items"]
    return NodeList(items[: page.first], None, len(items) > page.first)


def _given(kind: _Kind, question: NearQuestion) -> list[Row]:
    """The liked and unliked nodes with their weights in the direction.

    Raises:
        UsageError: there are none, or too many.
    """
    others = question.like_others if not kind.is_book else _link_names(question.like_others)
    liked = [
        *(("Book" if kind.is_book else "Link", key) for key in dict.fromkeys(question.like)),
        *(("Link" if kind.is_book else "Book", key) for key in dict.fromkeys(others)),
    ]
    unliked = list(dict.fromkeys(question.unlike))
    if not liked or len(liked) + len(unliked) > MAX_GIVEN:
        raise UsageError(
            f"{len(liked)} were given to be like and {len(unliked)} to be unlike; give at least 1 "
            f"to be like and at most {MAX_GIVEN} in all, each by its {kind.key}."
        )
    if len(question.exclude) > MAX_EXCLUDED:
        raise UsageError(f"exclude: {len(question.exclude)} keys; give at most {MAX_EXCLUDED}.")
    both = {key for label, key in liked if label == kind.label} & set(unliked)
    if both:
        raise UsageError(f"{min(both)!r} is given to be like and to be unlike; give one.")
    away = -_UNLIKE_WEIGHT / max(1, len(unliked))
    weighed = [
        *((label, key, 1 / len(liked)) for label, key in liked),
        *((kind.label, key, away) for key in unliked),
    ]
    return [
        {"label": label, "key": key, "phrase": redirect_query(key), "weight": weight}
        for label, key, weight in weighed
    ]


# The given nodes with their vectors, and the direction, null unless every one of them is placed.
_DIRECTION: LiteralString = (
    "CYPHER 25 OPTIONAL MATCH (model:EmbeddingModel {is_current: true}) "
    "CALL (model) { UNWIND $given AS one "
    "OPTIONAL MATCH (book:Book {title: CASE one.label WHEN 'Book' THEN one.key END}) "
    "OPTIONAL MATCH (link:Link {name: CASE one.label WHEN 'Link' THEN one.key END}) "
    "LET known = CASE one.label WHEN 'Book' THEN "
    + redirected_book("book", "one.key", "one.phrase")
    + " ELSE "
    + redirected_link("link", "one.key", "one.phrase")
    + " END "
    "RETURN collect({label: one.label, key: one.key, weight: one.weight, known: known, "
    "version: known.embedding_version, "
    "vector: CASE WHEN known.embedding_version = model.version THEN known.embedding END}) "
    "AS given } "
    "LET placed = [one IN given WHERE one.vector IS NOT NULL | {vector: one.vector, weight: "
    "one.weight / sqrt(reduce(sum = 0.0, x IN one.vector | sum + x * x))}] "
    "LET centre = CASE WHEN size(placed) = $num_given THEN "
    "[i IN range(0, size(placed[0].vector) - 1) | "
    "reduce(sum = 0.0, one IN placed | sum + one.weight * one.vector[i])] END "
    "LET own = [one IN given | one.known] "
    "LET sources = [one IN given WHERE one.weight > 0 | one.known] "
    "LET authors = reduce(all = [], one IN sources | all + coalesce(one.authors, [])) "
)


def _statement(
    kind: _Kind,
    compiler: Compiler,
    question: NearQuestion,
    page: Page,
    *,
    node: Sequence[Selection],
    edge: Sequence[Selection],
) -> LiteralString:
    """The direction, what is found near to it, the proof that it is one model's, the answers."""
    least = -2.0 if question.min_score is None else question.min_score
    hit = near_edge(
        compiler,
        NearEdge("near", "2 * similarity - 1", "sources", has_others=bool(question.like_others)),
        is_book=kind.is_book,
        edge=edge,
        node=node,
    )
    begin, end = compiler.parameter(page.offset), compiler.parameter(page.offset + page.first + 1)
    return (
        _DIRECTION + _found(kind, compiler, question, page) + "RETURN model.version AS version, "
        "[one IN given | {label: one.label, key: one.key, is_found: one.known IS NOT NULL, "
        "version: one.version, is_placed: one.vector IS NOT NULL}] AS given, "
        "CASE WHEN any(x IN centre WHERE x <> 0.0) THEN true END AS has_direction, "
        + _PROOF + "COLLECT { UNWIND [one IN chosen WHERE one.similarity >= "
        "(1 + " + compiler.parameter(least) + ") / 2][" + begin + ".." + end + "] AS hit "
        "WITH hit.node AS near, hit.similarity AS similarity RETURN " + hit + " } AS items"
    )  # fmt: skip


def _found(kind: _Kind, compiler: Compiler, question: NearQuestion, page: Page) -> LiteralString:
    """`found`, what the index gives; `chosen`, what of it or of all nodes may be answered."""
    needed = page.offset + page.first + 1
    rest = _rest(kind, compiler, question, "near")
    is_wide = rest != "" or not is_index_enough(question.where)
    # What is given is nearest to itself; it is found too, and is taken out again.
    num_out = MAX_GIVEN + len(question.exclude)
    num = min(_MOST_SEARCHED, _WIDER * needed) if is_wide else needed
    excluded = compiler.parameter(list(question.exclude))
    search: LiteralString = (
        "LET found = COLLECT { WITH centre WHERE any(x IN centre WHERE x <> 0.0) "
        "MATCH (near:" + kind.label + ") SEARCH near IN (VECTOR INDEX " + kind.index + " "
        "FOR centre WHERE near.embedding_version = model.version"
        + index_predicate(question.where, "near", compiler)
        + " LIMIT " + compiler.parameter(max(num, needed) + num_out) + ") SCORE AS similarity "
        "WITH near, similarity ORDER BY similarity DESC, near." + kind.key + " "
        "RETURN {node: near, similarity: similarity} } "
    )  # fmt: skip
    matching: LiteralString = "NOT near IN own AND NOT near." + kind.key + " IN " + excluded
    if not is_wide:
        return search + (
            "LET chosen = COLLECT { UNWIND found AS hit WITH hit, hit.node AS near "
            "WHERE " + matching + " RETURN hit } "
        )
    matching += " AND " + rest if rest else ""
    wanted = compiler.parameter(needed)
    return search + (
        "LET near_ones = COLLECT { UNWIND found AS hit WITH hit, hit.node AS near "
        "WHERE " + matching + " RETURN hit } "
        "LET all_ones = COLLECT { WITH centre WHERE any(x IN centre WHERE x <> 0.0) "
        "AND size(near_ones) < " + wanted + " "
        "MATCH (near:" + kind.label + ") WHERE near.embedding_version = model.version "
        "AND " + matching + " WITH near, vector.similarity.cosine(near.embedding, centre) "
        "AS similarity ORDER BY similarity DESC, near." + kind.key + " LIMIT " + wanted + " "
        "RETURN {node: near, similarity: similarity} } "
        "LET chosen = CASE WHEN size(near_ones) < " + wanted + " THEN all_ones ELSE near_ones END "
    )


def _rest(
    kind: _Kind, compiler: Compiler, question: NearQuestion, near: LiteralString
) -> LiteralString:
    """What the index cannot check of the answers that are wanted."""
    parts: list[LiteralString] = []
    if not is_index_enough(question.where):
        parts.append(predicate(question.where, near, compiler))
    if question.is_author_excluded and kind.is_book:
        parts.append("none(author IN coalesce(" + near + ".authors, []) WHERE author IN authors)")
    return " AND ".join(part for part in parts if part)


# What shows whether the vectors searched with and searched in are of one model: Neo4j shows a
# commit's changes one after the other, so a statement that runs while a model is replaced can read
# the new vector of a given node and search the old ones with it.
_PROOF: LiteralString = (
    "head([one IN found | one.similarity]) AS best, "
    "COLLECT { UNWIND found[..20] AS hit WITH hit.similarity AS score, "
    "hit.node.embedding AS vector RETURN {score: score, expected: "
    "CASE WHEN size(vector) = size(centre) THEN vector.similarity.cosine(vector, centre) END}"
    "} AS seen, "
)


def _is_of_one_model(row: Row, *, is_own_kind: bool) -> bool:
    """Whether every score of the index is the one that the node's own vector has."""
    if any(one["version"] not in {None, row["version"]} for one in row["given"]):
        return False
    for one in row["seen"]:
        if one["expected"] is None or abs(one["score"] - one["expected"]) > _SAME_SCORE:
            return False
    is_alone = len(row["given"]) == 1 and row["has_direction"] and is_own_kind
    # A vector of the index's own model is found there at cosine 1.
    return not is_alone or (row["best"] is not None and row["best"] > 1 - _SAME_SCORE)


def _check_given(store: Store, row: dict[str, Any]) -> None:
    for one in row["given"]:
        if not one["is_found"]:
            if one["label"] == "Book":
                raise BookNotFoundError(one["key"], nearest=nearest_titles(store, one["key"]))
            raise LinkNotFoundError(one["key"], nearest=nearest_names(store, one["key"]))
    if row["version"] is None:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings yet. Run `bookgraph train`."
        )
    for one in row["given"]:
        if not one["is_placed"]:
            raise DataMissingError(
                f"{one['key']!r} has no vector in the current model: it has no links to be placed "
                "by, or was added after the training. Run `bookgraph train` to place new ones."
            )
