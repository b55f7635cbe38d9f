"""Ranking of all links for each book: exact, the training edges masked, ties broken fairly.

Equal scores are ordered by one random order of the links (from the seed), the same for every
book and every model: a model that scores everything alike ranks like chance, not like row order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bookgraph.embed.data.adjacency import Neighbours

# The score of all links for some books: (num_rows,) int64 to (num_rows, num_links) float32.
ScoreBooks = Callable[[Tensor], Tensor]

_NUMBERS_IN_A_CHUNK = 8_000_000


@dataclass(frozen=True, slots=True)
class RankedBooks:
    """Some books and where their true links ended up.

    Attributes:
        book_rows: (num_rows,) int64.
        top_links: (num_rows, k) int64, the best links, best first; -1 where a book has fewer than
            k links that are not masked.
        first_ranks: (num_rows,) int64, the rank of the best true link among all, from 1.
    """

    book_rows: Tensor
    top_links: Tensor
    first_ranks: Tensor


def iter_ranked(  # one cohesive query
    score: ScoreBooks,
    book_rows: Tensor,
    *,
    known: Neighbours,
    true: Neighbours,
    k: int,
    seed: int = 0,
) -> Iterator[RankedBooks]:
    """Rank all links for each book, some books at a time.

    Args:
        score: gives the scores; called with consecutive pieces of `book_rows`.
        book_rows: (num_rows,) int64, each with at least one true link.
        known: the training edges of every book, never ranked.
        true: the held-out edges of every book.
        k: length of the lists, at least 1; at most all links are listed.
        seed: of the order among equal scores.
    """
    num_links = known.num_columns
    chunk_size = max(1, _NUMBERS_IN_A_CHUNK // num_links)
    generator = torch.Generator(device=book_rows.device).manual_seed(seed)
    tie_order = torch.randperm(num_links, generator=generator, device=book_rows.device)
    for rows in torch.split(book_rows, chunk_size):
        keys = _sort_keys(score(rows), tie_order)
        at, columns = list_neighbours(known, rows)
        masked = torch.iinfo(torch.int64).min
        keys[at, columns] = masked
        best = keys.topk(min(k, num_links), dim=1)
        at, columns = list_neighbours(true, rows)
        best_true = torch.full((len(rows),), masked, device=rows.device)
        best_true = best_true.scatter_reduce(0, at, keys[at, columns], "amax")
        yield RankedBooks(
            book_rows=rows,
            top_links=best.indices.masked_fill(best.values == masked, -1),
            first_ranks=1 + (keys > best_true[:, None]).sum(dim=1),
        )


def list_neighbours(neighbours: Neighbours, rows: Tensor) -> tuple[Tensor, Tensor]:
    """All neighbours of some rows, as places in `rows` and columns.

    Returns:
        (num_found,) int64 in [0, len(rows)), and (num_found,) int64 columns.
    """
    starts = neighbours.offsets[rows]
    degrees = neighbours.offsets[rows + 1] - starts
    at = torch.arange(len(rows), device=rows.device).repeat_interleave(degrees)
    first = degrees.cumsum(0) - degrees
    within = torch.arange(len(at), device=rows.device) - first[at]
    return at, neighbours.columns[starts[at] + within]


def _sort_keys(scores: Tensor, tie_order: Tensor) -> Tensor:
    """Whole numbers that order as (score, tie order): all different within a row."""
    # Adding zero turns -0.0 into 0.0; after the xor the bits of a float32 order as its value.
    bits = (scores.float() + 0.0).view(torch.int32)
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return (ordered.long() << 32) + tie_order
