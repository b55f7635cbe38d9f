"""Vectors computed from the graph's matrix: the truncated SVD to start from, and smoothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bookgraph.embed.data.adjacency import Adjacency

_NUM_POWER_ITERATIONS = 4
_NUM_SPARE_DIRECTIONS = 16


def truncated_svd(
    graph: Adjacency, dim: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """The largest singular triplets of the degree-normalised matrix, by a randomised range finder.

    Halko, Martinsson and Tropp (2011), "Finding structure with randomness", algorithms 4.4 and 5.1:
    a few power iterations with a QR decomposition between them. torch.svd_lowrank is the same
    algorithm, but its sparse product is several times slower than `Neighbours.average`.

    Args:
        graph: the edges.
        dim: how many; columns beyond the smaller side's number of rows are zero.
        generator: on the graph's device; its state advances.

    Returns:
        (num_books, dim) left vectors, (dim,) singular values in [0, 1] descending, (num_links,
        dim) right vectors, all float32.
    """
    device = generator.device
    num_directions = min(dim + _NUM_SPARE_DIRECTIONS, graph.num_books, graph.num_links)
    probe = torch.randn((graph.num_links, num_directions), generator=generator, device=device)
    basis = torch.linalg.qr(graph.of_books.average(probe)).Q
    for _ in range(_NUM_POWER_ITERATIONS):
        other = torch.linalg.qr(graph.of_links.average(basis)).Q
        basis = torch.linalg.qr(graph.of_books.average(other)).Q
    # Projected on the basis, the matrix is only (num_links, num_directions).
    right, values, left = torch.linalg.svd(graph.of_links.average(basis), full_matrices=False)
    kept = min(dim, num_directions)
    books = torch.zeros((graph.num_books, dim), device=device)
    links = torch.zeros((graph.num_links, dim), device=device)
    singular_values = torch.zeros(dim, device=device)
    books[:, :kept] = basis @ left.mT[:, :kept]
    links[:, :kept] = right[:, :kept]
    singular_values[:kept] = values[:kept]
    return books, singular_values, links


def smooth(
    graph: Adjacency,
    books: Tensor,
    links: Tensor,
    *,
    hops: int,
    own_weight: float = 1.0,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """Add to each vector the degree-normalised sum of its neighbours, of their neighbours, etc.

    This is LightGCN's propagation (He et al., 2020, section 3.1) with sums instead of means.

    Args:
        graph: the edges.
        books: (num_books, dim) float32; not changed.
        links: (num_links, dim) float32; not changed.
        hops: how far, at least 0.
        own_weight: of a row's own vector in its sum; each hop has weight 1.
        dtype: what the hops are computed in.

    Returns:
        Two new float32 tables; rows without an edge keep their direction.
    """
    near_books, near_links = books.type(dtype), links.type(dtype)
    books, links = own_weight * books, own_weight * links
    for _ in range(hops):
        near_books, near_links = (
            graph.of_books.average(near_links),
            graph.of_links.average(near_books),
        )
        books.add_(near_books.float())
        links.add_(near_links.float())
    return books, links


def smooth_with_gradient(
    graph: Adjacency, books: Tensor, links: Tensor, **settings: Any
) -> tuple[Tensor, Tensor]:
    """`smooth` with a gradient. The matrix is symmetric, so the gradient is smoothed likewise."""
    return _Smoothing.apply(graph, settings, books, links)  # type: ignore[no-any-return]  # torch's own


class _Smoothing(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, graph: Adjacency, settings: dict[str, Any], books: Tensor, links: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.graph, ctx.settings = graph, settings
        return smooth(graph, books, links, **settings)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor, Tensor]:
        books, links = gradients
        return None, None, *smooth(ctx.graph, books, links, **ctx.settings)
