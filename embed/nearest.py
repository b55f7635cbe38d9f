"""The exact nearest rows of a table by cosine: all cosines are computed, a chunk at a time.

Evaluation and maps use them, so an index's approximation plays no part there. Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import ShapeError, UsageError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress

Floats = NDArray[np.float32]

_COSINES_IN_A_CHUNK = 16_000_000


@dataclass(frozen=True, slots=True)
class NearestRows:
    """The exact nearest rows of each row by cosine, best first, without the row itself.

    Attributes:
        rows: (num_rows, k) int64, in [0, num_rows).
        cosines: (num_rows, k) float32, descending along axis 1.
    """

    rows: NDArray[np.int64]
    cosines: Floats

    def first(self, k: int) -> NearestRows:
        """The k nearest only."""
        return NearestRows(self.rows[:, :k], self.cosines[:, :k])


def find_nearest_rows(
    vectors: Floats, k: int, *, on_progress: OnProgress = ignore_progress
) -> NearestRows:
    """Compute all cosines, chunk by chunk, and keep the k best of each row.

    Args:
        vectors: (num_rows, dim) float32; not changed. No row is all zeros.
        k: how many, at least 1; fewer where there are fewer rows.
        on_progress: called after each chunk.

    Raises:
        ShapeError: `vectors` is not a table, or has a row without a direction.
        UsageError: `k` is below 1.
    """
    if k < 1:
        raise UsageError(f"k is {k}. Use 1 or more nearest rows.")
    unit = unit_rows(vectors)
    num_rows = len(unit)
    k = max(0, min(k, num_rows - 1))
    rows = np.empty((num_rows, k), dtype=np.int64)
    cosines = np.empty((num_rows, k), dtype=np.float32)
    chunk_size = max(1, _COSINES_IN_A_CHUNK // max(1, num_rows))
    for start in range(0, num_rows if k else 0, chunk_size):
        chunk = slice(start, min(start + chunk_size, num_rows))
        scores = unit[chunk] @ unit.T
        own = np.arange(chunk.stop - chunk.start)
        scores[own, own + chunk.start] = -np.inf
        best = np.argpartition(scores, -k, axis=1)[:, -k:]
        best_scores = np.take_along_axis(scores, best, axis=1)
        # Equal cosines in the order of their rows, so that the result is unique.
        order = np.lexsort((best, -best_scores), axis=1)
        rows[chunk] = np.take_along_axis(best, order, axis=1)
        cosines[chunk] = np.take_along_axis(best_scores, order, axis=1)
        on_progress(Progress("Finding neighbours", chunk.stop, num_rows, "points"))
    return NearestRows(rows, cosines)


def unit_rows(vectors: Floats) -> Floats:
    """Scale each row to length 1.

    Args:
        vectors: (num_rows, dim) float32; not changed.

    Raises:
        ShapeError: `vectors` is not a table, or has a row of zeros or of numbers that are not
            finite.
    """
    if vectors.ndim != 2:  # noqa: PLR2004  # rows, columns
        raise ShapeError(f"vectors has shape {vectors.shape}. Pass shape (num_rows, dim).")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    has_direction = (np.isfinite(lengths) & (lengths > 0))[:, 0]
    if not has_direction.all():
        raise ShapeError(
            f"Row {int(has_direction.argmin())} of vectors is all zeros or not finite, so it has "
            "no cosine. Leave out such rows."
        )
    return np.asarray(vectors / lengths, dtype=np.float32)
