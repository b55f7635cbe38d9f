"""Ranking metrics by hand and against torch-geometric's; baselines, ties, neighbours."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bookgraph.core.edges import Int64Array
from bookgraph.core.errors import ShapeError, TrainingError, UsageError
from bookgraph.core.progress import Progress
from bookgraph.embed import (
    Embeddings,
    TrainConfig,
    evaluate_neighbours,
    evaluate_ranking,
    split_edges,
)
from bookgraph.embed.data.adjacency import build_adjacency
from bookgraph.embed.data.edges import build_edge_list
from bookgraph.embed.evaluation.baselines import score_by_popularity, score_by_shared_neighbours
from bookgraph.embed.evaluation.ranking import iter_ranked, measure_books

CPU = torch.device("cpu")


def as_pairs(*rows: tuple[int, int]) -> Int64Array:
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def as_embeddings(scores: list[list[float]]) -> Embeddings:
    """Tables whose dot products are exactly these scores."""
    book = np.array(scores, dtype=np.float32)
    link = np.eye(book.shape[1], dtype=np.float32)
    return Embeddings(
        book=book,
        link=link,
        is_book_trained=np.ones(len(book), dtype=np.bool_),
        is_link_trained=np.ones(len(link), dtype=np.bool_),
        config=TrainConfig(dim=book.shape[1]),
        fingerprint="",
    )


def test_metrics_by_hand() -> None:
    # Book 0 knows link 0, which scores highest and is masked. Its order: 2, 3, 1, 4.
    # True links 3 and 4: recall@2 = 1/2, first true rank 2, NDCG@2 = (1/log2 3) / (1 + 1/log2 3).
    # Book 1 knows link 1. Its order: 0, 4, 3, 2. True link 2: rank 4, nothing within 2.
    embeddings = as_embeddings([[9, 2, 5, 4, 1], [8, 0, 1, 2, 3]])
    report = evaluate_ranking(
        embeddings, as_pairs((0, 0), (1, 1)), as_pairs((0, 3), (0, 4), (1, 2)), k=2, baselines=()
    )
    assert report.num_test_edges == 3
    assert report.num_test_books == 2
    assert report.model.recall.mean == pytest.approx((0.5 + 0) / 2)
    assert report.model.hit_rate.mean == pytest.approx(0.5)
    assert report.model.mrr.mean == pytest.approx((1 / 2 + 1 / 4) / 2)
    gain = 1 / math.log2(3)
    assert report.model.ndcg.mean == pytest.approx(gain / (1 + gain) / 2)


def test_json_has_the_names_that_scripts_rely_on() -> None:
    report = evaluate_ranking(
        as_embeddings([[1, 2, 3]]), as_pairs((0, 0)), as_pairs((0, 2)), baselines=("popularity",)
    )
    values = report.to_json()
    assert values["recall_at_20"] == values["ndcg_at_20"] == values["mrr"] == 1.0
    assert values["hit_rate_at_20"] == 1.0
    assert values["num_test_edges"] == 1
    assert values["recall_at_20_ci95"] == [1.0, 1.0]
    baselines = values["baselines"]
    assert isinstance(baselines, dict)
    assert set(baselines) == {"popularity"}


@pytest.mark.slow  # torch-geometric takes seconds to load
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 12))
def test_metrics_equal_those_of_torch_geometric(seed: int, k: int) -> None:
    from torch_geometric.metrics import LinkPredMRR, LinkPredNDCG, LinkPredRecall

    random = np.random.default_rng(seed)
    num_books, num_links = 6, 10
    pairs = np.argwhere(random.random((num_books, num_links)) < 0.5)
    if len(pairs) < 2:
        return
    train, test = split_edges(pairs, num_books=num_books, num_links=num_links, test_share=0.5)
    if len(test) == 0:
        return
    scores = random.normal(size=(num_books, num_links)).tolist()
    report = evaluate_ranking(as_embeddings(scores), train, test, k=k, baselines=())

    masked = np.array(scores)
    masked[train[:, 0], train[:, 1]] = -np.inf
    order = torch.from_numpy(np.argsort(-masked, axis=1))
    ranked = torch.from_numpy(np.unique(test[:, 0]))
    place = {int(book): at for at, book in enumerate(ranked)}
    truth = torch.tensor([[place[int(b)] for b, _ in test], [int(link) for _, link in test]])
    for metric, mine in (
        (LinkPredRecall(k), report.model.recall),
        (LinkPredNDCG(k), report.model.ndcg),
        (LinkPredMRR(num_links), report.model.mrr),
    ):
        length = num_links if isinstance(metric, LinkPredMRR) else k
        metric.update(order[ranked][:, :length], truth)
        assert mine.mean == pytest.approx(float(metric.compute()), abs=1e-6)


def test_a_model_that_knows_nothing_ranks_like_chance() -> None:
    # All scores are equal; of 50 links each book has one true one: recall@10 is 10 / 49 expected.
    num_books, num_links = 2000, 50
    random = np.random.default_rng(0)
    two = np.array([random.choice(num_links, 2, replace=False) for _ in range(num_books)])
    rows = np.arange(num_books)
    report = evaluate_ranking(
        as_embeddings(np.zeros((num_books, num_links)).tolist()),
        np.stack((rows, two[:, 0]), axis=1).astype(np.int64),
        np.stack((rows, two[:, 1]), axis=1).astype(np.int64),
        k=10,
        baselines=(),
    )
    assert report.model.recall.mean == pytest.approx(10 / 49, abs=0.03)
    assert report.model.recall.low < 10 / 49 < report.model.recall.high


def test_negative_zero_ties_with_zero() -> None:
    known = build_adjacency(build_edge_list(as_pairs((0, 0)), num_books=1, num_links=4), device=CPU)
    true = build_adjacency(build_edge_list(as_pairs((0, 1)), num_books=1, num_links=4), device=CPU)

    def top(scores: list[float]) -> list[int]:
        (ranked,) = iter_ranked(
            lambda _: torch.tensor([scores]),
            torch.tensor([0]),
            known=known.of_books,
            held_out=true.of_books,
            k=4,
        )
        return ranked.top_links[0].tolist()

    assert top([0.0, -0.0, 0.0, -0.0]) == top([0.0, 0.0, 0.0, 0.0])
    assert top([5.0, -1.0, -2.0, -0.5]) == [3, 1, 2, -1]


def test_the_interval_holds_the_mean_and_shrinks_with_more_books() -> None:
    def width(num_books: int) -> float:
        random = np.random.default_rng(1)
        rows = np.arange(num_books)
        known, true = np.zeros(num_books), random.integers(1, 40, num_books)
        report = evaluate_ranking(
            as_embeddings(random.normal(size=(num_books, 40)).tolist()),
            np.stack((rows, known), axis=1).astype(np.int64),
            np.stack((rows, true), axis=1).astype(np.int64),
            baselines=(),
        )
        recall = report.model.recall
        assert recall.low < recall.mean < recall.high
        return recall.high - recall.low

    # The standard error of a share of about 1/2 among 100 books is 0.05: an interval of 0.196.
    assert width(100) == pytest.approx(0.196, abs=0.03)
    assert width(1600) == pytest.approx(0.049, abs=0.01)


def test_popularity_counts_books() -> None:
    pairs = as_pairs((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 2), (2, 2))
    graph = build_adjacency(build_edge_list(pairs, num_books=3, num_links=4), device=CPU)
    assert score_by_popularity(graph)(torch.tensor([0, 2])).tolist() == [[3, 2, 1, 0]] * 2


def test_shared_neighbours_by_hand() -> None:
    # Book 0 has {0, 1}, book 1 has {1, 2}, book 2 has {3}.
    # Similarity of 0 and 1: 1 shared / sqrt(2 * 2) = 0.5; of 0 and itself 1; of 0 and 2: 0.
    pairs = as_pairs((0, 0), (0, 1), (1, 1), (1, 2), (2, 3))
    graph = build_adjacency(build_edge_list(pairs, num_books=3, num_links=4), device=CPU)
    scores = score_by_shared_neighbours(graph)(torch.tensor([0]))
    assert scores[0].tolist() == pytest.approx([1, 1.5, 0.5, 0])


@pytest.mark.parametrize(
    ("test", "keywords", "error", "words"),
    [
        (as_pairs((0, 0)), {}, UsageError, "1 of 1 test edges are also training edges"),
        (as_pairs(), {}, TrainingError, "no held-out edges"),
        (as_pairs((0, 9)), {}, ShapeError, "link row 9"),
        (as_pairs((0, 1)), {"k": 0}, UsageError, "k is 0"),
        (as_pairs((0, 1)), {"baselines": ("magic",)}, UsageError, "'magic'.*popularity"),
        (as_pairs((0, 1)), {"device": "abacus"}, UsageError, "Unknown device: --device abacus"),
    ],
)
def test_what_cannot_be_evaluated_is_named(
    test: Int64Array, keywords: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluate_ranking(as_embeddings([[1, 2, 3]]), as_pairs((0, 0)), test, **keywords)  # type: ignore[arg-type]  # wrong on purpose


def test_vectors_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ShapeError, match="not finite"):
        evaluate_ranking(as_embeddings([[1, math.nan]]), as_pairs((0, 0)), as_pairs((0, 1)))


def test_progress_ends_at_all_books() -> None:
    seen: list[Progress] = []
    evaluate_ranking(
        as_embeddings([[1, 2, 3]] * 4),
        as_pairs(*((b, 0) for b in range(4))),
        as_pairs(*((b, 1) for b in range(4))),
        on_progress=seen.append,
    )
    assert [p.stage for p in seen if p.is_finished] == [
        "Ranking (model)",
        "Ranking (popularity)",
        "Ranking (shared_neighbours)",
    ]


def test_measured_books_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    pairs = np.argwhere(random.random((40, 30)) < 0.3)
    train, test = split_edges(pairs, num_books=40, num_links=30, test_share=0.4)
    embeddings = as_embeddings(random.normal(size=(40, 30)).tolist())
    whole = evaluate_ranking(embeddings, train, test)
    monkeypatch.setattr("bookgraph.embed.evaluation.ranking._NUMBERS_IN_A_CHUNK", 70)
    assert evaluate_ranking(embeddings, train, test) == whole


def test_books_with_fewer_links_than_k() -> None:
    # 4 links, 2 known: only 2 can be listed; the true one of them is first, the list is short.
    known = build_edge_list(as_pairs((0, 0), (0, 1)), num_books=1, num_links=4)
    true = build_edge_list(as_pairs((0, 3)), num_books=1, num_links=4)
    known_links, true_links = (build_adjacency(e, device=CPU).of_books for e in (known, true))
    (ranked,) = iter_ranked(
        lambda _: torch.tensor([[4.0, 3.0, 1.0, 2.0]]),
        torch.tensor([0]),
        known=known_links,
        held_out=true_links,
        k=20,
    )
    assert ranked.top_links.tolist() == [[3, 2, -1, -1]]
    assert float(measure_books(ranked, true_links).recall[0]) == 1.0


def test_neighbours_by_hand() -> None:
    # Two tight pairs: books 0 and 1 share an author, 2 and 3 share one with nobody near.
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.5, 0.5]], dtype=np.float32)
    labels = [{"tolstoy"}, {"tolstoy", "gorky"}, {"gorky"}, {"verne"}, set()]
    report = evaluate_neighbours(vectors, labels, k=1)
    # Nearest: 0 -> 1 shares, 1 -> 0 shares, 2 -> 3 not, 3 -> 2 not.
    assert report.share == pytest.approx(2 / 4)
    # Ordered pairs that share: (0, 1), (1, 0), (1, 2), (2, 1) of 12.
    assert report.chance == pytest.approx(4 / 12)
    assert report.num_books == 4
    assert report.k == 1


def test_neighbours_of_all_others_equal_chance() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(30, 5)).astype(np.float32)
    labels = [{str(label)} for label in random.integers(4, size=30)]
    report = evaluate_neighbours(vectors, labels, k=100)
    assert report.k == 29
    assert report.share == pytest.approx(report.chance)


def test_neighbours_do_not_depend_on_lengths_or_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 5)).astype(np.float32)
    labels = [{str(label)} for label in random.integers(4, size=60)]
    whole = evaluate_neighbours(vectors, labels, k=5)
    monkeypatch.setattr("bookgraph.embed.evaluation.neighbours._FLAGS_IN_A_CHUNK", 100)
    lengths = random.uniform(0.1, 10, size=(60, 1)).astype(np.float32)
    assert evaluate_neighbours(vectors * lengths, labels, k=5) == whole


def test_zero_vectors_are_left_out_of_neighbours() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 0]], dtype=np.float32)
    assert evaluate_neighbours(vectors, [{"a"}, {"a"}, {"a"}], k=2).num_books == 2


@pytest.mark.parametrize(
    ("labels", "k", "error", "words"),
    [
        ([{"a"}], 1, ShapeError, "1 collections"),
        ([{"a"}, set()], 1, TrainingError, "1 of 2 books"),
        ([{"a"}, {"b"}], 0, UsageError, "k is 0"),
    ],
)
def test_neighbours_that_cannot_be_measured(
    labels: list[set[str]], k: int, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluate_neighbours(np.eye(2, dtype=np.float32), labels, k=k)
