"""The losses of one batch: pure functions of scores; a higher score means more similar.

Positives are (batch_size,) scores of edges. Negatives are (batch_size, num_negatives) scores of
each positive's book (or link) with the shared negatives; `is_positive` marks the edges among them,
which are left out. Logarithms are natural.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def softmax_loss(
    positive: Tensor, negative: Tensor, is_positive: Tensor, *, log_expected: Tensor
) -> Tensor:
    """Sampled softmax: the negative log probability of the positive among the drawn rows.

    The drawn rows stand for all candidates. Each score is lowered by the log of its row's expected
    number of draws, so that the sum over the sample estimates the sum over all candidates (Bengio
    and Senecal, 2008, "Adaptive importance sampling"; Jean et al., 2015, section 3).

    Args:
        positive: (batch_size,) scores, divided by the temperature.
        negative: (batch_size, num_negatives) likewise.
        is_positive: (batch_size, num_negatives) bool.
        log_expected: (num_negatives,) or scalar, the log of how often each row is expected among
            the drawn ones.

    Returns:
        The mean over the batch, a scalar, at least 0.
    """
    logits = (negative - log_expected).masked_fill(is_positive, -torch.inf)
    everything = torch.logaddexp(positive, torch.logsumexp(logits, dim=1))
    return (everything - positive).mean()


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
