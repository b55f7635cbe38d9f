"""Writes trained vectors into the graph, so that no reader ever meets two models at once.

All vectors of a model, the removal of the older ones and the `EmbeddingModel` node are one
transaction: after a crash the old model is whole, after the commit the new one. An index shows the
changes of a commit one after the other, so every vector carries its model version, and searches
filter by it inside the vector index.
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
from bookgraph.graph.schema import BOOK, LINK, NodeKind
from bookgraph.graph.store import Store, Transaction
from bookgraph.graph.write.indexes import create_vector_indexes

logger = logging.getLogger(__name__)

_VECTORS_PER_STATEMENT = 5_000

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbeddingRows:
    """A trained model as rows.

    Attributes:
        version: the model version; equal versions mean equal vectors.
        book_titles: keys of the book vectors.
        book_vectors: (len(book_titles), dim) float32; no row is all zeros.
        link_names: keys of the link vectors.
        link_vectors: (len(link_names), dim) float32; no row is all zeros.
        properties: more properties of the `EmbeddingModel` node: numbers, texts, lists of these.
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
                    f"{name} has shape {vectors.shape}; expected ({len(keys)}, dim), one row for "
                    "each key."
                )
            if not np.isfinite(vectors).all() or not np.abs(vectors).sum(axis=1).all():
                raise ShapeError(
                    f"{name} has rows that are all zeros or not finite, and so have no cosine. "
                    "Leave such nodes out."
                )


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What a write-back did.

    Attributes:
        version: the version of the model, which is the current one now.
        num_books: books that have its vectors.
        num_links: links that have its vectors.
        num_gone: keys that do not exist in the graph any more.
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
        DataMissingError: the graph has none of the books; nothing was changed.
        StoreUnreachableError: the server went away. The old model is whole; run it again.
    """
    start_s = time.monotonic()
    num_books, num_links = store.write(
        lambda transaction: _write_all(transaction, rows, on_progress)
    )
    # The first model is written before there is an index, which is then built in one go. Later
    # models are written into the index, which serves readers meanwhile.
    create_vector_indexes(store)
    num_gone = len(rows.book_titles) + len(rows.link_names) - num_books - num_links
    report = WriteReport(rows.version, num_books, num_links, num_gone, time.monotonic() - start_s)
    logger.info("wrote %s", report)
    return report


def _write_all(
    transaction: Transaction, rows: EmbeddingRows, on_progress: OnProgress
) -> tuple[int, int]:
    total = len(rows.book_titles) + len(rows.link_names)
    num_written = {BOOK: 0, LINK: 0}
    for kind, keys, vectors in (
        (BOOK, rows.book_titles, rows.book_vectors),
        (LINK, rows.link_names, rows.link_vectors),
    ):
        statement = _write_statement(kind)
        for some_keys, some_vectors in _batches(keys, vectors):
            num_written[kind] += _write_batch(
                transaction, statement, some_keys, some_vectors, version=rows.version
            )
            on_progress(Progress("Writing vectors", sum(num_written.values()), total, "vectors"))
        if not num_written[BOOK]:
            raise DataMissingError(
                "The graph has none of the model's books: it was trained on another graph. "
                "Run `bookgraph train` for this one."
            )
    for kind in (BOOK, LINK):
        transaction.run(_remove_older_statement(kind), version=rows.version)
    num_books, num_links = num_written[BOOK], num_written[LINK]
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


def _write_statement(kind: NodeKind) -> LiteralString:
    return (
        "UNWIND $rows AS row MATCH (n:" + kind.label + " {" + kind.key + ": row.key}) "
        "CALL db.create.setNodeVectorProperty(n, 'embedding', row.vector) "
        "SET n.embedding_version = $version RETURN count(*) AS num_written"
    )


def _remove_older_statement(kind: NodeKind) -> LiteralString:
    return (
        "MATCH (n:" + kind.label + ") WHERE n.embedding IS NOT NULL "
        "AND coalesce(n.embedding_version, '') <> $version "
        "REMOVE n.embedding, n.embedding_version"
    )


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
