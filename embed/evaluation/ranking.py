"""Ranks all links for each book, and measures recall, NDCG, hit rate and reciprocal rank.

The ranking is exact and leaves out the training edges. Equal scores are ordered by one random order
of the links (from the seed), common to all books and models: a model that gives all links the same
score ranks like chance, not like row order. Each book gets its own values, which allow confidence
intervals; torch-geometric's metrics (the tests compare with them) give only the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bookgraph.embed.data.adjacency import EdgeLookup, Neighbours

# The scores of all links for some books: (num_rows,) int64 to (num_rows, num_links) float32.
ScoreBooks = Callable[[Tensor], Tensor]

_NUMBERS_IN_A_CHUNK = 8_000_000


@dataclass(frozen=True, slots=True)
class RankedBooks:
    """Some books and the ranks of their held-out links.

    Attributes:
        book_rows: (num_rows,) int64.
        top_links: (num_rows, k) int64, the best links, best first; -1 where a book has fewer than
            k links that are not training edges.
        first_ranks: (num_rows,) int64, the rank of the best held-out link among all, from 1.
    """

    book_rows: Tensor
    top_links: Tensor
    first_ranks: Tensor


@dataclass(frozen=True, slots=True)
class BookMetrics:
    """One value for each book, all (num_rows,) float64 in [0, 1].

    Attributes:
        recall: share of the book's held-out links among its first k.
        ndcg: discounted cumulative gain of the first k, relative to the largest possible.
        hit: 1 where at least one held-out link is among the first k.
        reciprocal_rank: 1 / the rank of the best held-out link among all links, not cut at k.
    """

    recall: Tensor
    ndcg: Tensor
    hit: Tensor
    reciprocal_rank: Tensor


def iter_ranked(
    score: ScoreBooks,
    book_rows: Tensor,
    *,
    known: Neighbours,
    held_out: Neighbours,
    k: int,
    seed: int = 0,
) -> Iterator[RankedBooks]:
    """Rank all links for each book, a chunk of books at a time.

    Args:
        score: gives the scores; called with consecutive chunks of `book_rows`.
        book_rows: (num_rows,) int64, each with at least one held-out link.
        known: the training edges of every book, never ranked.
        held_out: the held-out edges of every book.
        k: length of the lists, at least 1; at most all links are listed.
        seed: of the order among equal scores.
    """
    num_links = known.num_columns
    chunk_size = max(1, _NUMBERS_IN_A_CHUNK // num_links)
    generator = torch.Generator(device=book_rows.device).manual_seed(seed)
    tie_order = torch.randperm(num_links, generator=generator, device=book_rows.device)
    for rows in torch.split(book_rows, chunk_size):
        keys = _sort_keys(score(rows), tie_order)
        position, links = known.list_edges(rows)
        masked = torch.iinfo(torch.int64).min
        keys[position, links] = masked
        best = keys.topk(min(k, num_links), dim=1)
        position, links = held_out.list_edges(rows)
        best_held_out = torch.full((len(rows),), masked, device=rows.device)
        best_held_out = best_held_out.scatter_reduce(0, position, keys[position, links], "amax")
        yield RankedBooks(
            book_rows=rows,
            top_links=best.indices.masked_fill(best.values == masked, -1),
            first_ranks=1 + (keys > best_held_out[:, None]).sum(dim=1),
        )


def measure_books(ranked: RankedBooks, held_out: Neighbours) -> BookMetrics:
    """Compare ranked links with the held-out ones.

    Args:
        ranked: from `iter_ranked` with the same `held_out`.
        held_out: the held-out edges of every book; each ranked book has at least one.
    """
    lookup = EdgeLookup(held_out)
    is_hit = lookup.contains(ranked.book_rows[:, None], ranked.top_links).double()
    k = is_hit.shape[1]
    num_held_out = held_out.degrees[ranked.book_rows].double()
    ranks = torch.arange(1, k + 1, device=is_hit.device, dtype=torch.float64)
    discounts = 1 / (ranks + 1).log2()
    # The best possible list has a held-out link at each of its first min(k, num_held_out) ranks.
    best = discounts.cumsum(0)[num_held_out.long().clamp(max=k) - 1]
    num_hits = is_hit.sum(dim=1)
    return BookMetrics(
        recall=num_hits / num_held_out,
        ndcg=is_hit @ discounts / best,
        hit=(num_hits > 0).double(),
        reciprocal_rank=1 / ranked.first_ranks.double(),
    )


def _sort_keys(scores: Tensor, tie_order: Tensor) -> Tensor:
    """Integers that order as (score, tie order): all different within a row."""
    # Adding zero turns -0.0 into 0.0; after the xor the bits of a float32 order as its value.
    bits = (scores.float() + 0.0).view(torch.int32)
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return (ordered.long() << 32) + tie_order
