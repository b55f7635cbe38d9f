"""The published reference's recipe (Koehrsen, 2018): tables, a cosine, sampled pairs, Adam.

One difference: the weight of the Dense layer after the cosine stays positive. With a negative one,
the most similar books would be those with the lowest cosine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.config import REFERENCE_NEGATIVE_RATIO, TrainConfig
from bookgraph.embed.data.adjacency import Adjacency, EdgeLookup
from bookgraph.embed.models.base import TabledModel, make_row_optimizer
from bookgraph.embed.step.optimizers import RowOptimizer
from bookgraph.embed.step.sampling import iter_pairs

# Keras draws embeddings uniformly from (-0.05, 0.05).
_START_RANGE = 0.05


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Positives first, then two sampled negatives for each.

    Attributes:
        book_rows: (batch_size * 3,) int64.
        link_rows: (batch_size * 3,) int64.
        num_positives: the batch size.
        weights: (batch_size * 3,) float32, zero where a sampled negative is an edge.
    """

    book_rows: Tensor
    link_rows: Tensor
    num_positives: int
    weights: Tensor

    def __len__(self) -> int:
        return self.num_positives


class ReferenceModel(TabledModel):
    """Two tables, cosine, and for `bce` a Dense layer of one number with a positive weight."""

    def __init__(self, graph: Adjacency, config: TrainConfig, generator: torch.Generator) -> None:
        """Start from uniform noise, as Keras does."""
        self._config = config
        device = generator.device
        self._tables = {
            side: (torch.rand((size + 1, config.dim), generator=generator, device=device) * 2 - 1)
            * _START_RANGE
            for side, size in (("book", graph.num_books), ("link", graph.num_links))
        }
        if config.resolve_loss() == "bce":
            # Row 0 is the Dense layer: its weight before the softplus, and its bias.
            self._tables["dense"] = torch.zeros((2, 2), device=device)
        self._optimizers: dict[str, RowOptimizer] = {
            side: make_row_optimizer(table, config) for side, table in self._tables.items()
        }
        self._lookup: tuple[Adjacency, EdgeLookup] | None = None

    def iter_batches(self, graph: Adjacency, generator: torch.Generator) -> Iterator[PairBatch]:
        """See `Model`."""
        if self._lookup is None or self._lookup[0] is not graph:
            self._lookup = (graph, EdgeLookup(graph.of_books))
        lookup = self._lookup[1]
        size = self._config.resolve_batch_size(graph.num_mentions)
        for books, links in iter_pairs(graph, generator, batch_size=size):
            num_negatives = REFERENCE_NEGATIVE_RATIO * len(books)
            drawn = [
                torch.randint(n, (num_negatives,), generator=generator, device=graph.device)
                for n in (graph.num_books, graph.num_links)
            ]
            is_edge = lookup.contains(*drawn)
            weights = torch.cat((torch.ones_like(books, dtype=torch.float32), (~is_edge).float()))
            yield PairBatch(
                torch.cat((books, drawn[0])), torch.cat((links, drawn[1])), len(books), weights
            )

    def train_step(
        self, batch: PairBatch, graph: Adjacency, *, rate_share: float | Tensor
    ) -> Tensor:
        """See `Model`."""
        rows = {"book": batch.book_rows, "link": batch.link_rows}
        if "dense" in self._tables:
            rows["dense"] = torch.zeros_like(batch.book_rows[:1])
        taken = {
            side: self._optimizers[side].take(at).requires_grad_() for side, at in rows.items()
        }
        cosine = _cosine(taken["book"], taken["link"])
        is_edge = torch.zeros_like(batch.weights)
        is_edge[: batch.num_positives].fill_(1.0)
        if "dense" in taken:
            slope, bias = functional.softplus(taken["dense"][0, 0]), taken["dense"][0, 1]
            losses = functional.binary_cross_entropy_with_logits(
                slope * cosine + bias, is_edge, reduction="none"
            )
        else:
            losses = (cosine - (2 * is_edge - 1)) ** 2
        loss = (losses * batch.weights).sum() / batch.weights.sum()
        gradients = torch.autograd.grad(loss, list(taken.values()))
        for side, gradient in zip(taken, gradients, strict=True):
            self._optimizers[side].update(rows[side], gradient)
        return loss.detach()

    def vectors(self, graph: Adjacency) -> tuple[Tensor, Tensor]:
        """See `Model`."""
        return self._optimizers["book"].take(), self._optimizers["link"].take()


def _cosine(book: Tensor, link: Tensor) -> Tensor:
    """The cosine of each pair of rows; on a CPU its gradient takes half as long as torch's own."""
    squares = book.square().sum(dim=1) * link.square().sum(dim=1)
    return (book * link).sum(dim=1) * squares.clamp(min=1e-16).rsqrt()
