"""The loss of a wide batch is that of the batch in one piece, and so is its gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.adjacency import Adjacency, build_adjacency
from bookgraph.embed.data.edges import build_edge_list
from bookgraph.embed.step import objective
from bookgraph.embed.step.objective import batch_loss, touched_rows
from bookgraph.embed.step.sampling import Batch, iter_epoch
from bookgraph.testing.graphs import generate_graph


@pytest.fixture(scope="module")
def graph() -> Adjacency:
    made = generate_graph(num_books=60, num_links=50, num_edges=600, seed=0)
    edges = build_edge_list(made.pairs, num_books=60, num_links=50)
    return build_adjacency(edges, device=torch.device("cpu"))


def draw_batch(graph: Adjacency, config: TrainConfig) -> Batch:
    return next(
        iter_epoch(
            graph,
            torch.Generator().manual_seed(0),
            batch_size=101,
            num_negatives=config.num_negatives,
            is_from_batch=config.resolve_negative_source() == "batch",
            has_negative_books=config.negative_sides == "both",
        )
    )


@pytest.mark.parametrize("scores_at_once", [1, 24, 500])
@pytest.mark.parametrize("sides", ["links", "both"])
@pytest.mark.parametrize("source", ["batch", "uniform"])
@pytest.mark.parametrize("loss", ["softmax", "bce", "mse"])
def test_slices_change_neither_loss_nor_gradient(
    graph: Adjacency,
    monkeypatch: pytest.MonkeyPatch,
    loss: Any,
    source: Any,
    sides: Any,
    scores_at_once: int,
) -> None:
    config = TrainConfig(loss=loss, negative_source=source, negative_sides=sides, num_negatives=12)
    batch = draw_batch(graph, config)
    generator = torch.Generator().manual_seed(1)
    vectors = [
        torch.randn((len(rows), 8), generator=generator).requires_grad_()
        for rows in touched_rows(batch)
    ]

    def measure() -> tuple[torch.Tensor, ...]:
        book, link = vectors
        value = 3 * batch_loss(book, link, batch, config=config, graph=graph)
        return value.detach(), *torch.autograd.grad(value, vectors)

    whole = measure()
    assert all(bool(gradient.any()) for gradient in whole[1:])
    monkeypatch.setattr(objective, "_MAX_SCORES", scores_at_once)
    for in_slices, in_one in zip(measure(), whole, strict=True):
        torch.testing.assert_close(in_slices, in_one, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_the_slope(graph: Adjacency) -> None:
    config = TrainConfig(num_negatives=12, negative_sides="both")
    batch = draw_batch(graph, config)
    generator = torch.Generator().manual_seed(1)
    book, link = (
        torch.randn((len(rows), 4), generator=generator, dtype=torch.float64)
        for rows in touched_rows(batch)
    )
    double = Adjacency(
        graph.book_rows, graph.counts, graph.num_mentions, graph.of_books, graph.of_links,
        graph.book_shares.double(), graph.link_shares.double(),
    )  # fmt: skip

    def value_at(step: float, direction: torch.Tensor) -> float:
        moved = book + step * direction
        return float(batch_loss(moved, link, batch, config=config, graph=double))

    book.requires_grad_()
    (gradient,) = torch.autograd.grad(
        batch_loss(book, link, batch, config=config, graph=double), book
    )
    book = book.detach()
    direction = torch.randn(book.shape, generator=generator, dtype=torch.float64)
    slope = (value_at(1e-5, direction) - value_at(-1e-5, direction)) / 2e-5
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-6)
