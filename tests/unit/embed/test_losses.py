"""Losses against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from bookgraph.embed.step.losses import bce_loss, mse_loss, softmax_loss

NONE = torch.zeros((1, 2), dtype=torch.bool)
ZERO = torch.zeros(())  # log expected where everything was drawn


def test_softmax_over_all_candidates() -> None:
    # Scores 2 against 1 and 0, all 2 candidates drawn: -log(e^2 / (e^2 + e^1 + e^0)) = 0.407606
    loss = softmax_loss(torch.tensor([2.0]), torch.tensor([[1.0, 0.0]]), NONE, log_expected=ZERO)
    assert float(loss) == pytest.approx(0.407606, abs=1e-6)


def test_softmax_scales_a_sample_up_to_all_candidates() -> None:
    # 2 of 6 drawn, so each stands for 3: log(1 + 3 (e^-1 + e^-2)) = log(2.509644) = 0.920141
    loss = softmax_loss(
        torch.tensor([2.0]),
        torch.tensor([[1.0, 0.0]]),
        NONE,
        log_expected=torch.tensor(math.log(2 / 6)),
    )
    assert float(loss) == pytest.approx(math.log(1 + 3 * (math.exp(-1) + math.exp(-2))), abs=1e-6)


def test_softmax_corrects_for_rows_that_are_drawn_more_often() -> None:
    # Expected 4 and 0.5 times: log(1 + e^(1-2) / 4 + e^(0-2) / 0.5) = log(1.362640) = 0.309424
    loss = softmax_loss(
        torch.tensor([2.0]),
        torch.tensor([[1.0, 0.0]]),
        NONE,
        log_expected=torch.tensor([math.log(4), math.log(0.5)]),
    )
    assert float(loss) == pytest.approx(0.309424, abs=1e-6)


def test_softmax_leaves_true_pairs_out() -> None:
    # The score of 5 belongs to a true pair: log(1 + e^-1) = 0.313262
    is_positive = torch.tensor([[False, True]])
    loss = softmax_loss(
        torch.tensor([1.0]), torch.tensor([[0.0, 5.0]]), is_positive, log_expected=ZERO
    )
    assert float(loss) == pytest.approx(0.313262, abs=1e-6)


def test_softmax_with_true_pairs_only_is_zero_with_a_finite_gradient() -> None:
    positive = torch.tensor([1.0], requires_grad=True)
    negative = torch.tensor([[0.0, 5.0]], requires_grad=True)
    loss = softmax_loss(positive, negative, ~NONE, log_expected=ZERO)
    gradients = torch.autograd.grad(loss, (positive, negative))
    assert loss.item() == 0.0
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


def test_the_sample_estimates_the_sum_over_all() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(1000, generator=generator)
    positive = torch.tensor([3.0])
    mask = torch.zeros((1, 1000), dtype=torch.bool)
    whole = softmax_loss(positive, scores[None], mask, log_expected=ZERO)
    samples = [
        softmax_loss(
            positive,
            scores[torch.randperm(1000, generator=generator)[:200]][None],
            mask[:, :200],
            log_expected=torch.tensor(math.log(200 / 1000)),
        )
        for _ in range(400)
    ]
    # The sum inside the logarithm is what is estimated without bias: to 0.4 % with 400 samples.
    estimate = torch.stack(samples).exp().mean()
    assert float(estimate) == pytest.approx(float(whole.exp()), rel=0.015)


def test_bce_by_hand() -> None:
    # -log sigmoid(1) = 0.313262; negatives 0 and 1: (0.693147 + 1.313262) / 2 = 1.003204
    # weighted 1 : 2: (0.313262 + 2 * 1.003204) / 3 = 0.773223
    loss = bce_loss(torch.tensor([1.0]), torch.tensor([[0.0, 1.0]]), NONE, negative_weight=2)
    assert float(loss) == pytest.approx(0.773223, abs=1e-6)


def test_mse_by_hand() -> None:
    # (0.5 - 1)^2 = 0.25; negatives (0.5 + 1)^2 = 2.25 and (-1 + 1)^2 = 0, mean 1.125
    # weighted 1 : 1: (0.25 + 1.125) / 2 = 0.6875
    loss = mse_loss(torch.tensor([0.5]), torch.tensor([[0.5, -1.0]]), NONE, negative_weight=1)
    assert float(loss) == pytest.approx(0.6875, abs=1e-6)


def test_mse_leaves_true_pairs_out_of_the_mean() -> None:
    # Only the negative at -1 counts: (0.25 + 1 * 0) / 2 = 0.125
    is_positive = torch.tensor([[True, False]])
    loss = mse_loss(
        torch.tensor([0.5]), torch.tensor([[0.5, -1.0]]), is_positive, negative_weight=1
    )
    assert float(loss) == pytest.approx(0.125, abs=1e-6)


@pytest.mark.parametrize("name", ["softmax", "bce", "mse"])
def test_a_higher_score_of_a_true_pair_is_better_and_of_another_worse(name: str) -> None:
    positive = torch.tensor([0.2], requires_grad=True)
    negative = torch.tensor([[0.1, -0.3]], requires_grad=True)
    if name == "softmax":
        loss = softmax_loss(positive, negative, NONE, log_expected=ZERO)
    elif name == "bce":
        loss = bce_loss(positive, negative, NONE, negative_weight=2)
    else:
        loss = mse_loss(positive, negative, NONE, negative_weight=2)
    up, down = torch.autograd.grad(loss, (positive, negative))
    assert (up < 0).all()
    assert (down > 0).all()
