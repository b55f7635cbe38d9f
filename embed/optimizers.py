"""Optimizers: for the rows of one batch only, whatever the table's size, and for whole tables.

For the first kind, a table has one spare row at its end: rows that repeat in a batch are merged,
and the places that this frees point at the spare row with a gradient of zero. So every step has a
fixed size, and a GPU never has to tell how many distinct rows there were.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Optimizer(Protocol):
    """Something whose state can be saved and restored."""

    def state(self) -> dict[str, Tensor]:
        """Everything but the table that the next update depends on, as live tensors."""


class RowOptimizer(Optimizer, Protocol):
    """Changes rows of one table from their gradients."""

    def update(self, rows: Tensor, gradients: Tensor, *, rate_share: float = 1.0) -> None:
        """Change the table's rows.

        Args:
            rows: (num_touched,) int64; repeats allowed, their gradients add up.
            gradients: (num_touched, dim) float32.
            rate_share: of the learning rate, in (0, 1].
        """


def copy_into(live: dict[str, Tensor], saved: dict[str, Tensor]) -> None:
    """Give live tensors the values that were saved under their names."""
    for name, value in live.items():
        value.copy_(saved[name])


class RowAdagrad:
    """Adagrad with one sum of squares a row.

    The mean square of a row's gradient is added to its sum, and the row moves by
    learning_rate * gradient / sqrt(sum) (Lerer et al., 2019, "PyTorch-BigGraph", section 3.1).
    """

    def __init__(self, table: Tensor, *, learning_rate: float, epsilon: float = 1e-10) -> None:
        """Start with all sums at zero.

        Args:
            table: (num_rows + 1, dim) float32, the last row spare; changed by `update`.
            learning_rate: the size of a row's first step, in units of its numbers' mean square.
            epsilon: added to the root, so that a zero gradient divides by something.
        """
        self._table = table
        self._learning_rate = learning_rate
        self._epsilon = epsilon
        self._sums = torch.zeros(len(table), device=table.device)

    def update(self, rows: Tensor, gradients: Tensor, *, rate_share: float = 1.0) -> None:
        """See `RowOptimizer`."""
        rows, gradients = merge_rows(rows, gradients, spare_row=len(self._table) - 1)
        sums = self._sums.index_select(0, rows) + gradients.square().mean(dim=1)
        self._sums.index_copy_(0, rows, sums)
        step = rate_share * self._learning_rate / (sums.sqrt() + self._epsilon)
        _move(self._table, rows, step[:, None] * gradients)

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {"sums": self._sums}


class _Adam:
    """The two moments of Adam (Kingma and Ba, 2015) and how its kinds are set up and kept."""

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
            betas: how much of the two moments each step keeps, in [0, 1).
            epsilon: added to the root of the second moment.
        """
        self._table = table
        self._learning_rate = learning_rate
        self._betas = betas
        self._epsilon = epsilon
        self._first = torch.zeros_like(table)
        self._second = torch.zeros_like(table)
        self._num_updates = torch.zeros(self._count_shape(table), device=table.device)

    @staticmethod
    def _count_shape(table: Tensor) -> tuple[int, ...]:
        """The shape of the count of steps: one number, unless each row has its own."""
        return ()

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {"first": self._first, "second": self._second, "num_updates": self._num_updates}


class RowAdam(_Adam):
    """Adam on the touched rows only, each with its own count of steps."""

    @staticmethod
    def _count_shape(table: Tensor) -> tuple[int, ...]:
        return (len(table),)

    def update(self, rows: Tensor, gradients: Tensor, *, rate_share: float = 1.0) -> None:
        """See `RowOptimizer`."""
        rows, gradients = merge_rows(rows, gradients, spare_row=len(self._table) - 1)
        beta_first, beta_second = self._betas
        first = torch.lerp(gradients, self._first.index_select(0, rows), beta_first)
        second = torch.lerp(gradients.square(), self._second.index_select(0, rows), beta_second)
        num_updates = self._num_updates.index_select(0, rows) + 1
        self._first.index_copy_(0, rows, first)
        self._second.index_copy_(0, rows, second)
        self._num_updates.index_copy_(0, rows, num_updates)
        first_share = 1 - beta_first ** num_updates[:, None]
        second_share = 1 - beta_second ** num_updates[:, None]
        root = (second / second_share).sqrt_().add_(self._epsilon)
        size = rate_share * self._learning_rate / first_share
        _move(self._table, rows, (first * size).div_(root))


class TableAdam(_Adam):
    """Adam on a whole table, for gradients that reach every row.

    torch.optim.Adam gives the same numbers; its first step loads torch's compiler, which takes
    longer than training a small graph.
    """

    def update(self, gradient: Tensor, *, rate_share: float = 1.0) -> None:
        """Change the whole table.

        Args:
            gradient: (num_rows, dim) float32.
            rate_share: of the learning rate, in (0, 1].
        """
        beta_first, beta_second = self._betas
        self._num_updates += 1
        self._first.lerp_(gradient, 1 - beta_first)
        self._second.mul_(beta_second).addcmul_(gradient, gradient, value=1 - beta_second)
        # Both corrections are one number each, so that they go into the step's size.
        second_root = (1 - beta_second**self._num_updates).sqrt()
        size = rate_share * self._learning_rate * second_root
        size = size / (1 - beta_first**self._num_updates)
        step = self._first / (self._second.sqrt() + self._epsilon * second_root)
        self._table -= step.mul_(size)


class TableAdagrad:
    """Adagrad with one sum of squares a row, see `RowAdagrad`, on a whole table."""

    def __init__(self, table: Tensor, *, learning_rate: float, epsilon: float = 1e-10) -> None:
        """Start with all sums at zero; the arguments are those of `RowAdagrad`."""
        self._table = table
        self._learning_rate = learning_rate
        self._epsilon = epsilon
        self._sums = torch.zeros((len(table), 1), device=table.device)

    def update(self, gradient: Tensor, *, rate_share: float = 1.0) -> None:
        """See `TableAdam`."""
        self._sums += gradient.square().mean(dim=1, keepdim=True)
        size = rate_share * self._learning_rate
        self._table -= gradient * (size / (self._sums.sqrt() + self._epsilon))

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {"sums": self._sums}


def _move(table: Tensor, rows: Tensor, step: Tensor) -> None:
    """Subtract a step from some rows, which are distinct but for the spare one.

    Copying rows by `index_select` and `index_copy_` takes a fraction of what indexing by a tensor
    takes on a CPU. The spare row repeats, but always with one and the same value.
    """
    table.index_copy_(0, rows, table.index_select(0, rows) - step)


def merge_rows(rows: Tensor, gradients: Tensor, *, spare_row: int) -> tuple[Tensor, Tensor]:
    """Add up the gradients of rows that repeat, without changing the number of rows.

    Args:
        rows: (num_touched,) int64; repeats allowed.
        gradients: (num_touched, dim) float32; not changed.
        spare_row: the row that freed places point at.

    Returns:
        (num_touched,) int64, the distinct rows ascending and then `spare_row` as often as needed;
        (num_touched, dim) float32, their summed gradients, zero for the spare row.
    """
    ordered, order = torch.sort(rows, stable=True)
    is_first = torch.ones_like(ordered)
    is_first[1:] = ordered[1:] != ordered[:-1]
    place = is_first.cumsum(0) - 1
    merged_rows = torch.full_like(rows, spare_row)
    merged_rows[place] = ordered
    # Sums of bags add in a fixed order on every device; index_add_ does not on CUDA.
    starts = torch.searchsorted(place, torch.arange(len(rows), device=rows.device))
    return merged_rows, functional.embedding_bag(order, gradients, starts, mode="sum")
