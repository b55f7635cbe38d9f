"""What the training loop needs from a model, and what several models share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.models.spectral import truncated_svd
from bookgraph.embed.step.optimizers import (
    Optimizer,
    RowAdagrad,
    RowAdam,
    RowOptimizer,
    copy_into,
)

BatchType = TypeVar("BatchType")


class Model(Protocol[BatchType]):
    """Two tables on a device, how a batch changes them, and the vectors they yield."""

    def iter_batches(self, graph: Adjacency, generator: torch.Generator) -> Iterator[BatchType]:
        """Go once over all mentions of the graph in a new random order."""

    def train_step(
        self, batch: BatchType, graph: Adjacency, *, rate_share: float | Tensor
    ) -> Tensor:
        """Change the tables by one batch, in place.

        On CUDA the step is recorded and replayed (`train.replay`). So it draws no random number,
        does not wait for the device, and depends on the batch by tensors and shapes only.

        Args:
            batch: from `iter_batches` of the same graph.
            graph: the edges being trained on.
            rate_share: of the learning rate, in (0, 1]; a model without decay ignores it. A tensor
                is a scalar on the graph's device.

        Returns:
            The mean loss before the change, a scalar without gradient.
        """

    def vectors(self, graph: Adjacency) -> tuple[Tensor, Tensor]:
        """The present vectors: (num_books, dim) and (num_links, dim) float32."""

    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, as live tensors."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Copy a state that `state` returned into the live tensors."""


class TabledModel:
    """Saves and restores the state of models that consist of tables and their optimizers.

    Attributes:
        _tables: by name.
        _optimizers: by the name of their table.
    """

    _tables: dict[str, Tensor]
    _optimizers: Mapping[str, Optimizer]

    def state(self) -> dict[str, Tensor]:
        """See `Model`."""
        state = dict(self._tables)
        for side, optimizer in self._optimizers.items():
            state |= {f"{side}_{name}": value for name, value in optimizer.state().items()}
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """See `Model`."""
        copy_into(self.state(), state)


def start_tables(
    graph: Adjacency, config: TrainConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Unit vectors to start from: (num_books, dim) and (num_links, dim) float32."""
    sizes = (graph.num_books, graph.num_links)
    device = generator.device
    noise = [torch.randn((n, config.dim), generator=generator, device=device) for n in sizes]
    if config.start == "random":
        book, link = (functional.normalize(some, dim=1) for some in noise)
        return book, link
    left, values, right = truncated_svd(graph, config.dim, generator)
    # Rows outside the kept directions, such as isolated ones, keep a trace of noise: a vector of
    # length zero has no direction to turn.
    book, link = (
        functional.normalize(side * values.sqrt() + 1e-6 * some, dim=1)
        for side, some in zip((left, right), noise, strict=True)
    )
    return book, link


def make_row_optimizer(table: Tensor, config: TrainConfig) -> RowOptimizer:
    """The row-wise optimizer that the settings name, for one table with a spare row."""
    kind = RowAdagrad if config.resolve_optimizer() == "adagrad" else RowAdam
    return kind(table, learning_rate=config.resolve_learning_rate())
