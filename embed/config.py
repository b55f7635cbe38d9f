"""The settings of a training run and of a map: type, default, bounds and help text side by side.

The command line takes all four from here. Nothing in this module imports torch.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from bookgraph.core.errors import UsageError

ModelName = Literal["dot", "lightgcn", "reference"]
LossName = Literal["softmax", "bce", "mse"]
OptimizerName = Literal["adagrad", "adam"]
StartName = Literal["spectral", "random"]
NegativeSource = Literal["batch", "uniform"]
NegativeSides = Literal["links", "both"]
LayoutMethod = Literal["tsne", "umap"]
ChoiceName = Literal["temperature", "own_weight", "degree_exponent", "smoothing_hops"]

# The published reference: 1,024 positives with 2 negatives each a step, Adam as Keras sets it.
REFERENCE_BATCH_SIZE = 1024
REFERENCE_NEGATIVE_RATIO = 2
_STEPS_AN_EPOCH = 100
_MIN_USUAL_BATCH_SIZE = 512


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting means and which values it accepts; stands beside the field's type.

    Attributes:
        help: one or two sentences for people, shown by `--help`.
        low: the smallest number accepted.
        high: the largest number accepted.
        is_low_excluded: whether `low` itself is refused.
        has_flag: whether the command line has an option for it.
    """

    help: str
    low: float = -math.inf
    high: float = math.inf
    is_low_excluded: bool = False
    has_flag: bool = False

    def describe_range(self) -> str:
        """The accepted numbers, as a person would say them."""
        low, high = _format_number(self.low), _format_number(self.high)
        return (
            f"above {low} and at most {high}" if self.is_low_excluded else f"from {low} to {high}"
        )

    def contains(self, value: float) -> bool:
        """Whether a number is finite and within the bounds."""
        is_above = self.low < value if self.is_low_excluded else self.low <= value
        return is_above and value <= self.high and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a setting may be chosen from.

    Attributes:
        usual: its value where nothing is chosen, and the first one that is tried.
        values: ascending; `usual` is one of them.
    """

    usual: float
    values: tuple[float, ...]


CHOICES: Mapping[ChoiceName, Choice] = {
    "temperature": Choice(0.15, (0.05, 0.07, 0.1, 0.15, 0.2, 0.3)),
    "own_weight": Choice(1.0, (0.3, 1.0)),
    "degree_exponent": Choice(0.5, (0.4, 0.5)),
    "smoothing_hops": Choice(2, (2, 3)),
}
"""The settings that are chosen on held-out edges where they are open, in the order of trial."""


# Without slots, `TrainConfig.dim` is the default, which the command line shows.
@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How `fit` trains; each field's meaning and bounds stand beside it.

    Raises:
        UsageError: a value is out of its bounds. The message names the option, or the field where
            the command line has no option for it.
    """

    dim: Annotated[int, Setting("Numbers in one vector.", 1, 4096, has_flag=True)] = 50
    epochs: Annotated[
        int,
        Setting(
            "Passes over all mentions; 0 keeps the start vectors, smoothed.",
            0,
            100_000,
            has_flag=True,
        ),
    ] = 15
    seed: Annotated[
        int,
        Setting("One seed gives one result on one device.", 0, 2**63 - 1, has_flag=True),
    ] = 0
    model: Annotated[
        ModelName,
        Setting(
            "dot: tables smoothed over the graph, scored by cosine. lightgcn: torch-geometric's, "
            "trained by BPR. reference: the published recipe, tables alone with 1,024 positives "
            "and 2,048 sampled pairs a step.",
            has_flag=True,
        ),
    ] = "dot"
    loss: Annotated[
        LossName | None,
        Setting(
            "softmax: sampled softmax over shared negatives. bce: binary cross-entropy. mse: the "
            "cosine's squared distance from 1 for edges and from -1 for other pairs. By default "
            "softmax for dot and mse for reference; lightgcn has its own.",
            has_flag=True,
        ),
    ] = None
    optimizer: Annotated[
        OptimizerName | None,
        Setting(
            "adagrad keeps one sum of squares for each row. By default adagrad for dot without "
            "smoothing, otherwise adam.",
            has_flag=True,
        ),
    ] = None
    learning_rate: Annotated[
        float | None,
        Setting(
            "Step size at the start; dot lowers it linearly to a twentieth. By default 0.05 for "
            "adagrad, 0.005 for adam, 0.001 for reference.",
            0.0,
            100.0,
            is_low_excluded=True,
            has_flag=True,
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        Setting(
            "Mentions in one step. By default a hundredth of all mentions and at least 512, or "
            "1,024 for reference.",
            1,
            2**24,
            has_flag=True,
        ),
    ] = None
    num_negatives: Annotated[
        int,
        Setting(
            "Negatives in one step, shared by the batch; reference has 2 for each positive.",
            1,
            2**24,
            has_flag=True,
        ),
    ] = 1024
    negative_source: Annotated[
        NegativeSource | None,
        Setting(
            "batch: the rows of the batch's own pairs, so that popular rows are negatives more "
            "often. uniform: distinct rows of the table, each equally likely. By default batch for "
            "softmax and uniform for the other losses."
        ),
    ] = None
    negative_sides: Annotated[
        NegativeSides,
        Setting("links: compare a book with other links. both: also a link with other books."),
    ] = "links"
    negative_weight: Annotated[
        float,
        Setting(
            "Weight of the mean over negatives for each positive, in bce and mse; 2 stands for the "
            "reference's two negatives for each positive.",
            0.0,
            1e6,
            is_low_excluded=True,
        ),
    ] = 2.0
    temperature: Annotated[
        float | None,
        Setting(
            "Divides the cosine in softmax and bce. By default chosen on the held-out edges, or "
            "0.15 where nothing is chosen.",
            0.0,
            100.0,
            is_low_excluded=True,
            has_flag=True,
        ),
    ] = None
    popularity_power: Annotated[
        float,
        Setting(
            "Share of a row's log popularity that softmax takes as given, so that directions need "
            "not express it.",
            0.0,
            1.0,
        ),
    ] = 0.25
    popularity_length: Annotated[
        float | None,
        Setting(
            "A link's vector gets the length popularity ** this; the most popular link has length "
            "1. Changes rankings of links, never a cosine. By default chosen on the held-out "
            "edges, or 0.15 where none are held out.",
            0.0,
            2.0,
        ),
    ] = None
    start: Annotated[
        StartName,
        Setting("spectral: a truncated SVD of the degree-normalised graph. random: normal noise."),
    ] = "spectral"
    smoothing_hops: Annotated[
        int | None,
        Setting(
            "Hops of degree-normalised averaging over the graph, in training and in the result; "
            "layers for lightgcn; reference has none. By default chosen on the held-out edges, or "
            "2 where nothing is chosen.",
            0,
            16,
            has_flag=True,
        ),
    ] = None
    own_weight: Annotated[
        float | None,
        Setting(
            "Weight of a row's own vector in the sum, in which each hop has weight 1. By default "
            "chosen on the held-out edges, or 1 where nothing is chosen.",
            0.0,
            100.0,
            has_flag=True,
        ),
    ] = None
    degree_exponent: Annotated[
        float | None,
        Setting(
            "An edge weighs its mentions / (degree of the book * degree of the link) ** this. By "
            "default chosen on the held-out edges, or 0.5 where nothing is chosen.",
            0.0,
            1.0,
            has_flag=True,
        ),
    ] = None
    holdout_share: Annotated[
        float,
        Setting(
            "Share of each book's edges that the reported recall@20 is measured on; each book "
            "keeps at least one edge. They join the training for the last fifth of the epochs, "
            "where no recall is reported. 0 turns it off.",
            0.0,
            0.5,
        ),
    ] = 0.05
    patience: Annotated[
        int | None,
        Setting(
            "Stop early after this many epochs without a better held-out recall@20: take the best "
            "vectors so far and start the last fifth of the epochs. By default never.",
            1,
            100_000,
            has_flag=True,
        ),
    ] = None
    device: Annotated[
        str,
        Setting(
            "auto (CUDA where available, otherwise the CPU), cpu, cuda or cuda:N. On CUDA the "
            "large products of a step are computed in bfloat16.",
            has_flag=True,
        ),
    ] = "auto"

    def __post_init__(self) -> None:
        _check_settings(self)
        if self.model == "reference" and self.loss == "softmax":
            raise UsageError(
                "--model reference does not support --loss softmax. Use --loss bce, --loss mse or "
                "--model dot."
            )

    @property
    def is_smoothed(self) -> bool:
        """Whether the model's vectors are smoothed over the graph while they are trained."""
        return self.model == "dot" and self.smoothing_hops != 0

    def open_settings(self) -> tuple[ChoiceName, ...]:
        """Names of the settings that the held-out edges choose."""
        if not self.is_smoothed or self.resolve_loss() == "mse":
            return ()
        return tuple(name for name in CHOICES if getattr(self, name) is None)

    def with_defaults(self) -> TrainConfig:
        """The same settings, with the usual value of each one that was left open."""
        usual: dict[str, Any] = {name: self.resolve(name) for name in CHOICES}
        return replace(self, **usual)

    def resolve(self, name: ChoiceName) -> float:
        """The value in use of a setting that may be open: the given one, or the usual one."""
        value: float | None = getattr(self, name)
        return CHOICES[name].usual if value is None else value

    def resolve_loss(self) -> LossName:
        """The loss in use: the given one, or the model's default."""
        return self.loss or ("mse" if self.model == "reference" else "softmax")

    def resolve_optimizer(self) -> OptimizerName:
        """The optimizer in use: the given one, or the model's default."""
        is_bare = self.model == "dot" and not self.is_smoothed
        return self.optimizer or ("adagrad" if is_bare else "adam")

    def resolve_learning_rate(self) -> float:
        """The learning rate in use: the given one, or the optimizer's default."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.resolve_optimizer() == "adagrad":
            return 0.05
        return 0.001 if self.model == "reference" else 0.005

    def resolve_batch_size(self, num_pairs: int) -> int:
        """Pairs a step in a graph with `num_pairs` pairs."""
        if self.batch_size is not None:
            return self.batch_size
        if self.model == "reference":
            return REFERENCE_BATCH_SIZE
        # A hundredth makes an epoch cost the same number of smoothings whatever the graph's size;
        # a small graph needs steps more than it needs wide batches.
        return max(num_pairs // _STEPS_AN_EPOCH, _MIN_USUAL_BATCH_SIZE)

    def resolve_negative_source(self) -> NegativeSource:
        """Where negatives come from: the given source, or the loss's default."""
        return self.negative_source or ("batch" if self.resolve_loss() == "softmax" else "uniform")


@dataclass(frozen=True, kw_only=True)
class LayoutConfig:
    """How to arrange points on a map; each field's meaning and bounds stand beside it.

    Raises:
        UsageError: a value is out of its bounds, see `TrainConfig`.
    """

    method: Annotated[
        LayoutMethod,
        Setting(
            "tsne keeps more of each point's nearest neighbours; umap keeps more of the overall "
            "shape and needs umap-learn.",
            has_flag=True,
        ),
    ] = "tsne"
    seed: Annotated[int, Setting("One seed gives one map.", 0, 2**32 - 1, has_flag=True)] = 0
    perplexity: Annotated[
        float,
        Setting("t-SNE's number of neighbours that count, as a soft bound.", 2.0, 1e6),
    ] = 30.0
    # With few points, more threads only wait for each other: 3.7 s against 19 s for 1,310 points
    # on a busy machine.
    num_threads: Annotated[
        int | None,
        Setting("Threads for t-SNE. By default 1 below 5,000 points, else all cores.", 1, 4096),
    ] = None

    def __post_init__(self) -> None:
        _check_settings(self)


def get_setting(config: type[TrainConfig | LayoutConfig], name: str) -> Setting:
    """What stands beside a field: its help text and bounds.

    Args:
        config: `TrainConfig` or `LayoutConfig`.
        name: of the field.
    """
    setting: Setting = get_type_hints(config, include_extras=True)[name].__metadata__[0]
    return setting


def _check_settings(config: TrainConfig | LayoutConfig) -> None:
    hints = get_type_hints(type(config), include_extras=True)
    for field in dataclasses.fields(config):
        annotated, value = hints[field.name], getattr(config, field.name)
        setting: Setting = annotated.__metadata__[0]
        accepted = _describe_accepted(annotated.__origin__, setting, value)
        if accepted is not None:
            name = f"--{field.name.replace('_', '-')}" if setting.has_flag else field.name
            raise UsageError(f"{name} is {value!r}. Use {accepted}.")


def _describe_accepted(kind: Any, setting: Setting, value: object) -> str | None:
    """What to use instead of a value, or None where the value itself is accepted.

    Args:
        kind: the field's type: a `Literal`, `int`, `float` or `str`, or a union of one with None.
        setting: the bounds.
        value: of any type, because callers without a type checker pass anything.
    """
    types = [kind, *get_args(kind)]
    if value is None and type(None) in types:
        return None
    choices = [choice for one in types if get_origin(one) is Literal for choice in get_args(one)]
    if choices:
        return None if value in choices else f"one of: {', '.join(choices)}"
    if str in types:
        return None if isinstance(value, str) else "a string"
    number = int if int in types else (int, float)
    if isinstance(value, number) and not isinstance(value, bool) and setting.contains(value):
        return None
    return f"a {'whole ' if int in types else ''}number {setting.describe_range()}"


def _format_number(number: float) -> str:
    """1000000.0 as `1,000,000` and 0.5 as `0.5`."""
    return f"{int(number):,}" if number == int(number) else f"{number:g}"
