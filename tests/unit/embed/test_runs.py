"""Checkpoints, early stopping, popularity as length, two relations, fold-in."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bookgraph.core.edges import Int64Array
from bookgraph.core.errors import ShapeError, UsageError
from bookgraph.embed import (
    Checkpoints,
    Embeddings,
    EpochReport,
    TrainConfig,
    evaluate_ranking,
    fit,
    fold_in,
    load_embeddings,
    save_embeddings,
    split_edges,
)
from bookgraph.embed.data.adjacency import build_adjacency
from bookgraph.embed.data.edges import build_edge_list
from bookgraph.embed.models.spectral import smooth_with_gradient
from bookgraph.embed.train.watch import Watch, popularity_lengths
from bookgraph.testing.graphs import generate_graph

CPU = torch.device("cpu")
GRAPH = generate_graph(num_books=300, num_links=250, num_edges=5000, num_topics=12, seed=1)
SIZES = {"num_books": GRAPH.num_books, "num_links": GRAPH.num_links}


def train(**settings: Any) -> Embeddings:
    config = TrainConfig(**{"dim": 16, "epochs": 10, "device": "cpu", **settings})
    return fit(GRAPH.pairs, **SIZES, config=config)


_SCRIPT = """
import os, signal, sys
from pathlib import Path
from bookgraph.embed import Checkpoints, TrainConfig, fit
from bookgraph.testing.graphs import generate_graph
graph = generate_graph(num_books=300, num_links=250, num_edges=5000, num_topics=12, seed=1)
settings = eval(sys.argv[2])
config = TrainConfig(dim=16, epochs=10, **settings)
seen = 0
def kill(progress):
    global seen
    seen += 1
    if progress.done > progress.total * 0.65:
        os.kill(os.getpid(), signal.SIGKILL)
fit(graph.pairs, num_books=300, num_links=250, config=config, on_progress=kill,
    checkpoints=Checkpoints(Path(sys.argv[1]), every=2))
"""


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 2},
        pytest.param({"smoothing_hops": 0}, marks=pytest.mark.slow),
        pytest.param({"model": "reference", "loss": "bce"}, marks=pytest.mark.slow),
        pytest.param({"model": "lightgcn"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_killed_run_resumes_to_the_bit_same_result(
    tmp_path: Path, settings: dict[str, Any], device: torch.device
) -> None:
    settings = {**settings, "device": str(device)}
    path = tmp_path / "run.npz"
    killed = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(path), repr(settings)],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert path.is_file()
    seen: list[EpochReport] = []
    config = TrainConfig(dim=16, epochs=10, **settings)
    resumed = fit(
        GRAPH.pairs,
        **SIZES,
        config=config,
        on_epoch=seen.append,
        checkpoints=Checkpoints(path, every=2),
    )
    whole = train(**settings)
    assert 0 < len(seen) < len(whole.history)
    assert np.array_equal(resumed.book, whole.book)
    assert np.array_equal(resumed.link, whole.link)
    assert [e.loss for e in resumed.history] == [e.loss for e in whole.history]
    assert not path.exists()


def test_a_checkpoint_of_another_run_is_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path / "run.npz")

    def stop(report: EpochReport) -> None:
        raise KeyboardInterrupt

    config = TrainConfig(dim=8, epochs=3, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        fit(GRAPH.pairs, **SIZES, config=config, on_epoch=stop, checkpoints=checkpoints)
    other = TrainConfig(dim=8, epochs=4, device="cpu")
    with caplog.at_level(logging.WARNING):
        result = fit(GRAPH.pairs, **SIZES, config=other, checkpoints=checkpoints)
    assert "it has other settings" in caplog.text
    assert len(result.history) == 4


def test_a_damaged_checkpoint_is_named_and_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.npz"
    path.write_bytes(b"no zip")
    with caplog.at_level(logging.WARNING):
        fit(
            GRAPH.pairs,
            **SIZES,
            config=TrainConfig(dim=8, epochs=1, device="cpu"),
            checkpoints=Checkpoints(path),
        )
    assert "the file is damaged" in caplog.text
    with pytest.raises(UsageError, match="--checkpoint-every is 0"):
        Checkpoints(path, every=0)


def test_patience_restores_the_best_vectors_and_runs_the_last_fifth(device: torch.device) -> None:
    # A rate this high spoils the spectral start, so that the recall never comes back.
    result = train(epochs=50, patience=2, learning_rate=0.5, device=str(device))
    epochs = [report.epoch for report in result.history]
    assert result.is_complete
    assert len(epochs) < 50
    assert epochs[-10:] == list(range(41, 51))
    early = [e.recall_at_20 for e in result.history if e.recall_at_20 is not None]
    assert early.index(max(early)) == len(early) - 3


def test_popularity_as_length_by_hand() -> None:
    pairs = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [0, 1]], dtype=np.int64)
    graph = build_adjacency(build_edge_list(pairs, num_books=4, num_links=2), device=CPU)
    # 4 mentions and 1: lengths 1 and (1/4) ** 0.5.
    assert popularity_lengths(graph, 0.5).tolist() == pytest.approx([1.0, 0.5])


def test_the_power_is_large_where_only_popularity_helps_and_zero_where_it_misleads() -> None:
    random = np.random.default_rng(0)
    popular = np.stack((np.arange(200), random.integers(0, 5, 200)), axis=1)
    rare = np.stack((np.arange(200), 5 + np.arange(200)), axis=1)
    graph = build_adjacency(
        build_edge_list(np.concatenate((popular, rare)), num_books=200, num_links=400), device=CPU
    )
    rows = torch.arange(200)
    vague = torch.nn.functional.normalize(torch.ones(400, 8) + 0.1 * torch.randn(400, 8), dim=1)

    def choose(held_out: Int64Array, link: torch.Tensor, book: torch.Tensor) -> float:
        true = build_adjacency(build_edge_list(held_out, num_books=200, num_links=400), device=CPU)
        return Watch(graph, true, rows, k=3).choose_power(book, link)

    others = np.stack((np.arange(200), (popular[:, 1] + 1) % 5), axis=1)
    assert choose(others, vague, torch.ones(200, 8)) >= 0.1
    exact = np.stack((np.arange(200), 205 + np.arange(195).repeat(2)[:200] % 195), axis=1)
    directions = torch.randn(400, 64, generator=torch.Generator().manual_seed(0))
    assert choose(exact, directions, directions[torch.from_numpy(exact[:, 1])]) == 0.0


def test_the_gradient_of_smoothing_is_its_slope() -> None:
    graph = build_adjacency(build_edge_list(GRAPH.pairs[:60], **SIZES), device=CPU)
    tables = [torch.randn(n, 2, requires_grad=True) for n in (300, 250)]
    weights = [torch.randn(n, 2) for n in (300, 250)]

    def value(book: torch.Tensor, link: torch.Tensor) -> torch.Tensor:
        smooth = smooth_with_gradient(graph, book, link, hops=2)
        return torch.stack([(s * w).sum() for s, w in zip(smooth, weights, strict=True)]).sum()

    gradient = torch.autograd.grad(value(*tables), tables)[0][int(GRAPH.pairs[0, 0]), 1]
    moved = tables[0].detach().clone()
    moved[int(GRAPH.pairs[0, 0]), 1] += 1.0  # linear, so the difference is exact
    difference = value(moved, tables[1]) - value(*tables)
    assert float(difference.detach()) == pytest.approx(float(gradient), rel=1e-3, abs=1e-3)


def test_a_second_relation_adds_what_the_first_does_not_express() -> None:
    # Links fall into two halves; externals alone say which quarter a book is in.
    random = np.random.default_rng(0)
    books = np.arange(200).repeat(8)
    quarter = books % 4
    links = (quarter // 2) * 20 + random.integers(0, 20, len(books))
    external = quarter * 15 + random.integers(0, 15, len(books))
    pairs = np.stack((books, links), axis=1).astype(np.int64)
    cites = np.stack((books, external), axis=1).astype(np.int64)
    config = TrainConfig(dim=16, epochs=15, device="cpu")

    def share_of_own_quarter(embeddings: Embeddings) -> float:
        cosines = embeddings.book @ embeddings.book.T
        np.fill_diagonal(cosines, -np.inf)
        nearest = np.argsort(-cosines, axis=1)[:, :10]
        return float((nearest % 4 == np.arange(200)[:, None] % 4).mean())

    without = fit(pairs, num_books=200, num_links=40, config=config)
    joined = fit(
        pairs, num_books=200, num_links=40, config=config, external_pairs=cites, num_external=60
    )
    assert without.external is None
    assert joined.link.shape == (40, 16)
    assert joined.external is not None
    assert joined.external.shape == (60, 16)
    assert share_of_own_quarter(without) < 0.65
    assert share_of_own_quarter(joined) > 0.9
    with pytest.raises(ShapeError, match="external_pairs"):
        fit(pairs, num_books=200, num_links=40, external_pairs=cites, num_external=5)


def test_fold_in_is_nearly_as_good_as_training_with_the_book() -> None:
    train_pairs, test_pairs = split_edges(GRAPH.pairs, **SIZES, test_share=0.3)
    config = TrainConfig(dim=16, epochs=10, device="cpu")
    whole = fit(train_pairs, **SIZES, config=config)
    is_new = train_pairs[:, 0] >= 240
    old = fit(train_pairs[~is_new], num_books=240, num_links=250, config=config)
    new_pairs = train_pairs[is_new] - np.array([240, 0])
    folded = fold_in(old, new_pairs, num_books=60)
    is_tested = test_pairs[:, 0] >= 240

    def recall(embeddings: Embeddings, rows: Int64Array) -> float:
        hits = []
        for row in np.unique(test_pairs[is_tested, 0]):
            scores = embeddings.book[row] @ embeddings.link.T
            scores[train_pairs[train_pairs[:, 0] == row, 1]] = -np.inf
            true = test_pairs[test_pairs[:, 0] == row, 1]
            hits.append(np.isin(true, np.argsort(-scores)[:20]).mean())
        return float(np.mean(hits))

    book = np.concatenate((old.book, folded))
    without = Embeddings(
        book=book,
        link=old.link,
        is_book_trained=np.ones(300, dtype=np.bool_),
        is_link_trained=old.is_link_trained,
        config=config,
        fingerprint="",
    )
    trained, quick = recall(whole, test_pairs), recall(without, test_pairs)
    assert trained > 0.3
    assert quick > 0.85 * trained


def test_fold_in_of_unknown_links_is_zero_and_an_old_file_is_named(tmp_path: Path) -> None:
    result = fit(
        GRAPH.pairs,
        num_books=300,
        num_links=251,
        config=TrainConfig(dim=4, epochs=1, device="cpu"),
    )
    assert not fold_in(result, np.array([[0, 250]], dtype=np.int64), num_books=2).any()
    save_embeddings(result, tmp_path / "model.npz")
    loaded = load_embeddings(tmp_path / "model.npz")
    assert loaded.link_degrees is not None
    assert loaded.link_degrees.sum() == len(GRAPH.pairs)
    object.__setattr__(loaded, "link_degrees", None)
    with pytest.raises(UsageError, match="Train it again"):
        fold_in(loaded, np.array([[0, 0]], dtype=np.int64), num_books=1)


def test_the_reference_gives_edges_a_higher_cosine_than_other_pairs() -> None:
    train_pairs, test_pairs = split_edges(GRAPH.pairs, **SIZES, test_share=0.2)
    config = TrainConfig(
        model="reference", loss="bce", dim=16, epochs=60, learning_rate=0.01, device="cpu"
    )
    embeddings = fit(train_pairs, **SIZES, config=config)
    scores = np.sum(embeddings.book[train_pairs[:, 0]] * embeddings.link[train_pairs[:, 1]], axis=1)
    assert scores.mean() > (embeddings.book @ embeddings.link.T).mean() + 0.2
    report = evaluate_ranking(embeddings, train_pairs, test_pairs, baselines=())
    assert report.model.recall.mean > 0.2
