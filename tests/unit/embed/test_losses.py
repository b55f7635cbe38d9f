"""Losses against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from bookgraph.embed.step.losses import bce_loss, mse_loss, softmax_loss

NONE = torch.zeros((1, 2), dtype=torch.bool)
ZERO = torch.zeros(())  # log expected where everything was drawn


def softmax_of(
    positive: torch.Tensor,
    negative: torch.Tensor,
    is_positive: torch.Tensor = NONE,
    *,
    log_expected: torch.Tensor = ZERO,
) -> torch.Tensor:
    """The loss alone, of copies."""
    marks = is_positive.to(negative.dtype)
    return softmax_loss(positive, negative.clone(), marks, log_expected=log_expected)[0]


def test_softmax_over_all_candidates() -> None:
    # Scores 2 against 1 and 0, all 2 candidates drawn: -log(e^2 / (e^2 + e^1 + e^0)) = 0.407606
    loss = softmax_of(torch.tensor([2.0]), torch.tensor([[1.0, 0.0]]), NONE, log_expected=ZERO)
    assert float(loss) == pytest.approx(0.407606, abs=1e-6)


def test_softmax_scales_a_sample_up_to_all_candidates() -> None:
    # 2 of 6 drawn, so each stands for 3: log(1 + 3 (e^-1 + e^-2)) = log(2.509644) = 0.920141
    loss = softmax_of(
        torch.tensor([2.0]),
        torch.tensor([[1.0, 0.0]]),
        NONE,
        log_expected=torch.tensor(math.log(2 / 6)),
    )
    assert float(loss) == pytest.approx(math.log(1 + 3 * (math.exp(-1) + math.exp(-2))), abs=1e-6)


def test_softmax_corrects_for_rows_that_are_drawn_more_often() -> None:
    # Expected 4 and 0.5 times: log(1 + e^(1-2) / 4 + e^(0-2) / 0.5) = log(1.362640) = 0.309424
    loss = softmax_of(
        torch.tensor([2.0]),
        torch.tensor([[1.0, 0.0]]),
        NONE,
        log_expected=torch.tensor([math.log(4), math.log(0.5)]),
    )
    assert float(loss) == pytest.approx(0.309424, abs=1e-6)


def test_softmax_leaves_true_pairs_out() -> None:
    # The score of 5 belongs to a true pair: log(1 + e^-1) = 0.313262
    is_positive = torch.tensor([[False, True]])
    loss = softmax_of(
        torch.tensor([1.0]), torch.tensor([[0.0, 5.0]]), is_positive, log_expected=ZERO
    )
    assert float(loss) == pytest.approx(0.313262, abs=1e-6)


def test_softmax_with_true_pairs_only_is_zero_with_a_gradient_of_zero() -> None:
    positive, negative = torch.tensor([1.0]), torch.tensor([[0.0, 500.0]])
    loss, *gradients = softmax_loss(positive, negative, (~NONE).float(), log_expected=ZERO)
    assert loss.item() == 0.0
    assert not any(bool(gradient.any()) for gradient in gradients)


@pytest.mark.parametrize("spread", [1.0, 300.0])
def test_the_gradients_of_softmax_are_those_of_autograd(spread: float) -> None:
    generator = torch.Generator().manual_seed(0)
    positive, negative, expected = (
        torch.randn(shape, generator=generator, dtype=torch.float64) * spread
        for shape in ((7,), (7, 12), (12,))
    )
    mask = torch.rand((7, 12), generator=generator) < 0.3
    mask[0] = True
    leaves = [one.clone().requires_grad_() for one in (positive, negative)]
    logits = (leaves[1] - expected).masked_fill(mask, -torch.inf)
    whole = torch.logsumexp(torch.cat((leaves[0][:, None], logits), dim=1), dim=1)
    true = (whole - leaves[0]).mean()
    loss, *gradients = softmax_loss(positive, negative, mask.double(), log_expected=expected)
    torch.testing.assert_close(loss, true.detach())
    for ours, torchs in zip(gradients, torch.autograd.grad(true, leaves), strict=True):
        torch.testing.assert_close(ours, torchs)


def test_the_sample_estimates_the_sum_over_all() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(1000, generator=generator)
    positive = torch.tensor([3.0])
    mask = torch.zeros((1, 1000), dtype=torch.bool)
    whole = softmax_of(positive, scores[None], mask, log_expected=ZERO)
    samples = [
        softmax_of(
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
        _, up, down = softmax_loss(
            positive.detach(), negative.detach(), NONE.float(), log_expected=ZERO
        )
    else:
        function = bce_loss if name == "bce" else mse_loss
        loss = function(positive, negative, NONE, negative_weight=2)
        up, down = torch.autograd.grad(loss, (positive, negative))
    assert (up < 0).all()
    assert (down > 0).all()
