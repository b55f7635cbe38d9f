"""Settings are checked when they are made; a message names the option, the value and the range."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from typing import Any, get_args, get_type_hints

import pytest

from bookgraph.core.errors import UsageError
from bookgraph.embed.config import LayoutConfig, Setting, TrainConfig, get_setting


def make_config(**values: Any) -> TrainConfig:
    return TrainConfig(**values)


def test_defaults_are_what_the_documentation_says() -> None:
    config = TrainConfig()
    assert (config.dim, config.epochs, config.seed) == (50, 15, 0)
    assert config.model == "dot"
    assert config.resolve_loss() == "softmax"
    assert config.device == "auto"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dim", 0, "--dim is 0. Use a whole number from 1 to 4,096."),
        ("dim", 5000, "--dim is 5000. Use a whole number from 1 to 4,096."),
        ("dim", 50.0, "--dim is 50.0. Use a whole number"),
        ("dim", True, "--dim is True. Use a whole number"),
        ("dim", None, "--dim is None. Use a whole number"),
        ("epochs", -1, "--epochs is -1. Use a whole number from 0 to 100,000."),
        ("seed", -1, "--seed is -1. Use a whole number from 0 to "),
        ("learning_rate", 0.0, "--learning-rate is 0.0. Use a number above 0 and at most 100."),
        ("learning_rate", math.nan, "--learning-rate is nan. Use a number above 0"),
        ("learning_rate", "0.1", "--learning-rate is '0.1'. Use a number above 0"),
        ("batch_size", 0, "--batch-size is 0. Use a whole number from 1 to 16,777,216."),
        ("num_negatives", 0, "--num-negatives is 0. Use a whole number from 1"),
        ("negative_weight", 0, "negative_weight is 0. Use a number above 0"),
        ("temperature", 0, "--temperature is 0. Use a number above 0 and at most 100."),
        ("temperature", math.inf, "--temperature is inf. Use a number above 0"),
        ("holdout_share", 0.6, "holdout_share is 0.6. Use a number from 0 to 0.5."),
        ("loss", "hinge", "--loss is 'hinge'. Use one of: softmax, bce, mse."),
        ("optimizer", "sgd", "--optimizer is 'sgd'. Use one of: adagrad, adam."),
        ("start", "zero", "start is 'zero'. Use one of: spectral, random."),
        ("negative_sides", "books", "negative_sides is 'books'. Use one of: links, both."),
        ("negative_source", "all", "negative_source is 'all'. Use one of: batch, uniform."),
        ("model", "gpt", "--model is 'gpt'. Use one of: dot, lightgcn, reference."),
        ("popularity_power", 1.5, "popularity_power is 1.5. Use a number from 0 to 1."),
        ("popularity_length", -1, "popularity_length is -1. Use a number from 0 to 2."),
        ("patience", 0, "--patience is 0. Use a whole number from 1"),
        ("device", 0, "--device is 0. Use a string."),
    ],
)
def test_a_bad_value_is_named_with_its_option_and_range(
    field: str, value: object, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make_config(**{field: value})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "pca"}, "--method is 'pca'. Use one of: tsne, umap."),
        ({"perplexity": 1.0}, "perplexity is 1.0. Use a number from 2 to "),
        ({"perplexity": math.nan}, "perplexity is nan. Use a number from 2 to "),
        ({"seed": -1}, "--seed is -1. Use a whole number from 0 to 4,294,967,295."),
    ],
)
def test_a_bad_layout_is_named_in_the_same_way(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        LayoutConfig(**values)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("config", [TrainConfig, LayoutConfig])
def test_every_field_has_help_and_every_number_has_bounds(
    config: type[TrainConfig | LayoutConfig],
) -> None:
    hints = get_type_hints(config)
    for field in dataclasses.fields(config):
        setting = get_setting(config, field.name)
        assert isinstance(setting, Setting)
        assert setting.help.endswith(".")
        if {int, float} & {hints[field.name], *get_args(hints[field.name])}:
            assert math.isfinite(setting.low)
            assert math.isfinite(setting.high)


def test_every_numeric_field_refuses_nan() -> None:
    for field in dataclasses.fields(TrainConfig):
        if isinstance(field.default, int | float):
            with pytest.raises(UsageError, match=field.name.replace("_", "[-_]")):
                make_config(**{field.name: math.nan})


def test_the_class_shows_its_defaults() -> None:
    assert (TrainConfig.dim, TrainConfig.model, LayoutConfig.method) == (50, "dot", "tsne")


def test_settings_and_map_layouts_load_without_torch() -> None:
    script = (
        "import sys, bookgraph.embed.config, bookgraph.embed.maps.layout;"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_rate_depends_on_the_optimizer_unless_it_is_set() -> None:
    assert TrainConfig(optimizer="adagrad").resolve_learning_rate() == 0.05
    assert TrainConfig(optimizer="adam").resolve_learning_rate() == 0.005
    assert TrainConfig(optimizer="adam", learning_rate=0.5).resolve_learning_rate() == 0.5


def test_each_model_has_its_own_defaults() -> None:
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
    with pytest.raises(UsageError, match="--model reference does not support --loss softmax"):
        TrainConfig(model="reference", loss="softmax")


@pytest.mark.parametrize(("num_pairs", "expected"), [(1, 512), (42_000, 512), (810_000, 8100)])
def test_small_graphs_get_small_batches(num_pairs: int, expected: int) -> None:
    assert TrainConfig().resolve_batch_size(num_pairs) == expected
    assert TrainConfig(batch_size=7).resolve_batch_size(num_pairs) == 7
