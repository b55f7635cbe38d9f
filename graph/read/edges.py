"""Reads the bipartite graph from Neo4j as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bookgraph.core.edges import EdgeList, count_edges
from bookgraph.core.errors import DataMissingError
from bookgraph.graph.store import Store


@dataclass(frozen=True, slots=True)
class GraphEdges:
    """The edges between books and links, and what their rows stand for.

    Attributes:
        book_titles: title of each book row, sorted.
        link_names: name of each link row, sorted.
        edges: the edges.
    """

    book_titles: tuple[str, ...]
    link_names: tuple[str, ...]
    edges: EdgeList

    def fingerprint(self) -> str:
        """A digest of titles, names and edges, see `EdgeList.fingerprint`."""
        return self.edges.fingerprint(self.book_titles, self.link_names)


@dataclass(frozen=True, slots=True)
class Citations:
    """The edges between books and external links, over the book rows of a `GraphEdges`.

    Attributes:
        urls: URL of each external row, sorted.
        edges: the edges; its link rows are external rows.
    """

    urls: tuple[str, ...]
    edges: EdgeList

    def fingerprint(self) -> str:
        """A digest of URLs and edges, see `EdgeList.fingerprint`."""
        return self.edges.fingerprint(self.urls)


def read_edges(store: Store) -> GraphEdges:
    """Read all books, links and edges in one statement, so that they are consistent.

    Raises:
        DataMissingError: the graph holds no edges.
    """
    rows = sorted(
        store.read_all(
            "MATCH (book:Book) RETURN book.title, "
            "COLLECT { MATCH (book)-[edge:LINKS_TO]->(link:Link) RETURN [link.name, edge.count] }"
        )
    )
    names = sorted({name for _, mentioned in rows for name, _ in mentioned})
    if not names:
        raise DataMissingError(
            f"The graph at {store.address} holds no books with links. "
            "Load some first: `bookgraph ingest PATH`."
        )
    link_rows = {name: row for row, name in enumerate(names)}
    triples = [
        (book_row, link_rows[name], count)
        for book_row, (_, mentioned) in enumerate(rows)
        for name, count in mentioned
    ]
    return GraphEdges(
        book_titles=tuple(title for title, _ in rows),
        link_names=tuple(names),
        edges=_build_edges(triples, num_books=len(rows), num_links=len(names)),
    )


def read_citations(store: Store, titles: Sequence[str]) -> Citations:
    """Read which books cite which external links.

    Args:
        store: the graph.
        titles: title of each book row; other books are left out.

    Raises:
        DataMissingError: no book cites anything.
    """
    book_rows = {title: row for row, title in enumerate(titles)}
    found = [
        (book_rows[title], url, count)
        for title, cited in store.read_all(
            "MATCH (book:Book) RETURN book.title, COLLECT { "
            "MATCH (book)-[edge:CITES]->(link:ExternalLink) RETURN [link.url, edge.count] }"
        )
        if title in book_rows
        for url, count in cited
    ]
    if not found:
        raise DataMissingError(
            f"The graph at {store.address} holds no external links, so training cannot include "
            "them. Use --relations links."
        )
    urls = sorted({url for _, url, _ in found})
    url_rows = {url: row for row, url in enumerate(urls)}
    triples = [(book_row, url_rows[url], count) for book_row, url, count in found]
    edges = _build_edges(triples, num_books=len(titles), num_links=len(urls))
    return Citations(tuple(urls), edges)


def _build_edges(
    triples: Sequence[tuple[int, int, int]], *, num_books: int, num_links: int
) -> EdgeList:
    book_rows, link_rows, counts = np.array(triples, dtype=np.int64).T
    return count_edges(
        book_rows, link_rows, counts=counts, num_books=num_books, num_links=num_links
    )
