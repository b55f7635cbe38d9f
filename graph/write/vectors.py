"""Writes trained vectors into the graph, beside the current model's, and then switches to them.

There are two slots for vectors. A new model is written into the one that the current model does not
use, in small transactions, with the slot's own indexes. Then one small transaction makes it the
current one. So no reader ever waits for a model or meets half of one, and the model before it is
still there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import LiteralString

import numpy as np
from neo4j.vector import Vector
from numpy.typing import NDArray

from bookgraph.core.errors import DataMissingError, ShapeError, StoreUnreachableError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.schema import BOOK, LINK, SLOTS, NodeKind, Slot
from bookgraph.graph.store import Store, Transaction
from bookgraph.graph.write.indexes import create_vector_indexes
from bookgraph.graph.write.place import EDITED, place_in_slot

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
    """Make a model the current one; the one before it stays beside it.

    Args:
        store: the graph that it was trained on.
        rows: the model; writing it again changes nothing.
        on_progress: called after each few thousand vectors.

    Raises:
        DataMissingError: the graph has none of the books; nothing was changed.
        StoreUnreachableError: the server went away, or another model was written at the same time.
            The current model is whole; run it again.
    """
    start_s = time.monotonic()
    _refuse_other_graph(store, rows)
    slot = store.write(_take_slot)
    num_written = _write_vectors(store, rows, slot, on_progress)
    for kind in (BOOK, LINK):
        remove_vectors(store, kind, slot, kept=rows.version)
    # The first model of a slot is written before there is an index, which is then built in one go.
    create_vector_indexes(store, slot)
    # Readers can see the changes of a commit one after the other, so the model's node is there
    # before anything names it.
    store.write(lambda transaction: _describe(transaction, rows, slot, num_written))
    store.write(lambda transaction: _switch(transaction, rows.version, slot))
    num_books, num_links = num_written[BOOK], num_written[LINK]
    num_gone = len(rows.book_titles) + len(rows.link_names) - num_books - num_links
    report = WriteReport(rows.version, num_books, num_links, num_gone, time.monotonic() - start_s)
    logger.info("wrote %s", report)
    return report


def _refuse_other_graph(store: Store, rows: EmbeddingRows) -> None:
    for some_titles, _ in _batches(rows.book_titles, rows.book_vectors):
        found = store.read(
            "RETURN EXISTS { UNWIND $titles AS title MATCH (:Book {title: title}) } AS is_known",
            titles=some_titles,
        )
        if found[0]["is_known"]:
            return
    raise DataMissingError(
        "The graph has none of the model's books: it was trained on another graph. "
        "Run `bookgraph train` for this one."
    )


def _take_slot(transaction: Transaction) -> Slot:
    """The slot that the current model does not use; the model that was in it gives it up."""
    # No edit may be placing a book in the slot meanwhile.
    transaction.run("MATCH (d:Dataset) SET d.revision = coalesce(d.revision, 0)")
    rows = transaction.run(
        "MATCH (model:EmbeddingModel {is_current: true}) RETURN model.vector AS vector"
    )
    in_use = rows[0]["vector"] if rows else None
    slot = next(one for one in SLOTS if one.vector != in_use)
    transaction.run(
        "MATCH (model:EmbeddingModel {vector: $vector}) "
        "REMOVE model.vector, model.book_index, model.link_index",
        vector=slot.vector,
    )
    return slot


def _write_vectors(
    store: Store, rows: EmbeddingRows, slot: Slot, on_progress: OnProgress
) -> dict[NodeKind, int]:
    total = len(rows.book_titles) + len(rows.link_names)
    num_written = {BOOK: 0, LINK: 0}
    for kind, keys, vectors in (
        (BOOK, rows.book_titles, rows.book_vectors),
        (LINK, rows.link_names, rows.link_vectors),
    ):
        statement = _write_statement(kind, slot)
        for some_keys, some_vectors in _batches(keys, vectors):
            num_written[kind] += store.write(
                partial(
                    _write_batch,
                    statement=statement,
                    keys=some_keys,
                    vectors=some_vectors,
                    version=rows.version,
                )
            )
            on_progress(Progress("Writing vectors", sum(num_written.values()), total, "vectors"))
    return num_written


def _write_statement(kind: NodeKind, slot: Slot) -> LiteralString:
    return (
        "UNWIND $rows AS row MATCH (n:" + kind.label + " {" + kind.key + ": row.key}) "
        "CALL db.create.setNodeVectorProperty(n, '" + slot.vector + "', row.vector) "
        "SET n." + slot.version + " = $version RETURN count(*) AS num_written"
    )


def remove_vectors(store: Store, kind: NodeKind, slot: Slot, *, kept: str | None) -> None:
    """Remove the vectors in a slot, except those of one model."""
    statement = (
        "MATCH (n:" + kind.label + ") WHERE n." + slot.version + " IS NOT NULL "
        "AND n." + slot.version + " <> $version "
        "WITH n LIMIT $num REMOVE n." + slot.vector + ", n." + slot.version
        + " RETURN count(*) AS num_removed"
    )  # fmt: skip

    def remove(transaction: Transaction) -> int:
        found = transaction.run(statement, version=kept or "", num=_VECTORS_PER_STATEMENT)
        return int(found[0]["num_removed"])

    while store.write(remove):
        pass


def _describe(
    transaction: Transaction, rows: EmbeddingRows, slot: Slot, num_written: Mapping[NodeKind, int]
) -> None:
    """Store what is known of a model whose vectors are written.

    Raises:
        StoreUnreachableError: another model was written into the slot at the same time.
    """
    for kind, num in num_written.items():
        found = transaction.run(
            "MATCH (n:" + kind.label + ") WHERE n." + slot.version + " = $version "
            "RETURN count(*) AS num",
            version=rows.version,
        )
        # A book that was removed meanwhile took its vector with it.
        if found[0]["num"] > num or (num and not found[0]["num"]):
            raise StoreUnreachableError(
                "Another model was written at the same time. The current model is unchanged. "
                "Run `bookgraph train` again when the other training has ended."
            )
    transaction.run(
        "MERGE (model:EmbeddingModel {version: $version}) "
        "ON CREATE SET model.is_current = false SET model += $properties",
        version=rows.version,
        properties={
            **rows.properties,
            "dim": int(rows.book_vectors.shape[1]),
            "num_books": num_written[BOOK],
            "num_links": num_written[LINK],
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "vector": slot.vector,
            "book_index": slot.index_of(BOOK),
            "link_index": slot.index_of(LINK),
        },
    )


def _switch(transaction: Transaction, version: str, slot: Slot) -> None:
    """Make a model that is described the current one."""
    # The one place that readers look at. This locks the `Dataset` node too, so that no edit runs.
    transaction.run("MATCH (d:Dataset {name: 'bookgraph'}) SET d.model = $version", version=version)
    # Books that were saved since the training read the graph.
    for row in transaction.run(
        "MATCH (book:Book {checksum: $edited}) WHERE book." + slot.version + " IS NULL "
        "AND book.num_links > 0 RETURN book.title AS title",
        edited=EDITED,
    ):
        place_in_slot(transaction, row["title"], slot, version)
    transaction.run(_SET_FLAGS, version=version)


_SET_FLAGS: LiteralString = """
OPTIONAL MATCH (older:EmbeddingModel {is_current: true} WHERE older.version <> $version)
SET older.is_current = false
WITH count(*) AS _
MATCH (model:EmbeddingModel {version: $version})
SET model.is_current = true
"""


def _batches(keys: Sequence[str], vectors: Floats) -> list[tuple[Sequence[str], Floats]]:
    size = _VECTORS_PER_STATEMENT
    return [
        (keys[start : start + size], vectors[start : start + size])
        for start in range(0, len(keys), size)
    ]


def _write_batch(
    transaction: Transaction,
    *,
    statement: LiteralString,
    keys: Sequence[str],
    vectors: Floats,
    version: str,
) -> int:
    rows = [
        {"key": key, "vector": Vector.from_native(vector.tolist(), "f32")}
        for key, vector in zip(keys, vectors, strict=True)
    ]
    return int(transaction.run(statement, rows=rows, version=version)[0]["num_written"])
