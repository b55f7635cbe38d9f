"""Baselines that need no training: popularity and shared neighbours."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.evaluation.ranking import ScoreBooks


def score_by_popularity(graph: Adjacency) -> ScoreBooks:
    """Score a link by how many books mention it, alike for every book."""
    popularity = graph.of_links.degrees.float()

    def score(rows: Tensor) -> Tensor:
        return popularity.expand(len(rows), -1)

    return score


def score_by_shared_neighbours(graph: Adjacency) -> ScoreBooks:
    """Score a link by how similar the other books that mention it are to the book.

    The similarity of two books is the cosine of their sets of links: the number of shared links
    divided by the root of the product of their numbers of links. The book itself raises the scores
    of its own links only, which are not ranked, so it need not be left out.
    """
    of_books, of_links = graph.of_books, graph.of_links
    inverse_length = of_books.degrees.clamp(min=1).float().rsqrt()

    def score(rows: Tensor) -> Tensor:
        # (num_links, num_rows): one column of ones and zeros for each book.
        has_link = torch.zeros((graph.num_links, len(rows)), device=rows.device)
        column, link = of_books.list_edges(rows)
        has_link[link, column] = 1.0
        num_shared = functional.embedding_bag(
            of_books.columns,
            has_link,
            of_books.offsets,
            mode="sum",
            include_last_offset=True,
        )
        similarity = num_shared * inverse_length[:, None] * inverse_length[rows]
        scores = functional.embedding_bag(
            of_links.columns,
            similarity,
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
