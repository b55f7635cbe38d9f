"""Takes the bipartite graph out of Neo4j as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.store import Store


@dataclass(frozen=True, slots=True)
class GraphPairs:
    """The edges as rows of two tables.

    Attributes:
        book_titles: title of each book row, sorted.
        link_names: name of each link row, sorted.
        pairs: (num_pairs, 2) int64, rows of [book_row, link_row], sorted; a link that a book
            mentions n times stands n times.
    """

    book_titles: tuple[str, ...]
    link_names: tuple[str, ...]
    pairs: NDArray[np.int64]

    def fingerprint(self) -> str:
        """A digest of titles, names and edges: equal graphs have equal ones, on any machine."""
        digest = hashlib.sha256()
        for part in (self.book_titles, self.link_names):
            digest.update("\n".join(part).encode() + b"\0")
        digest.update(self.pairs.astype("<i8").tobytes())
        return digest.hexdigest()[:32]


def read_pairs(store: Store) -> GraphPairs:
    """Read all books, links and edges in one statement, so that they belong together.

    Raises:
        DataMissingError: the graph holds no edges.
    """
    rows = sorted(
        store.read_all(
            "MATCH (book:Book) RETURN book.title, "
            "COLLECT { MATCH (book)-[edge:LINKS_TO]->(link:Link) RETURN [link.name, edge.count] }"
        )
    )
    names = sorted({name for _, edges in rows for name, _ in edges})
    if not names:
        raise DataMissingError(
            f"The graph at {store.address} holds no books with links. "
            "Load some first: `bookgraph ingest PATH`."
        )
    link_rows = {name: row for row, name in enumerate(names)}
    triples = np.array(
        [
            (book_row, link_rows[name], count)
            for book_row, (_, edges) in enumerate(rows)
            for name, count in sorted(edges)
        ],
        dtype=np.int64,
    )
    return GraphPairs(
        book_titles=tuple(title for title, _ in rows),
        link_names=tuple(names),
        pairs=np.repeat(triples[:, :2], triples[:, 2], axis=0),
    )


@dataclass(frozen=True, slots=True)
class Citations:
    """The edges to external links, over the same book rows.

    Attributes:
        urls: address of each external row, sorted.
        pairs: (num_pairs, 2) int64, rows of [book_row, external_row]; repeats stand as often.
    """

    urls: tuple[str, ...]
    pairs: NDArray[np.int64]

    def fingerprint(self) -> str:
        """A digest of addresses and edges, see `GraphPairs.fingerprint`."""
        digest = hashlib.sha256("\n".join(self.urls).encode() + b"\0")
        digest.update(self.pairs.astype("<i8").tobytes())
        return digest.hexdigest()[:32]


def read_citations(store: Store, titles: Sequence[str]) -> Citations:
    """Read which books cite which external links.

    Args:
        store: the graph.
        titles: of the book rows; books that have come since are left out.

    Raises:
        DataMissingError: no book cites anything.
    """
    book_rows = {title: row for row, title in enumerate(titles)}
    found = [
        (book_rows[title], url, count)
        for title, edges in store.read_all(
            "MATCH (book:Book) RETURN book.title, COLLECT { "
            "MATCH (book)-[edge:CITES]->(link:ExternalLink) RETURN [link.url, edge.count] }"
        )
        if title in book_rows
        for url, count in edges
    ]
    if not found:
        raise DataMissingError(
            f"The graph at {store.address} holds no citations of external links, so there is no "
            "second relation to learn from. Use --relations links."
        )
    urls = sorted({url for _, url, _ in found})
    url_rows = {url: row for row, url in enumerate(urls)}
    triples = np.array(
        sorted((book, url_rows[url], count) for book, url, count in found), dtype=np.int64
    )
    return Citations(tuple(urls), np.repeat(triples[:, :2], triples[:, 2], axis=0))
