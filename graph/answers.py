"""The questions that people ask, each as one Cypher statement whatever is nested under it.

The command line and the API both ask here. Only when an answer is missing does a second statement
look for the nearest names, so that the error can offer them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from core.errors import (
    BookNotFoundError,
    DataMissingError,
    LinkNotFoundError,
    StoreUnreachableError,
    UsageError,
)
from graph.projection import Compiler, Page, Selection, select
from graph.store import Row, Store
from graph.titles import nearest_names, nearest_titles

MAX_LIKED = 50

# A replaced model shows within milliseconds in a small graph; the waits add up to 6 s.
_PAUSES_S = (0.01, 0.05, 0.2, 0.75, 2.0, 3.0)
# float32 in the index against float64 in Cypher.
_SAME_SCORE = 1e-4


@dataclass(frozen=True, slots=True)
class BookFilter:
    """Which books to list; every condition that is set has to hold.

    Attributes:
        author: one of the book's authors.
        genre: one of its genres.
        country: one of its countries.
        language: one of its languages.
        publisher: one of its publishers.
        year_from: first year of publication, inclusive.
        year_to: last year, inclusive.
    """

    author: str | None = None
    genre: str | None = None
    country: str | None = None
    language: str | None = None
    publisher: str | None = None
    year_from: int | None = None
    year_to: int | None = None


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
class Neighbour:
    """A book or link near to another.

    Attributes:
        name: the book's title or the link's name.
        score: the cosine, in [-1, 1]; higher is more alike.
        shared: what both are connected with, the rarest first.
    """

    name: str
    score: float
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between asking for books and for links."""

    label: LiteralString
    key: LiteralString
    index: LiteralString
    shared: str
    shared_key: str
    not_found: type[BookNotFoundError | LinkNotFoundError] = field(repr=False)


_BOOK = _Kind("Book", "title", "book_embedding", "shared_links", "name", BookNotFoundError)
_LINK = _Kind("Link", "name", "link_embedding", "shared_books", "title", LinkNotFoundError)


def find_book(store: Store, title: str, selections: Sequence[Selection]) -> Row:
    """Get what is wanted of one book.

    Raises:
        BookNotFoundError: no book has this title.
    """
    compiler = Compiler({"key": title})
    rows = store.read(
        "CYPHER 25 MATCH (n:Book {title: $key}) RETURN "
        + compiler.book("n", selections)
        + " AS node",
        **compiler.parameters,
    )
    if not rows:
        raise BookNotFoundError(title, nearest=nearest_titles(store, title))
    node: Row = rows[0]["node"]
    return node


def find_link(store: Store, name: str, selections: Sequence[Selection]) -> Row:
    """Get what is wanted of one link; letter case does not matter.

    Raises:
        LinkNotFoundError: no link has this name.
    """
    compiler = Compiler({"key": name.strip().lower()})
    rows = store.read(
        "CYPHER 25 MATCH (n:Link {name: $key}) RETURN "
        + compiler.link("n", selections)
        + " AS node",
        **compiler.parameters,
    )
    if not rows:
        raise LinkNotFoundError(name, nearest=nearest_names(store, name))
    node: Row = rows[0]["node"]
    return node


def list_books(
    store: Store, page: Page, selections: Sequence[Selection], *, where: BookFilter | None = None
) -> NodeList:
    """List books by title.

    Raises:
        UsageError: the page begins before 0 or is longer than can be served.
    """
    compiler = Compiler()
    match = "MATCH (n:Book)" + _where(where or BookFilter(), compiler)
    skip, limit = compiler.parameter(page.offset), compiler.parameter(page.first + 1)
    node = compiler.book("n", selections)
    rows = store.read(
        "CYPHER 25 RETURN COUNT { " + match + " } AS total, COLLECT { " + match + " "
        "WITH n ORDER BY n.title SKIP " + skip + " LIMIT " + limit + " "
        "RETURN {node: " + node + "} } AS items",
        **compiler.parameters,
    )
    items: list[Row] = rows[0]["items"]
    return NodeList(items[: page.first], rows[0]["total"], len(items) > page.first)


def similar_books(
    store: Store,
    titles: Sequence[str],
    page: Page,
    *,
    node: Sequence[Selection] = select("title"),
    edge: Sequence[Selection] = (),
) -> NodeList:
    """The books nearest to one book, or to the mean direction of several.

    Args:
        store: the graph.
        titles: 1 to `MAX_LIKED` books; they are not among the answers.
        page: which part of the list.
        node: what is wanted of each book.
        edge: `shared_links`, if wanted.

    Returns:
        Items with `node` and `score`, the cosine, best first.

    Raises:
        BookNotFoundError: one of the titles does not exist.
        DataMissingError: no model was written back, or the book has no links to place it by.
        UsageError: there is no title, or there are too many.
    """
    return _similar(store, _BOOK, titles, page, node=node, edge=edge)


def similar_links(
    store: Store,
    names: Sequence[str],
    page: Page,
    *,
    node: Sequence[Selection] = select("name"),
    edge: Sequence[Selection] = (),
) -> NodeList:
    """The links nearest to one link, or to the mean direction of several; see `similar_books`.

    Raises:
        LinkNotFoundError: one of the names does not exist.
        DataMissingError: no model was written back.
        UsageError: there is no name, or there are too many.
    """
    lowered = [name.strip().lower() for name in names]
    return _similar(store, _LINK, lowered, page, node=node, edge=edge)


def nearest_books(
    store: Store, titles: Sequence[str], *, num: int = 10, num_shared: int = 5
) -> list[Neighbour]:
    """`similar_books` as plain values: titles, scores and the links that they share.

    Raises:
        BookNotFoundError: one of the titles does not exist.
        DataMissingError: no model was written back.
    """
    shared = Selection("shared", "shared_links", Page(num_shared), node=select("title"))
    found = similar_books(store, titles, Page(num), edge=(shared,))
    return [
        Neighbour(
            name=item["node"]["title"],
            score=item["score"],
            shared=tuple(link["title"] for link in item["shared"]),
        )
        for item in found.items
    ]


def _similar(
    store: Store,
    kind: _Kind,
    liked: Sequence[str],
    page: Page,
    *,
    node: Sequence[Selection],
    edge: Sequence[Selection],
) -> NodeList:
    wanted = list(dict.fromkeys(liked))
    if not 1 <= len(wanted) <= MAX_LIKED:
        raise UsageError(
            f"{len(wanted)} were given to be like; give 1 to {MAX_LIKED}, each a {kind.key}."
        )
    compiler = Compiler({"like": wanted})
    statement = _similar_statement(kind, compiler, page, node=node, edge=edge)
    for pause_s in _PAUSES_S:
        row = store.read(statement, num_like=len(wanted), **compiler.parameters)[0]
        if _is_of_one_model(row):
            break
        time.sleep(pause_s)
    else:
        raise StoreUnreachableError(
            "The vectors are being replaced by those of a newer model. Ask again in a moment."
        )
    _check_liked(store, kind, row)
    items: list[Row] = row["items"]
    return NodeList(items[: page.first], None, len(items) > page.first)


def _is_of_one_model(row: Row) -> bool:
    """Whether the vectors that were searched with belong to the model that was searched in.

    Neo4j shows a commit's changes one after the other, so a statement that runs while a model is
    replaced can read the new vector of a liked node and search the old ones with it. The index
    itself gives the proof: a vector of its model is found there at cosine 1, and every liked node
    that is found has the score that its vector says.
    """
    if any(one["version"] not in {None, row["version"]} for one in row["liked"]):
        return False
    if any(abs(own["score"] - own["expected"]) > _SAME_SCORE for own in row["own"]):
        return False
    is_alone = len(row["liked"]) == 1 and row["best"] is not None
    return not is_alone or row["best"] > 1 - _SAME_SCORE


def _similar_statement(
    kind: _Kind,
    compiler: Compiler,
    page: Page,
    *,
    node: Sequence[Selection],
    edge: Sequence[Selection],
) -> LiteralString:
    """The liked nodes, the mean of their unit vectors, and what the index finds near to it."""
    near_edge = compiler.near_edge(
        edge,
        label=kind.label,
        near="near",
        score="similarity",
        is_source="source." + kind.key + " IN $like",
        node=node,
    )
    begin, end = compiler.parameter(page.offset), compiler.parameter(page.offset + page.first + 1)
    # The liked ones are found too, being nearest to themselves, and are taken out again.
    limit = compiler.parameter(page.offset + page.first + 1 + MAX_LIKED)
    return (
        "CYPHER 25 OPTIONAL MATCH (model:EmbeddingModel {is_current: true}) "
        "CALL (model) { UNWIND $like AS key "
        "OPTIONAL MATCH (liked:" + kind.label + " {" + kind.key + ": key}) "
        "RETURN collect({key: key, is_found: liked IS NOT NULL, "
        "version: liked.embedding_version, vector: "
        "CASE WHEN liked.embedding_version = model.version THEN liked.embedding END}) AS liked } "
        "LET vectors = [one IN liked WHERE one.vector IS NOT NULL | one.vector] "
        "LET lengths = [v IN vectors | sqrt(reduce(sum = 0.0, x IN v | sum + x * x))] "
        "LET centre = CASE WHEN size(vectors) = $num_like THEN "
        "[i IN range(0, size(vectors[0]) - 1) | reduce(sum = 0.0, j IN range(0, $num_like - 1) | "
        "sum + vectors[j][i] / lengths[j])] END "
        "LET found = COLLECT { WITH centre WHERE any(x IN centre WHERE x <> 0.0) "
        "MATCH (near:" + kind.label + ") SEARCH near IN ("
        "VECTOR INDEX " + kind.index + " FOR centre "
        "WHERE near.embedding_version = model.version LIMIT " + limit + ") SCORE AS similarity "
        "WITH near, similarity ORDER BY similarity DESC, near." + kind.key + " "
        "RETURN {node: near, similarity: similarity} } "
        "RETURN model.version AS version, "
        "[one IN liked | {key: one.key, is_found: one.is_found, version: one.version, "
        "is_placed: one.vector IS NOT NULL}] AS liked, "
        "head([one IN found | one.similarity]) AS best, "
        "COLLECT { UNWIND found AS hit UNWIND liked AS one "
        "WITH hit, one WHERE one.key = hit.node." + kind.key + " "
        "RETURN {score: hit.similarity, "
        "expected: vector.similarity.cosine(one.vector, centre)} } AS own, "
        "COLLECT { UNWIND [one IN found WHERE NOT one.node." + kind.key + " IN $like]"
        "[" + begin + ".." + end + "] AS hit "
        "WITH hit.node AS near, hit.similarity AS similarity "
        "RETURN " + near_edge + " } AS items"
    )


def _check_liked(store: Store, kind: _Kind, row: dict[str, Any]) -> None:
    for one in row["liked"]:
        if not one["is_found"]:
            nearest = (nearest_titles if kind is _BOOK else nearest_names)(store, one["key"])
            raise kind.not_found(one["key"], nearest=nearest)
    if row["version"] is None:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings yet. Run `bookgraph train`."
        )
    for one in row["liked"]:
        if not one["is_placed"]:
            raise DataMissingError(
                f"{one['key']!r} has no vector in the current model: it has no links to be placed "
                "by, or was added after the training. Run `bookgraph train` to place new ones."
            )


def _where(wanted: BookFilter, compiler: Compiler) -> LiteralString:
    conditions: list[LiteralString] = []
    if wanted.author is not None:
        conditions.append(compiler.parameter(wanted.author) + " IN n.authors")
    if wanted.genre is not None:
        conditions.append(compiler.parameter(wanted.genre) + " IN n.genres")
    if wanted.country is not None:
        conditions.append(compiler.parameter(wanted.country) + " IN n.countries")
    if wanted.language is not None:
        conditions.append(compiler.parameter(wanted.language) + " IN n.languages")
    if wanted.publisher is not None:
        conditions.append(compiler.parameter(wanted.publisher) + " IN n.publishers")
    if wanted.year_from is not None:
        conditions.append("n.year >= " + compiler.parameter(wanted.year_from))
    if wanted.year_to is not None:
        conditions.append("n.year <= " + compiler.parameter(wanted.year_to))
    return (" WHERE " + " AND ".join(conditions)) if conditions else ""
