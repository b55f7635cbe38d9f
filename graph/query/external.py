"""Pages outside Wikipedia that books cite: one by its URL, and lists of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.query.fields import external_link, new_compiler
from bookgraph.graph.query.keyset import Keyset, Term
from bookgraph.graph.query.nearest import read_filled
from bookgraph.graph.query.selection import NodeList, Page, Selection, node_list
from bookgraph.graph.store import Row, Store

_URL = Term("n.url")
ORDERS = {
    "url": ("By URL.", Keyset("url", (_URL,))),
    "num_books_descending": (
        "Most books first.",
        Keyset("num_books_descending", (Term("n.num_books", is_descending=True), _URL)),
    ),
}
"""Name to text and order."""


@dataclass(frozen=True, slots=True)
class ExternalFilter:
    """Which external links are wanted; every given condition has to hold.

    Attributes:
        host: any of these hosts, without `www.`.
        url_contains: a part of the URL, in any letter case.
        num_books_from: minimum number of books that cite it.
    """

    host: Sequence[str] | None = None
    url_contains: str | None = None
    num_books_from: int | None = None


def find_external_link(store: Store, url: str, selections: Sequence[Selection]) -> Row:
    """Get the selected fields of one external link.

    Raises:
        DataMissingError: no book cites this URL.
    """
    compiler = new_compiler({"url": url})
    rows = read_filled(
        store,
        "CYPHER 25 MATCH (n:ExternalLink {url: $url}) RETURN "
        + external_link(compiler, "n", selections) + " AS node",
        compiler,
    )  # fmt: skip
    if not rows:
        raise DataMissingError(
            f"No book cites {url[:200]!r}. Give a URL as `externalLinks` has it."
        )
    node: Row = rows[0]["node"]
    return node


def list_external_links(
    store: Store,
    page: Page,
    selections: Sequence[Selection],
    *,
    where: ExternalFilter,
    order: str = "url",
) -> NodeList:
    """List external links; `order` names one of `ORDERS`."""
    compiler = new_compiler()
    _, keyset = ORDERS[order]
    conditions: list[LiteralString] = []
    if where.host is not None:
        conditions.append("n.host IN " + compiler.parameter(list(where.host)))
    if where.url_contains is not None:
        text = compiler.parameter(where.url_contains.lower())
        conditions.append("toLower(n.url) CONTAINS " + text)
    if where.num_books_from is not None:
        conditions.append("n.num_books >= " + compiler.parameter(where.num_books_from))
    bounds = keyset.bounds(page, compiler)
    both: list[LiteralString] = [text for text in (*conditions, bounds) if text]
    row = read_filled(
        store,
        "CYPHER 25 RETURN COUNT { MATCH (n:ExternalLink)" + _where(conditions) + " } AS total, "
        "COLLECT { MATCH (n:ExternalLink)" + _where(both) + " WITH n"
        + keyset.limit(page, compiler)
        + " RETURN {at: " + keyset.values + ", node: " + external_link(compiler, "n", selections)
        + "} } AS items",
        compiler,
    )[0]  # fmt: skip
    return node_list(row["items"], page, order=order, total=row["total"])


def _where(conditions: Sequence[LiteralString]) -> LiteralString:
    return " WHERE " + " AND ".join(conditions) if conditions else ""
