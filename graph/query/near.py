"""Compiles lists of near nodes: by vector, by shared links, by prediction, and why they are near.

Pure texts, built from constants and the compiler's variable names. Lists by vector are left to be
filled from a model in memory, see `bookgraph.graph.query.nearest`. The nodes that a list is near to
are one list variable, so that a query plan starts at them and never at a popular link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.graph.query.compile import Compiler, FieldBuilder
from bookgraph.graph.query.filters import predicate
from bookgraph.graph.query.keyset import Keyset, Term
from bookgraph.graph.query.selection import Selection
from bookgraph.graph.schema import BOOK, LINK, NodeKind

# Links that more books mention than this would relate every book to every other one.
_MOST_BOOKS_OF_A_REASON = 2_000
# Sums of the same numbers in another order differ in the last digits.
_SCORE_DIGITS: LiteralString = "9"


@dataclass(frozen=True, slots=True)
class NearEdge:
    """Where an edge of a list of near nodes finds its values.

    Attributes:
        kind: kind of the near node.
        near: variable of the near node.
        sources: expression of the list of nodes that it is near to.
        has_others: whether nodes of the other kind may be among the sources.
    """

    kind: NodeKind
    near: LiteralString
    sources: LiteralString
    has_others: bool = False


def near_edge(
    compiler: Compiler,
    where: NearEdge,
    *,
    edge: Iterable[Selection],
    node: Sequence[Selection],
) -> LiteralString:
    """The entries of the map of one edge: the node, and why it is near."""
    entries: list[LiteralString] = ["node: " + compiler.node(where.kind, where.near, node)]
    for item in edge:
        if item.name == "why":
            entries.append(compiler.key(item) + ": " + _why(compiler, item, where))
        elif item.name == f"shared_{where.kind.other.word}s":
            entries.append(compiler.key(item) + ": " + _shared(compiler, item, where))
    return ", ".join(entries)


def rarity(kind: NodeKind, node: LiteralString) -> LiteralString:
    """How much it tells that two nodes share `node`, a link of two books or a book of two links.

    A link that many books mention tells little, so this is its inverse document frequency, the
    natural logarithm of all books over those that mention it (Spärck Jones 1972). For a book, links
    count likewise.
    """
    everything = "COUNT { (:" + kind.other.label + ") }"
    return "log(toFloat(" + everything + ") / " + node + "." + kind.degree + ")"


def near_list(compiler: Compiler, source: LiteralString, item: Selection) -> LiteralString:
    """Leaves a place for the nodes nearest to a node of the same kind, by their vectors."""
    kind = BOOK if item.name == "similar_books" else LINK
    return compiler.later(kind, item, source)


def predicted_list(kind: NodeKind) -> FieldBuilder:
    """Leaves a place for the nodes that the vectors expect at a node of the other kind.

    For a book these are links that its page does not mention, for a link books that do not mention
    it. No page links to itself.
    """
    other = kind.other

    def build(compiler: Compiler, source: LiteralString, item: Selection) -> LiteralString:
        near = compiler.name("near")
        itself: LiteralString = (
            "MATCH (" + source + ")<-[:REFERS_TO]-(" + near + ":Link)"
            if kind == LINK
            else "MATCH (" + source + ")-[:REFERS_TO]->(" + near + ":Book)"
        )
        known = (
            ", known: COLLECT { MATCH (" + source + ")" + other.to_other + "(" + near + ":"
            + kind.label + ") RETURN " + near + "." + kind.key + " UNION ALL " + itself
            + " RETURN " + near + "." + kind.key + " }"
        )  # fmt: skip
        return compiler.later(other, item, source, known)

    return build


def related_list(compiler: Compiler, book: LiteralString, item: Selection) -> LiteralString:
    """The books that share the most telling links with a book, whatever the vectors say."""
    near, via, idf, weight = compiler.names("near", "via", "idf", "weight")
    most = compiler.parameter(_MOST_BOOKS_OF_A_REASON)
    where = NearEdge(BOOK, near, "[" + book + "]")
    keyset = Keyset("related", (Term(weight, is_descending=True), Term(near + ".title")))
    bounds = keyset.bounds(item.page, compiler)
    condition = predicate(item.where, near, compiler)
    return _list(
        "MATCH (" + book + ")-[:LINKS_TO]->(" + via + ":Link)"
        + " WHERE " + via + ".num_books <= " + most
        + " WITH " + via + ", " + rarity(LINK, via) + " AS " + idf
        + " MATCH (" + via + ")<-[:LINKS_TO]-(" + near + ":Book) WHERE " + near + " <> " + book
        + (" AND " + condition if condition else "")
        + " WITH " + near + ", round(sum(" + idf + "), " + _SCORE_DIGITS + ") AS " + weight
        + (" WHERE " + bounds if bounds else "")
        + keyset.limit(item.page, compiler)
        + " RETURN {score: " + weight + ", at: " + keyset.values + ", "
        + near_edge(compiler, where, edge=item.edge, node=item.node) + "}"
    )  # fmt: skip


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
