"""The loss of one batch: cosines of its positives and negatives, in slices that fit the cache."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.step.losses import bce_loss, mse_loss, softmax_loss
from bookgraph.embed.step.sampling import Batch, Negatives

# Scores computed at once: 4 MB of them fit a processor's cache. A GPU needs far more to be busy:
# 128 MB, of which the loss and its gradient hold a handful of tables.
_MAX_SCORES = 2**20
_MAX_SCORES_ON_CUDA = 2**25


def touched_rows(batch: Batch) -> tuple[Tensor, Tensor]:
    """The book rows and link rows of a batch: its positives first, then its negatives."""
    link_rows = torch.cat((batch.link_rows, batch.negative_links.rows))
    if batch.negative_books is None:
        return batch.book_rows, link_rows
    return torch.cat((batch.book_rows, batch.negative_books.rows)), link_rows


def batch_loss(
    book: Tensor, link: Tensor, batch: Batch, *, config: TrainConfig, graph: Adjacency
) -> Tensor:
    """Mean loss over the batch's positives, and over both sides where both have negatives.

    Args:
        book: (num_book_rows, dim) float32, the vectors of `touched_rows`, of any length.
        link: (num_link_rows, dim) float32, likewise.
        batch: the positives and negatives.
        config: names the loss and its settings.
        graph: says how popular each row is.

    Returns:
        A scalar; its gradient reaches `book` and `link`.
    """
    size = len(batch.book_rows)
    book, link = functional.normalize(book, dim=1), functional.normalize(link, dim=1)
    books_loss = _mean_loss(
        _Side(batch.link_rows, batch.negative_links, graph.link_shares, config),
        book[:size],
        link[:size],
        link[size:],
    )
    if batch.negative_books is None:
        return books_loss
    links_loss = _mean_loss(
        _Side(batch.book_rows, batch.negative_books, graph.book_shares, config),
        link[:size],
        book[:size],
        book[size:],
    )
    return (books_loss + links_loss) / 2


@dataclass(frozen=True, slots=True)
class _Side:
    """The side that a batch's rows are compared with.

    Attributes:
        partner_rows: (batch_size,) int64, the other row of each positive.
        negatives: of that side.
        shares: (num_rows,) float32, see `Adjacency`.
        config: the settings.
    """

    partner_rows: Tensor
    negatives: Negatives
    shares: Tensor
    config: TrainConfig

    def select(self, part: slice) -> _Side:
        """Some of the batch's positives, with all negatives."""
        is_positive = self.negatives.is_positive
        negatives = Negatives(
            self.negatives.rows, None if is_positive is None else is_positive[part]
        )
        return _Side(self.partner_rows[part], negatives, self.shares, self.config)

    def positive_marks(self) -> Tensor:
        """(num_positives, num_negatives), see `Negatives.is_positive`, as float32 ones and zeros.

        Comparing rows as numbers takes a third of the time of comparing them for equality. Beyond
        16 million rows it also marks some neighbours in the table, one pair in millions.
        """
        if self.negatives.is_positive is not None:
            return self.negatives.is_positive.float()
        distance = self.partner_rows[:, None].float() - self.negatives.rows.float()
        return distance.abs_().clamp_(max=1).neg_().add_(1)


def _mean_loss(side: _Side, own: Tensor, partner: Tensor, negative: Tensor) -> Tensor:
    """Mean loss over a batch's positives, see `_SlicedLoss`."""
    return _SlicedLoss.apply(side, own, partner, negative)  # type: ignore[no-any-return]  # torch's own


class _SlicedLoss(torch.autograd.Function):
    """The mean loss of a wide batch, computed for one slice of its positives after another.

    100,000 positives with 1,024 negatives have 400 MB of scores, and autograd would keep several
    such tables until `backward`. The gradient of a mean is the mean of the slices' gradients, so
    `forward` computes each slice's loss and gradient while its scores are in the processor's
    cache, keeps the gradients only, and `backward` has nothing left to do but scale them.
    """

    @staticmethod
    def forward(ctx: Any, side: _Side, own: Tensor, partner: Tensor, negative: Tensor) -> Tensor:
        """Compute the loss and all gradients.

        Args:
            ctx: torch's, keeps the gradients for `backward`.
            side: what the vectors belong to.
            own: (batch_size, dim) float32 unit vectors, the rows that have negatives.
            partner: (batch_size, dim), the other row of each positive.
            negative: (num_negatives, dim), shared by the batch.
        """
        own_gradient, partner_gradient = torch.empty_like(own), torch.empty_like(partner)
        negative_gradient = torch.zeros_like(negative)
        loss = own.new_zeros(())
        max_scores = _MAX_SCORES_ON_CUDA if own.is_cuda else _MAX_SCORES
        for part in _slices(len(own), max(max_scores // len(negative), 1)):
            share_of_batch = (part.stop - part.start) / len(own)
            slice_loss, own_part, partner_part, negative_part = _slice_gradients(
                side.select(part), own[part], partner[part], negative
            )
            loss += slice_loss * share_of_batch
            own_gradient[part] = own_part * share_of_batch
            partner_gradient[part] = partner_part * share_of_batch
            negative_gradient.add_(negative_part, alpha=share_of_batch)
        ctx.save_for_backward(own_gradient, partner_gradient, negative_gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Scale what `forward` computed by the loss's own gradient."""
        (scale,) = gradients
        return None, *(scale * one for one in ctx.saved_tensors)


def _slices(length: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def _slice_gradients(
    side: _Side, own: Tensor, partner: Tensor, negative: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean loss of some positives and all negatives, and its gradients for the three tables."""
    if side.config.resolve_loss() == "softmax":
        return _softmax_gradients(side, own, partner, negative)
    leaves = [one.detach().requires_grad_() for one in (own, partner, negative)]
    with torch.enable_grad():
        loss = _pairwise_loss(side, *leaves)
    own, partner, negative = torch.autograd.grad(loss, leaves)
    return loss.detach(), own, partner, negative


def _softmax_gradients(
    side: _Side, own: Tensor, partner: Tensor, negative: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    config, rows = side.config, side.negatives.rows
    # Directions need not express what popularity explains: with power 1 the cosine learns how much
    # likelier the pair is than chance (pointwise mutual information).
    power, log_popularity = config.popularity_power, side.shares[rows].log()
    log_expected = (
        math.log(len(rows)) + log_popularity
        if config.resolve_negative_source() == "batch"
        else torch.full((), math.log(len(rows) / len(side.shares)), device=own.device)
    )
    temperature = config.resolve("temperature")
    scaled = own / temperature
    loss, of_positive, of_negative = softmax_loss(
        (scaled * partner).sum(dim=1) + power * side.shares[side.partner_rows].log(),
        products(scaled, negative, plus=power * log_popularity),
        side.positive_marks(),
        log_expected=log_expected,
    )
    of_positive = of_positive[:, None]
    of_own = (of_positive * partner + products(of_negative, negative.mT)) / temperature
    return loss, of_own, of_positive * scaled, products(of_negative.mT, scaled.mT)


def _pairwise_loss(side: _Side, own: Tensor, partner: Tensor, negative: Tensor) -> Tensor:
    """Mean loss of some positives and all negatives, through torch's own gradients."""
    config, is_positive = side.config, side.positive_marks().bool()
    positives, negatives = (own * partner).sum(dim=1), products(own, negative)
    weight = config.negative_weight
    if config.resolve_loss() == "mse":
        return mse_loss(positives, negatives, is_positive, negative_weight=weight)
    temperature = config.resolve("temperature")
    return bce_loss(
        positives / temperature, negatives / temperature, is_positive, negative_weight=weight
    )


def products(left: Tensor, right: Tensor, *, plus: Tensor | None = None) -> Tensor:
    """All dot products of rows, plus one number for each row on the right.

    On CUDA the products are computed in bfloat16, for which tensor cores take half the time.

    Args:
        left: (num_left, dim) float32.
        right: (num_right, dim) float32.
        plus: (num_right,) float32 or None.

    Returns:
        (num_left, num_right) float32.
    """
    if not left.is_cuda:
        return left @ right.T if plus is None else torch.addmm(plus, left, right.T)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        product = left @ right.T
    return product.float() if plus is None else product.float() + plus
