"""Ranking metrics of each book by itself: recall@k, NDCG@k, hit rate@k, reciprocal rank.

A mean over books hides how sure it is; the values of single books allow confidence intervals,
which torch-geometric's metrics (the tests' oracle) do not give.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bookgraph.embed.data.adjacency import Neighbours
from bookgraph.embed.evaluation.ranking import RankedBooks


@dataclass(frozen=True, slots=True)
class BookMetrics:
    """One value a book, all (num_rows,) float64 in [0, 1].

    Attributes:
        recall: share of the book's true links among its first k.
        ndcg: discounted gain of the first k, relative to the best that min(k, true links) allow.
        hit: 1 where at least one true link is among the first k.
        reciprocal_rank: 1 / the rank of the best true link among all links, not cut at k.
    """

    recall: Tensor
    ndcg: Tensor
    hit: Tensor
    reciprocal_rank: Tensor


def measure_books(ranked: RankedBooks, true: Neighbours) -> BookMetrics:
    """Compare ranked links with the true ones.

    Args:
        ranked: from `iter_ranked` with the same `true`.
        true: the held-out links of every book; each ranked book has one at least.
    """
    is_hit = is_neighbour(true, ranked.book_rows, ranked.top_links).double()
    k = is_hit.shape[1]
    num_true = true.degrees[ranked.book_rows].double()
    places = torch.arange(1, k + 1, device=is_hit.device, dtype=torch.float64)
    discounts = 1 / (places + 1).log2()
    # The best possible list has a true link in each of its first min(k, num_true) places.
    best = discounts.cumsum(0)[num_true.long().clamp(max=k) - 1]
    num_hits = is_hit.sum(dim=1)
    return BookMetrics(
        recall=num_hits / num_true,
        ndcg=is_hit @ discounts / best,
        hit=(num_hits > 0).double(),
        reciprocal_rank=1 / ranked.first_ranks.double(),
    )


def is_neighbour(neighbours: Neighbours, rows: Tensor, columns: Tensor) -> Tensor:
    """Which of the columns are neighbours of their row.

    Args:
        neighbours: of the rows' side.
        rows: (num_rows,) int64.
        columns: (num_rows, width) int64; negative ones are no neighbours.

    Returns:
        (num_rows, width) bool.
    """
    return EdgeKeys(neighbours).contain(rows[:, None], columns)


class EdgeKeys:
    """All edges as ascending whole numbers, to search in; built once, for many questions."""

    def __init__(self, neighbours: Neighbours) -> None:
        """Number the edges: row * num_columns + column."""
        owners = torch.arange(len(neighbours.degrees), device=neighbours.columns.device)
        # Ascending, because rows ascend and columns ascend within a row.
        repeated = owners.repeat_interleave(neighbours.degrees, output_size=len(neighbours.columns))
        self._num_columns = neighbours.num_columns
        self._keys = repeated * neighbours.num_columns + neighbours.columns

    def contain(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Which pairs are edges, in the shape that rows and columns broadcast to; never waits.

        Args:
            rows: int64.
            columns: int64; negative ones are in no edge.
        """
        wanted = rows * self._num_columns + columns
        if len(self._keys) == 0:
            return torch.zeros_like(wanted, dtype=torch.bool)
        found = torch.searchsorted(self._keys, wanted).clamp(max=len(self._keys) - 1)
        return (self._keys[found] == wanted) & (columns >= 0)
