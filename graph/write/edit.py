"""Adds, changes and removes single books, each in one transaction, vector included.

A book that is added between trainings gets its vector from its links at once (fold-in), so that
similarity queries find it without waiting; the next training places it anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

import numpy as np
from neo4j.vector import Vector
from numpy.typing import NDArray

from bookgraph.core.errors import BookNotFoundError, DataMissingError, UsageError
from bookgraph.core.fold_in import fold_in_directions
from bookgraph.core.names import (
    InvalidNameError,
    book_keys,
    book_title,
    kind_of,
    link_title,
    lowercase,
)
from bookgraph.core.site import fold_whitespace
from bookgraph.graph.query.titles import nearest_titles
from bookgraph.graph.store import Row, Store, Transaction

MAX_LINKS = 5_000

# In place of an edited book's checksum, so that loading its file again restores the file's values.
_EDITED = "edited"
# Refused links that an error names.
_NUM_NAMED = 3
_SHOWN_CHARS = 80


@dataclass(frozen=True, slots=True)
class BookEdit:
    """The wanted state of a book.

    Attributes:
        title: its key, in any spelling that ingest reads; a new title adds a book.
        links: what its page links to, as a wiki writes it; a repeat is one more mention.
        properties: the node's other properties; those that are not named stay as they are.
    """

    title: str
    links: Sequence[str]
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EditReport:
    """What an edit did.

    Attributes:
        title: the book's key, normalised.
        is_new: whether the edit added the book.
        is_placed: whether the book has a vector now.
    """

    title: str
    is_new: bool
    is_placed: bool


def save_book(store: Store, edit: BookEdit) -> EditReport:
    """Add a book or change it: properties, links, counts and vector, all or nothing.

    Title and links become what the default cleaning of an ingest makes of them; blank links are
    ignored.

    Raises:
        UsageError: an ingest would drop the book or one of its links, or there are too many links.
        DataMissingError: bookgraph has loaded nothing into this database yet.
        StoreUnreachableError: Neo4j did not answer; a retry does no harm.
    """
    try:
        title = book_title(edit.title)
    except InvalidNameError as error:
        raise UsageError(f"title: {edit.title[:_SHOWN_CHARS]!r} {error}. Change it.") from error
    if len(edit.links) > MAX_LINKS:
        raise UsageError(f"links: {len(edit.links):,} were given; give at most {MAX_LINKS:,}.")
    links = _link_rows(edit.links)
    return store.write(lambda transaction: _save(transaction, store.address, title, links, edit))


def remove_book(store: Store, title: str) -> str:
    """Remove a book, and the links that no other book mentions.

    Args:
        store: the graph.
        title: in any spelling, but not a redirect.

    Returns:
        The title of the book that was removed.

    Raises:
        BookNotFoundError: no book has this title.
        StoreUnreachableError: Neo4j did not answer; a retry does no harm.
    """

    def work(transaction: Transaction) -> str | None:
        rows = transaction.run(_REMOVE, titles=book_keys(title))
        if not rows:
            return None
        transaction.run(_RECOUNT, names=rows[0]["names"])
        removed: str = rows[0]["title"]
        return removed

    removed = store.write(work)
    if removed is None:
        raise BookNotFoundError(title, nearest=nearest_titles(store, title))
    return removed


def fold_in(vectors: NDArray[np.float64], num_books: NDArray[np.float64]) -> NDArray[np.float64]:
    """A vector for a book, made from those of its links.

    `fold_in_directions` gives its direction; its length is the mean of the links' lengths.

    Args:
        vectors: (num_links, dim), at least one row, none all zeros.
        num_books: (num_links,), books that mention each link, at least 1.

    Returns:
        (dim,).
    """
    lengths = np.linalg.norm(vectors, axis=1)
    rows = np.arange(len(vectors))
    (direction,) = fold_in_directions(
        vectors, num_books, book_rows=np.zeros_like(rows), link_rows=rows, num_books=1
    )
    if not direction.any():
        direction = vectors[0] / lengths[0]
    placed: NDArray[np.float64] = direction * lengths.mean()
    return placed


def _link_rows(links: Sequence[str]) -> list[Row]:
    """Each link once by its name: its first spelling, and how often it is mentioned.

    Raises:
        UsageError: some texts name no link.
    """
    written: dict[str, str] = {}
    counts: Counter[str] = Counter()
    refused: list[str] = []
    for link in filter(fold_whitespace, links):
        try:
            title = link_title(link)
        except InvalidNameError as error:
            refused.append(f"{link[:_SHOWN_CHARS]!r} {error}")
            continue
        name = lowercase(title)
        written.setdefault(name, title)
        counts[name] += 1
    if refused:
        named = "; ".join(dict.fromkeys(refused[:_NUM_NAMED]))
        raise UsageError(
            f"links: {len(refused):,} of {len(links):,} cannot be saved: {named}. Remove them."
        )
    return [
        {
            "name": name,
            "title": title,
            "titles": book_keys(title),
            "kind": kind_of(title),
            "count": counts[name],
        }
        for name, title in written.items()
    ]


def _save(
    transaction: Transaction, address: str, title: str, links: list[Row], edit: BookEdit
) -> EditReport:
    known = transaction.run(_KNOWN, title=title)[0]
    if not known["is_loaded"]:
        raise DataMissingError(
            f"The database at {address} holds no books of bookgraph yet. "
            "Load some: bookgraph ingest PATH"
        )
    transaction.run(
        _SAVE,
        title=title,
        name=lowercase(title),
        links=links,
        properties=dict(edit.properties),
        checksum=_EDITED,
    )
    transaction.run(_RECOUNT, names=sorted({*known["names"], *(link["name"] for link in links)}))
    is_placed = _place(transaction, title)
    return EditReport(title, is_new=not known["is_known"], is_placed=is_placed)


def _place(transaction: Transaction, title: str) -> bool:
    """Give a book the vector that its links make, or none."""
    rows = transaction.run(_LINK_VECTORS, title=title)
    if not rows:
        transaction.run(_UNPLACE, title=title)
        return False
    vector = fold_in(
        np.array([row["vector"] for row in rows]), np.array([float(row["num"]) for row in rows])
    )
    transaction.run(
        _PLACE,
        title=title,
        vector=Vector.from_native(vector.tolist(), "f32"),
        version=rows[0]["version"],
    )
    return True


_KNOWN: LiteralString = """
OPTIONAL MATCH (book:Book {title: $title})
RETURN book IS NOT NULL AS is_known,
  EXISTS { MATCH (:Dataset {name: 'bookgraph'}) } AS is_loaded,
  COLLECT { MATCH (book)-[:LINKS_TO]->(link) RETURN link.name } AS names
"""
_SAVE: LiteralString = """
MERGE (book:Book {title: $title})
SET book += $properties, book.num_links = size($links), book.checksum = $checksum
WITH book
CALL (book) { MATCH (book)-[old:LINKS_TO]->() DELETE old }
CALL (book) {
  UNWIND $links AS row
  MERGE (link:Link {name: row.name})
    ON CREATE SET link.title = row.title, link.kind = row.kind, link.num_books = 0
  CREATE (book)-[:LINKS_TO {count: row.count}]->(link)
  WITH link, row WHERE NOT EXISTS { (link)-[:REFERS_TO]->() }
  WITH link, head(COLLECT {
    UNWIND range(0, size(row.titles) - 1) AS place
    MATCH (other:Book {title: row.titles[place]})
    RETURN other ORDER BY place LIMIT 1
  }) AS other WHERE other IS NOT NULL
  MERGE (link)-[:REFERS_TO]->(other)
}
CALL (book) {
  MATCH (link:Link {name: $name})
  MERGE (link)-[:REFERS_TO]->(book)
}
"""
_RECOUNT: LiteralString = """
UNWIND $names AS name
MATCH (link:Link {name: name})
SET link.num_books = COUNT { (link)<-[:LINKS_TO]-() }
WITH link WHERE link.num_books = 0
DETACH DELETE link
"""
_LINK_VECTORS: LiteralString = """
MATCH (model:EmbeddingModel {is_current: true})
MATCH (:Book {title: $title})-[:LINKS_TO]->(link:Link)
WHERE link.embedding_version = model.version
RETURN link.embedding AS vector, link.num_books AS num, model.version AS version
"""
_PLACE: LiteralString = """
MATCH (book:Book {title: $title})
CALL db.create.setNodeVectorProperty(book, 'embedding', $vector)
SET book.embedding_version = $version
"""
_UNPLACE: LiteralString = """
MATCH (book:Book {title: $title})
REMOVE book.embedding, book.embedding_version
"""
_REMOVE: LiteralString = """
UNWIND range(0, size($titles) - 1) AS place
MATCH (book:Book {title: $titles[place]})
WITH book ORDER BY place LIMIT 1
WITH book, book.title AS title,
  COLLECT { MATCH (book)-[:LINKS_TO]->(link) RETURN link.name } AS names
DETACH DELETE book
RETURN title, names
"""
