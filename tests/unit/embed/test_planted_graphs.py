"""Generated graphs have the given sizes and topics, and one seed gives one graph."""

from __future__ import annotations

import numpy as np
import pytest

from bookgraph.core.errors import UsageError
from bookgraph.testing.graphs import generate_graph
from bookgraph.testing.places import generate_places_graph

SIZES = {"num_books": 300, "num_links": 400, "num_edges": 4_000}


def test_edges_are_distinct_in_range_and_as_many_as_given() -> None:
    graph = generate_graph(**SIZES)
    assert len(np.unique(graph.pairs, axis=0)) == len(graph.pairs)
    assert 0.98 * 4_000 <= len(graph.pairs) <= 4_000
    assert graph.pairs.min() == 0
    assert (graph.pairs.max(axis=0) < [300, 400]).all()


def test_one_seed_gives_one_graph() -> None:
    one, two, other = (generate_graph(**SIZES, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.pairs, two.pairs)
    assert not np.array_equal(one.pairs, other.pairs)


def test_most_edges_stay_within_the_topics_of_their_book() -> None:
    graph = generate_graph(**SIZES, num_topics=8, background_share=0.1)
    of_link = graph.link_topics[graph.pairs[:, 1]]
    of_book = graph.book_topics[graph.pairs[:, 0]]
    is_inside = (of_book == of_link[:, None]).any(axis=1)
    assert is_inside.mean() > 0.8
    shuffled = (of_book == np.random.default_rng(0).permutation(of_link)[:, None]).any(axis=1)
    assert is_inside.mean() > shuffled.mean() + 0.2


@pytest.mark.parametrize("sizes", [(0, 4, 1), (4, 0, 1), (4, 4, 0), (4, 4, 9)])
def test_impossible_sizes_are_named(sizes: tuple[int, int, int]) -> None:
    num_books, num_links, num_edges = sizes
    with pytest.raises(UsageError, match=f"{num_books} books, {num_links} links"):
        generate_graph(num_books=num_books, num_links=num_links, num_edges=num_edges)


def test_places_have_power_laws_on_both_sides_and_no_sparse_rows() -> None:
    graph = generate_places_graph(num_books=1500, num_links=2000, num_edges=40_000, seed=3)
    again = generate_places_graph(num_books=1500, num_links=2000, num_edges=40_000, seed=3)
    assert np.array_equal(graph.pairs, again.pairs)
    assert len(np.unique(graph.pairs, axis=0)) == len(graph.pairs) > 30_000
    for side, num_rows in ((0, graph.num_books), (1, graph.num_links)):
        degrees = np.bincount(graph.pairs[:, side], minlength=num_rows)
        assert len(degrees) == num_rows
        assert degrees.min() >= 5
        assert degrees.max() > 6 * np.median(degrees)


def test_places_of_impossible_sizes_are_named() -> None:
    with pytest.raises(UsageError, match="99 books"):
        generate_places_graph(num_books=99, num_links=200, num_edges=10)
