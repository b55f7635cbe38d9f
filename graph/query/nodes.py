"""The questions that people ask, each as one Cypher statement whatever is nested under it.

The command line and the API both ask here. Only when an answer is missing does a second statement
look for the nearest names, so that the error can offer them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import BookNotFoundError, LinkNotFoundError, UsageError
from bookgraph.graph.query.filters import BookFilter, Filter, LinkFilter, predicate
from bookgraph.graph.query.projection import Compiler
from bookgraph.graph.query.selection import Page, Selection, select
from bookgraph.graph.query.similar import NearQuestion, NodeList, similar_books
from bookgraph.graph.query.titles import (
    nearest_names,
    nearest_titles,
    redirect_query,
    redirected_book,
    redirected_link,
)
from bookgraph.graph.store import Row, Store

__all__ = [
    "BOOK_ORDERS",
    "LINK_ORDERS",
    "BookFilter",
    "LinkFilter",
    "Neighbour",
    "NodeList",
    "find_book",
    "find_link",
    "list_books",
    "list_links",
    "nearest_books",
]

# What a list can be ordered by; nodes without the property come last, equal ones by their key.
BOOK_ORDERS: Mapping[str, LiteralString] = {
    "title": "n.title",
    "year": "n.year IS NULL, n.year, n.title",
    "year_descending": "n.year IS NULL, n.year DESC, n.title",
    "num_links_descending": "n.num_links DESC, n.title",
    "pages_descending": "n.pages IS NULL, n.pages DESC, n.title",
    "author": "n.author IS NULL, n.author, n.title",
}
LINK_ORDERS: Mapping[str, LiteralString] = {
    "name": "n.name",
    "num_books_descending": "n.num_books DESC, n.name",
    "num_books": "n.num_books, n.name",
}


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


def find_book(store: Store, title: str, selections: Sequence[Selection]) -> Row:
    """Get what is wanted of one book, by its title or by one that redirects to it.

    Raises:
        BookNotFoundError: no book has this title.
    """
    compiler = Compiler({"key": title, "phrase": redirect_query(title)})
    rows = store.read(
        "CYPHER 25 OPTIONAL MATCH (exact:Book {title: $key}) LET n = "
        + redirected_book("exact", "$key", "$phrase")
        + " FILTER n IS NOT NULL RETURN " + compiler.book("n", selections) + " AS node",
        **compiler.parameters,
    )  # fmt: skip
    if not rows:
        raise BookNotFoundError(title, nearest=nearest_titles(store, title))
    node: Row = rows[0]["node"]
    return node


def find_link(store: Store, name: str, selections: Sequence[Selection]) -> Row:
    """Get what is wanted of one link, by its name in any letter case or by a redirect to it.

    Raises:
        LinkNotFoundError: no link has this name.
    """
    key = name.strip().lower()
    compiler = Compiler({"key": key, "phrase": redirect_query(key)})
    rows = store.read(
        "CYPHER 25 OPTIONAL MATCH (exact:Link {name: $key}) LET n = "
        + redirected_link("exact", "$key", "$phrase")
        + " FILTER n IS NOT NULL RETURN " + compiler.link("n", selections) + " AS node",
        **compiler.parameters,
    )  # fmt: skip
    if not rows:
        raise LinkNotFoundError(name, nearest=nearest_names(store, name))
    node: Row = rows[0]["node"]
    return node


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
        page: which part of the list.
        selections: what is wanted of each book.
        where: which books; all by default.
        order: one of `BOOK_ORDERS`.

    Raises:
        UsageError: the filter is too large or there is no such order.
    """
    compiler = Compiler()
    node = compiler.book("n", selections)
    return _list(store, "Book", compiler, node, page, where, _order(BOOK_ORDERS, order))


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
        UsageError: the filter is too large or there is no such order.
    """
    compiler = Compiler()
    node = compiler.link("n", selections)
    return _list(store, "Link", compiler, node, page, where, _order(LINK_ORDERS, order))


def nearest_books(
    store: Store, titles: Sequence[str], *, num: int = 10, num_shared: int = 5
) -> list[Neighbour]:
    """The books nearest to some as plain values: titles, scores and the links that they share.

    Raises:
        BookNotFoundError: one of the titles does not exist.
        DataMissingError: no model was written back.
    """
    shared = Selection("shared", "shared_links", Page(num_shared), node=select("title"))
    found = similar_books(store, NearQuestion(like=titles), Page(num), edge=(shared,))
    return [
        Neighbour(
            name=item["node"]["title"],
            score=item["score"],
            shared=tuple(link["title"] for link in item["shared"]),
        )
        for item in found.items
    ]


def _list(
    store: Store,
    label: LiteralString,
    compiler: Compiler,
    node: LiteralString,
    page: Page,
    where: Filter | None,
    order: LiteralString,
) -> NodeList:
    condition = predicate(where, "n", compiler)
    match: LiteralString = "MATCH (n:" + label + ")" + (" WHERE " + condition if condition else "")
    skip, limit = compiler.parameter(page.offset), compiler.parameter(page.first + 1)
    rows = store.read(
        "CYPHER 25 RETURN COUNT { " + match + " } AS total, COLLECT { " + match + " "
        "WITH n ORDER BY " + order + " SKIP " + skip + " LIMIT " + limit + " "
        "RETURN {node: " + node + "} } AS items",
        **compiler.parameters,
    )  # fmt: skip
    items: list[Row] = rows[0]["items"]
    return NodeList(items[: page.first], rows[0]["total"], len(items) > page.first)


def _order(orders: Mapping[str, LiteralString], wanted: str) -> LiteralString:
    if wanted not in orders:
        raise UsageError(f"order: {wanted!r} is unknown; use one of {', '.join(orders)}.")
    return orders[wanted]
