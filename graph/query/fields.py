"""The fields of books and links that are not properties: nested lists, and the book of a link.

A list is a map of `items` and `total`; lists of near nodes have no end, so their total is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from bookgraph.graph.query.compile import Compiler, FieldBuilder
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
        pattern: LiteralString = (
            "(" + source + ")-[" + edge + ":LINKS_TO]->(" + node + ":Link)"
            if kind == BOOK
            else "(" + source + ")<-[" + edge + ":LINKS_TO]-(" + node + ":Book)"
        )
        # Of links that a book mentions equally often, the rarest comes first.
        order: LiteralString = node + ".num_books, " + node + ".name"
        if kind == LINK:
            order = node + ".title"
        return (
            "COLLECT { MATCH " + pattern
            + " WITH * ORDER BY " + edge + ".count DESC, " + order + compiler.part(item)
            + " RETURN {count: " + edge + ".count, node: "
            + compiler.node(other, node, item.node) + "} }"
        )  # fmt: skip

    return _counted(build, kind)


def _external_links(compiler: Compiler, book: LiteralString, item: Selection) -> LiteralString:
    link, edge = compiler.names("external", "edge")
    values: list[LiteralString] = [
        compiler.key(one) + ": " + link + "." + name
        for one in item.node
        for name in EXTERNAL_LINK
        if name == one.name
    ]
    return (
        "{items: COLLECT { MATCH (" + book + ")-[" + edge + ":CITES]->(" + link + ":ExternalLink)"
        + " WITH * ORDER BY " + link + ".url" + compiler.part(item)
        + " RETURN {count: " + edge + ".count, node: {" + ", ".join(values) + "}} }, "
        + "total: COUNT { (" + book + ")-[:CITES]->() }}"
    )  # fmt: skip


def _book_of_link(compiler: Compiler, link: LiteralString, item: Selection) -> LiteralString:
    book = compiler.name("book")
    return (
        "head(COLLECT { MATCH (" + link + ")-[:REFERS_TO]->(" + book + ":Book)"
        + " RETURN " + compiler.node(BOOK, book, item.node) + " LIMIT 1 })"
    )  # fmt: skip


def _counted(items: FieldBuilder, kind: NodeKind) -> FieldBuilder:
    """Builds a list of all edges of a node."""

    def build(compiler: Compiler, source: LiteralString, item: Selection) -> LiteralString:
        # Whether another page follows depends on it, so it is the number of edges now and not the
        # one stored as a property. Neo4j keeps it with the node.
        total: LiteralString = "COUNT { (" + source + ")" + kind.to_other + "() }"
        return "{items: " + items(compiler, source, item) + ", total: " + total + "}"

    return build


def _endless(items: FieldBuilder) -> FieldBuilder:
    """Builds a list without a length of its own."""

    def build(compiler: Compiler, source: LiteralString, item: Selection) -> LiteralString:
        return "{items: " + items(compiler, source, item) + ", total: null}"

    return build


_FIELDS: Mapping[tuple[str, str], FieldBuilder] = {
    ("Book", "links"): _mentions(BOOK),
    ("Book", "external_links"): _external_links,
    ("Book", "similar_books"): _endless(near_list(BOOK)),
    ("Book", "related_books"): _endless(related_list),
    ("Book", "predicted_links"): _endless(predicted_list(LINK)),
    ("Link", "books"): _mentions(LINK),
    ("Link", "book"): _book_of_link,
    ("Link", "similar_links"): _endless(near_list(LINK)),
    ("Link", "predicted_books"): _endless(predicted_list(BOOK)),
}
