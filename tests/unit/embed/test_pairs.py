"""Pairs are checked, counted, split and named without regard to their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.core.edges import Int64Array, count_edges
from bookgraph.core.errors import ShapeError, TrainingError, UsageError
from bookgraph.embed import fingerprint_pairs, split_edges
from bookgraph.embed.data.edges import build_edge_list, build_pairs, check_pairs

NUM_BOOKS, NUM_LINKS = 7, 9
some_pairs = st.lists(
    st.tuples(st.integers(0, NUM_BOOKS - 1), st.integers(0, NUM_LINKS - 1)), min_size=1, max_size=60
).map(lambda rows: np.array(rows, dtype=np.int64))


def sorted_rows(pairs: Int64Array) -> list[tuple[int, int]]:
    return sorted((int(book), int(link)) for book, link in pairs)


def test_distinct_edges_come_sorted_with_their_counts() -> None:
    pairs = np.array([[1, 0], [0, 2], [1, 0], [0, 1]], dtype=np.int64)
    edges = build_edge_list(pairs, num_books=2, num_links=3)
    assert edges.book_rows.tolist() == [0, 0, 1]
    assert edges.link_rows.tolist() == [1, 2, 0]
    assert edges.counts.tolist() == [1, 1, 2]
    assert edges.num_mentions == 4
    assert edges.count_links().tolist() == [2, 1, 1]
    assert sorted_rows(build_pairs(edges)) == sorted_rows(pairs)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([[0, 0]], "pairs is a list"),
        (np.zeros((3, 3), dtype=np.int64), r"shape \(3, 3\)"),
        (np.zeros(4, dtype=np.int64), r"shape \(4,\)"),
        (np.zeros((3, 2), dtype=np.int32), "dtype int32"),
        (np.zeros((3, 2)), "dtype float64"),
        (np.array([[0, 0], [2, 0]], dtype=np.int64), r"pairs\[1\] has book row 2.*\[0, 2\)"),
        (np.array([[0, 0], [0, 3]], dtype=np.int64), r"pairs\[1\] has link row 3.*\[0, 3\)"),
        (np.array([[0, -1]], dtype=np.int64), r"link row -1"),
    ],
)
def test_wrong_arrays_are_named(pairs: Int64Array, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        check_pairs(pairs, num_books=2, num_links=3)


def test_no_edge_at_all_says_what_to_do() -> None:
    with pytest.raises(TrainingError, match=r"5 books, 6 links and no edges.*bookgraph ingest"):
        split_edges(np.zeros((0, 2), dtype=np.int64), num_books=5, num_links=6)


@given(pairs=some_pairs, other=some_pairs)
def test_counts_add_up_like_the_repeats_of_pairs(pairs: Int64Array, other: Int64Array) -> None:
    one, two = (
        build_edge_list(p, num_books=NUM_BOOKS, num_links=NUM_LINKS) for p in (pairs, other)
    )
    together = count_edges(
        np.concatenate((two.book_rows, one.book_rows)),
        np.concatenate((two.link_rows, one.link_rows)),
        counts=np.concatenate((two.counts, one.counts)),
        num_books=NUM_BOOKS,
        num_links=NUM_LINKS,
    )
    expected = np.concatenate((pairs, other))
    assert sorted_rows(build_pairs(together)) == sorted_rows(expected)
    assert together.fingerprint() == fingerprint_pairs(
        expected, num_books=NUM_BOOKS, num_links=NUM_LINKS
    )


@given(pairs=some_pairs, share=st.floats(0, 0.99), seed=st.integers(0, 5))
def test_a_split_is_a_partition_that_leaves_each_book_an_edge(
    pairs: Int64Array, share: float, seed: int
) -> None:
    train, test = split_edges(
        pairs, num_books=NUM_BOOKS, num_links=NUM_LINKS, test_share=share, seed=seed
    )
    assert sorted_rows(np.concatenate((train, test))) == sorted_rows(pairs)
    assert not set(sorted_rows(train)) & set(sorted_rows(test))
    assert set(train[:, 0]) == set(pairs[:, 0])


@given(pairs=some_pairs, seed=st.integers(0, 5))
def test_a_split_does_not_depend_on_the_order(pairs: Int64Array, seed: int) -> None:
    one, other = (
        split_edges(rows, num_books=NUM_BOOKS, num_links=NUM_LINKS, test_share=0.4, seed=seed)
        for rows in (pairs, pairs[::-1])
    )
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_the_share_holds_over_many_small_books() -> None:
    # 3,000 books with 3 edges each: a fifth of 3 is no whole number, yet a fifth is held out.
    pairs = np.array([[b, (b + i) % 50] for b in range(3000) for i in range(3)], dtype=np.int64)
    _, test = split_edges(pairs, num_books=3000, num_links=50, test_share=0.2)
    assert len(test) / len(pairs) == pytest.approx(0.2, abs=0.01)


def test_another_seed_is_another_split() -> None:
    pairs = np.array([[b, i] for b in range(30) for i in range(10)], dtype=np.int64)
    one, other = (split_edges(pairs, num_books=30, num_links=10, seed=s)[1] for s in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_named(share: float) -> None:
    pairs = np.array([[0, 0]], dtype=np.int64)
    with pytest.raises(UsageError, match=str(share)):
        split_edges(pairs, num_books=1, num_links=1, test_share=share)


@given(pairs=some_pairs)
def test_the_fingerprint_sees_edges_and_counts_but_no_order(pairs: Int64Array) -> None:
    def name(rows: Int64Array, num_links: int = NUM_LINKS) -> str:
        return fingerprint_pairs(rows, num_books=NUM_BOOKS, num_links=num_links)

    assert name(pairs) == name(pairs[::-1])
    assert name(pairs) != name(np.concatenate((pairs, pairs[:1])))
    assert name(pairs) != name(pairs, NUM_LINKS + 1)
    assert len(name(pairs)) == 64
