"""The default model: two tables, smoothed over the graph or not, scored by cosine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.models.base import TabledModel, make_row_optimizer, start_tables
from bookgraph.embed.models.spectral import smooth, smooth_with_gradient
from bookgraph.embed.step.objective import batch_loss, touched_rows
from bookgraph.embed.step.optimizers import (
    RowOptimizer,
    TableAdagrad,
    TableAdam,
    TableOptimizer,
)
from bookgraph.embed.step.sampling import Batch, iter_epoch

# Smoothed tables start with short vectors, so that steps of 0.005 for each number can turn them.
# Neither Adam's steps nor the cosine depend on the length.
_SMOOTHED_START_LENGTH = 0.3


class _DotModel(TabledModel):
    """The batches that both kinds share."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config

    def iter_batches(self, graph: Adjacency, generator: torch.Generator) -> Iterator[Batch]:
        """See `Model`."""
        config = self._config
        return iter_epoch(
            graph,
            generator,
            batch_size=config.resolve_batch_size(graph.num_mentions),
            num_negatives=config.num_negatives,
            is_from_batch=config.resolve_negative_source() == "batch",
            has_negative_books=config.negative_sides == "both",
        )


class TableModel(_DotModel):
    """Two tables without smoothing: a step reads and writes the rows of its batch only."""

    def __init__(self, graph: Adjacency, config: TrainConfig, generator: torch.Generator) -> None:
        """Start from `start_tables`, with a spare row at the end of each."""
        super().__init__(config)
        book, link = start_tables(graph, config, generator)
        self._tables = {
            side: functional.pad(table, (0, 0, 0, 1))
            for side, table in (("book", book), ("link", link))
        }
        self._optimizers: dict[str, RowOptimizer] = {
            side: make_row_optimizer(table, config) for side, table in self._tables.items()
        }

    def train_step(self, batch: Batch, graph: Adjacency, *, rate_share: float | Tensor) -> Tensor:
        """See `Model`."""
        book_rows, link_rows = touched_rows(batch)
        book = self._optimizers["book"].take(book_rows).requires_grad_()
        link = self._optimizers["link"].take(link_rows).requires_grad_()
        loss = batch_loss(book, link, batch, config=self._config, graph=graph)
        book_gradient, link_gradient = torch.autograd.grad(loss, (book, link))
        self._optimizers["book"].update(book_rows, book_gradient, rate_share=rate_share)
        self._optimizers["link"].update(link_rows, link_gradient, rate_share=rate_share)
        return loss.detach()

    def vectors(self, graph: Adjacency) -> tuple[Tensor, Tensor]:
        """See `Model`."""
        return self._optimizers["book"].take(), self._optimizers["link"].take()


class SmoothedModel(_DotModel):
    """Two tables that the loss sees smoothed over the graph, as in LightGCN (He et al., 2020).

    The gradient flows back through the smoothing to every row, so a step costs one pass over all
    edges for each hop and direction. Batches are therefore wide: about 100 steps in an epoch.
    """

    def __init__(
        self,
        graph: Adjacency,
        config: TrainConfig,
        generator: torch.Generator,
        *,
        start: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """Start from `start`, or else from `start_tables`; both are not changed."""
        super().__init__(config)
        self._layers: dict[str, Any] = {
            "hops": int(config.resolve("smoothing_hops")),
            "own_weight": config.resolve("own_weight"),
        }
        book, link = start or start_tables(graph, config, generator)
        self._tables = {
            "book": book * _SMOOTHED_START_LENGTH,
            "link": link * _SMOOTHED_START_LENGTH,
        }
        kind = TableAdam if config.resolve_optimizer() == "adam" else TableAdagrad
        self._optimizers: dict[str, TableOptimizer] = {
            side: kind(table, learning_rate=config.resolve_learning_rate())
            for side, table in self._tables.items()
        }

    def train_step(self, batch: Batch, graph: Adjacency, *, rate_share: float | Tensor) -> Tensor:
        """See `Model`."""
        tables = [self._tables[side].detach().requires_grad_() for side in ("book", "link")]
        book, link = smooth_with_gradient(graph, *tables, **self._layers, dtype=torch.bfloat16)
        book_rows, link_rows = touched_rows(batch)
        loss = batch_loss(
            functional.embedding(book_rows, book),
            functional.embedding(link_rows, link),
            batch,
            config=self._config,
            graph=graph,
        )
        book_gradient, link_gradient = torch.autograd.grad(loss, tables)
        self._optimizers["book"].update(book_gradient, rate_share=rate_share)
        self._optimizers["link"].update(link_gradient, rate_share=rate_share)
        return loss.detach()

    def vectors(self, graph: Adjacency) -> tuple[Tensor, Tensor]:
        """See `Model`."""
        return smooth(graph, self._tables["book"], self._tables["link"], **self._layers)
