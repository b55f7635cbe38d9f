"""Row optimizers against dense references in numpy: same numbers, untouched rows untouched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.embed.step.optimizers import (
    RowAdagrad,
    RowAdam,
    TableAdagrad,
    TableAdam,
    copy_into,
    merge_rows,
)

NUM_ROWS, DIM = 8, 3


def random_steps(seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randint(NUM_ROWS - 2, (5,), generator=generator),
            torch.randn((5, DIM), generator=generator),
        )
        for _ in range(12)
    ]


def dense(rows: torch.Tensor, gradients: torch.Tensor) -> np.ndarray:
    total = np.zeros((NUM_ROWS, DIM))
    np.add.at(total, rows.numpy(), gradients.double().numpy())
    return total


@given(rows=st.lists(st.integers(0, NUM_ROWS - 1), min_size=1, max_size=20), seed=st.integers(0, 9))
def test_merging_adds_up_repeats_and_points_the_rest_at_the_spare_row(
    rows: list[int], seed: int
) -> None:
    gradients = torch.randn((len(rows), DIM), generator=torch.Generator().manual_seed(seed))
    merged_rows, merged = merge_rows(torch.tensor(rows), gradients, spare_row=NUM_ROWS)
    distinct = sorted(set(rows))
    assert merged_rows.tolist() == distinct + [NUM_ROWS] * (len(rows) - len(distinct))
    expected = dense(torch.tensor(rows), gradients)[distinct]
    np.testing.assert_allclose(merged[: len(distinct)].numpy(), expected, atol=1e-5)
    assert not merged[len(distinct) :].any()


def test_adagrad_by_hand() -> None:
    # Row 0 gets (3, 4) + (0, 0) in two parts: mean square 12.5, root 3.535534, rate 0.5.
    table = torch.zeros((2, 2))
    optimizer = RowAdagrad(table, learning_rate=0.5)
    optimizer.update(torch.tensor([0, 0]), torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    assert table[0].tolist() == pytest.approx([-0.5 * 3 / 3.535534, -0.5 * 4 / 3.535534])
    optimizer.update(torch.tensor([0]), torch.tensor([[3.0, 4.0]]))
    # The sum is 25 now: another step of 0.5 / 5 * (3, 4).
    assert table[0].tolist() == pytest.approx([-0.424264 - 0.3, -0.565685 - 0.4], abs=1e-5)


def test_adagrad_equals_its_dense_reference() -> None:
    table = torch.ones((NUM_ROWS + 1, DIM))
    optimizer = RowAdagrad(table, learning_rate=0.1)
    expected, sums = np.ones((NUM_ROWS, DIM)), np.zeros(NUM_ROWS)
    for rows, gradients in random_steps():
        optimizer.update(rows, gradients)
        total = dense(rows, gradients)
        sums += (total**2).mean(axis=1)
        is_touched = sums > 0
        expected[is_touched] -= 0.1 * total[is_touched] / np.sqrt(sums[is_touched])[:, None]
    np.testing.assert_allclose(table[:-1].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("num_steps", "rate_at_the_end", "tolerance"),
    [(1, 1.0, 2e-6), (2, 1.0, 2e-6), (40, 1.0, 1e-5), (600, 1.0, 5e-5), (600, 0.5, 1e-2)],
)
def test_adam_on_rows_is_adam_on_the_whole_table(
    num_steps: int, rate_at_the_end: float, tolerance: float
) -> None:
    generator = torch.Generator().manual_seed(3)
    table, whole = torch.ones((NUM_ROWS + 1, DIM)), torch.ones((NUM_ROWS, DIM))
    of_rows, of_whole = RowAdam(table, learning_rate=0.01), TableAdam(whole, learning_rate=0.01)
    for step in range(num_steps):
        # Row 0 comes once, row 1 every 50 steps, row 7 never; the others repeat and miss some.
        rows = torch.randint(2, NUM_ROWS - 1, (8,), generator=generator)
        rows[0] = 0 if step == 0 else rows[0]
        rows[1] = 1 if step % 50 == 0 else rows[1]
        gradients = torch.randn((len(rows), DIM), generator=generator) + 0.5
        rate_share = 1 - (1 - rate_at_the_end) * step / num_steps
        of_rows.update(rows, gradients, rate_share=rate_share)
        of_whole.update(torch.tensor(dense(rows, gradients)).float(), rate_share=rate_share)
        torch.testing.assert_close(of_rows.take(rows), whole[rows], rtol=0, atol=tolerance)
    torch.testing.assert_close(of_rows.take(), whole, rtol=0, atol=tolerance)
    assert (whole[7] == 1).all()
    if num_steps > 2:
        # Most of what the single gradient does comes after its own step.
        assert (whole[0] - 1).abs().min() > 3 * 0.01


@pytest.mark.parametrize("kind", [RowAdagrad, RowAdam])
def test_rows_without_a_gradient_and_the_spare_row_never_move(
    kind: type[RowAdagrad | RowAdam],
) -> None:
    table = torch.ones((NUM_ROWS + 1, DIM))
    optimizer = kind(table, learning_rate=0.1)
    for rows, gradients in random_steps():
        optimizer.update(rows, gradients)
    assert (table[NUM_ROWS - 2 :] == 1).all()
    assert (table[: NUM_ROWS - 2] != 1).any(dim=1).all()


@pytest.mark.parametrize("kind", [RowAdagrad, RowAdam])
def test_a_restored_optimizer_continues_to_the_same_table(
    kind: type[RowAdagrad | RowAdam],
) -> None:
    steps = random_steps()
    table = torch.ones((NUM_ROWS + 1, DIM))
    optimizer = kind(table, learning_rate=0.1)
    for rows, gradients in steps[:6]:
        optimizer.update(rows, gradients)
    copy = table.clone()
    other = kind(copy, learning_rate=0.1)
    copy_into(other.state(), {name: value.clone() for name, value in optimizer.state().items()})
    for rows, gradients in steps[6:]:
        optimizer.update(rows, gradients)
        other.update(rows, gradients)
    assert torch.equal(table, copy)


def test_adam_on_a_whole_table_is_torchs_own() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(7, 3, generator=generator)
    theirs = ours.clone().requires_grad_()
    optimizer = TableAdam(ours, learning_rate=0.1)
    reference = torch.optim.Adam([theirs], lr=0.1)
    for _ in range(20):
        gradient = torch.randn(7, 3, generator=generator)
        optimizer.update(gradient)
        theirs.grad = gradient
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-6)


def test_adagrad_on_a_whole_table_is_that_of_its_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    whole = torch.randn(7, 3, generator=generator)
    rows = torch.nn.functional.pad(whole, (0, 0, 0, 1))
    of_whole, of_rows = (
        TableAdagrad(whole, learning_rate=0.1),
        RowAdagrad(rows, learning_rate=0.1),
    )
    for share in (1.0, 0.5):
        gradient = torch.randn(7, 3, generator=generator)
        of_whole.update(gradient, rate_share=share)
        of_rows.update(torch.arange(7), gradient, rate_share=share)
    torch.testing.assert_close(whole, rows[:7])
