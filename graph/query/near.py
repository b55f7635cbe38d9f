"""Compiles lists of near nodes: by vector, by shared links, by prediction, and why they are near.

Pure texts, built from constants and the compiler's variable names. The nodes that a list is near to
are one list variable, so that a query plan starts at them and never at a popular link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.graph.query.compile import Compiler, FieldBuilder
from bookgraph.graph.query.selection import Selection
from bookgraph.graph.schema import BOOK, LINK, NodeKind

# Links that more books mention than this would relate every book to every other one.
_MOST_BOOKS_OF_A_REASON = 2_000
_MOST_CANDIDATES = 1_000


@dataclass(frozen=True, slots=True)
class NearEdge:
    """Where an edge of a list of near nodes finds its values.

    Attributes:
        kind: kind of the near node.
        near: variable of the near node.
        score: expression of its score.
        sources: expression of the list of nodes that it is near to.
        has_others: whether nodes of the other kind may be among the sources.
    """

    kind: NodeKind
    near: LiteralString
    score: LiteralString
    sources: LiteralString
    has_others: bool = False


def near_edge(
    compiler: Compiler,
    where: NearEdge,
    *,
    edge: Iterable[Selection],
    node: Sequence[Selection],
) -> LiteralString:
    """The map of one edge: the node, the score, and why the node is near."""
    entries: list[LiteralString] = [
        "node: " + compiler.node(where.kind, where.near, node),
        "score: " + where.score,
    ]
    for item in edge:
        if item.name == "why":
            entries.append(compiler.key(item) + ": " + _why(compiler, item, where))
        elif item.name == f"shared_{where.kind.other.word}s":
            entries.append(compiler.key(item) + ": " + _shared(compiler, item, where))
    return "{" + ", ".join(entries) + "}"


def rarity(kind: NodeKind, node: LiteralString) -> LiteralString:
    """How much it tells that two nodes share `node`, a link of two books or a book of two links.

    A link that many books mention tells little, so this is its inverse document frequency, the
    natural logarithm of all books over those that mention it (Spärck Jones 1972). For a book, links
    count likewise.
    """
    everything = "COUNT { (:" + kind.other.label + ") }"
    return "log(toFloat(" + everything + ") / " + node + "." + kind.degree + ")"


def near_list(kind: NodeKind) -> FieldBuilder:
    """Builds the list of the nodes nearest to a node of the same kind, by their vectors."""

    def build(compiler: Compiler, source: LiteralString, item: Selection) -> LiteralString:
        near, score = compiler.names("near", "score")
        # The index gives (1 + cosine) / 2.
        where = NearEdge(kind, near, "2 * " + score + " - 1", "[" + source + "]")
        # One more than requested is searched, because the nearest to a node is the node itself.
        num = compiler.parameter(item.page.offset + item.page.first + 1)
        return _list(
            _search(compiler, kind, source, near, num=num, score=score)
            + " WITH " + near + ", " + score + " WHERE " + near + " <> " + source
            + " WITH " + near + ", " + score + " ORDER BY " + score + " DESC"
            + compiler.part(item)
            + " RETURN " + near_edge(compiler, where, edge=item.edge, node=item.node)
        )  # fmt: skip

    return build


def related_list(compiler: Compiler, book: LiteralString, item: Selection) -> LiteralString:
    """The books that share the most telling links with a book, whatever the vectors say."""
    near, via, idf, weight = compiler.names("near", "via", "idf", "weight")
    most = compiler.parameter(_MOST_BOOKS_OF_A_REASON)
    where = NearEdge(BOOK, near, weight, "[" + book + "]")
    return _list(
        "MATCH (" + book + ")-[:LINKS_TO]->(" + via + ":Link)"
        + " WHERE " + via + ".num_books <= " + most
        + " WITH " + via + ", " + rarity(LINK, via) + " AS " + idf
        + " MATCH (" + via + ")<-[:LINKS_TO]-(" + near + ":Book) WHERE " + near + " <> " + book
        + " WITH " + near + ", sum(" + idf + ") AS " + weight
        + " ORDER BY " + weight + " DESC, " + near + ".title"
        + compiler.part(item)
        + " RETURN " + near_edge(compiler, where, edge=item.edge, node=item.node)
    )  # fmt: skip


def predicted_list(kind: NodeKind) -> FieldBuilder:
    """Builds the list of the nodes that the vectors expect at a node of the other kind.

    For a book these are links that its page does not mention, for a link books that do not mention
    it. The index ranks by cosine, so the nearest candidates come from there. They are then ordered
    by the dot product, which is what the model was trained to predict links with.
    """

    def build(compiler: Compiler, source: LiteralString, item: Selection) -> LiteralString:
        near, score, vector, other = compiler.names("near", "score", "vector", "other")
        book, link = (near, source) if kind == BOOK else (source, near)
        candidates = min(_MOST_CANDIDATES, 10 * (item.page.offset + item.page.first + 10))
        num = compiler.parameter(candidates)
        return _list(
            _search(compiler, kind, source, near, num=num, score=compiler.name("found"))
            + " WITH " + near + " WHERE NOT EXISTS { (" + book + ")-[:LINKS_TO]->(" + link + ") }"
            # No page links to itself.
            + " AND NOT EXISTS { (" + link + ")-[:REFERS_TO]->(" + book + ") }"
            # Bound to names, so that each vector is read once and not once for each of its numbers.
            + " WITH " + near + ", " + source + ".embedding AS " + vector
            + ", " + near + ".embedding AS " + other
            + " WITH " + near + ", " + _dot_product(vector, other) + " AS " + score
            + " ORDER BY " + score + " DESC, " + near + "." + kind.key
            + compiler.part(item)
            + " RETURN {score: " + score + ", node: " + compiler.node(kind, near, item.node) + "}"
        )  # fmt: skip

    return build


def _search(
    compiler: Compiler,
    kind: NodeKind,
    source: LiteralString,
    near: LiteralString,
    *,
    num: LiteralString,
    score: LiteralString,
) -> LiteralString:
    """Rows of the `num` nodes of a kind nearest to a source, of the current model alone."""
    model = compiler.name("model")
    version = ".embedding_version = " + model + ".version"
    return (
        "MATCH (" + model + ":EmbeddingModel {is_current: true}) WHERE " + source + version
        + " MATCH (" + near + ":" + kind.label + ") SEARCH " + near
        + " IN (VECTOR INDEX " + kind.vector_index + " FOR " + source + ".embedding"
        + " WHERE " + near + version + " LIMIT " + num + ") SCORE AS " + score
    )  # fmt: skip


def _dot_product(one: LiteralString, other: LiteralString) -> LiteralString:
    return (
        "reduce(sum = 0.0, i IN range(0, size(" + one + ") - 1) | "
        "sum + " + one + "[i] * " + other + "[i])"
    )


def _shared(compiler: Compiler, item: Selection, where: NearEdge) -> LiteralString:
    """What a near node shares with its sources, the rarest first."""
    other, via = where.kind.other, compiler.name("via")
    return _list(
        _meet(compiler, where, via)
        + " WITH DISTINCT " + via
        + " ORDER BY " + via + "." + other.degree + ", " + via + "." + other.key
        + " LIMIT " + compiler.parameter(item.page.first)
        + " RETURN " + compiler.node(other, via, item.node)
    )  # fmt: skip


def _why(compiler: Compiler, item: Selection, where: NearEdge) -> LiteralString:
    """What a near node shares with its sources, the most telling first.

    The weight is the rarity times the number of sources that share it.
    """
    other = where.kind.other
    via, weight = compiler.names("via", "weight")
    inner = tuple(one for item in item.node if item.name == other.word for one in item.node)
    return _list(
        _meet(compiler, where, via)
        + " WITH " + via + ", count(*) * " + rarity(other, via) + " AS " + weight
        + " ORDER BY " + weight + " DESC, " + via + "." + other.key
        + " LIMIT " + compiler.parameter(item.page.first)
        + " RETURN {score: " + weight + ", "
        + other.word + ": " + compiler.node(other, via, inner) + "}"
    )  # fmt: skip


def _meet(compiler: Compiler, where: NearEdge, via: LiteralString) -> LiteralString:
    """Rows of `via`, one for each source that shares it with the near node.

    A source of the other kind shares nothing with it: there, `via` is the source itself.
    """
    kind, near, source = where.kind, where.near, compiler.name("source")
    start = "UNWIND " + where.sources + " AS " + source + " "
    shared = (
        "MATCH (" + source + ":" + kind.label + ")" + kind.to_other
        + "(" + via + ":" + kind.other.label + ")" + kind.other.to_other + "(" + near + ")"
    )  # fmt: skip
    if not where.has_others:
        return start + shared
    direct = "MATCH (" + near + ")" + kind.to_other + "(" + source + ":" + kind.other.label + ")"
    return (
        start + "CALL (" + source + ", " + near + ") { " + shared + " RETURN " + via
        + " UNION ALL " + direct + " RETURN " + source + " AS " + via + " }"
    )  # fmt: skip


def _list(rows: LiteralString) -> LiteralString:
    return "COLLECT { " + rows + " }"
