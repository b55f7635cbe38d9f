"""Open settings are chosen on held-out edges: for a reason, within their cost, and repeatably."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bookgraph.core.progress import Progress, ignore_progress
from bookgraph.embed import (
    Checkpoints,
    Embeddings,
    TrainConfig,
    fit,
    load_embeddings,
    save_embeddings,
)
from bookgraph.embed import config as config_module
from bookgraph.embed.config import CHOICES, Choice
from bookgraph.embed.data.adjacency import build_adjacency
from bookgraph.embed.data.edges import build_edge_list
from bookgraph.embed.train.watch import Watch, popularity_lengths
from bookgraph.testing.graphs import generate_graph

GRAPH = generate_graph(num_books=300, num_links=250, num_edges=5000, num_topics=12, seed=1)
SIZES = {"num_books": GRAPH.num_books, "num_links": GRAPH.num_links}
SETTINGS = {"dim": 16, "epochs": 10, "batch_size": 128, "device": "cpu"}


def gains_of(result: Embeddings) -> list[tuple[dict[str, float], float]]:
    return [(trial.settings, trial.gain) for trial in result.trials]


def train(on_progress: Any = ignore_progress, **settings: Any) -> Embeddings:
    checkpoints = settings.pop("checkpoints", None)
    config = TrainConfig(**{**SETTINGS, **settings})
    return fit(
        GRAPH.pairs, **SIZES, config=config, on_progress=on_progress, checkpoints=checkpoints
    )


def test_a_bad_start_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    # Beside 100 times itself, a vector gets nothing from its neighbours.
    bad = {**CHOICES, "own_weight": Choice(100.0, (0.3, 1.0, 100.0))}
    for module in ("config", "train.choose", "train.run"):
        monkeypatch.setattr(f"bookgraph.embed.{module}.CHOICES", bad)
    result = train(start="random")
    assert result.config.own_weight in {0.3, 1.0}, gains_of(result)
    chosen = {name: getattr(result.config, name) for name in CHOICES}
    best = max(result.trials, key=lambda trial: trial.gain)
    (of_chosen,) = [trial for trial in result.trials if trial.settings == chosen]
    assert of_chosen.gain > result.trials[0].gain
    assert of_chosen.gain > 0.9 * best.gain
    assert config_module.CHOICES is bad


def test_the_same_seed_chooses_the_same_and_gives_the_same_vectors() -> None:
    first, second = train(seed=3), train(seed=3)
    assert len(first.trials) >= 5
    assert first.trials == second.trials
    assert first.config == second.config
    np.testing.assert_array_equal(first.book, second.book)
    fixed = {name: getattr(first.config, name) for name in CHOICES}
    given = train(seed=3, **fixed)
    assert given.trials == ()
    np.testing.assert_array_equal(first.book, given.book)


def test_a_setting_that_is_given_is_not_tried() -> None:
    result = train(temperature=0.33, smoothing_hops=1)
    assert result.config.temperature == 0.33
    assert result.config.smoothing_hops == 1
    assert {tuple(trial.settings) for trial in result.trials} == {("own_weight", "degree_exponent")}


def test_the_trials_take_at_most_as_many_steps_as_the_training() -> None:
    seen: list[Progress] = []
    train(seen.append)
    num_steps = {
        stage: sum(progress.stage == stage for progress in seen)
        for stage in ("Choosing settings", "Training")
    }
    assert 0 < num_steps["Choosing settings"] <= num_steps["Training"]
    assert all(progress.done <= (progress.total or 0) for progress in seen)


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 1},
        {"epochs": 0},
        {"holdout_share": 0.0},
        {"model": "reference"},
        {"smoothing_hops": 0},
        {"loss": "mse"},
    ],
)
def test_without_a_way_to_compare_the_usual_settings_are_taken(settings: dict[str, Any]) -> None:
    result = train(**settings)
    assert result.trials == ()
    assert result.config == TrainConfig(**{**SETTINGS, **settings}).with_defaults()


def test_a_run_that_resumes_keeps_what_it_chose(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.stage == "Training" and progress.done > 0.5 * (progress.total or 0):
            raise StoppedError

    checkpoints = Checkpoints(tmp_path / "run.npz")
    with pytest.raises(StoppedError):
        train(stop, checkpoints=checkpoints)
    seen: list[Progress] = []
    resumed = train(seen.append, checkpoints=checkpoints)
    assert {progress.stage for progress in seen} == {"Training"}
    whole = train()
    assert resumed.trials == whole.trials != ()
    np.testing.assert_array_equal(resumed.book, whole.book)
    save_embeddings(whole, tmp_path / "model.npz")
    assert load_embeddings(tmp_path / "model.npz").trials == whole.trials


def test_gains_are_those_of_ranks_counted_by_hand() -> None:
    known = build_edge_list(np.array([[0, 0], [1, 1]]), num_books=2, num_links=4)
    held_out = build_edge_list(np.array([[0, 2], [1, 3]]), num_books=2, num_links=4)
    graphs = [build_adjacency(one, device=torch.device("cpu")) for one in (known, held_out)]
    watch = Watch(graphs[0], graphs[1], torch.tensor([0, 1]))
    book = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    # Book 0: link 0 is known, link 1 is nearer than link 2. Book 1: link 3 is the nearest.
    link = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.0, 1.0]])
    assert popularity_lengths(graphs[0], 0.0).tolist() == [1.0] * 4
    gains = watch.measure_gains(book, link)
    assert sorted(gains.tolist()) == pytest.approx([1 / np.log2(3), 1.0])
