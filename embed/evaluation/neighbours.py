"""What the nearest vectors have in common, such as an author or a genre, against chance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import ShapeError, TrainingError, UsageError
from bookgraph.embed.evaluation.report import NeighbourReport
from bookgraph.embed.nearest import find_nearest_rows

_FLAGS_IN_A_CHUNK = 16_000_000


def evaluate_neighbours(
    vectors: NDArray[np.float32], labels: Sequence[Collection[str]], *, k: int = 10
) -> NeighbourReport:
    """Compare each book that has a label with its k nearest books by cosine.

    Books without a label are left out on both sides: nothing is known about them, and as nearest
    books they would count as misses. So are books whose vector is zero.

    Args:
        vectors: (num_books, dim) float32; not changed.
        labels: one collection for each book, such as its authors; empty where unknown.
        k: nearest books of each book, at least 1.

    Raises:
        ShapeError: the number of collections is not the number of vectors.
        TrainingError: fewer than two books have a label and a vector.
        UsageError: `k` is below 1.
    """
    if k < 1:
        raise UsageError(f"k is {k}. Use 1 or more nearest books.")
    if vectors.ndim != 2 or len(labels) != len(vectors):  # noqa: PLR2004
        raise ShapeError(
            f"vectors has shape {vectors.shape}, and there are {len(labels)} collections of "
            "labels. Pass (num_books, dim) and one collection for each book."
        )
    lengths = np.linalg.norm(vectors, axis=1)
    compared = [row for row, some in enumerate(labels) if some and lengths[row] > 0]
    num_books = len(compared)
    if num_books < 2:  # noqa: PLR2004
        raise TrainingError(
            f"{num_books} of {len(labels)} books have both a label and a vector; comparing needs "
            "at least 2. Ingest records with metadata, or train first."
        )
    nearest = find_nearest_rows(vectors[compared], k).rows
    table = _label_table([labels[row] for row in compared])
    num_near = num_possible = 0
    chunk_size = max(1, _FLAGS_IN_A_CHUNK // num_books)
    for start in range(0, num_books, chunk_size):
        rows = np.arange(start, min(start + chunk_size, num_books))
        shares_label = _shares_label(table, rows)
        num_near += int(np.take_along_axis(shares_label, nearest[rows], axis=1).sum())
        # Each book shares its labels with itself.
        num_possible += int(shares_label.sum()) - len(rows)
    return NeighbourReport(
        share=num_near / nearest.size,
        chance=num_possible / (num_books * (num_books - 1)),
        k=nearest.shape[1],
        num_books=num_books,
    )


@dataclass(frozen=True, slots=True)
class _LabelTable:
    """Labels as numbers: book i has `labels[offsets[i]:offsets[i + 1]]`, and back."""

    labels: NDArray[np.int64]
    offsets: NDArray[np.int64]
    books_with: list[NDArray[np.int64]]


def _label_table(labels: list[Collection[str]]) -> _LabelTable:
    numbers: dict[str, int] = {}
    books_with: list[list[int]] = []
    flat: list[int] = []
    offsets = [0]
    for book, some in enumerate(labels):
        for label in sorted(set(some)):
            number = numbers.setdefault(label, len(numbers))
            if number == len(books_with):
                books_with.append([])
            books_with[number].append(book)
            flat.append(number)
        offsets.append(len(flat))
    return _LabelTable(
        np.array(flat, dtype=np.int64),
        np.array(offsets, dtype=np.int64),
        [np.array(books, dtype=np.int64) for books in books_with],
    )


def _shares_label(table: _LabelTable, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(len(rows), num_books) bool: which books have a label in common with each row's book."""
    result = np.zeros((len(rows), len(table.offsets) - 1), dtype=np.bool_)
    for position, row in enumerate(rows):
        for label in table.labels[table.offsets[row] : table.offsets[row + 1]]:
            result[position, table.books_with[label]] = True
    return result
