"""Measures recall@20 on held-out edges during training, and chooses the lengths of link vectors.

Training takes part of a link's popularity as given, so that directions express the rest; in a
ranking of links, popularity has to count again. As the length of a link's vector it does so within
a plain dot product, and changes no cosine. The held-out edges choose to which power.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.embed.data.adjacency import Adjacency, EdgeLookup
from bookgraph.embed.device import make_generator

DEFAULT_POWER = 0.15
_POWERS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
_K = 20
_MAX_BOOKS = 2000
_MIN_BOOKS = 100
# Ranking with every candidate power takes about 0.1 s for 10 million scores on one core.
_MAX_SCORES = 40_000_000
_NUMBERS_IN_A_CHUNK = 8_000_000
_MAX_EDGES = 3000
_FEW_POWERS = (0.0, 0.1, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Watch:
    """The held-out edges, and the books whose recall is reported.

    Attributes:
        graph: the training edges; they are not ranked.
        held_out: the held-out edges.
        books: (at most 2,000,) int64, book rows with a held-out edge, ascending.
        k: length of the lists.
    """

    graph: Adjacency
    held_out: Adjacency
    books: Tensor
    k: int = _K

    def measure_recall(self, book: Tensor, link: Tensor, *, power: float) -> float:
        """Recall@k, mean over the watched books.

        Args:
            book: (num_books, dim) float32, of any length.
            link: (num_links, dim) float32, of any length.
            power: of popularity in a link's length.
        """
        return float(self._measure_recalls(book, link, (power,))[0])

    def choose_power(self, book: Tensor, link: Tensor) -> float:
        """The power of popularity with the best recall, in [0, 0.5]; arguments as above."""
        recalls = self._measure_recalls(book, link, _POWERS)
        # Neighbours on the grid share most of their hits: their mean is steadier than one recall.
        padded = functional.pad(recalls[None, None], (1, 1), mode="replicate")
        best = int(functional.avg_pool1d(padded, 3, stride=1)[0, 0].argmax())
        return _POWERS[best]

    def measure_gains(self, book: Tensor, link: Tensor) -> Tensor:
        """1 / log2(1 + rank) of held-out edges, always the same at most 3,000; float64.

        This is each edge's discounted cumulative gain (Jarvelin and Kekalainen, 2002), with the
        power of popularity that is best on average. Unlike recall@20 it sees every rank, so it
        compares vectors with less noise. Arguments as above.
        """
        gains: list[list[Tensor]] = [[] for _ in _FEW_POWERS]
        generator = make_generator(book.device, seed=0)
        num_edges = len(self.held_out.book_rows)
        edges = torch.randperm(num_edges, generator=generator, device=book.device)[:_MAX_EDGES]
        rows, links = self.held_out.book_rows[edges], self.held_out.of_books.columns[edges]
        for part, at, scores in self._iter_scores(rows, book, link, _FEW_POWERS):
            own = scores.gather(1, links[part, None])
            ranks = 1 + (scores > own).sum(dim=1)
            gains[at].append(1 / (1 + ranks).double().log2())
        return max((torch.cat(parts) for parts in gains), key=lambda gain: float(gain.mean()))

    def _measure_recalls(self, book: Tensor, link: Tensor, powers: tuple[float, ...]) -> Tensor:
        """(num_powers,) float64: recall@k with each power."""
        k = min(self.k, len(link))
        lookup, num_held_out = EdgeLookup(self.held_out.of_books), self.held_out.of_books.degrees
        totals = torch.zeros(len(powers), dtype=torch.float64, device=book.device)
        for part, at, scores in self._iter_scores(self.books, book, link, powers):
            rows, best = self.books[part], scores.topk(k, dim=1)
            # A book with fewer than k links left has known ones in its list; they do not count.
            is_hit = lookup.contains(rows[:, None], best.indices) & best.values.isfinite()
            totals[at] += (is_hit.sum(dim=1) / num_held_out[rows].double()).sum()
        return totals / len(self.books)

    def _iter_scores(
        self, rows: Tensor, book: Tensor, link: Tensor, powers: tuple[float, ...]
    ) -> Iterator[tuple[slice, int, Tensor]]:
        """Scores of all links for some books, some rows at a time, with each power.

        Args:
            rows: (num_rows,) int64, book rows; repeats allowed.
            book: (num_books, dim) float32, of any length.
            link: (num_links, dim) float32, of any length.
            powers: of popularity in a link's length.

        Yields:
            Which of the rows, which of the powers, and (num_rows, num_links) float32 scores: minus
            infinity for training edges.
        """
        unit = functional.normalize(link, dim=1)
        lengths = [popularity_lengths(self.graph, power) for power in powers]
        size = max(1, _NUMBERS_IN_A_CHUNK // len(link))
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            cosines = functional.normalize(book[rows[part]], dim=1) @ unit.T
            position, known = self.graph.of_books.list_edges(rows[part])
            for at, length in enumerate(lengths):
                scores = cosines * length
                scores[position, known] = -torch.inf
                yield part, at, scores


def make_watch(graph: Adjacency, held_out: Adjacency, generator: torch.Generator) -> Watch:
    """Choose books to watch at random, as many as can be ranked in about half a second.

    Args:
        graph: the training edges.
        held_out: the held-out edges, at least one.
        generator: on the graph's device; its state advances.
    """
    candidates = held_out.of_books.degrees.nonzero()[:, 0]
    num_books = min(_MAX_BOOKS, max(_MIN_BOOKS, _MAX_SCORES // held_out.num_links))
    chosen = torch.randperm(len(candidates), generator=generator, device=generator.device)
    return Watch(graph, held_out, candidates[chosen[:num_books]].sort().values)


def popularity_lengths(graph: Adjacency, power: float) -> Tensor:
    """(num_links,) float32 lengths: popularity ** power, 1 for the most popular link."""
    return (graph.link_shares / graph.link_shares.max()) ** power
