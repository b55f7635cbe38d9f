"""Writes trained vectors back as node properties, so that no reader ever meets two models at once.

All vectors of a model, the removal of the older ones and the `EmbeddingModel` node are one
transaction: a crash leaves the old model whole, a commit the new one. Every vector carries its
model's version, which the searches filter by inside the vector index, because an index shows the
rows of a commit one after the other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString

import numpy as np
from neo4j.vector import Vector
from numpy.typing import NDArray

from bookgraph.core.errors import DataMissingError, ShapeError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.schema import create_vector_indexes
from bookgraph.graph.store import Store, Transaction

logger = logging.getLogger(__name__)

_VECTORS_PER_STATEMENT = 5_000

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbeddingRows:
    """A trained model as rows.

    Attributes:
        version: names the model; the same version means the same vectors.
        book_titles: keys of the book vectors.
        book_vectors: (len(book_titles), dim) float32; no row is all zeros.
        link_names: keys of the link vectors.
        link_vectors: (len(link_names), dim) float32; no row is all zeros.
        properties: further facts for the `EmbeddingModel` node: numbers, texts, lists of them.
    """

    version: str
    book_titles: Sequence[str]
    book_vectors: Floats
    link_names: Sequence[str]
    link_vectors: Floats
    properties: Mapping[str, object]

    def __post_init__(self) -> None:
        for name, keys, vectors in (
            ("book_vectors", self.book_titles, self.book_vectors),
            ("link_vectors", self.link_names, self.link_vectors),
        ):
            if vectors.ndim != 2 or len(vectors) != len(keys):  # noqa: PLR2004  # rows, columns
                raise ShapeError(
                    f"{name} has shape {vectors.shape}; expected ({len(keys)}, dim), one row a key."
                )
            if not np.isfinite(vectors).all() or not np.abs(vectors).sum(axis=1).all():
                raise ShapeError(
                    f"{name} has rows that are all zeros or not finite: cosine cannot place them. "
                    "Leave such nodes out."
                )


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What a write-back did.

    Attributes:
        version: the model that is current now.
        num_books: books that carry its vectors.
        num_links: links that do.
        num_gone: keys that the graph does not hold any more.
        elapsed_s: seconds.
    """

    version: str
    num_books: int
    num_links: int
    num_gone: int
    elapsed_s: float


def write_embeddings(
    store: Store, rows: EmbeddingRows, *, on_progress: OnProgress = ignore_progress
) -> WriteReport:
    """Make a model the current one.

    Args:
        store: the graph that it was trained on.
        rows: the model; writing it again changes nothing.
        on_progress: called after each few thousand vectors.

    Raises:
        DataMissingError: none of the books is in the graph; nothing was changed.
        StoreUnreachableError: the server went away. The model before it is whole; run it again.
    """
    start_s = time.monotonic()
    num_books, num_links = store.write(
        lambda transaction: _write_all(transaction, rows, on_progress)
    )
    # An index over vectors that are there is built in one go: the first model is written to no
    # index at all, later ones into the one that serves their readers meanwhile.
    create_vector_indexes(store)
    num_gone = len(rows.book_titles) + len(rows.link_names) - num_books - num_links
    report = WriteReport(rows.version, num_books, num_links, num_gone, time.monotonic() - start_s)
    logger.info("wrote %s", report)
    return report


@dataclass(frozen=True, slots=True)
class CurrentModel:
    """The model that readers see, and its vectors.

    Attributes:
        version: its name.
        properties: of its `EmbeddingModel` node.
        titles: books that have a vector, sorted.
        vectors: (len(titles), dim) float32, the books' vectors in that order.
    """

    version: str
    properties: Mapping[str, object]
    titles: tuple[str, ...]
    vectors: Floats


def read_current_model(store: Store) -> CurrentModel:
    """Read the current model's book vectors out of the graph, in one statement.

    Raises:
        DataMissingError: no model was written yet.
    """
    rows = store.read(
        "MATCH (model:EmbeddingModel {is_current: true}) RETURN properties(model) AS model, "
        "COLLECT { MATCH (n:Book) WHERE n.embedding_version = model.version "
        "RETURN [n.title, n.embedding] ORDER BY n.title } AS books"
    )
    if not rows:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings yet. Run `bookgraph train`."
        )
    model, books = rows[0]["model"], rows[0]["books"]
    return CurrentModel(
        version=model["version"],
        properties=model,
        titles=tuple(title for title, _ in books),
        vectors=np.array([vector for _, vector in books], dtype=np.float32),
    )


def _write_all(
    transaction: Transaction, rows: EmbeddingRows, on_progress: OnProgress
) -> tuple[int, int]:
    total = len(rows.book_titles) + len(rows.link_names)
    num_books = num_links = 0
    for keys, vectors in _batches(rows.book_titles, rows.book_vectors):
        num_books += _write_batch(transaction, _WRITE_BOOKS, keys, vectors, version=rows.version)
        on_progress(Progress("Writing vectors", num_books, total, "vectors"))
    if not num_books:
        raise DataMissingError(
            "None of the model's books is in the graph: it was trained on another one. "
            "Run `bookgraph train` for this graph."
        )
    for keys, vectors in _batches(rows.link_names, rows.link_vectors):
        num_links += _write_batch(transaction, _WRITE_LINKS, keys, vectors, version=rows.version)
        on_progress(Progress("Writing vectors", num_books + num_links, total, "vectors"))
    transaction.run(_REMOVE_OLDER_BOOK_VECTORS, version=rows.version)
    transaction.run(_REMOVE_OLDER_LINK_VECTORS, version=rows.version)
    transaction.run(
        _SET_CURRENT_MODEL,
        version=rows.version,
        properties={
            **rows.properties,
            "dim": int(rows.book_vectors.shape[1]),
            "num_books": num_books,
            "num_links": num_links,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    return num_books, num_links


_WRITE_BOOKS: LiteralString = """
UNWIND $rows AS row
MATCH (n:Book {title: row.key})
CALL db.create.setNodeVectorProperty(n, 'embedding', row.vector)
SET n.embedding_version = $version
RETURN count(*) AS num_written
"""
_WRITE_LINKS: LiteralString = """
UNWIND $rows AS row
MATCH (n:Link {name: row.key})
CALL db.create.setNodeVectorProperty(n, 'embedding', row.vector)
SET n.embedding_version = $version
RETURN count(*) AS num_written
"""
_REMOVE_OLDER_BOOK_VECTORS: LiteralString = """
MATCH (n:Book) WHERE n.embedding IS NOT NULL AND coalesce(n.embedding_version, '') <> $version
REMOVE n.embedding, n.embedding_version
"""
_REMOVE_OLDER_LINK_VECTORS: LiteralString = """
MATCH (n:Link) WHERE n.embedding IS NOT NULL AND coalesce(n.embedding_version, '') <> $version
REMOVE n.embedding, n.embedding_version
"""
_SET_CURRENT_MODEL: LiteralString = """
OPTIONAL MATCH (older:EmbeddingModel WHERE older.version <> $version)
SET older.is_current = false
WITH count(*) AS _
MERGE (model:EmbeddingModel {version: $version})
SET model += $properties, model.is_current = true
"""


def _batches(keys: Sequence[str], vectors: Floats) -> list[tuple[Sequence[str], Floats]]:
    size = _VECTORS_PER_STATEMENT
    return [
        (keys[start : start + size], vectors[start : start + size])
        for start in range(0, len(keys), size)
    ]


def _write_batch(
    transaction: Transaction,
    statement: LiteralString,
    keys: Sequence[str],
    vectors: Floats,
    *,
    version: str,
) -> int:
    rows = [
        {"key": key, "vector": Vector.from_native(vector.tolist(), "f32")}
        for key, vector in zip(keys, vectors, strict=True)
    ]
    return int(transaction.run(statement, rows=rows, version=version)[0]["num_written"])
