"""Optimizers: for the rows of one batch only, whatever the table's size, and for whole tables.

For the first kind, a table has one spare row at its end: rows that repeat in a batch are merged,
and the places that this frees point at the spare row with a gradient of zero. So every step has a
fixed size, and a GPU never has to tell how many distinct rows there were. Rows are copied by
`index_select` and `index_copy_`, which take a fraction of what indexing by a tensor takes on a CPU;
the spare row repeats there, but always with one and the same value.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Optimizer(Protocol):
    """Something whose state can be saved and restored."""

    def state(self) -> dict[str, Tensor]:
        """Everything but the table that the next update depends on, as live tensors."""


class RowOptimizer(Optimizer, Protocol):
    """Changes rows of one table from their gradients."""

    def take(self, rows: Tensor | None = None) -> Tensor:
        """Read rows as they stand after all updates, which the table itself need not show.

        Args:
            rows: (num_rows,) int64, repeats allowed; None for all but the spare one.

        Returns:
            (num_rows, dim) float32.
        """

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

    def take(self, rows: Tensor | None = None) -> Tensor:
        """See `RowOptimizer`."""
        return self._table[:-1] if rows is None else self._table.index_select(0, rows)

    def update(self, rows: Tensor, gradients: Tensor, *, rate_share: float = 1.0) -> None:
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
    """How the kinds of Adam (Kingma and Ba, 2015) are set up and kept."""

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
        self._num_updates = torch.zeros((), device=table.device)

    def _sizes(self, steps: Tensor) -> Tensor:
        """What both bias corrections make of the learning rate in steps counted from 1."""
        beta_first, beta_second = self._betas
        return self._learning_rate * (1 - beta_second**steps).sqrt() / (1 - beta_first**steps)


class RowAdam(_Adam):
    """Adam on a whole table at the cost of the touched rows only.

    Adam goes on moving a row after its last gradient, by its fading first moment. Here such a row
    stays as it is, and the steps that it missed are made up when it is read or touched again.
    After step s, without a gradient, step s + k of size a[s + k] moves a number by

        a[s + k] * first / root(second) * fading^k,    fading = beta_first / root(beta_second).

    The sum of these over all k to come is first / root(second) times a number that depends on s
    alone, and after a gap of n steps what is still to come is fading^n times the same number of
    step s + n; the difference of the two is what the row missed. Against `TableAdam` only epsilon
    is not treated exactly: it is not corrected, and fades with the moments.
    """

    # What comes after that many steps is less than 1e-8 of the whole for the usual betas.
    _NUM_STEPS_AHEAD = 200

    def __init__(self, table: Tensor, **settings: Any) -> None:
        """See `_Adam`."""
        super().__init__(table, **settings)
        # Of the second moment only its root is ever read between two gradients.
        self._root = torch.zeros_like(table)
        self._root_beta = self._betas[1] ** 0.5
        self._fading = self._betas[0] / self._root_beta
        self._ahead = torch.arange(1, self._NUM_STEPS_AHEAD + 1, device=table.device)
        # The sum of the sizes to come, faded: at the present step, and at each row's own.
        self._to_come = torch.zeros((), device=table.device)
        self._rows_to_come = torch.zeros(len(table), device=table.device)
        self._rows_updates = torch.zeros(len(table), device=table.device)

    def take(self, rows: Tensor | None = None) -> Tensor:
        """See `RowOptimizer`."""
        if rows is None:
            rows = torch.arange(len(self._table) - 1, device=self._table.device)
        return self._make_up(rows)[0]

    def update(self, rows: Tensor, gradients: Tensor, *, rate_share: float = 1.0) -> None:
        """See `RowOptimizer`."""
        rows, gradients = merge_rows(rows, gradients, spare_row=len(self._table) - 1)
        values, first, root = self._make_up(rows)
        self._num_updates += 1
        faded = self._sizes(self._num_updates + self._ahead) * self._fading**self._ahead
        self._to_come.copy_(rate_share * faded.sum())
        first = torch.lerp(gradients, first, self._betas[0])
        root = torch.lerp(gradients.square(), root.square_(), self._betas[1]).sqrt_()
        values -= self._move(first, root, rate_share * self._sizes(self._num_updates))
        for live, new in (
            (self._table, values),
            (self._first, first),
            (self._root, root),
            (self._rows_updates, self._num_updates.expand(len(rows))),
            (self._rows_to_come, self._to_come.expand(len(rows))),
        ):
            live.index_copy_(0, rows, new)

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {
            "first": self._first,
            "root": self._root,
            "num_updates": self._num_updates,
            "to_come": self._to_come,
            "rows_to_come": self._rows_to_come,
            "rows_updates": self._rows_updates,
        }

    def _make_up(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows of the table, the first moment and the second's root after all steps, as copies."""
        values, first, root = (
            one.index_select(0, rows) for one in (self._table, self._first, self._root)
        )
        gap = (self._num_updates - self._rows_updates.index_select(0, rows))[:, None]
        to_come = self._rows_to_come.index_select(0, rows)[:, None]
        values -= self._move(first, root, to_come - self._fading**gap * self._to_come)
        return values, first.mul_(self._betas[0] ** gap), root.mul_(self._root_beta**gap)

    def _move(self, first: Tensor, root: Tensor, size: Tensor) -> Tensor:
        return (first * size).div_(root + self._epsilon)


class TableAdam(_Adam):
    """Adam on a whole table, for gradients that reach every row.

    torch.optim.Adam gives the same numbers; its first step loads torch's compiler, which takes
    longer than training a small graph.
    """

    def __init__(self, table: Tensor, **settings: Any) -> None:
        """See `_Adam`."""
        super().__init__(table, **settings)
        self._second = torch.zeros_like(table)

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
        epsilon = self._epsilon * (1 - beta_second**self._num_updates).sqrt()
        step = self._first / (self._second.sqrt() + epsilon)
        self._table -= step.mul_(rate_share * self._sizes(self._num_updates))

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {"first": self._first, "second": self._second, "num_updates": self._num_updates}


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
    starts = torch.full_like(rows, len(rows))
    starts.scatter_reduce_(0, place, torch.arange(len(rows), device=rows.device), "amin")
    return merged_rows, functional.embedding_bag(order, gradients, starts, mode="sum")
