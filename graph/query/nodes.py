"""Single books and links, and lists of them, each as one Cypher statement however deep it nests.

Lists by vector inside of them are filled from a model in memory, with one more statement each.

The command line and the API both use these. Only where a node does not exist does a second
statement look for the nearest names, so that the error can offer them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.compile import Compiler
from bookgraph.graph.query.fields import new_compiler
from bookgraph.graph.query.filters import NodeFilter, predicate
from bookgraph.graph.query.keyset import Keyset, Term
from bookgraph.graph.query.lookup import (
    found,
    lookup,
    lookup_parameters,
    not_found,
    spellings,
)
from bookgraph.graph.query.nearest import read_filled
from bookgraph.graph.query.selection import NodeList, Page, Selection, node_list, select
from bookgraph.graph.query.similar import SimilarityRequest, similar_books
from bookgraph.graph.schema import BOOK, KINDS, LINK, NodeKind
from bookgraph.graph.store import Row, Store

MAX_KEYS = 100
"""Maximum number of nodes that are looked up at once."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a list; equal nodes are ordered by their key.

    Attributes:
        name: its name; GraphQL has it in capitals.
        text: one sentence for people.
        term: the value of a node `n` that it sorts by; None for the key alone.
    """

    name: str
    text: str
    term: Term | None = None

    def keyset(self, kind: NodeKind) -> Keyset:
        """The whole order."""
        key = Term("n." + kind.key)
        return Keyset(self.name, (self.term, key) if self.term else (key,))


BOOK_ORDERS = (
    Order("title", "By title."),
    Order("author", "By first author, then by title.", Term("n.author", is_nullable=True)),
    Order("year", "Oldest first.", Term("n.year", is_nullable=True)),
    Order(
        "year_descending",
        "Newest first.",
        Term("n.year", is_descending=True, is_nullable=True),
    ),
    Order("num_links_descending", "Most links first.", Term("n.num_links", is_descending=True)),
    Order(
        "pages_descending",
        "Longest first.",
        Term("n.pages", is_descending=True, is_nullable=True),
    ),
)
LINK_ORDERS = (
    Order("name", "By name."),
    Order("num_books", "Fewest books first.", Term("n.num_books")),
    Order("num_books_descending", "Most books first.", Term("n.num_books", is_descending=True)),
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
    rows = read_filled(
        store,
        "CYPHER 25 " + lookup(kind, "n", "key")
        + "FILTER n IS NOT NULL RETURN " + compiler.node(kind, "n", selections) + " AS node",
        compiler,
    )  # fmt: skip
    if not rows:
        raise not_found(store, kind, key)
    node: Row = rows[0]["node"]
    return node


def find_nodes(
    store: Store,
    wanted: Sequence[tuple[NodeKind, str] | None],
    selections: Mapping[NodeKind, Sequence[Selection]],
) -> list[Row | None]:
    """Get the selected fields of many books and links, in one statement.

    Args:
        store: the graph.
        wanted: kind and key of each, or None for a node that is known not to exist.
        selections: requested fields for each kind that is wanted.

    Returns:
        One row for each wanted node, in order; None where it does not exist.
    """
    keys = [
        {"position": position, "label": kind.label, **spellings(kind, key)}
        for position, one in enumerate(wanted)
        if one is not None
        for kind, key in (one,)
    ]
    nodes: list[Row | None] = [None] * len(wanted)
    if keys:
        compiler = new_compiler({"wanted": keys})
        for row in read_filled(store, _many(compiler, selections), compiler):
            nodes[row["position"]] = row["node"]
    return nodes


def _many(compiler: Compiler, selections: Mapping[NodeKind, Sequence[Selection]]) -> LiteralString:
    """Rows of `position` and `node` for each map of the parameter `wanted`."""
    lookups: list[LiteralString] = []
    choices: list[LiteralString] = []
    for kind in KINDS.values():
        if kind not in selections:
            continue
        exact, node = "exact_" + kind.word, kind.word
        this: LiteralString = "CASE one.label WHEN '" + kind.label + "' THEN "
        lookups.append(
            "OPTIONAL MATCH (" + exact + ":" + kind.label + " {" + kind.key + ": "
            + this + "one.keys[0] END}) "
            + "LET " + node + " = " + this + found(kind, exact, "one.keys", "one.phrase") + " END "
        )  # fmt: skip
        choices.append(
            "WHEN " + node + " IS NOT NULL THEN " + compiler.node(kind, node, selections[kind])
        )
    return (
        "CYPHER 25 UNWIND $wanted AS one " + "".join(lookups)
        + "RETURN one.position AS position, CASE " + " ".join(choices) + " END AS node"
    )  # fmt: skip


def read_books(
    store: Store, titles: Sequence[str], selections: Sequence[Selection]
) -> dict[str, Row]:
    """Get the selected fields of some books by their exact titles, without those that are gone."""
    compiler = new_compiler({"titles": list(titles)})
    rows = read_filled(
        store,
        "CYPHER 25 UNWIND $titles AS title MATCH (n:Book {title: title}) WITH n "
        "RETURN n.title AS title, " + compiler.node(BOOK, "n", selections) + " AS node",
        compiler,
    )
    return {row["title"]: row["node"] for row in rows}


def list_books(
    store: Store,
    page: Page,
    selections: Sequence[Selection],
    *,
    where: NodeFilter | None = None,
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
    where: NodeFilter | None = None,
    order: str = "name",
) -> NodeList:
    """List links; see `list_books`, with one of `LINK_ORDERS`.

    Raises:
        UsageError: the filter is too large, or the order does not exist.
    """
    return _list(store, LINK, page, selections, where, _order_of(LINK_ORDERS, order))


def nearest_books(
    store: Store,
    titles: Sequence[str],
    *,
    num: int = 10,
    num_shared: int = 5,
    version: str | None = None,
) -> list[Neighbour]:
    """The books nearest to some books as plain values: titles, scores and shared links.

    Args:
        store: the graph.
        titles: in any spelling that finds a book.
        num: number of books.
        num_shared: number of shared links of each.
        version: the model to use; by default the current one.

    Raises:
        BookNotFoundError: one of the titles does not exist.
        DataMissingError: the graph has no embeddings, or does not hold the model.
    """
    shared = Selection("shared", "shared_links", Page(num_shared), node=select("title"))
    request = SimilarityRequest(like=titles, version=version)
    near = similar_books(store, request, Page(num), edge=(shared,))
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
    order: Order,
) -> NodeList:
    compiler = new_compiler()
    keyset = order.keyset(kind)
    node = compiler.node(kind, "n", selections)
    match: LiteralString = "MATCH (n:" + kind.label + ")"
    condition = predicate(where, "n", compiler)
    bounds = keyset.bounds(page, compiler)
    both: list[LiteralString] = [text for text in (condition, bounds) if text]
    row = read_filled(
        store,
        "CYPHER 25 RETURN COUNT { " + match + (" WHERE " + condition if condition else "")
        + " } AS total, COLLECT { " + match + (" WHERE " + " AND ".join(both) if both else "")
        + " WITH n" + keyset.limit(page, compiler)
        + " RETURN {at: " + keyset.values + ", node: " + node + "} } AS items",
        compiler,
    )[0]  # fmt: skip
    return node_list(row["items"], page, order=order.name, total=row["total"])


def _order_of(orders: Sequence[Order], name: str) -> Order:
    for one in orders:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in orders)
    raise UsageError(f"order: {name!r} does not exist; use one of {known}.")
