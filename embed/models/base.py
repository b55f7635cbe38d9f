"""What the training loop asks of a model, and the unit vectors that all of them start from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.models.spectral import truncated_svd
from bookgraph.embed.step.optimizers import Optimizer, copy_into

BatchType = TypeVar("BatchType")


class Model(Protocol[BatchType]):
    """Two tables on a device, how a batch changes them, and the vectors that come of them."""

    def iter_batches(self, graph: Adjacency, generator: torch.Generator) -> Iterator[BatchType]:
        """Go once over all pairs of the graph in a new random order."""

    def train_step(self, batch: BatchType, graph: Adjacency, *, rate_share: float) -> Tensor:
        """Change the tables by one batch.

        Args:
            batch: from `iter_batches` of the same graph.
            graph: the edges being trained on.
            rate_share: of the learning rate, in (0, 1]; a model without decay pays no heed.

        Returns:
            The mean loss before the change, a scalar without gradient.
        """

    def vectors(self, graph: Adjacency) -> tuple[Tensor, Tensor]:
        """The (num_books, dim) and (num_links, dim) float32 vectors as they stand."""

    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, as live tensors."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""


class TabledModel:
    """What models of tables and optimizers have in common: how their state is told and taken back.

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
    # Rows outside of the kept directions (isolated ones, say) keep a trace of noise, because a
    # vector of length zero has no direction to turn.
    book, link = (
        functional.normalize(side * values.sqrt() + 1e-6 * some, dim=1)
        for side, some in zip((left, right), noise, strict=True)
    )
    return book, link
