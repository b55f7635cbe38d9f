"""Settings are checked when they are made, and the message names field, value and range."""

from __future__ import annotations

import dataclasses
import math

import pytest

from bookgraph.core.errors import UsageError
from bookgraph.embed import TrainConfig


def test_defaults_are_what_the_documentation_says() -> None:
    config = TrainConfig()
    assert (config.dim, config.epochs, config.seed) == (50, 15, 0)
    assert config.model == "dot"
    assert config.resolve_loss() == "softmax"
    assert config.device == "auto"


@pytest.mark.parametrize(
    ("field", "value", "permitted"),
    [
        ("dim", 0, "[1, 4096]"),
        ("dim", 5000, "[1, 4096]"),
        ("dim", 50.0, "a whole number"),
        ("dim", True, "a whole number"),
        ("dim", None, "[1, 4096]"),
        ("epochs", -1, "[0, 100000]"),
        ("seed", -1, "[0, "),
        ("learning_rate", 0.0, "(0, 100]"),
        ("learning_rate", math.nan, "(0, 100]"),
        ("learning_rate", "0.1", "a number"),
        ("batch_size", 0, "[1, "),
        ("num_negatives", 0, "[1, "),
        ("negative_weight", 0, "(0, "),
        ("temperature", 0, "(0, 100]"),
        ("temperature", math.inf, "(0, 100]"),
        ("holdout_share", 0.6, "[0, 0.5]"),
        ("loss", "hinge", "softmax, bce, mse"),
        ("optimizer", "sgd", "adagrad, adam"),
        ("start", "zero", "spectral, random"),
        ("negative_sides", "books", "links, both"),
        ("negative_source", "all", "batch, uniform"),
        ("model", "transformer", "dot, lightgcn, reference"),
        ("popularity_power", 1.5, "[0, 1]"),
        ("popularity_length", -1, "[0, 2]"),
        ("patience", 0, "[1, "),
    ],
)
def test_a_bad_value_is_named_with_its_range(field: str, value: object, permitted: str) -> None:
    with pytest.raises(UsageError) as caught:
        TrainConfig(**{field: value})  # type: ignore[arg-type]  # wrong on purpose
    assert f"TrainConfig.{field} is {value!r}" in str(caught.value)
    assert permitted in str(caught.value)


def test_every_numeric_field_refuses_nan() -> None:
    for field in dataclasses.fields(TrainConfig):
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            with pytest.raises(UsageError, match=field.name):
                TrainConfig(**{field.name: math.nan})  # type: ignore[arg-type]  # wrong on purpose


def test_the_rate_depends_on_the_optimizer_unless_it_is_set() -> None:
    assert TrainConfig(optimizer="adagrad").resolve_learning_rate() == 0.05
    assert TrainConfig(optimizer="adam").resolve_learning_rate() == 0.005
    assert TrainConfig(optimizer="adam", learning_rate=0.5).resolve_learning_rate() == 0.5


def test_each_model_has_its_usual_settings() -> None:
    reference = TrainConfig(model="reference")
    assert reference.resolve_loss() == "mse"
    assert reference.resolve_optimizer() == "adam"
    assert reference.resolve_learning_rate() == 0.001
    assert reference.resolve_batch_size(772_798) == 1024
    assert TrainConfig(smoothing_hops=0).resolve_optimizer() == "adagrad"
    assert TrainConfig().resolve_optimizer() == "adam"
    assert TrainConfig().resolve_negative_source() == "batch"
    assert TrainConfig(loss="bce").resolve_negative_source() == "uniform"


def test_the_reference_has_no_softmax() -> None:
    with pytest.raises(UsageError, match="the published recipe has bce and mse"):
        TrainConfig(model="reference", loss="softmax")


@pytest.mark.parametrize(("num_pairs", "expected"), [(1, 512), (42_000, 512), (810_000, 8100)])
def test_small_graphs_get_small_batches(num_pairs: int, expected: int) -> None:
    assert TrainConfig().resolve_batch_size(num_pairs) == expected
    assert TrainConfig(batch_size=7).resolve_batch_size(num_pairs) == 7
