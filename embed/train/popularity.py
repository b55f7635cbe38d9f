"""How long a link's vector is: its popularity to a power that held-out edges choose.

Training takes part of a link's popularity as given, so that directions are free to say what is
particular; in a ranking of links it has to come back. As length it does so within a plain dot
product, and leaves every cosine as it was.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.data.adjacency import Adjacency, Neighbours
from bookgraph.embed.evaluation.metrics import EdgeKeys
from bookgraph.embed.evaluation.ranking import list_neighbours

DEFAULT_POWER = 0.15
_POWERS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
_NUMBERS_IN_A_CHUNK = 8_000_000


def popularity_lengths(graph: Adjacency, power: float) -> Tensor:
    """(num_links,) float32 lengths: popularity ** power, the most popular link's being 1."""
    return (graph.link_shares / graph.link_shares.max()) ** power


def choose_power(
    book: Tensor, link: Tensor, graph: Adjacency, *, held_out: Neighbours, rows: Tensor, k: int
) -> float:
    """Find the power with the best recall of held-out edges.

    Args:
        book: (num_books, dim) float32.
        link: (num_links, dim) float32, of any length.
        graph: the edges that were trained on; they are not ranked.
        held_out: the held-out links of each book.
        rows: (num_rows,) int64, the books to rank for, each with a held-out link.
        k: length of the lists.

    Returns:
        The power, in [0, 0.5].
    """
    recalls = measure_powers(book, link, graph, held_out=held_out, rows=rows, k=k, powers=_POWERS)
    # Neighbours on the grid share most of their hits: their mean is steadier than one recall.
    padded = functional.pad(recalls[None, None], (1, 1), mode="replicate")
    best = int(functional.avg_pool1d(padded, 3, stride=1)[0, 0].argmax())
    return _POWERS[best]


def measure_powers(  # one cohesive question
    book: Tensor,
    link: Tensor,
    graph: Adjacency,
    *,
    held_out: Neighbours,
    rows: Tensor,
    k: int,
    powers: tuple[float, ...],
) -> Tensor:
    """(num_powers,) float64: recall@k with each power, see `choose_power`."""
    unit, k = functional.normalize(link, dim=1), min(k, len(link))
    lengths = [popularity_lengths(graph, power) for power in powers]
    true_keys = EdgeKeys(held_out)
    totals = torch.zeros(len(powers), dtype=torch.float64, device=book.device)
    for piece in torch.split(rows, max(1, _NUMBERS_IN_A_CHUNK // len(link))):
        scores = functional.normalize(book[piece], dim=1) @ unit.T
        at, columns = list_neighbours(graph.of_books, piece)
        num_true = held_out.degrees[piece].double()
        for place, length in enumerate(lengths):
            weighted = scores * length
            weighted[at, columns] = -torch.inf
            best = weighted.topk(k, dim=1)
            # A book with fewer than k links left has known ones in its list; they do not count.
            is_hit = true_keys.contain(piece[:, None], best.indices) & best.values.isfinite()
            totals[place] += (is_hit.sum(dim=1) / num_true).sum()
    return totals / len(rows)
