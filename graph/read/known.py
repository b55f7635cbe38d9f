"""What a loaded graph knows that the books added to it need."""

from __future__ import annotations

from dataclasses import dataclass

from bookgraph.graph.store import Store


@dataclass(frozen=True, slots=True)
class KnownGraph:
    """The links of a graph, and the other names of its pages.

    Attributes:
        links: names of all links.
        redirects: another title of a book or link to its title.
    """

    links: frozenset[str]
    redirects: dict[str, str]


@dataclass(frozen=True, slots=True)
class GraphSize:
    """How much a graph holds.

    Attributes:
        num_books: books, with or without links.
        num_books_with_link: books with at least one link.
        num_links: links.
        num_edges: distinct (book, link).
        num_pairs: mentions.
    """

    num_books: int
    num_books_with_link: int
    num_links: int
    num_edges: int
    num_pairs: int


def read_known(store: Store) -> KnownGraph:
    """Read the names of all links, and the redirects to books and links."""
    links: set[str] = set()
    redirects: dict[str, str] = {}
    rows = store.read_all("MATCH (n:Link) RETURN n.name, n.title, coalesce(n.redirects, [])")
    for name, title, others in rows:
        links.add(name)
        redirects.update(dict.fromkeys(others, title))
    rows = store.read_all(
        "MATCH (n:Book) WHERE n.redirects IS NOT NULL RETURN n.title, n.redirects"
    )
    for title, others in rows:
        redirects.update(dict.fromkeys(others, title))
    return KnownGraph(frozenset(links), redirects)


def read_size(store: Store) -> GraphSize:
    """Count what a graph holds."""
    (row,) = store.read(
        "MATCH (book:Book) "
        "WITH count(book) AS num_books, count(CASE WHEN book.num_links > 0 THEN 1 END) AS linked "
        "RETURN num_books, linked AS num_books_with_link, COUNT { (:Link) } AS num_links, "
        "COUNT { ()-[:LINKS_TO]->() } AS num_edges, "
        "head(COLLECT { MATCH ()-[edge:LINKS_TO]->() RETURN sum(edge.count) }) AS num_pairs"
    )
    return GraphSize(**row)
