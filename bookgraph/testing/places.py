"""Generates graphs of people and the places they visit, sparse and clustered like real check-ins.

Places belong to a tree of regions of very uneven size. A person mostly visits places near home, by
popularity and taste, and sometimes travels. Degrees follow power laws on both sides and communities
overlap at several scales, so that neighbourhoods contain what a truncated SVD misses. Books are the
people and links are the places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.edges import Int64Array
from bookgraph.core.errors import UsageError

_FANOUTS = (6, 8, 8)
# How often a visit is within the same leaf, its parent, ..., anywhere.
_LEVEL_PROBS = (0.6316, 0.3158, 0.0316, 0.021)
_TRAVEL_PROB = 0.08
_NUM_CANDIDATES = 24
_TASTE, _TASTE_DIM = 8.0, 6
_POPULARITY_EXPONENT = 2.0
_MIN_DEGREE = 8
_MAX_ROUNDS = 25
_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class PlacesGraph:
    """A generated graph.

    Attributes:
        pairs: (num_edges, 2) int64, rows of [book_row, link_row], distinct, sorted.
        num_books: rows of the book table.
        num_links: rows of the link table.
    """

    pairs: Int64Array
    num_books: int
    num_links: int


@dataclass(frozen=True, slots=True)
class _World:
    """The hidden truth. Links are numbered by leaf, so that a region is a range of rows."""

    homes: Int64Array
    destinations: Int64Array
    link_offsets: Int64Array
    cumulative_popularity: NDArray[np.float64]
    book_tastes: NDArray[np.float32]
    link_tastes: NDArray[np.float32]


def generate_places_graph(
    *, num_books: int, num_links: int, num_edges: int, seed: int = 0
) -> PlacesGraph:
    """Draw a graph of check-ins.

    Books and links with fewer than 8 edges are removed, as in public data sets, so the result is
    smaller than `num_books` and so on: by about 1 % of books, 12 % of links, 2 % of edges.

    Args:
        num_books: books to start from, at least 100.
        num_links: links to start from, at least 100.
        num_edges: number of edges, at most a tenth of all possible ones.
        seed: one seed gives one graph.

    Raises:
        UsageError: the sizes are impossible.
    """
    if min(num_books, num_links) < 100 or not 1 <= num_edges <= num_books * num_links // 10:
        raise UsageError(
            f"Cannot generate {num_books} books, {num_links} links and {num_edges} edges. Use at "
            "least 100 of each, and at most a tenth as many edges as books times links."
        )
    random = np.random.default_rng(seed)
    world = _make_world(random, num_books, num_links)
    shares = random.lognormal(0.0, 1.0, size=num_books) + 0.45
    degrees = np.maximum(shares / shares.sum() * num_edges, _MIN_DEGREE)
    wanted = np.floor(degrees + random.random(num_books)).astype(np.int64)
    keys = np.zeros(0, dtype=np.int64)
    for _ in range(_MAX_ROUNDS):
        missing = np.maximum(wanted - np.bincount(keys // num_links, minlength=num_books), 0)
        if missing.sum() <= num_edges // 500:
            break
        books = np.repeat(np.arange(num_books), missing)
        new = [
            _visit(random, world, piece, num_links)
            for piece in np.array_split(books, max(1, len(books) // _CHUNK))
        ]
        keys = np.unique(np.concatenate((keys, *new)))
    return _cut_sparse(random, np.stack(np.divmod(keys, num_links), axis=1))


def _make_world(random: np.random.Generator, num_books: int, num_links: int) -> _World:
    weights = np.ones(1)
    for fanout in _FANOUTS:
        sizes = random.pareto(1.2, size=(len(weights), fanout)) + 0.15
        weights = (weights[:, None] * sizes / sizes.sum(axis=1, keepdims=True)).ravel()
    num_leaves = len(weights)
    leaves = np.sort(random.choice(num_leaves, size=num_links, p=weights))
    popularity = random.pareto(_POPULARITY_EXPONENT, size=num_links) + 0.4
    return _World(
        homes=random.choice(num_leaves, size=num_books, p=weights),
        destinations=random.choice(num_leaves, size=(num_books, 3), p=weights),
        link_offsets=np.searchsorted(leaves, np.arange(num_leaves + 1)).astype(np.int64),
        cumulative_popularity=np.concatenate(([0.0], np.cumsum(popularity))),
        book_tastes=_directions(random, num_books),
        link_tastes=_directions(random, num_links),
    )


def _visit(
    random: np.random.Generator, world: _World, books: Int64Array, num_links: int
) -> Int64Array:
    """One visit for each book, as keys `book * num_links + link`; none where a region is empty."""
    at = world.homes[books]
    travels = random.random(len(books)) < _TRAVEL_PROB
    trips = np.minimum(random.geometric(0.6, size=int(travels.sum())) - 1, 2)
    at[travels] = world.destinations[books[travels], trips]
    level_sizes = np.cumprod((1, *reversed(_FANOUTS)))
    size = level_sizes[random.choice(len(level_sizes), size=len(books), p=_LEVEL_PROBS)]
    first = at // size * size
    low = world.cumulative_popularity[world.link_offsets[first]]
    high = world.cumulative_popularity[world.link_offsets[first + size]]
    is_settled = high > low
    books, low, high = books[is_settled], low[is_settled], high[is_settled]
    drawn = low[:, None] + random.random((len(books), _NUM_CANDIDATES)) * (high - low)[:, None]
    candidates = np.searchsorted(world.cumulative_popularity, drawn, side="right") - 1
    candidates = np.clip(candidates, 0, num_links - 1)
    liking = np.einsum("bd,bcd->bc", world.book_tastes[books], world.link_tastes[candidates])
    # The Gumbel trick: the largest of score + noise is a draw from the softmax of the scores.
    choice = (_TASTE * liking + random.gumbel(size=liking.shape)).argmax(axis=1)
    keys: Int64Array = books * num_links + candidates[np.arange(len(books)), choice]
    return keys


def _cut_sparse(random: np.random.Generator, pairs: Int64Array) -> PlacesGraph:
    for _ in range(4):
        is_kept = np.ones(len(pairs), dtype=np.bool_)
        for side in (0, 1):
            is_kept &= np.bincount(pairs[:, side])[pairs[:, side]] >= _MIN_DEGREE
        pairs = pairs[is_kept]
    _, books = np.unique(pairs[:, 0], return_inverse=True)
    _, links = np.unique(pairs[:, 1], return_inverse=True)
    num_books, num_links = int(books.max()) + 1, int(links.max()) + 1
    names = random.permutation(num_links)  # so that a link's row does not reveal its region
    renamed = np.stack((books, names[links]), axis=1).astype(np.int64)
    return PlacesGraph(renamed[np.lexsort((renamed[:, 1], renamed[:, 0]))], num_books, num_links)


def _directions(random: np.random.Generator, num_rows: int) -> NDArray[np.float32]:
    vectors = random.normal(size=(num_rows, _TASTE_DIM)).astype(np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
