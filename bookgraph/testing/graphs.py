"""Generates graphs of any size with planted structure, which training has to recover.

They replace a large real graph in tests and benchmarks. A few links are in very many books (power
law), books and links belong to topics of uneven size, and within a topic hidden directions decide
which links a book prefers. Only numpy is used; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.edges import Int64Array
from bookgraph.core.errors import UsageError

_NUM_CANDIDATES = 8
_CHUNK = 500_000
_MAX_ROUNDS = 60
# How often a book's first two topics are neighbours, so that topics form larger fields.
_NEAR_PROB = 0.5


@dataclass(frozen=True, slots=True)
class PlantedGraph:
    """A generated graph and the topics it was drawn from.

    Attributes:
        pairs: (num_edges, 2) int64, rows of [book_row, link_row], distinct, sorted.
        num_books: rows of the book table.
        num_links: rows of the link table.
        book_topics: (num_books, 3) int64, the topics each book draws from, the main one first.
        link_topics: (num_links,) int64, the topic each link belongs to.
    """

    pairs: Int64Array
    num_books: int
    num_links: int
    book_topics: Int64Array
    link_topics: Int64Array


@dataclass(frozen=True, slots=True)
class _Plan:
    """The hidden truth. Links are numbered by topic, so that a topic is a range of rows."""

    book_topics: Int64Array
    topic_offsets: Int64Array
    cumulative_popularity: NDArray[np.float64]
    book_vectors: NDArray[np.float32]
    link_vectors: NDArray[np.float32]
    degrees: Int64Array
    background_share: float


def generate_graph(  # the knobs of one experiment, all with defaults
    *,
    num_books: int,
    num_links: int,
    num_edges: int,
    num_topics: int | None = None,
    background_share: float = 0.15,
    sharpness: float = 4.0,
    skew: float = 1.0,
    hidden_dim: int = 12,
    seed: int = 0,
) -> PlantedGraph:
    """Draw a graph with planted structure.

    Args:
        num_books: rows of the book table, at least 1.
        num_links: rows of the link table, at least 1.
        num_edges: number of edges, at most half of all possible ones; the result has this
            many, or up to 2 % fewer where popular links are exhausted.
        num_topics: number of topics; by default one for each 100 links, and at least 2.
        background_share: share of edges drawn by popularity alone, whatever the topic, in [0, 1].
        sharpness: how strongly hidden directions decide within a topic; 0 turns them off.
        skew: how uneven popularity is: 0 makes all links alike, 1 gives a hub in a third of all
            books, as in Wikipedia; 0.6 gives one in a twentieth.
        hidden_dim: dimension of the hidden directions.
        seed: one seed gives one graph.

    Raises:
        UsageError: the sizes are impossible.
    """
    if min(num_books, num_links, num_edges) < 1 or num_edges > num_books * num_links // 2:
        message = (
            f"Cannot generate {num_books} books, {num_links} links and {num_edges} edges. Use "
            "sizes of 1 or more, and at most half as many edges as books times links."
        )
        raise UsageError(message)
    random = np.random.default_rng(seed)
    plan = _draw_plan(
        random,
        sizes=(num_books, num_links, num_edges),
        num_topics=min(num_topics or max(2, num_links // 100), num_links),
        background_share=background_share,
        skew=skew,
        hidden_dim=hidden_dim,
    )
    keys = _draw_edges(random, plan, num_links, num_edges, sharpness)
    names = random.permutation(num_links)  # so that a link's row does not reveal its topic
    pairs = np.stack((keys // num_links, names[keys % num_links]), axis=1).astype(np.int64)
    link_topics = np.empty(num_links, dtype=np.int64)
    sizes = np.diff(plan.topic_offsets)
    link_topics[names] = np.repeat(np.arange(len(sizes)), sizes)
    return PlantedGraph(
        pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))],
        num_books,
        num_links,
        plan.book_topics,
        link_topics,
    )


def _draw_edges(
    random: np.random.Generator, plan: _Plan, num_links: int, num_edges: int, sharpness: float
) -> Int64Array:
    """Distinct edges as sorted keys `book * num_links + link`."""
    keys = np.zeros(0, dtype=np.int64)
    for _ in range(_MAX_ROUNDS):
        drawn = np.bincount(keys // num_links, minlength=len(plan.degrees))
        missing = np.maximum(plan.degrees - drawn, 0)
        if missing.sum() <= num_edges // 1000:
            break
        # Repeats are dropped, so several rounds are needed.
        books = np.repeat(np.arange(len(plan.degrees)), missing)
        new = [
            _draw_links(random, plan, chunk, sharpness) + chunk * num_links
            for chunk in np.array_split(books, max(1, len(books) // _CHUNK))
        ]
        keys = np.unique(np.concatenate((keys, *new)))
    return keys


def _draw_plan(
    random: np.random.Generator,
    *,
    sizes: tuple[int, int, int],
    num_topics: int,
    background_share: float,
    skew: float,
    hidden_dim: int,
) -> _Plan:
    num_books, num_links, num_edges = sizes
    # Topics of uneven size: a power law, each with one link at least.
    weights = 1.0 / np.arange(2, num_topics + 2) ** 0.7
    topic_sizes = 1 + random.multinomial(num_links - num_topics, weights / weights.sum())
    offsets = np.concatenate(([0], np.cumsum(topic_sizes))).astype(np.int64)
    popularity = (random.pareto(1.3, size=num_links) + 0.3) ** skew
    degrees = random.lognormal(0.0, 0.8, size=num_books) + 0.4
    degrees = np.minimum(degrees / degrees.sum() * num_edges, num_links // 2)
    whole = np.floor(degrees + random.random(num_books)).astype(np.int64)
    topic_popularity = np.add.reduceat(popularity, offsets[:-1])
    topics = random.choice(
        num_topics, size=(num_books, 3), p=topic_popularity / topic_popularity.sum()
    )
    near = random.random(num_books) < _NEAR_PROB
    topics[near, 1] = (topics[near, 0] + 1) % num_topics
    return _Plan(
        book_topics=topics.astype(np.int64),
        topic_offsets=offsets,
        cumulative_popularity=np.concatenate(([0.0], np.cumsum(popularity))),
        book_vectors=_directions(random, num_books, hidden_dim),
        link_vectors=_directions(random, num_links, hidden_dim),
        degrees=np.maximum(whole, 1),
        background_share=background_share,
    )


def _draw_links(
    random: np.random.Generator, plan: _Plan, books: Int64Array, sharpness: float
) -> Int64Array:
    """One link for each book: candidates by popularity, the choice by hidden directions."""
    which = random.choice(3, size=len(books), p=[0.6, 0.25, 0.15])
    topics = plan.book_topics[books, which]
    low = plan.cumulative_popularity[plan.topic_offsets[topics]]
    high = plan.cumulative_popularity[plan.topic_offsets[topics + 1]]
    is_background = random.random(len(books)) < plan.background_share
    low[is_background], high[is_background] = 0.0, plan.cumulative_popularity[-1]
    at = low[:, None] + random.random((len(books), _NUM_CANDIDATES)) * (high - low)[:, None]
    candidates = np.searchsorted(plan.cumulative_popularity, at, side="right") - 1
    candidates = np.minimum(candidates, len(plan.link_vectors) - 1)
    liking = np.einsum("bd,bcd->bc", plan.book_vectors[books], plan.link_vectors[candidates])
    # The Gumbel trick: the largest of score + noise is a draw from the softmax of the scores.
    noisy = sharpness * liking + random.gumbel(size=liking.shape)
    noisy[is_background, 1:] = -np.inf
    chosen: Int64Array = candidates[np.arange(len(books)), noisy.argmax(axis=1)]
    return chosen


def _directions(random: np.random.Generator, num_rows: int, dim: int) -> NDArray[np.float32]:
    vectors = random.normal(size=(num_rows, dim)).astype(np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
