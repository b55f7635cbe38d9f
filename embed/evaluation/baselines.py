"""What needs no training, to hold beside every trained result: popularity and shared neighbours."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.evaluation.ranking import ScoreBooks, list_neighbours


def score_by_popularity(graph: Adjacency) -> ScoreBooks:
    """Give every book the same scores: how many books have the link."""
    popularity = graph.of_links.degrees.float()

    def score(rows: Tensor) -> Tensor:
        return popularity.expand(len(rows), -1)

    return score


def score_by_shared_neighbours(graph: Adjacency) -> ScoreBooks:
    """Score a link by how much the other books that have it are like the book.

    The likeness of two books is the cosine of their sets of links: shared links divided by the
    root of the product of their numbers of links. The book itself adds the same to all its own
    links only, and those are masked, so it need not be left out.
    """
    of_books, of_links = graph.of_books, graph.of_links
    inverse_length = of_books.degrees.clamp(min=1).float().rsqrt()

    def score(rows: Tensor) -> Tensor:
        # (num_links, num_rows): one column of ones and zeros a book.
        has_link = torch.zeros((graph.num_links, len(rows)), device=rows.device)
        column, neighbour = list_neighbours(of_books, rows)
        has_link[neighbour, column] = 1.0
        num_shared = functional.embedding_bag(
            of_books.columns,
            has_link,
            of_books.offsets,
            mode="sum",
            include_last_offset=True,
        )
        likeness = num_shared * inverse_length[:, None] * inverse_length[rows]
        scores = functional.embedding_bag(
            of_links.columns,
            likeness,
            of_links.offsets,
            mode="sum",
            include_last_offset=True,
        )
        return scores.T

    return score


BASELINES: dict[str, Callable[[Adjacency], ScoreBooks]] = {
    "popularity": score_by_popularity,
    "shared_neighbours": score_by_shared_neighbours,
}
