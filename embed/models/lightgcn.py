"""LightGCN (He et al., 2020) by torch-geometric: its sum of layers and BPR loss, with our batches.

The layers' product is `Neighbours.average`. With torch's sparse matrices, which torch-geometric's
own layer takes, each step would sort the matrix again for the gradient, wait for the device twice,
and give slightly different results from run to run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch_geometric.nn import LightGCN

from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.device import move_module
from bookgraph.embed.models.base import start_tables
from bookgraph.embed.step.optimizers import TableAdam, copy_into
from bookgraph.embed.step.sampling import iter_pairs

# Length of the start vectors, about that of torch-geometric's own Xavier start.
_START_LENGTH = 0.3


@dataclass(frozen=True, slots=True)
class TripletBatch:
    """Positives with one negative link each, (batch_size,) int64; links follow books as nodes."""

    book_nodes: Tensor
    link_nodes: Tensor
    negative_nodes: Tensor

    def __len__(self) -> int:
        return len(self.book_nodes)


class LightGCNModel:
    """torch-geometric's LightGCN over books and links as the nodes of one graph."""

    def __init__(self, graph: Adjacency, config: TrainConfig, generator: torch.Generator) -> None:
        """Start from `start_tables`, which Xavier noise would need epochs to reach."""
        self._config = config
        num_nodes = graph.num_books + graph.num_links
        network = LightGCN(num_nodes, config.dim, num_layers=int(config.resolve("smoothing_hops")))
        network.convs = torch.nn.ModuleList(_Layer() for _ in network.convs)
        self._network = move_module(network, graph.device)
        self._weight: Tensor = self._network.embedding.weight
        with torch.no_grad():
            self._weight.copy_(torch.cat(start_tables(graph, config, generator)) * _START_LENGTH)
        self._optimizer = TableAdam(
            self._weight.detach(), learning_rate=config.resolve_learning_rate()
        )

    def iter_batches(self, graph: Adjacency, generator: torch.Generator) -> Iterator[TripletBatch]:
        """See `Model`."""
        size = self._config.resolve_batch_size(graph.num_mentions)
        for books, links in iter_pairs(graph, generator, batch_size=size):
            negatives = torch.randint(
                graph.num_links, links.shape, generator=generator, device=links.device
            )
            yield TripletBatch(books, links + graph.num_books, negatives + graph.num_books)

    def train_step(
        self, batch: TripletBatch, graph: Adjacency, *, rate_share: float | Tensor
    ) -> Tensor:
        """See `Model`."""
        vectors = self._network.get_embedding(graph)
        # Indexing by a tensor adds up its gradient in another order from run to run.
        books = functional.embedding(batch.book_nodes, vectors)
        loss: Tensor = self._network.recommendation_loss(
            (books * functional.embedding(batch.link_nodes, vectors)).sum(dim=1),
            (books * functional.embedding(batch.negative_nodes, vectors)).sum(dim=1),
            node_id=torch.cat((batch.book_nodes, batch.link_nodes, batch.negative_nodes)),
        )
        self._optimizer.update(torch.autograd.grad(loss, (self._weight,))[0])
        return loss.detach()

    def vectors(self, graph: Adjacency) -> tuple[Tensor, Tensor]:
        """See `Model`."""
        with torch.no_grad():
            vectors = self._network.get_embedding(graph)
        return vectors[: graph.num_books], vectors[graph.num_books :]

    def state(self) -> dict[str, Tensor]:
        """See `Model`."""
        return {"weight": self._weight.detach(), **self._optimizer.state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """See `Model`."""
        copy_into(self.state(), state)


class _Layer(torch.nn.Module):
    """Multiplies with the normalised matrix, as LGConv does; takes a graph for its edges."""

    def forward(self, vectors: Tensor, graph: Adjacency, _: None = None) -> Tensor:
        return _Product.apply(graph, vectors)  # type: ignore[no-any-return]  # torch's own


class _Product(torch.autograd.Function):
    """The matrix is symmetric, so the gradient is multiplied likewise."""

    @staticmethod
    def forward(ctx: Any, graph: Adjacency, vectors: Tensor) -> Tensor:
        ctx.graph = graph
        return _multiply(graph, vectors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, _multiply(ctx.graph, *gradients)


def _multiply(graph: Adjacency, vectors: Tensor) -> Tensor:
    books, links = vectors[: graph.num_books], vectors[graph.num_books :]
    return torch.cat((graph.of_books.average(links), graph.of_links.average(books)))
