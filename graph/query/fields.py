"""The fields of books and links that are not properties: nested lists, and the book of a link.

A list is a map of `items` and, where it is known, `total`. It has one item more than its page if
there is more, and each item has `at`, the values that it is sorted by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import LiteralString

from bookgraph.graph.query.compile import Compiler, FieldBuilder
from bookgraph.graph.query.filters import predicate
from bookgraph.graph.query.keyset import Keyset, Term
from bookgraph.graph.query.near import near_list, predicted_list, related_list
from bookgraph.graph.query.selection import Selection
from bookgraph.graph.schema import BOOK, EXTERNAL_LINK, LINK, NodeKind


def new_compiler(parameters: Mapping[str, object] | None = None) -> Compiler:
    """A compiler that knows all fields; `parameters` are those of the statement around it."""
    return Compiler(_FIELDS, dict(parameters or {}))


def _mentions(kind: NodeKind) -> FieldBuilder:
    """Builds the list of the nodes on the other side of a node's edges, most mentioned first."""
    other = kind.other

    def build(compiler: Compiler, source: LiteralString, item: Selection) -> LiteralString:
        node, edge = compiler.name(other.word), compiler.name("edge")
        count = Term(edge + ".count", is_descending=True)
        # Of links that a book mentions equally often, the rarest comes first.
        rest: tuple[Term, ...] = (Term(node + ".num_books"), Term(node + ".name"))
        if kind == LINK:
            rest = (Term(node + ".title"),)
        pattern: LiteralString = (
            "(" + source + ")-[" + edge + ":LINKS_TO]->(" + node + ":Link)"
            if kind == BOOK
            else "(" + source + ")<-[" + edge + ":LINKS_TO]-(" + node + ":Book)"
        )
        keyset = Keyset(other.word + "s", (count, *rest))
        returned = compiler.node(other, node, item.node)
        # Neo4j keeps the number of a node's edges, so it is as true as the list.
        total: LiteralString = "COUNT { (" + source + ")" + kind.to_other + "() }"
        condition = predicate(item.where, node, compiler)
        if condition:
            total = "COUNT { MATCH " + pattern + " WHERE " + condition + " }"
        return _list_of(compiler, pattern, edge, item, keyset, returned, total, condition)

    return build


def external_link(
    compiler: Compiler, link: LiteralString, selections: Iterable[Selection]
) -> LiteralString:
    """The map of an external link that is bound to `link`."""
    values: list[LiteralString] = []
    for one in selections:
        if one.name == "books":
            values.append(compiler.key(one) + ": " + _citing_books(compiler, link, one))
        properties: list[LiteralString] = [
            compiler.key(one) + ": " + link + "." + name
            for name in EXTERNAL_LINK
            if name == one.name
        ]
        values += properties
    return "{" + ", ".join(values) + "}"


def _citing_books(compiler: Compiler, link: LiteralString, item: Selection) -> LiteralString:
    book, edge = compiler.names("book", "edge")
    keyset = Keyset("books", (Term(edge + ".count", is_descending=True), Term(book + ".title")))
    condition = predicate(item.where, book, compiler)
    pattern = "(" + link + ")<-[" + edge + ":CITES]-(" + book + ":Book)"
    total = "COUNT { MATCH " + pattern + (" WHERE " + condition if condition else "") + " }"
    node = compiler.node(BOOK, book, item.node)
    return _list_of(compiler, pattern, edge, item, keyset, node, total, condition)


def _external_links(compiler: Compiler, book: LiteralString, item: Selection) -> LiteralString:
    link, edge = compiler.names("external", "edge")
    pattern = "(" + book + ")-[" + edge + ":CITES]->(" + link + ":ExternalLink)"
    keyset = Keyset("external_links", (Term(link + ".url"),))
    total = "COUNT { (" + book + ")-[:CITES]->() }"
    return _list_of(
        compiler, pattern, edge, item, keyset, external_link(compiler, link, item.node), total
    )


def _list_of(
    compiler: Compiler,
    pattern: LiteralString,
    edge: LiteralString,
    item: Selection,
    keyset: Keyset,
    node: LiteralString,
    total: LiteralString,
    condition: LiteralString = "",
) -> LiteralString:
    bounds = keyset.bounds(item.page, compiler)
    both: list[LiteralString] = [text for text in (condition, bounds) if text]
    where = " WHERE " + " AND ".join(both) if both else ""
    return (
        "{items: COLLECT { MATCH " + pattern + where + " WITH *"
        + keyset.limit(item.page, compiler)
        + " RETURN {count: " + edge + ".count, at: " + keyset.values + ", node: " + node + "} }, "
        + "total: " + total + "}"
    )  # fmt: skip


def _book_of_link(compiler: Compiler, link: LiteralString, item: Selection) -> LiteralString:
    book = compiler.name("book")
    return (
        "head(COLLECT { MATCH (" + link + ")-[:REFERS_TO]->(" + book + ":Book)"
        + " RETURN " + compiler.node(BOOK, book, item.node) + " LIMIT 1 })"
    )  # fmt: skip


def _related(compiler: Compiler, book: LiteralString, item: Selection) -> LiteralString:
    return "{items: " + related_list(compiler, book, item) + "}"


def _embedding(kind: NodeKind) -> FieldBuilder:
    def build(compiler: Compiler, node: LiteralString, item: Selection) -> LiteralString:
        return compiler.later(kind, item, node)

    return build


_FIELDS: Mapping[tuple[str, str], FieldBuilder] = {
    ("Book", "links"): _mentions(BOOK),
    ("Book", "external_links"): _external_links,
    ("Book", "similar_books"): near_list,
    ("Book", "related_books"): _related,
    ("Book", "predicted_links"): predicted_list(LINK),
    ("Book", "embedding"): _embedding(BOOK),
    ("Link", "books"): _mentions(LINK),
    ("Link", "book"): _book_of_link,
    ("Link", "similar_links"): near_list,
    ("Link", "predicted_books"): predicted_list(BOOK),
    ("Link", "embedding"): _embedding(LINK),
}
