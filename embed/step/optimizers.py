"""Optimizers for the rows of one batch, whatever the table's size, and for whole tables.

A table for the first kind has one spare row at its end. Rows that repeat in a batch are merged, and
the positions that this frees point at the spare row with a gradient of zero. So every step has a
fixed size, and a GPU never has to report how many distinct rows there were. Rows are copied by
`index_select` and `index_copy_`, which take a fraction of the time of indexing by a tensor on a
CPU; the spare row repeats there, always with the same value.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

_LAST_RATE_SHARE = 0.05


class Optimizer(Protocol):
    """An optimizer whose state can be saved and restored."""

    def state(self) -> dict[str, Tensor]:
        """Everything but the table that the next update depends on, as live tensors."""


class RowOptimizer(Optimizer, Protocol):
    """Changes rows of one table from their gradients."""

    def take(self, rows: Tensor | None = None) -> Tensor:
        """Read rows as they are after all updates; the table itself may lag behind.

        Args:
            rows: (num_rows,) int64, repeats allowed; None for all but the spare one.

        Returns:
            (num_rows, dim) float32.
        """

    def update(self, rows: Tensor, gradients: Tensor, *, rate_share: float | Tensor = 1.0) -> None:
        """Change the table's rows.

        Args:
            rows: (num_touched,) int64; repeats allowed, their gradients add up.
            gradients: (num_touched, dim) float32.
            rate_share: of the learning rate, in (0, 1]; a tensor is a scalar on the table's device.
        """


class TableOptimizer(Optimizer, Protocol):
    """Changes a whole table from the gradients of all rows."""

    def update(self, gradient: Tensor, *, rate_share: float | Tensor = 1.0) -> None:
        """Change the whole table.

        Args:
            gradient: (num_rows, dim) float32.
            rate_share: of the learning rate, in (0, 1]; a tensor is a scalar on the table's device.
        """


def rate_share_at(done_share: float) -> float:
    """The share of the learning rate after a share of all steps: it falls linearly to a 20th."""
    return 1 - (1 - _LAST_RATE_SHARE) * done_share


def copy_into(live: dict[str, Tensor], saved: dict[str, Tensor]) -> None:
    """Give live tensors the values that were saved under their names."""
    for name, value in live.items():
        value.copy_(saved[name])


class RowAdagrad:
    """Adagrad with one sum of squares for each row (Lerer et al., 2019, PyTorch-BigGraph, 3.1).

    The mean square of a row's gradient is added to the row's sum, and the row moves by
    learning_rate * gradient / sqrt(sum).
    """

    def __init__(self, table: Tensor, *, learning_rate: float, epsilon: float = 1e-10) -> None:
        """Start with all sums at zero.

        Args:
            table: (num_rows + 1, dim) float32, the last row spare; changed by `update`.
            learning_rate: the size of a row's first step, in units of its numbers' mean square.
            epsilon: added to the root, so that a zero gradient divides by a positive number.
        """
        self._table = table
        self._learning_rate = learning_rate
        self._epsilon = epsilon
        self._sums = torch.zeros(len(table), device=table.device)

    def take(self, rows: Tensor | None = None) -> Tensor:
        """See `RowOptimizer`."""
        return self._table[:-1] if rows is None else self._table.index_select(0, rows)

    def update(self, rows: Tensor, gradients: Tensor, *, rate_share: float | Tensor = 1.0) -> None:
        """See `RowOptimizer`."""
        rows, gradients = merge_rows(rows, gradients, spare_row=len(self._table) - 1)
        sums = self._sums.index_select(0, rows) + gradients.square().mean(dim=1)
        self._sums.index_copy_(0, rows, sums)
        step = rate_share * self._learning_rate / (sums.sqrt() + self._epsilon)
        values = self._table.index_select(0, rows) - step[:, None] * gradients
        self._table.index_copy_(0, rows, values)

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {"sums": self._sums}


class _Adam:
    """Settings and state that both kinds of Adam (Kingma and Ba, 2015, algorithm 1) share."""

    def __init__(
        self,
        table: Tensor,
        *,
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        """Start with all moments at zero.

        Args:
            table: (num_rows, dim) float32, changed by `update`; for `RowAdam` with one spare row
                at its end.
            learning_rate: about the size of a number's step.
            betas: how much of the two moments each step keeps, in [0, 1); for `RowAdam` the first
                below the root of the second.
            epsilon: added to the root of the second moment.
        """
        self._table = table
        self._learning_rate = learning_rate
        self._betas = betas
        self._epsilon = epsilon
        self._first = torch.zeros_like(table)
        self._num_steps = torch.zeros((), device=table.device)

    def _step_sizes(self, steps: Tensor) -> Tensor:
        """The learning rate with both bias corrections, for steps counted from 1."""
        beta_1, beta_2 = self._betas
        return self._learning_rate * (1 - beta_2**steps).sqrt() / (1 - beta_1**steps)


class RowAdam(_Adam):
    """Adam for a whole table that computes the touched rows only.

    Adam keeps moving a row after its last gradient, while the row's first moment fades. `TableAdam`
    makes these moves for every row in every step. Here a row stays as it is until it is read or
    touched again, and then makes all missed moves at once. That is a lazy update (Carpenter, 2008,
    "Lazy sparse stochastic gradient descent"), and for Adam the sum of the moves has a closed form.

    Take a row whose last gradient came in step s and left the first moment m and the root v of the
    second moment. Each step without a gradient multiplies m by beta_1 and v by sqrt(beta_2), so
    step s + k moves the row by

        size(s + k) * fading^k * m / v,    where fading = beta_1 / sqrt(beta_2)

    and size(t) is the learning rate with Adam's bias corrections. Only m / v belongs to the row.
    The other factors, summed over all steps after s, are one number for the whole table:

        future(s) = size(s + 1) * fading + size(s + 2) * fading^2 + ...

    At step s + n the moves still to come are fading^n * future(s + n) * m / v. The n missed moves
    are all moves after s without those still to come:

        (future(s) - fading^n * future(s + n)) * m / v

    So it suffices to store s and future(s) for each row. The results differ from `TableAdam` in two
    ways. Epsilon is added to v without bias correction and fades with it, and a learning rate that
    falls between s and s + n counts as it was in step s.
    """

    # The sum of `future` stops after this many steps. With the usual betas, the rest is less than
    # 1e-8 of the whole.
    _NUM_FUTURE_STEPS = 200

    def __init__(self, table: Tensor, **settings: Any) -> None:
        """See `_Adam`."""
        super().__init__(table, **settings)
        beta_1, beta_2 = self._betas
        # Only the root of the second moment is read between two gradients of a row.
        self._root = torch.zeros_like(table)
        self._root_beta = beta_2**0.5
        self._fading = beta_1 / self._root_beta
        self._steps_ahead = torch.arange(1, self._NUM_FUTURE_STEPS + 1, device=table.device)
        # future(present step), and each row's s and future(s).
        self._future = torch.zeros((), device=table.device)
        self._row_steps = torch.zeros(len(table), device=table.device)
        self._row_futures = torch.zeros(len(table), device=table.device)

    def take(self, rows: Tensor | None = None) -> Tensor:
        """See `RowOptimizer`."""
        if rows is None:
            rows = torch.arange(len(self._table) - 1, device=self._table.device)
        return self._catch_up(rows)[0]

    def update(self, rows: Tensor, gradients: Tensor, *, rate_share: float | Tensor = 1.0) -> None:
        """See `RowOptimizer`."""
        rows, gradients = merge_rows(rows, gradients, spare_row=len(self._table) - 1)
        values, first, root = self._catch_up(rows)
        self._start_step(rate_share)
        beta_1, beta_2 = self._betas
        first = torch.lerp(gradients, first, beta_1)
        root = torch.lerp(gradients.square(), root.square_(), beta_2).sqrt_()
        values -= self._move(first, root, rate_share * self._step_sizes(self._num_steps))
        for live, new in (
            (self._table, values),
            (self._first, first),
            (self._root, root),
            (self._row_steps, self._num_steps.expand(len(rows))),
            (self._row_futures, self._future.expand(len(rows))),
        ):
            live.index_copy_(0, rows, new)

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {
            "first": self._first,
            "root": self._root,
            "num_steps": self._num_steps,
            "future": self._future,
            "row_steps": self._row_steps,
            "row_futures": self._row_futures,
        }

    def _start_step(self, rate_share: float | Tensor) -> None:
        """Count the step and compute future(step)."""
        self._num_steps += 1
        sizes = self._step_sizes(self._num_steps + self._steps_ahead)
        faded = sizes * self._fading**self._steps_ahead
        self._future.copy_(rate_share * faded.sum())

    def _catch_up(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Make the missed moves of some rows, without writing them back.

        Returns:
            The rows' values, first moments and roots as of the present step, each (num_rows, dim).
        """
        values, first, root = (
            one.index_select(0, rows) for one in (self._table, self._first, self._root)
        )
        num_missed = (self._num_steps - self._row_steps.index_select(0, rows))[:, None]
        future_then = self._row_futures.index_select(0, rows)[:, None]
        values -= self._move(first, root, future_then - self._fading**num_missed * self._future)
        return (
            values,
            first.mul_(self._betas[0] ** num_missed),
            root.mul_(self._root_beta**num_missed),
        )

    def _move(self, first: Tensor, root: Tensor, size: Tensor) -> Tensor:
        """`size` * m / v, with epsilon."""
        return (first * size).div_(root + self._epsilon)


class TableAdam(_Adam):
    """Adam on a whole table, for gradients that reach every row.

    It calls the kernel of torch.optim.Adam, which goes over the table once, in place of eight
    times. The class itself would load torch's compiler in its first step, which takes longer than
    training a small graph.
    """

    def __init__(self, table: Tensor, **settings: Any) -> None:
        """See `_Adam`."""
        super().__init__(table, **settings)
        self._second = torch.zeros_like(table)

    def update(self, gradient: Tensor, *, rate_share: float | Tensor = 1.0) -> None:
        """See `TableOptimizer`."""
        beta_1, beta_2 = self._betas
        self._num_steps += 1
        torch._fused_adam_(  # the kernel has no other name
            [self._table],
            [gradient.contiguous()],
            [self._first],
            [self._second],
            [],
            [self._num_steps],
            lr=self._learning_rate * rate_share,
            beta1=beta_1,
            beta2=beta_2,
            weight_decay=0.0,
            eps=self._epsilon,
            amsgrad=False,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {"first": self._first, "second": self._second, "num_steps": self._num_steps}


class TableAdagrad:
    """Adagrad with one sum of squares for each row, see `RowAdagrad`, on a whole table."""

    def __init__(self, table: Tensor, *, learning_rate: float, epsilon: float = 1e-10) -> None:
        """Start with all sums at zero; the arguments are those of `RowAdagrad`."""
        self._table = table
        self._learning_rate = learning_rate
        self._epsilon = epsilon
        self._sums = torch.zeros((len(table), 1), device=table.device)

    def update(self, gradient: Tensor, *, rate_share: float | Tensor = 1.0) -> None:
        """See `TableOptimizer`."""
        self._sums += gradient.square().mean(dim=1, keepdim=True)
        size = rate_share * self._learning_rate
        self._table -= gradient * (size / (self._sums.sqrt() + self._epsilon))

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {"sums": self._sums}


def merge_rows(rows: Tensor, gradients: Tensor, *, spare_row: int) -> tuple[Tensor, Tensor]:
    """Add up the gradients of rows that repeat, without changing the number of rows.

    Args:
        rows: (num_touched,) int64; repeats allowed.
        gradients: (num_touched, dim) float32; not changed.
        spare_row: the row that freed positions point at.

    Returns:
        (num_touched,) int64, the distinct rows ascending and then `spare_row` as often as needed;
        (num_touched, dim) float32, their summed gradients, zero for the spare row.
    """
    ordered, order = torch.sort(rows, stable=True)
    is_first = torch.ones_like(ordered)
    is_first[1:] = ordered[1:] != ordered[:-1]
    position = is_first.cumsum(0) - 1
    merged_rows = torch.full_like(rows, spare_row)
    merged_rows[position] = ordered
    # Sums of bags add in a fixed order on every device; index_add_ does not on CUDA.
    starts = torch.full_like(rows, len(rows))
    starts.scatter_reduce_(0, position, torch.arange(len(rows), device=rows.device), "amin")
    return merged_rows, functional.embedding_bag(order, gradients, starts, mode="sum")
