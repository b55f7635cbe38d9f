"""Batches hold every pair as often as it was counted; negatives are distinct, fair and marked."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.core.edges import Int64Array
from bookgraph.embed.data.adjacency import Adjacency, build_adjacency
from bookgraph.embed.data.edges import build_edge_list
from bookgraph.embed.step.sampling import draw_rows, iter_epoch, mark_positives, num_steps

CPU = torch.device("cpu")
NUM_BOOKS, NUM_LINKS = 6, 11
some_pairs = st.lists(
    st.tuples(st.integers(0, NUM_BOOKS - 1), st.integers(0, NUM_LINKS - 1)), min_size=1, max_size=50
).map(lambda rows: np.array(rows, dtype=np.int64))


def adjacency(pairs: Int64Array) -> Adjacency:
    edges = build_edge_list(pairs, num_books=NUM_BOOKS, num_links=NUM_LINKS)
    return build_adjacency(edges, device=CPU)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(pairs=some_pairs, batch_size=st.integers(1, 20), seed=st.integers(0, 9))
def test_an_epoch_holds_each_pair_as_often_as_it_was_counted(
    pairs: Int64Array, batch_size: int, seed: int
) -> None:
    batches = list(
        iter_epoch(adjacency(pairs), seeded(seed), batch_size=batch_size, num_negatives=3)
    )
    assert len(batches) == num_steps(len(pairs), batch_size)
    seen = [
        pair
        for b in batches
        for pair in zip(b.book_rows.tolist(), b.link_rows.tolist(), strict=True)
    ]
    assert sorted(seen) == sorted((int(b), int(k)) for b, k in pairs)


@given(
    pairs=some_pairs,
    batch_size=st.integers(1, 20),
    num_negatives=st.integers(1, 15),
    seed=st.integers(0, 9),
)
def test_negatives_stay_in_range_and_true_pairs_among_them_are_marked(
    pairs: Int64Array, batch_size: int, num_negatives: int, seed: int
) -> None:
    true = {(int(book), int(link)) for book, link in pairs}
    for batch in iter_epoch(
        adjacency(pairs),
        seeded(seed),
        batch_size=batch_size,
        num_negatives=num_negatives,
        has_negative_books=True,
    ):
        links, books = batch.negative_links, batch.negative_books
        assert books is not None
        assert len(links.rows) == min(num_negatives, NUM_LINKS)
        assert len(books.rows) == min(num_negatives, NUM_BOOKS)
        assert links.is_positive.tolist() == [
            [(book, link) in true for link in links.rows.tolist()]
            for book in batch.book_rows.tolist()
        ]
        assert books.is_positive.tolist() == [
            [(book, link) in true for book in books.rows.tolist()]
            for link in batch.link_rows.tolist()
        ]


@given(num_rows=st.integers(1, 300), num_drawn=st.integers(1, 320), seed=st.integers(0, 99))
def test_drawn_rows_are_distinct_ascending_and_in_range(
    num_rows: int, num_drawn: int, seed: int
) -> None:
    rows = draw_rows(num_rows, num_drawn, seeded(seed)).tolist()
    assert len(rows) == min(num_rows, num_drawn)
    assert rows == sorted(set(rows))
    assert rows[0] >= 0
    assert rows[-1] < num_rows


def test_every_row_is_drawn_equally_often() -> None:
    # 10 does not go into 17, so stretches differ in length; the shift has to even that out.
    generator = seeded()
    counts = torch.zeros(17)
    for _ in range(20_000):
        counts[draw_rows(17, 10, generator)] += 1
    # Expected 20,000 * 10 / 17 = 11,765 each, standard deviation 70.
    assert counts.min() > 11_400
    assert counts.max() < 12_130


def test_marks_by_hand() -> None:
    graph = adjacency(np.array([[0, 1], [0, 4], [2, 4], [2, 7]], dtype=np.int64))
    rows = torch.tensor([2, 0, 1, 2])
    marks = mark_positives(graph.of_books, rows, torch.tensor([4, 7, 9]), size=6)
    assert marks.tolist() == [
        [True, True, False],
        [True, False, False],
        [False, False, False],
        [True, True, False],
    ]


def test_one_seed_gives_the_same_batches_and_another_seed_others() -> None:
    graph = adjacency(np.array([[b, k] for b in range(6) for k in range(11)], dtype=np.int64))

    def first_books(seed: int) -> list[int]:
        return next(
            iter_epoch(graph, seeded(seed), batch_size=30, num_negatives=4)
        ).book_rows.tolist()

    assert first_books(1) == first_books(1)
    assert first_books(1) != first_books(2)
