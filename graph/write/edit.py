"""Adds, changes and removes single books, each in one transaction, vector included.

A book that is added between trainings gets its vector from its links at once (fold-in), so that it
can be found by likeness without waiting; the next training places it anew.
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
from bookgraph.core.fold_in import weigh_links
from bookgraph.graph.query.titles import nearest_titles
from bookgraph.graph.store import Row, Store, Transaction

MAX_TITLE_CHARS = 255
MAX_LINKS = 5_000

# Where an edited book's digest stands, so that loading its file again restores what the file says.
_EDITED = "edited"
_KINDS = ("category", "file", "image", "portal")


@dataclass(frozen=True, slots=True)
class BookEdit:
    """A book as it is to be.

    Attributes:
        title: its key; the book is added when there is none of this title.
        links: titles of what its page links to; a repeat is one more mention.
        properties: the node's other properties; those that are not named stay as they are.
    """

    title: str
    links: Sequence[str]
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EditReport:
    """What an edit did.

    Attributes:
        is_new: whether the book was not there before.
        is_placed: whether it has a vector now.
    """

    is_new: bool
    is_placed: bool


def save_book(store: Store, edit: BookEdit) -> EditReport:
    """Add a book or change it: properties, links, counts and vector, all or nothing.

    Raises:
        UsageError: the title is empty or too long, or there are too many links.
        DataMissingError: nothing was loaded into this database by bookgraph yet.
        StoreUnreachableError: no answer; doing it again does no harm.
    """
    title = " ".join(edit.title.split())
    if not 0 < len(title) <= MAX_TITLE_CHARS:
        raise UsageError(f"title: {len(title)} characters; give 1 to {MAX_TITLE_CHARS}.")
    if len(edit.links) > MAX_LINKS:
        raise UsageError(f"links: {len(edit.links)} were given; give at most {MAX_LINKS}.")
    links = _link_rows(edit.links)
    return store.write(lambda transaction: _save(transaction, store.address, title, links, edit))


def remove_book(store: Store, title: str) -> None:
    """Remove a book, and the links that no other book mentions.

    Raises:
        BookNotFoundError: there is none of this title.
        StoreUnreachableError: no answer; doing it again does no harm.
    """

    def work(transaction: Transaction) -> bool:
        rows = transaction.run(_REMOVE, title=title)
        if rows:
            transaction.run(_RECOUNT, names=rows[0]["names"])
        return bool(rows)

    if not store.write(work):
        raise BookNotFoundError(title, nearest=nearest_titles(store, title))


def fold_in(vectors: NDArray[np.float64], num_books: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vector of a book out of those of its links.

    Its direction is that of `weigh_links`; its length the mean of the links' lengths.

    Args:
        vectors: (num_links, dim), at least one row, none all zeros.
        num_books: (num_links,), books that mention each link, at least 1.

    Returns:
        (dim,).
    """
    lengths = np.linalg.norm(vectors, axis=1)
    mixed = weigh_links(vectors, num_books).sum(axis=0)
    length = float(np.linalg.norm(mixed))
    direction = mixed / length if length else vectors[0] / lengths[0]
    placed: NDArray[np.float64] = direction * lengths.mean()
    return placed


def _link_rows(links: Sequence[str]) -> list[Row]:
    """Each link once by its folded name: how it is written first, how often it is mentioned."""
    written: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for link in links:
        title = " ".join(link.replace("_", " ").split())
        name = title.lower()
        if name:
            written.setdefault(name, title)
            counts[name] += 1
    return [
        {"name": name, "title": title, "kind": _kind_of(name), "count": counts[name]}
        for name, title in written.items()
    ]


def _kind_of(name: str) -> str:
    prefix = name.partition(":")[0]
    return prefix if ":" in name and prefix in _KINDS else "article"


def _save(
    transaction: Transaction, address: str, title: str, links: list[Row], edit: BookEdit
) -> EditReport:
    known = transaction.run(_KNOWN, title=title)[0]
    if not known["is_loaded"]:
        raise DataMissingError(
            f"The database at {address} holds no books of bookgraph yet. Run `bookgraph ingest`."
        )
    transaction.run(
        _SAVE, title=title, links=links, properties=dict(edit.properties), checksum=_EDITED
    )
    transaction.run(_RECOUNT, names=sorted({*known["names"], *(link["name"] for link in links)}))
    is_placed = _place(transaction, title)
    return EditReport(is_new=not known["is_known"], is_placed=is_placed)


def _place(transaction: Transaction, title: str) -> bool:
    """Give a book the vector that its links say."""
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
  WITH link, row
  MATCH (other:Book {title: row.title})
  MERGE (link)-[:REFERS_TO]->(other)
}
CALL (book) {
  MATCH (link:Link {name: toLower($title)})
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
MATCH (book:Book {title: $title})
WITH book, COLLECT { MATCH (book)-[:LINKS_TO]->(link) RETURN link.name } AS names
DETACH DELETE book
RETURN names
"""
