"""What the writers of exports share: columns, and the statements that read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.store import Store

BOOK_COLUMNS = (
    "title",
    "author",
    "genre",
    "country",
    "language",
    "publisher",
    "year",
    "pages",
    "num_links",
    "x",
    "y",
)
LINK_COLUMNS = ("name", "title", "kind", "num_books", "x", "y")
EDGE_COLUMNS = ("book", "link", "count")

READ_BOOKS: LiteralString = (
    "MATCH (n:Book) RETURN n.title, n.author, n.genre, n.country, n.language, n.publisher, "
    "n.year, n.pages, n.num_links, n.x, n.y ORDER BY n.title"
)
READ_LINKS: LiteralString = (
    "MATCH (n:Link) RETURN n.name, n.title, n.kind, n.num_books, n.x, n.y ORDER BY n.name"
)
READ_EDGES: LiteralString = (
    "MATCH (b:Book)-[r:LINKS_TO]->(l:Link) RETURN b.title, l.name, r.count ORDER BY b.title, l.name"
)
READ_BOOK_VECTORS: LiteralString = (
    "MATCH (m:EmbeddingModel {is_current: true}) "
    "MATCH (n:Book) WHERE n.embedding_version = m.version "
    "RETURN n.embedding, n.title, n.author, n.genre, n.country, n.language, n.year, n.x, n.y "
    "ORDER BY n.title"
)
READ_LINK_VECTORS: LiteralString = (
    "MATCH (m:EmbeddingModel {is_current: true}) "
    "MATCH (n:Link) WHERE n.embedding_version = m.version "
    "RETURN n.embedding, n.name, n.title, n.kind, n.num_books, n.x, n.y ORDER BY n.name"
)
BOOK_FACTS = ("title", "author", "genre", "country", "language", "year")
LINK_FACTS = ("name", "title", "kind", "num_books")


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written.

    Attributes:
        files: the files, in the order of writing.
        num_books: books in them.
        num_links: links in them.
        num_edges: edges in them; 0 where the format has none.
    """

    files: tuple[Path, ...]
    num_books: int
    num_links: int
    num_edges: int


def vector_rows(store: Store, statement: LiteralString) -> list[tuple[Any, ...]]:
    """Rows with vectors.

    Raises:
        DataMissingError: there are none.
    """
    rows = list(store.read_all(statement))
    if not rows:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings to export. Run `bookgraph train`."
        )
    return rows
