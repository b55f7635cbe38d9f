"""Training on planted truth, seeds, repeats, isolated rows, interruption, divergence, devices."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from bookgraph.core.edges import Int64Array
from bookgraph.core.errors import ShapeError, TrainingError, UsageError
from bookgraph.core.progress import Progress
from bookgraph.embed import (
    EpochReport,
    TrainConfig,
    TrainingInterrupted,
    evaluate_ranking,
    fingerprint_pairs,
    fit,
    split_edges,
)
from bookgraph.embed.data.adjacency import build_adjacency, cut_long_rows
from bookgraph.embed.data.edges import build_edge_list
from bookgraph.embed.device import make_generator, resolve_device, to_numpy
from bookgraph.embed.models.spectral import smooth, truncated_svd
from bookgraph.embed.train.run import start_run

NUM_BOOKS, NUM_LINKS = 300, 240
CPU = torch.device("cpu")


def planted_pairs(seed: int = 0, edges_a_book: int = 14) -> Int64Array:
    """Hidden directions in 6 dimensions draw each book's links; a skew makes some popular."""
    random = np.random.default_rng(seed)
    book, link = random.normal(size=(NUM_BOOKS, 6)), random.normal(size=(NUM_LINKS, 6))
    book /= np.linalg.norm(book, axis=1, keepdims=True)
    link /= np.linalg.norm(link, axis=1, keepdims=True)
    scores = 8 * book @ link.T + random.exponential(0.4, size=NUM_LINKS)
    scores += random.gumbel(size=scores.shape)
    chosen = np.argsort(-scores, axis=1)[:, :edges_a_book]
    rows = np.repeat(np.arange(NUM_BOOKS), edges_a_book)
    return np.stack((rows, chosen.ravel()), axis=1).astype(np.int64)


def train(pairs: Int64Array, **settings: Any) -> Any:  # any field of TrainConfig
    config = TrainConfig(**{"dim": 16, "epochs": 6, "device": "cpu", **settings})
    return fit(pairs, num_books=NUM_BOOKS, num_links=NUM_LINKS, config=config)


@pytest.fixture(scope="module")
def split() -> tuple[Int64Array, Int64Array]:
    return split_edges(planted_pairs(), num_books=NUM_BOOKS, num_links=NUM_LINKS, test_share=0.2)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adagrad"},
        {"smoothing_hops": 0},
        {"smoothing_hops": 0, "optimizer": "adam"},
        {"negative_source": "uniform"},
        {"start": "random", "epochs": 15},
        {"negative_sides": "both"},
        {"loss": "bce", "start": "random", "epochs": 15},
        {"loss": "mse", "start": "random", "epochs": 15},
        {"num_negatives": 64},
        pytest.param({"model": "lightgcn", "epochs": 15}, marks=pytest.mark.slow),
        {"model": "reference", "epochs": 60, "learning_rate": 0.01},
        {"model": "reference", "loss": "bce", "epochs": 60, "learning_rate": 0.01},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())) or "default",
)
def test_every_way_to_train_finds_the_planted_truth(
    split: tuple[Int64Array, Int64Array], settings: dict[str, object], device: torch.device
) -> None:
    embeddings = train(split[0], device=str(device), **settings)
    report = evaluate_ranking(embeddings, *split, k=5, baselines=("popularity",))
    assert report.model.recall.mean > 1.5 * report.baselines["popularity"].recall.mean
    assert report.model.recall.low > report.baselines["popularity"].recall.high


def test_training_beats_its_own_start(split: tuple[Int64Array, Int64Array]) -> None:
    recalls = [
        evaluate_ranking(train(split[0], start="random", epochs=epochs), *split, baselines=())
        for epochs in (0, 15)
    ]
    assert recalls[0].model.recall.high < 0.15
    assert recalls[1].model.recall.low > 0.3


def test_loss_falls_and_recall_is_reported_until_the_held_out_edges_join() -> None:
    reports: list[EpochReport] = []
    fit(
        planted_pairs(),
        num_books=NUM_BOOKS,
        num_links=NUM_LINKS,
        config=TrainConfig(dim=16, epochs=10, start="random", device="cpu"),
        on_epoch=reports.append,
    )
    assert [report.epoch for report in reports] == list(range(1, 11))
    assert reports[7].loss < 0.8 * reports[0].loss
    assert [report.recall_at_20 is not None for report in reports] == [True] * 8 + [False] * 2
    assert reports[0].num_pairs < len(planted_pairs()) == reports[-1].num_pairs
    assert all(report.pairs_per_s > 0 for report in reports)
    reported = [report.recall_at_20 for report in reports if report.recall_at_20 is not None]
    assert max(reported) > reported[0]


def test_nothing_is_held_out_when_the_share_is_zero() -> None:
    embeddings = train(planted_pairs(), holdout_share=0.0, epochs=2)
    assert embeddings.recall_at_20 is None
    assert embeddings.history[0].num_pairs == len(planted_pairs())


def test_the_result_names_its_settings_and_data() -> None:
    pairs = planted_pairs()
    embeddings = train(pairs, epochs=2, seed=5)
    assert embeddings.book.shape == (NUM_BOOKS, 16)
    assert embeddings.link.shape == (NUM_LINKS, 16)
    for table in (embeddings.book, embeddings.link):
        assert table.dtype == np.float32
        assert table.flags.c_contiguous
    given = TrainConfig(dim=16, epochs=2, device="cpu", seed=5)
    assert embeddings.config == given.with_defaults()
    assert embeddings.fingerprint == fingerprint_pairs(
        pairs, num_books=NUM_BOOKS, num_links=NUM_LINKS
    )
    assert embeddings.is_complete
    assert len(embeddings.history) == 2


_SCRIPT = """
import hashlib, numpy as np
from bookgraph.embed import TrainConfig, fit
pairs = np.random.default_rng(0).integers(0, 90, size=(2000, 2))
result = fit(pairs, num_books=90, num_links=90, config=TrainConfig(dim=8, epochs=3, device="cpu"))
print(hashlib.sha256(result.book.tobytes() + result.link.tobytes()).hexdigest())
"""


@pytest.mark.slow  # loads torch twice
def test_one_seed_gives_one_result_in_two_processes() -> None:
    digests = {
        subprocess.run(  # our own interpreter and script
            [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adagrad", "negative_sides": "both", "negative_source": "uniform"},
        {"smoothing_hops": 0},
        pytest.param({"model": "lightgcn"}, marks=pytest.mark.slow),
        {"model": "reference", "loss": "bce"},
    ],
    ids=str,
)
def test_the_order_of_pairs_does_not_matter_and_another_seed_does(
    settings: dict[str, object], device: torch.device
) -> None:
    pairs = planted_pairs()

    def digest(rows: Int64Array, seed: int) -> str:
        book = train(rows, epochs=2, seed=seed, device=str(device), **settings).book
        return hashlib.sha256(book.tobytes()).hexdigest()

    assert digest(pairs, 0) == digest(pairs[::-1], 0)
    assert digest(pairs, 0) != digest(pairs, 1)


def test_the_input_is_not_changed() -> None:
    pairs = planted_pairs()
    before = pairs.copy()
    train(pairs, epochs=1)
    assert np.array_equal(pairs, before)


def test_repeats_weigh_more(device: torch.device) -> None:
    # Book 0 has link 0 thirty times and link 1 once; both stand for one half of the books.
    half = NUM_BOOKS // 2
    pairs = [(book, 2 + book % 20) for book in range(half) for _ in range(2)]
    pairs += [(book, 30 + book % 20) for book in range(half, NUM_BOOKS)]
    pairs += [(book, 0) for book in range(1, half)] + [(book, 1) for book in range(half, NUM_BOOKS)]
    pairs += [(0, 0)] * 30 + [(0, 1)]
    often = train(
        np.array(pairs, dtype=np.int64),
        start="random",
        epochs=20,
        holdout_share=0.0,
        device=str(device),
    )
    pairs += [(0, 1)] * 29
    pairs = [pair for at, pair in enumerate(pairs) if pair != (0, 0) or at % 30 == 0] + [(0, 0)]
    seldom = train(
        np.array(pairs, dtype=np.int64),
        start="random",
        epochs=20,
        holdout_share=0.0,
        device=str(device),
    )

    def preference(embeddings: Any) -> float:  # Embeddings
        unit = embeddings.link / np.linalg.norm(embeddings.link, axis=1, keepdims=True).clip(1e-9)
        return float(embeddings.book[0] @ (unit[0] - unit[1]))

    assert preference(often) > 0 > preference(seldom)


def test_rows_without_an_edge_are_zero_and_marked(device: torch.device) -> None:
    pairs = planted_pairs()
    embeddings = fit(
        pairs,
        num_books=NUM_BOOKS + 3,
        num_links=NUM_LINKS + 2,
        config=TrainConfig(dim=8, epochs=2, device=str(device)),
    )
    assert embeddings.is_book_trained.tolist() == [True] * NUM_BOOKS + [False] * 3
    assert not embeddings.book[NUM_BOOKS:].any()
    assert not embeddings.link[~embeddings.is_link_trained].any()
    assert np.linalg.norm(embeddings.book[:NUM_BOOKS], axis=1).min() > 0.1


@pytest.mark.parametrize("loss", ["softmax", "bce", "mse"])
@pytest.mark.parametrize("start", ["spectral", "random"])
@pytest.mark.parametrize("pairs", [[[0, 0]], [[0, 0], [0, 1]], [[0, 0], [1, 0]], [[0, 0]] * 5])
def test_graphs_of_one_book_or_one_link(
    loss: Any, start: Any, pairs: list[list[int]], device: torch.device
) -> None:
    rows = np.array(pairs, dtype=np.int64)
    num_books, num_links = (int(n) for n in rows.max(axis=0) + 1)
    config = TrainConfig(dim=4, epochs=3, loss=loss, start=start, device=str(device))
    embeddings = fit(rows, num_books=num_books, num_links=num_links, config=config)
    assert np.isfinite(embeddings.book).all()
    assert np.isfinite(embeddings.link).all()
    assert (np.sum(embeddings.book[rows[:, 0]] * embeddings.link[rows[:, 1]], axis=1) > 0).all()


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=25),
    dim=st.sampled_from([1, 3, 32]),
    batch_size=st.sampled_from([1, 4, 100]),
)
def test_any_graph_gives_finite_vectors(
    rows: list[tuple[int, int]], dim: int, batch_size: int
) -> None:
    config = TrainConfig(dim=dim, epochs=2, batch_size=batch_size, device="cpu")
    embeddings = fit(np.array(rows, dtype=np.int64), num_books=5, num_links=7, config=config)
    assert np.isfinite(embeddings.book).all()
    assert embeddings.is_book_trained.tolist() == [b in {r[0] for r in rows} for b in range(5)]


def test_wrong_input_is_named() -> None:
    with pytest.raises(ShapeError, match="dtype float64"):
        fit(np.zeros((3, 2)), num_books=1, num_links=1)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TrainingError, match="no edges"):
        fit(np.zeros((0, 2), dtype=np.int64), num_books=1, num_links=1)
    with pytest.raises(UsageError, match="Unknown device: --device abacus"):
        train(planted_pairs(), device="abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_missing_cuda_device_is_named() -> None:
    with pytest.raises(UsageError, match="--device cuda is not available: torch finds 0"):
        train(planted_pairs(), device="cuda")
    assert resolve_device("auto") == CPU


def test_divergence_names_the_step_and_the_settings(device: torch.device) -> None:
    with pytest.raises(
        TrainingError, match=r"loss was (nan|inf) in step \d+ of epoch \d+.*temperature=1e-38"
    ):
        train(planted_pairs(), temperature=1e-38, learning_rate=100.0, device=str(device))


def test_an_interruption_leaves_usable_embeddings(
    split: tuple[Int64Array, Int64Array], device: torch.device
) -> None:
    def interrupt(report: EpochReport) -> None:
        if report.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted, match="after 3 of 50 epochs") as caught:
        fit(
            split[0],
            num_books=NUM_BOOKS,
            num_links=NUM_LINKS,
            config=TrainConfig(dim=16, epochs=50, device=str(device)),
            on_epoch=interrupt,
        )
    embeddings = caught.value.embeddings
    assert isinstance(caught.value, KeyboardInterrupt)
    assert not embeddings.is_complete
    assert len(embeddings.history) == 3
    report = evaluate_ranking(embeddings, *split, k=5, baselines=("popularity",))
    assert report.model.recall.mean > 1.5 * report.baselines["popularity"].recall.mean


def test_an_interruption_inside_an_epoch_is_the_same() -> None:
    seen: list[Progress] = []

    def interrupt(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted) as caught:
        fit(planted_pairs(), num_books=NUM_BOOKS, num_links=NUM_LINKS, on_progress=interrupt)
    assert np.isfinite(caught.value.embeddings.book).all()
    assert caught.value.embeddings.history == ()


def test_progress_ends_at_its_total() -> None:
    seen: list[Progress] = []
    fit(
        planted_pairs(),
        num_books=NUM_BOOKS,
        num_links=NUM_LINKS,
        config=TrainConfig(dim=8, epochs=5, device="cpu"),
        on_progress=seen.append,
    )
    assert seen[-1].is_finished
    assert not seen[-2].is_finished
    assert "loss" in seen[-1].note


def test_the_svd_is_the_best_approximation(device: torch.device) -> None:
    edges = build_edge_list(planted_pairs(), num_books=NUM_BOOKS, num_links=NUM_LINKS)
    graph = build_adjacency(edges, device=device)
    matrix = to_numpy(graph.of_books.average(torch.eye(NUM_LINKS, device=device)))
    expected = np.linalg.svd(matrix, compute_uv=False)
    svd = truncated_svd(graph, 12, make_generator(device, seed=0))
    left, values, right = (to_numpy(one) for one in svd)
    assert values[0] == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(values, expected[:12], rtol=0.02)
    residual = np.linalg.norm(matrix - left * values @ right.T)
    assert residual < 1.01 * np.sqrt((expected[12:] ** 2).sum())


def test_the_svd_of_more_directions_than_there_are_is_filled_with_zeros(
    device: torch.device,
) -> None:
    edges = build_edge_list(np.array([[0, 0], [1, 1]], dtype=np.int64), num_books=2, num_links=2)
    left, values, right = truncated_svd(
        build_adjacency(edges, device=device), 5, make_generator(device, seed=0)
    )
    assert values.tolist() == pytest.approx([1, 1, 0, 0, 0], abs=1e-5)
    assert left.shape == right.shape == (2, 5)


def test_smoothing_by_hand(device: torch.device) -> None:
    # Book 0 has links 0 and 1, book 1 has link 1: weights 1/sqrt(2*1), 1/sqrt(2*2), 1/sqrt(1*2).
    edges = build_edge_list(
        np.array([[0, 0], [0, 1], [1, 1]], dtype=np.int64), num_books=3, num_links=2
    )
    books, links = smooth(
        build_adjacency(edges, device=device),
        torch.tensor([[1.0], [2.0], [7.0]], device=device),
        torch.tensor([[10.0], [20.0]], device=device),
        hops=1,
    )
    root = 2**-0.5
    assert books[:, 0].tolist() == pytest.approx([1 + 10 * root + 10, 2 + 20 * root, 7])
    assert links[:, 0].tolist() == pytest.approx([10 + root, 20 + 0.5 + 2 * root])


@given(degrees=st.lists(st.integers(0, 40), min_size=1, max_size=8), max_piece=st.integers(1, 6))
def test_a_row_has_the_same_sum_in_pieces(degrees: list[int], max_piece: int) -> None:
    pairs = [(book, link) for book, degree in enumerate(degrees) for link in range(degree)]
    edges = build_edge_list(
        np.array(pairs, dtype=np.int64).reshape(-1, 2), num_books=len(degrees), num_links=40
    )
    of_books = build_adjacency(edges, device=CPU).of_books
    pieces = cut_long_rows(to_numpy(of_books.offsets), device=CPU, max_piece=max_piece)
    assert (pieces is None) == (max(degrees) <= 8 * max_piece)
    if pieces is not None:
        lengths = np.diff(to_numpy(pieces.offsets))
        assert lengths.max() <= max_piece
        assert lengths.sum() == len(pairs)
    table = torch.randn((40, 3), generator=make_generator(CPU, seed=0))
    in_pieces = dataclasses.replace(of_books, pieces=pieces).average(table)
    torch.testing.assert_close(in_pieces, of_books.average(table), rtol=1e-5, atol=1e-6)


_FACTORIES = {
    torch.arange,
    torch.empty,
    torch.eye,
    torch.full,
    torch.linspace,
    torch.ones,
    torch.rand,
    torch.randint,
    torch.randn,
    torch.randperm,
    torch.tensor,
    torch.zeros,
}


class DeviceWatch(TorchFunctionMode):
    """Fails when a tensor is made without naming the chosen device: it would land on the CPU."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.num_seen = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,  # torch's own signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # whatever torch returns
        if func in _FACTORIES:
            self.num_seen += 1
            device = (kwargs or {}).get("device")
            assert device is not None, f"{func.__name__} names no device"
            assert torch.device(device) == self.device
        return func(*args, **(kwargs or {}))


_SYNCS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "item")


class SyncWatch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own lack
    """Counts the operations that make the host wait for the device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own lack
        self.num_syncs: int = 0

    def __torch_dispatch__(
        self,
        func: Any,  # torch's own signature
        types: Any,  # torch's own signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # whatever torch returns
        if any(name in str(func) for name in _SYNCS):
            self.num_syncs += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"negative_sides": "both", "negative_source": "uniform", "optimizer": "adagrad"},
        {"smoothing_hops": 0},
        {"smoothing_hops": 0, "loss": "bce", "optimizer": "adam"},
        {"smoothing_hops": 0, "loss": "mse", "negative_sides": "both"},
        {"model": "reference", "loss": "bce"},
    ],
    ids=str,
)
def test_every_tensor_is_made_on_the_chosen_device(settings: dict[str, object]) -> None:
    watch = DeviceWatch(CPU)
    with watch:
        train(planted_pairs(), epochs=2, **settings)
    assert watch.num_seen > 20


def test_the_device_watch_itself_can_fail() -> None:
    with pytest.raises(AssertionError, match="zeros names no device"), DeviceWatch(CPU):
        torch.zeros(3)
    with pytest.raises(AssertionError), DeviceWatch(CPU):
        torch.zeros(3, device="meta")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"negative_sides": "both", "negative_source": "uniform"},
        {"smoothing_hops": 0, "negative_source": "uniform"},
        pytest.param({"model": "lightgcn"}, marks=pytest.mark.slow),
        {"model": "reference", "loss": "bce"},
    ],
    ids=str,
)
def test_no_step_waits_for_the_device(settings: dict[str, object]) -> None:
    def count_syncs(batch_size: int) -> int:
        with SyncWatch() as watch:
            train(planted_pairs(), epochs=1, batch_size=batch_size, **settings)
        return int(watch.num_syncs)

    # Ten times the steps, and not one wait more but for the sizes that an epoch lists at once.
    few, many = count_syncs(1000), count_syncs(100)
    assert few > 0
    assert many == few


def test_a_config_is_not_changed_by_a_run() -> None:
    config = TrainConfig(dim=8, epochs=1, device="cpu")
    before = dataclasses.replace(config)
    fit(planted_pairs(), num_books=NUM_BOOKS, num_links=NUM_LINKS, config=config)
    assert config == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"negative_sides": "both", "negative_source": "uniform"},
        {"smoothing_hops": 0, "negative_source": "uniform"},
        {"model": "lightgcn"},
        {"model": "reference", "loss": "bce"},
    ],
    ids=str,
)
def test_cuda_itself_sees_no_step_wait(settings: dict[str, Any]) -> None:
    config = TrainConfig(**{"dim": 16, "device": "cuda", "batch_size": 500, **settings})
    edges = build_edge_list(planted_pairs(), num_books=NUM_BOOKS, num_links=NUM_LINKS)
    run = start_run(edges, config, num_links=NUM_LINKS)
    batches = run.model.iter_batches(run.graph, run.generator)
    for batch in itertools.islice(batches, 3):
        run.steps.run(batch, run.graph, rate_share=1.0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches:
            run.steps.run(batch, run.graph, rate_share=1.0)
            run.model.train_step(batch, run.graph, rate_share=1.0)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 15},
        {"epochs": 15, "model": "lightgcn"},
        {"epochs": 60, "model": "reference", "loss": "bce", "learning_rate": 0.01},
    ],
    ids=str,
)
def test_cuda_finds_what_the_cpu_finds(
    split: tuple[Int64Array, Int64Array], settings: dict[str, Any]
) -> None:
    on_cpu, on_cuda = (
        evaluate_ranking(
            train(split[0], device=name, **settings), *split, baselines=(), device=name
        ).model.recall
        for name in ("cpu", "cuda")
    )
    assert on_cpu.low < on_cuda.mean < on_cpu.high


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"negative_sides": "both", "negative_source": "uniform", "optimizer": "adagrad"},
        {"smoothing_hops": 0, "optimizer": "adam"},
        {"model": "lightgcn"},
        {"model": "reference", "loss": "bce"},
    ],
    ids=str,
)
def test_a_replayed_step_is_the_step(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    config = TrainConfig(**{"dim": 16, "device": "cuda", "batch_size": 500, **settings})
    edges = build_edge_list(planted_pairs(), num_books=NUM_BOOKS, num_links=NUM_LINKS)
    replayed, launched = (start_run(edges, config, num_links=NUM_LINKS) for _ in range(2))
    batches = [*replayed.model.iter_batches(replayed.graph, replayed.generator)]
    for batch in batches:
        rate = torch.full((), 0.7, device=replayed.graph.device)
        loss = replayed.steps.run(batch, replayed.graph, rate_share=0.7).clone()
        assert torch.equal(loss, launched.model.train_step(batch, launched.graph, rate_share=rate))
    assert "Could not record" not in caplog.text
    for name, value in launched.model.state().items():
        assert torch.equal(replayed.model.state()[name], value), name


def test_lightgcn_computes_what_torch_geometric_computes() -> None:
    lightgcn = pytest.importorskip("torch_geometric.nn").LightGCN
    edges = build_edge_list(planted_pairs(), num_books=NUM_BOOKS, num_links=NUM_LINKS)
    run = start_run(edges, TrainConfig(model="lightgcn", dim=8, device="cpu"), num_links=NUM_LINKS)
    graph, network = run.graph, lightgcn(NUM_BOOKS + NUM_LINKS, 8, num_layers=2)
    with torch.no_grad():
        network.embedding.weight.copy_(run.model.state()["weight"])
    nodes = torch.stack((graph.book_rows, graph.of_books.columns + NUM_BOOKS))
    theirs = network.get_embedding(torch.cat((nodes, nodes.flip(0)), dim=1))
    torch.testing.assert_close(torch.cat(run.model.vectors(graph)), theirs, rtol=1e-4, atol=1e-6)
