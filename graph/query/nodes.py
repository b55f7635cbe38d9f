"""Single books and links, and lists of them, each as one Cypher statement however deep it nests.

The command line and the API both use these. Only where a node does not exist does a second
statement look for the nearest names, so that the error can offer them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.fields import new_compiler
from bookgraph.graph.query.filters import BookFilter, LinkFilter, NodeFilter, predicate
from bookgraph.graph.query.lookup import lookup, lookup_parameters, not_found
from bookgraph.graph.query.selection import NodeList, Page, Selection, select
from bookgraph.graph.query.similar import SimilarityRequest, similar_books
from bookgraph.graph.schema import BOOK, LINK, NodeKind
from bookgraph.graph.store import Row, Store


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a list.

    Attributes:
        name: its name; GraphQL has it in capitals.
        text: one sentence for people.
        cypher: what follows `ORDER BY` for a node `n`. Nodes without the property come last, equal
            ones are ordered by their key.
    """

    name: str
    text: str
    cypher: LiteralString


BOOK_ORDERS = (
    Order("title", "By title.", "n.title"),
    Order("author", "By first author, then by title.", "n.author IS NULL, n.author, n.title"),
    Order("year", "Oldest first.", "n.year IS NULL, n.year, n.title"),
    Order("year_descending", "Newest first.", "n.year IS NULL, n.year DESC, n.title"),
    Order("num_links_descending", "Most links first.", "n.num_links DESC, n.title"),
    Order("pages_descending", "Longest first.", "n.pages IS NULL, n.pages DESC, n.title"),
)
LINK_ORDERS = (
    Order("name", "By name.", "n.name"),
    Order("num_books", "Fewest books first.", "n.num_books, n.name"),
    Order("num_books_descending", "Most books first.", "n.num_books DESC, n.name"),
)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A book or link near to another one.

    Attributes:
        name: the book's title or the link's name.
        score: the cosine, in [-1, 1]; higher is more similar.
        shared: what both are connected with, the rarest first.
    """

    name: str
    score: float
    shared: tuple[str, ...] = ()


def find_book(store: Store, title: str, selections: Sequence[Selection]) -> Row:
    """Get the selected fields of one book, by its title or by a title that redirects to it.

    Raises:
        BookNotFoundError: no book has this title.
    """
    return find_node(store, BOOK, title, selections)


def find_link(store: Store, name: str, selections: Sequence[Selection]) -> Row:
    """Get the selected fields of one link, by its name in any letter case or by a redirect to it.

    Raises:
        LinkNotFoundError: no link has this name.
    """
    return find_node(store, LINK, name, selections)


def find_node(store: Store, kind: NodeKind, key: str, selections: Sequence[Selection]) -> Row:
    """Get the selected fields of one book or link.

    Raises:
        BookNotFoundError: no book has this title.
        LinkNotFoundError: no link has this name.
    """
    compiler = new_compiler(lookup_parameters(kind, "key", key))
    rows = store.read(
        "CYPHER 25 " + lookup(kind, "n", "key")
        + "FILTER n IS NOT NULL RETURN " + compiler.node(kind, "n", selections) + " AS node",
        **compiler.parameters,
    )  # fmt: skip
    if not rows:
        raise not_found(store, kind, key)
    node: Row = rows[0]["node"]
    return node


def read_books(
    store: Store, titles: Sequence[str], selections: Sequence[Selection]
) -> dict[str, Row]:
    """Get the selected fields of some books by their exact titles, without those that are gone."""
    compiler = new_compiler({"titles": list(titles)})
    rows = store.read(
        "CYPHER 25 UNWIND $titles AS title MATCH (n:Book {title: title}) WITH n "
        "RETURN n.title AS title, " + compiler.node(BOOK, "n", selections) + " AS node",
        **compiler.parameters,
    )
    return {row["title"]: row["node"] for row in rows}


def list_books(
    store: Store,
    page: Page,
    selections: Sequence[Selection],
    *,
    where: BookFilter | None = None,
    order: str = "title",
) -> NodeList:
    """List books.

    Args:
        store: the graph.
        page: the part of the list.
        selections: requested fields of each book.
        where: which books; all by default.
        order: name of one of `BOOK_ORDERS`.

    Raises:
        UsageError: the filter is too large, or the order does not exist.
    """
    return _list(store, BOOK, page, selections, where, _order_of(BOOK_ORDERS, order))


def list_links(
    store: Store,
    page: Page,
    selections: Sequence[Selection],
    *,
    where: LinkFilter | None = None,
    order: str = "name",
) -> NodeList:
    """List links; see `list_books`, with one of `LINK_ORDERS`.

    Raises:
        UsageError: the filter is too large, or the order does not exist.
    """
    return _list(store, LINK, page, selections, where, _order_of(LINK_ORDERS, order))


def nearest_books(
    store: Store, titles: Sequence[str], *, num: int = 10, num_shared: int = 5
) -> list[Neighbour]:
    """The books nearest to some books as plain values: titles, scores and shared links.

    Raises:
        BookNotFoundError: one of the titles does not exist.
        DataMissingError: the graph has no embeddings.
    """
    shared = Selection("shared", "shared_links", Page(num_shared), node=select("title"))
    near = similar_books(store, SimilarityRequest(like=titles), Page(num), edge=(shared,))
    return [
        Neighbour(
            name=item["node"]["title"],
            score=item["score"],
            shared=tuple(link["title"] for link in item["shared"]),
        )
        for item in near.items
    ]


def _list(
    store: Store,
    kind: NodeKind,
    page: Page,
    selections: Sequence[Selection],
    where: NodeFilter | None,
    order: LiteralString,
) -> NodeList:
    compiler = new_compiler()
    node = compiler.node(kind, "n", selections)
    condition = predicate(where, "n", compiler)
    match = "MATCH (n:" + kind.label + ")" + (" WHERE " + condition if condition else "")
    # One item more than requested tells whether the list has a next page.
    skip, limit = compiler.parameter(page.offset), compiler.parameter(page.first + 1)
    row = store.read(
        "CYPHER 25 RETURN COUNT { " + match + " } AS total, COLLECT { " + match
        + " WITH n ORDER BY " + order + " SKIP " + skip + " LIMIT " + limit
        + " RETURN {node: " + node + "} } AS items",
        **compiler.parameters,
    )[0]  # fmt: skip
    items: list[Row] = row["items"]
    return NodeList(items[: page.first], row["total"], len(items) > page.first)


def _order_of(orders: Sequence[Order], name: str) -> LiteralString:
    for one in orders:
        if one.name == name:
            return one.cypher
    known = ", ".join(one.name for one in orders)
    raise UsageError(f"order: {name!r} does not exist; use one of {known}.")
