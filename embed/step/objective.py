"""What one batch is asked for: cosines of its pairs and of its negatives, and their loss."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.step.losses import bce_loss, mse_loss, softmax_loss
from bookgraph.embed.step.sampling import Batch, Negatives

# Scores computed at once, 4 MB of them.
_MAX_SCORES = 2**20


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
    of_links = _side_loss(
        _Side(batch.link_rows, batch.negative_links, graph.link_shares, config),
        book[:size],
        link[:size],
        link[size:],
    )
    if batch.negative_books is None:
        return of_links
    of_books = _side_loss(
        _Side(batch.book_rows, batch.negative_books, graph.book_shares, config),
        link[:size],
        book[:size],
        book[size:],
    )
    return (of_links + of_books) / 2


@dataclass(frozen=True, slots=True)
class _Side:
    """The side that a batch's rows are paired with, and compared with.

    Attributes:
        rows: (batch_size,) int64, of the partners.
        negatives: of that side.
        shares: (num_rows,) float32, see `Adjacency`.
        config: the settings.
    """

    rows: Tensor
    negatives: Negatives
    shares: Tensor
    config: TrainConfig

    def part(self, start: int, end: int) -> _Side:
        """Some of the batch's pairs, with all negatives."""
        negatives = Negatives(self.negatives.rows, self.negatives.is_positive[start:end])
        return replace(self, rows=self.rows[start:end], negatives=negatives)


def _side_loss(side: _Side, own: Tensor, partner: Tensor, negative: Tensor) -> Tensor:
    """Mean loss of pairs of unit vectors, (batch_size, dim), beside (num_negatives, dim)."""
    return _SliceBySlice.apply(side, own, partner, negative)  # type: ignore[no-any-return]


class _SliceBySlice(torch.autograd.Function):
    """The loss of a wide batch, a slice of its pairs at a time, and its gradient on the way.

    The scores of 100,000 pairs with 1,024 negatives fill 400 MB, several times over with what
    their gradient asks for; those of a slice stay in the processor's cache.
    """

    @staticmethod
    def forward(ctx: Any, side: _Side, *vectors: Tensor) -> Tensor:
        own, partner, negative = (one.detach() for one in vectors)
        size, num_pairs = len(own), max(_MAX_SCORES // len(negative), 1)
        loss = own.new_zeros(())
        of_own, of_partner = torch.empty_like(own), torch.empty_like(partner)
        of_negative = torch.zeros_like(negative)
        for start in range(0, size, num_pairs):
            end = min(start + num_pairs, size)
            parts = [one.requires_grad_() for one in (own[start:end], partner[start:end])]
            parts.append(negative.detach().requires_grad_())
            with torch.enable_grad():
                mean = _slice_loss(side.part(start, end), *parts) * ((end - start) / size)
            loss += mean.detach()
            gradients = torch.autograd.grad(mean, parts)
            of_own[start:end], of_partner[start:end] = gradients[:2]
            of_negative += gradients[2]
        ctx.save_for_backward(of_own, of_partner, of_negative)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = gradients
        return None, *(scale * one for one in ctx.saved_tensors)


def _slice_loss(side: _Side, own: Tensor, partner: Tensor, negative: Tensor) -> Tensor:
    config, is_positive = side.config, side.negatives.is_positive
    positives = (own * partner).sum(dim=1)
    loss = config.resolve_loss()
    if loss == "mse":
        negatives = products(own, negative)
        return mse_loss(positives, negatives, is_positive, negative_weight=config.negative_weight)
    positives, own = positives / config.temperature, own / config.temperature
    if loss == "bce":
        negatives = products(own, negative)
        return bce_loss(positives, negatives, is_positive, negative_weight=config.negative_weight)
    # What popularity explains need not be said by direction: with power 1 the cosine is left to
    # learn how much likelier the pair is than chance (pointwise mutual information).
    log_popularity = side.shares[side.negatives.rows].log()
    positives = positives + config.popularity_power * side.shares[side.rows].log()
    num_drawn = len(side.negatives.rows)
    log_expected = (
        math.log(num_drawn) + log_popularity
        if config.resolve_negative_source() == "batch"
        else torch.full((), math.log(num_drawn / len(side.shares)), device=own.device)
    )
    negatives = products(own, negative, plus=config.popularity_power * log_popularity)
    return softmax_loss(positives, negatives, is_positive, log_expected=log_expected)


def products(left: Tensor, right: Tensor, *, plus: Tensor | None = None) -> Tensor:
    """All dot products of rows, plus one number for each row on the right.

    On CUDA the products are taken in bfloat16, whose tensor cores take half the time.
    """
    if not left.is_cuda:
        return left @ right.T if plus is None else torch.addmm(plus, left, right.T)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        product = left @ right.T
    return product.float() if plus is None else product.float() + plus
