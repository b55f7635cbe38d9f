"""What the nearest vectors have in common, such as an author or a genre, against chance.

The neighbours are exact (all cosines are computed), so an index's errors play no part.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import ShapeError, TrainingError, UsageError

_NUMBERS_IN_A_CHUNK = 8_000_000


@dataclass(frozen=True, slots=True)
class NeighbourReport:
    """How often a near book has a label in common with a book.

    Attributes:
        share: share of the first k neighbours with a label in common, mean over the books.
        chance: the same share over neighbours drawn at random, exactly.
        k: neighbours a book; fewer where there are fewer books.
        num_books: books with a label and a vector; only they ask, and only they can be neighbours.
    """

    share: float
    chance: float
    k: int
    num_books: int


def evaluate_neighbours(
    vectors: NDArray[np.float32], labels: Sequence[Collection[str]], *, k: int = 10
) -> NeighbourReport:
    """Look at the k nearest books (by cosine) of each book that has a label.

    Books without a label are left out on both sides: nothing can be said of them, and as
    neighbours they would count as misses. So are books whose vector is zero.

    Args:
        vectors: (num_books, dim) float32; not changed.
        labels: one collection a book, such as its authors; empty where nothing is known.
        k: neighbours a book, at least 1.

    Raises:
        ShapeError: there is not one collection of labels a vector.
        TrainingError: fewer than two books have a label and a vector.
        UsageError: `k` is below 1.
    """
    if k < 1:
        message = f"The k={k} nearest neighbours were asked for; k has to be 1 or more."
        raise UsageError(message)
    if vectors.ndim != 2 or len(labels) != len(vectors):  # noqa: PLR2004
        message = (
            f"vectors has shape {vectors.shape} and there are {len(labels)} collections of "
            "labels; pass (num_books, dim) and one collection a book."
        )
        raise ShapeError(message)
    lengths = np.linalg.norm(vectors, axis=1)
    asked = [row for row, some in enumerate(labels) if some and lengths[row] > 0]
    if len(asked) < 2:  # noqa: PLR2004
        message = (
            f"{len(asked)} of {len(labels)} books have both a label and a vector; comparing "
            "neighbours takes two at least. Ingest records with metadata, or train first."
        )
        raise TrainingError(message)
    unit = vectors[asked] / lengths[asked, None]
    table = _label_table([labels[row] for row in asked])
    k = min(k, len(asked) - 1)
    near, possible = 0.0, 0.0
    chunk_size = max(1, _NUMBERS_IN_A_CHUNK // len(asked))
    for start in range(0, len(asked), chunk_size):
        rows = np.arange(start, min(start + chunk_size, len(asked)))
        shares_label = _shares_label(table, rows)
        cosines = unit[rows] @ unit.T
        cosines[np.arange(len(rows)), rows] = -np.inf
        nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        near += float(np.take_along_axis(shares_label, nearest, axis=1).sum())
        possible += float(shares_label.sum()) - len(rows)
    num_asked = len(asked)
    return NeighbourReport(
        share=near / (num_asked * k),
        chance=possible / (num_asked * (num_asked - 1)),
        k=k,
        num_books=num_asked,
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
    for place, row in enumerate(rows):
        for label in table.labels[table.offsets[row] : table.offsets[row + 1]]:
            result[place, table.books_with[label]] = True
    return result
