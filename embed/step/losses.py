"""The losses of one batch: pure functions of scores; a higher score means more similar.

Positives are (batch_size,) scores of edges. Negatives are (batch_size, num_negatives) scores of
each positive's book (or link) with the shared negatives; `is_positive` marks the edges among them,
which are left out. Logarithms are natural.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# A logit that is lowered by it has no share, and stays finite.
_FAR_BELOW = 1e30


def softmax_loss(
    positive: Tensor, negative: Tensor, is_positive: Tensor, *, log_expected: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Sampled softmax: the negative log probability of the positive among the drawn rows.

    The drawn rows stand for all candidates. Each score is lowered by the log of its row's expected
    number of draws, so that the sum over the sample estimates the sum over all candidates (Bengio
    and Senecal, 2008, "Adaptive importance sampling"; Jean et al., 2015, section 3). The gradients
    are written out: autograd goes over the table of negatives twice as often.

    Args:
        positive: (batch_size,) scores, divided by the temperature.
        negative: (batch_size, num_negatives) likewise; overwritten.
        is_positive: (batch_size, num_negatives) of the scores' type, 1 for a row that does not
            count as a negative, otherwise 0.
        log_expected: (num_negatives,) or scalar, the log of how often each row is expected among
            the drawn ones.

    Returns:
        The mean over the batch, a scalar, at least 0; its gradients with respect to `positive` and
        to `negative`, which uses the memory of `negative`.
    """
    logits = negative.sub_(log_expected).sub_(is_positive, alpha=_FAR_BELOW)
    highest = torch.maximum(logits.amax(dim=1), positive)
    shares = logits.sub_(highest[:, None]).exp_()
    own_share = (positive - highest).exp()
    total = own_share + shares.sum(dim=1)
    loss = (total.log() + highest - positive).mean()
    size = len(positive)
    return loss, (own_share / total - 1) / size, shares.mul_(1 / (size * total[:, None]))


def bce_loss(
    positive: Tensor, negative: Tensor, is_positive: Tensor, *, negative_weight: float
) -> Tensor:
    """Binary cross-entropy of whether a pair is an edge, with the score as log-odds.

    Args:
        positive: (batch_size,) scores, divided by the temperature.
        negative: (batch_size, num_negatives) likewise.
        is_positive: (batch_size, num_negatives) bool.
        negative_weight: weight of the mean over negatives for each positive.

    Returns:
        The weighted mean over the batch, a scalar, at least 0.
    """
    losses = functional.softplus(negative)
    return _weigh(functional.softplus(-positive), losses, is_positive, negative_weight)


def mse_loss(
    positive: Tensor, negative: Tensor, is_positive: Tensor, *, negative_weight: float
) -> Tensor:
    """Squared distance of the cosine from 1 for positives and from -1 for negatives.

    Args:
        positive: (batch_size,) cosines.
        negative: (batch_size, num_negatives) cosines.
        is_positive: (batch_size, num_negatives) bool.
        negative_weight: weight of the mean over negatives for each positive.

    Returns:
        The weighted mean over the batch, a scalar in [0, 4].
    """
    return _weigh((positive - 1) ** 2, (negative + 1) ** 2, is_positive, negative_weight)


def _weigh(
    positive: Tensor, negative: Tensor, is_positive: Tensor, negative_weight: float
) -> Tensor:
    """Weighted mean of the losses; a positive without any real negative has no negative part."""
    num_negatives = (~is_positive).sum(dim=1)
    sums = negative.masked_fill(is_positive, 0.0).sum(dim=1)
    means = sums / num_negatives.clamp(min=1)
    return (positive + negative_weight * means).mean() / (1 + negative_weight)
