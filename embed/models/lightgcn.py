"""LightGCN (He et al., 2020) by torch-geometric: its layers and BPR loss, with our batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
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
        # LGConv would normalise in every step; the graph's weights are normalised already.
        network = LightGCN(num_nodes, config.dim, num_layers=config.smoothing_hops, normalize=False)
        self._network = move_module(network, graph.device)
        self._weight: Tensor = self._network.embedding.weight
        with torch.no_grad():
            self._weight.copy_(torch.cat(start_tables(graph, config, generator)) * _START_LENGTH)
        self._optimizer = TableAdam(
            self._weight.detach(), learning_rate=config.resolve_learning_rate()
        )
        self._matrix: tuple[Adjacency, Tensor] | None = None

    def iter_batches(self, graph: Adjacency, generator: torch.Generator) -> Iterator[TripletBatch]:
        """See `Model`."""
        size = self._config.resolve_batch_size(graph.num_mentions)
        for books, links in iter_pairs(graph, generator, batch_size=size):
            negatives = torch.randint(
                graph.num_links, links.shape, generator=generator, device=links.device
            )
            yield TripletBatch(books, links + graph.num_books, negatives + graph.num_books)

    def train_step(self, batch: TripletBatch, graph: Adjacency, *, rate_share: float) -> Tensor:
        """See `Model`."""
        vectors = self._network.get_embedding(self._square_matrix(graph))
        books = vectors[batch.book_nodes]
        loss: Tensor = self._network.recommendation_loss(
            (books * vectors[batch.link_nodes]).sum(dim=1),
            (books * vectors[batch.negative_nodes]).sum(dim=1),
            node_id=torch.cat((batch.book_nodes, batch.link_nodes, batch.negative_nodes)),
        )
        self._optimizer.update(torch.autograd.grad(loss, (self._weight,))[0])
        return loss.detach()

    def vectors(self, graph: Adjacency) -> tuple[Tensor, Tensor]:
        """See `Model`."""
        with torch.no_grad():
            vectors = self._network.get_embedding(self._square_matrix(graph))
        return vectors[: graph.num_books], vectors[graph.num_books :]

    def state(self) -> dict[str, Tensor]:
        """See `Model`."""
        return {"weight": self._weight.detach(), **self._optimizer.state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """See `Model`."""
        copy_into(self.state(), state)

    def _square_matrix(self, graph: Adjacency) -> Tensor:
        """The symmetric normalised matrix of all nodes, as the sparse rows that LGConv takes."""
        if self._matrix is None or self._matrix[0] is not graph:
            books, links = graph.of_books, graph.of_links
            matrix = torch.sparse_csr_tensor(
                torch.cat((books.offsets, links.offsets[1:] + books.offsets[-1])),
                torch.cat((books.columns + graph.num_books, links.columns)),
                torch.cat((books.weights, links.weights)),
                size=(len(self._weight), len(self._weight)),
                device=graph.device,
                check_invariants=False,
            )
            self._matrix = (graph, matrix)
        return self._matrix[1]
