"""Compiles lists by likeness into Cypher: the search, the score, and why two nodes are near.

Pure texts: constant fragments and variable names that the compiler made. The sources of a search
are one list variable of nodes, so that a plan starts at them and never at a popular link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from bookgraph.graph.query.selection import Selection

if TYPE_CHECKING:
    from bookgraph.graph.query.projection import Compiler

_CURRENT: LiteralString = ":EmbeddingModel {is_current: true}) "
# Links that more books mention than this would make every book related to every other one.
_MOST_BOOKS_OF_A_REASON = 2_000
_MOST_CANDIDATES = 1_000


@dataclass(frozen=True, slots=True)
class NearEdge:
    """Where an edge of a list by likeness finds its values.

    Attributes:
        near: variable of the near node.
        cosine: expression of its score.
        sources: expression of the list of nodes that it is near to.
        has_others: whether there may be nodes of the other label among them.
    """

    near: LiteralString
    cosine: LiteralString
    sources: LiteralString
    has_others: bool = False


def near_edge(
    compiler: Compiler,
    where: NearEdge,
    *,
    is_book: bool,
    edge: Iterable[Selection],
    node: Sequence[Selection],
) -> LiteralString:
    """The map of one edge: the node, the score, why."""
    entries: list[LiteralString] = [
        "node: " + (compiler.book if is_book else compiler.link)(where.near, node),
        "score: " + where.cosine,
    ]
    for item in edge:
        if item.name == "why":
            text = _why(compiler, item, where, is_book=is_book)
        elif item.name == ("shared_links" if is_book else "shared_books"):
            text = _shared(compiler, item, where, is_book=is_book)
        else:
            continue
        entries.append(compiler.key(item) + ": " + text)
    return "{" + ", ".join(entries) + "}"


def _shared(
    compiler: Compiler, item: Selection, where: NearEdge, *, is_book: bool
) -> LiteralString:
    """What a near node shares with its sources, the rarest first."""
    via = compiler.name("via")
    order: LiteralString = (
        via + ".num_books, " + via + ".name" if is_book else via + ".num_links, " + via + ".title"
    )
    node = compiler.link(via, item.node) if is_book else compiler.book(via, item.node)
    return (
        "COLLECT { " + _meet(compiler, where, via, is_book=is_book) + " "
        "WITH DISTINCT " + via + " ORDER BY " + order + " "
        "LIMIT " + compiler.parameter(item.page.first) + " RETURN " + node + " }"
    )


def _why(compiler: Compiler, item: Selection, where: NearEdge, *, is_book: bool) -> LiteralString:
    """What a near node shares with its sources, that which says most first.

    A link that many books mention says little, so each counts by its inverse document frequency,
    the natural logarithm of all books over those that mention it (Spärck Jones 1972), times the
    number of sources that have it. For near links, books count likewise.
    """
    via, weight = compiler.name("via"), compiler.name("weight")
    end: LiteralString = "link" if is_book else "book"
    order: LiteralString = via + (".name" if is_book else ".title")
    inner = tuple(one for wanted in item.node if wanted.name == end for one in wanted.node)
    node = compiler.link(via, inner) if is_book else compiler.book(via, inner)
    return (
        "COLLECT { " + _meet(compiler, where, via, is_book=is_book) + " "
        "WITH " + via + ", count(*) * " + rarity(via, is_book=is_book) + " AS " + weight + " "
        "ORDER BY "
        + weight
        + " DESC, "
        + order
        + " LIMIT "
        + compiler.parameter(item.page.first)
        + " "
        "RETURN {score: " + weight + ", " + end + ": " + node + "} }"
    )


def rarity(via: LiteralString, *, is_book: bool) -> LiteralString:
    """How much it says that two books share the link `via`, or two links the book `via`."""
    if is_book:
        return "log(toFloat(COUNT { (:Book) }) / " + via + ".num_books)"
    return "log(toFloat(COUNT { (:Link) }) / " + via + ".num_links)"


def _meet(
    compiler: Compiler, where: NearEdge, via: LiteralString, *, is_book: bool
) -> LiteralString:
    """Rows of `via`, one for each source that shares it with the near node, or is it."""
    source = compiler.name("source")
    start: LiteralString = "UNWIND " + where.sources + " AS " + source + " "
    if is_book:
        shared: LiteralString = (
            "MATCH (" + source + ":Book)-[:LINKS_TO]->(" + via + ":Link)"
            "<-[:LINKS_TO]-(" + where.near + ")"
        )
        direct: LiteralString = "MATCH (" + where.near + ")-[:LINKS_TO]->(" + source + ":Link)"
    else:
        shared = (
            "MATCH (" + source + ":Link)<-[:LINKS_TO]-(" + via + ":Book)"
            "-[:LINKS_TO]->(" + where.near + ")"
        )
        direct = "MATCH (" + where.near + ")<-[:LINKS_TO]-(" + source + ":Book)"
    if not where.has_others:
        return start + shared
    return (
        start + "CALL (" + source + ", " + where.near + ") { " + shared + " RETURN " + via + " "
        "UNION ALL " + direct + " RETURN " + source + " AS " + via + " }"
    )  # fmt: skip


def near_list(
    compiler: Compiler, source: LiteralString, item: Selection, *, is_book: bool
) -> LiteralString:
    """The list of the nodes nearest to the one that is bound to `source`."""
    near, score, model = (compiler.name(stem) for stem in ("near", "score", "model"))
    label: LiteralString = "Book" if is_book else "Link"
    index: LiteralString = "book_embedding" if is_book else "link_embedding"
    edge = near_edge(
        compiler,
        # The index gives (1 + cosine) / 2.
        NearEdge(near, "2 * " + score + " - 1", "[" + source + "]"),
        is_book=is_book,
        edge=item.edge,
        node=item.node,
    )
    # One more than wanted is searched, because the nearest to a node is the node itself.
    wanted = compiler.parameter(item.page.offset + item.page.first + 1)
    return (
        "COLLECT { MATCH (" + model + _CURRENT + "WHERE " + source + ".embedding_version "
        "= " + model + ".version "
        "MATCH (" + near + ":" + label + ") SEARCH " + near + " IN ("
        "VECTOR INDEX " + index + " FOR " + source + ".embedding "
        "WHERE " + near + ".embedding_version = " + model + ".version LIMIT " + wanted + ") "
        "SCORE AS " + score + " "
        "WITH " + near + ", " + score + " WHERE " + near + " <> " + source + " "
        "WITH " + near + ", " + score + " ORDER BY " + score + " DESC "
        + _part(compiler, item) + "RETURN " + edge + " }"
    )  # fmt: skip


def related_list(compiler: Compiler, book: LiteralString, item: Selection) -> LiteralString:
    """The books that share the most telling links with a book, whatever the vectors say."""
    near, via, weight = (compiler.name(stem) for stem in ("near", "via", "weight"))
    edge = near_edge(
        compiler,
        NearEdge(near, weight, "[" + book + "]"),
        is_book=True,
        edge=item.edge,
        node=item.node,
    )
    most = compiler.parameter(_MOST_BOOKS_OF_A_REASON)
    return (
        "COLLECT { MATCH (" + book + ")-[:LINKS_TO]->(" + via + ":Link) "
        "WHERE " + via + ".num_books <= " + most + " "
        "WITH " + via + ", " + rarity(via, is_book=True) + " AS idf_" + via + " "
        "MATCH (" + via + ")<-[:LINKS_TO]-(" + near + ":Book) WHERE " + near + " <> " + book + " "
        "WITH " + near + ", sum(idf_" + via + ") AS " + weight + " "
        "ORDER BY " + weight + " DESC, " + near + ".title "
        + _part(compiler, item) + "RETURN " + edge + " }"
    )  # fmt: skip


def predicted_list(
    compiler: Compiler, source: LiteralString, item: Selection, *, is_book: bool
) -> LiteralString:
    """The links that a book's page lacks and the vectors expect, by their dot product.

    With `is_book` the answers are books, those whose pages lack the link that `source` is.

    The index ranks by cosine, so that the nearest candidates are taken from there and ordered by
    the dot product, which is what the model was trained to predict links with.
    """
    near, score, model = (compiler.name(stem) for stem in ("near", "score", "model"))
    vector, other, found = (compiler.name(stem) for stem in ("vector", "other", "found"))
    candidates = min(_MOST_CANDIDATES, 10 * (item.page.offset + item.page.first + 10))
    label: LiteralString = "Book" if is_book else "Link"
    key: LiteralString = "title" if is_book else "name"
    index: LiteralString = "book_embedding" if is_book else "link_embedding"
    book, link = (near, source) if is_book else (source, near)
    node = (compiler.book if is_book else compiler.link)(near, item.node)
    return (
        "COLLECT { MATCH (" + model + _CURRENT + "WHERE " + source + ".embedding_version "
        "= " + model + ".version WITH " + model + ", " + source + ".embedding AS " + vector + " "
        "MATCH (" + near + ":" + label + ") SEARCH " + near + " IN (VECTOR INDEX " + index + " "
        "FOR " + vector + " WHERE " + near + ".embedding_version = " + model + ".version "
        "LIMIT " + compiler.parameter(candidates) + ") SCORE AS " + found + " "
        "WITH " + vector + ", " + near + " "
        "WHERE NOT EXISTS { (" + book + ")-[:LINKS_TO]->(" + link + ") } "
        # No page links to itself.
        "AND NOT EXISTS { (" + link + ")-[:REFERS_TO]->(" + book + ") } "
        "WITH " + near + ", " + vector + ", " + near + ".embedding AS " + other + " "
        "WITH " + near + ", reduce(sum = 0.0, i IN range(0, size(" + vector + ") - 1) | "
        "sum + " + vector + "[i] * " + other + "[i]) AS " + score + " "
        "ORDER BY " + score + " DESC, " + near + "." + key + " " + _part(compiler, item)
        + "RETURN {score: " + score + ", node: " + node + "} }"
    )  # fmt: skip


def _part(compiler: Compiler, item: Selection) -> LiteralString:
    skip, limit = compiler.parameter(item.page.offset), compiler.parameter(item.page.first)
    return "SKIP " + skip + " LIMIT " + limit + " "
