"""Gives a book a vector between trainings, made from the vectors of its links (fold-in)."""

from __future__ import annotations

from typing import LiteralString

import numpy as np
from neo4j.vector import Vector
from numpy.typing import NDArray

from bookgraph.core.fold_in import fold_in_direction
from bookgraph.graph.schema import Slot, slot_of
from bookgraph.graph.store import Transaction

EDITED = "edited"
"""In place of an edited book's checksum, so that loading its file again restores its values."""


def fold_in(vectors: NDArray[np.float64], num_books: NDArray[np.float64]) -> NDArray[np.float64]:
    """A vector for a book, made from those of its links.

    `fold_in_direction` gives its direction; its length is the mean of the links' lengths.

    Args:
        vectors: (num_links, dim), at least one row, none all zeros.
        num_books: (num_links,), books that mention each link, at least 1.

    Returns:
        (dim,).
    """
    lengths = np.linalg.norm(vectors, axis=1)
    direction = fold_in_direction(vectors, num_books)
    if not direction.any():
        direction = vectors[0] / lengths[0]
    placed: NDArray[np.float64] = direction * lengths.mean()
    return placed


def place_book(transaction: Transaction, title: str) -> bool:
    """Give a book a vector in each model that the graph holds, or none.

    Returns:
        Whether it has one in the current model.
    """
    is_placed = False
    for row in transaction.run(_HELD_MODELS):
        is_in = place_in_slot(transaction, title, slot_of(row["vector"]), row["version"])
        is_placed = is_placed or (is_in and bool(row["is_current"]))
    return is_placed


def place_in_slot(transaction: Transaction, title: str, slot: Slot, version: str) -> bool:
    """Give a book a vector in one model, or none where none of its links has one."""
    rows = transaction.run(
        "MATCH (:Book {title: $title})-[:LINKS_TO]->(link:Link) "
        "WHERE link." + slot.version + " = $version "
        "RETURN link." + slot.vector + " AS vector, link.num_books AS num ORDER BY link.name",
        title=title,
        version=version,
    )
    if not rows:
        transaction.run(
            "MATCH (book:Book {title: $title}) "
            "REMOVE book." + slot.vector + ", book." + slot.version,
            title=title,
        )
        return False
    vector = fold_in(
        np.array([row["vector"] for row in rows]), np.array([float(row["num"]) for row in rows])
    )
    transaction.run(
        "MATCH (book:Book {title: $title}) "
        "CALL db.create.setNodeVectorProperty(book, '" + slot.vector + "', $vector) "
        "SET book." + slot.version + " = $version",
        title=title,
        vector=Vector.from_native(vector.tolist(), "f32"),
        version=version,
    )
    return True


_HELD_MODELS: LiteralString = """
MATCH (model:EmbeddingModel) WHERE model.vector IS NOT NULL
RETURN model.version AS version, model.vector AS vector, model.is_current AS is_current
"""
