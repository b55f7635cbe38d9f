"""What one batch is asked for: cosines of its pairs and of its negatives, and their loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from embed.adjacency import Adjacency
from embed.config import TrainConfig
from embed.losses import bce_loss, mse_loss, softmax_loss
from embed.sampling import Batch, Negatives


def touched_rows(batch: Batch) -> tuple[Tensor, Tensor]:
    """The book rows and link rows of a batch: its own rows first, then its negatives."""
    link_rows = torch.cat((batch.link_rows, batch.negative_links.rows))
    if batch.negative_books is None:
        return batch.book_rows, link_rows
    return torch.cat((batch.book_rows, batch.negative_books.rows)), link_rows


def batch_loss(
    book: Tensor, link: Tensor, batch: Batch, *, config: TrainConfig, graph: Adjacency
) -> Tensor:
    """Mean loss over the batch's pairs, and over both sides where both have negatives.

    Args:
        book: (num_book_rows, dim) float32, the vectors of `touched_rows`, of any length.
        link: (num_link_rows, dim) float32, likewise.
        batch: the pairs and negatives.
        config: names the loss and its settings.
        graph: says how popular each row is.

    Returns:
        A scalar; its gradient reaches `book` and `link`.
    """
    size = len(batch.book_rows)
    book, link = functional.normalize(book, dim=1), functional.normalize(link, dim=1)
    positive = (book[:size] * link[:size]).sum(dim=1)
    of_links = _side_loss(
        positive,
        cosines(book[:size], link[size:]),
        batch.link_rows,
        batch.negative_links,
        shares=graph.link_shares,
        config=config,
    )
    if batch.negative_books is None:
        return of_links
    of_books = _side_loss(
        positive,
        cosines(link[:size], book[size:]),
        batch.book_rows,
        batch.negative_books,
        shares=graph.book_shares,
        config=config,
    )
    return (of_links + of_books) / 2


def cosines(left: Tensor, right: Tensor) -> Tensor:
    """All products of unit rows; on CUDA in bfloat16, whose tensor cores take half the time."""
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=left.is_cuda):
        product = left @ right.T
    return product.float()


def _side_loss(
    positive: Tensor,
    negative: Tensor,
    rows: Tensor,
    negatives: Negatives,
    *,
    shares: Tensor,
    config: TrainConfig,
) -> Tensor:
    is_positive, loss = negatives.is_positive, config.resolve_loss()
    if loss == "mse":
        return mse_loss(positive, negative, is_positive, negative_weight=config.negative_weight)
    positive, negative = positive / config.temperature, negative / config.temperature
    if loss == "bce":
        return bce_loss(positive, negative, is_positive, negative_weight=config.negative_weight)
    log_popularity = shares.log()
    # What popularity explains need not be said by direction: with power 1 the cosine is left to
    # learn how much likelier the pair is than chance (pointwise mutual information).
    positive = positive + config.popularity_power * log_popularity[rows]
    negative = negative + config.popularity_power * log_popularity[negatives.rows]
    num_drawn = len(negatives.rows)
    log_expected = (
        math.log(num_drawn) + log_popularity[negatives.rows]
        if config.resolve_negative_source() == "batch"
        else torch.full((), math.log(num_drawn / len(shares)), device=shares.device)
    )
    return softmax_loss(positive, negative, is_positive, log_expected=log_expected)
