"""The settings of one training run, with their units and bounds; checked when they are made.

Nothing here imports torch, so that the command line can show the settings without it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal, get_args

from bookgraph.core.errors import UsageError

ModelName = Literal["dot", "lightgcn", "reference"]
LossName = Literal["softmax", "bce", "mse"]
OptimizerName = Literal["adagrad", "adam"]
StartName = Literal["spectral", "random"]
NegativeSource = Literal["batch", "uniform"]
NegativeSides = Literal["links", "both"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "model": get_args(ModelName),
    "loss": get_args(LossName),
    "optimizer": get_args(OptimizerName),
    "start": get_args(StartName),
    "negative_source": get_args(NegativeSource),
    "negative_sides": get_args(NegativeSides),
}
# name: (smallest, largest, whether the smallest itself is refused)
_BOUNDS: dict[str, tuple[float, float, bool]] = {
    "dim": (1, 4096, False),
    "epochs": (0, 100_000, False),
    "seed": (0, 2**63 - 1, False),
    "learning_rate": (0.0, 100.0, True),
    "batch_size": (1, 2**24, False),
    "num_negatives": (1, 2**24, False),
    "negative_weight": (0.0, 1e6, True),
    "temperature": (0.0, 100.0, True),
    "popularity_power": (0.0, 1.0, False),
    "popularity_length": (0.0, 2.0, False),
    "smoothing_hops": (0, 16, False),
    "holdout_share": (0.0, 0.5, False),
    "patience": (1, 100_000, False),
}
_WHOLE = ("dim", "epochs", "seed", "batch_size", "num_negatives", "smoothing_hops", "patience")

# The published reference: 1,024 positives with 2 negatives each a step, Adam as Keras sets it.
REFERENCE_BATCH_SIZE = 1024
REFERENCE_NEGATIVE_RATIO = 2
_STEPS_AN_EPOCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How `fit` trains.

    Attributes:
        dim: numbers in one vector, in [1, 4096].
        epochs: passes over all pairs, in [0, 100000]; 0 keeps the start vectors, smoothed.
        seed: one seed gives one result on one device, in [0, 2**63).
        model: `dot` (tables smoothed over the graph, scored by cosine), `lightgcn` (that of
            torch-geometric, trained by BPR), or `reference` (the published recipe: tables alone,
            1,024 positives and 2,048 sampled pairs a step, `bce` or `mse`).
        loss: `softmax` (sampled softmax over shared negatives), or the published reference's two:
            `bce` (is the pair an edge?) and `mse` (cosine towards 1 for edges, -1 for the others).
            None takes `softmax` for `dot`, `mse` for `reference`; `lightgcn` has its own.
        optimizer: `adam`, or `adagrad` with one squared-gradient sum a row. Without smoothing both
            touch the rows of the batch only. None takes `adagrad` for `dot` without smoothing,
            else `adam`.
        learning_rate: size of a step at the start, in (0, 100]; `dot` lets it fall to a twentieth,
            linearly. None takes 0.05 for `adagrad`, 0.005 for `adam`, 0.001 for `reference`.
        batch_size: pairs a step, in [1, 2**24]; None takes a 100th of the pairs, 512 at least, so
            that an epoch costs as many smoothings whatever the graph's size.
        num_negatives: rows shared by the whole batch as negatives, in [1, 2**24]; never more than
            the source has. `reference` has its own 2 a positive.
        negative_source: `batch` takes the rows of the batch's own pairs, so that popular rows are
            negatives in proportion; `uniform` draws distinct rows of the table, each equally
            likely. None takes `batch` for `softmax`, `uniform` for the other losses.
        negative_sides: `links` compares a book with other links, `both` also a link with other
            books.
        negative_weight: weight of the mean over negatives beside one positive in `bce` and `mse`,
            in (0, 1e6]; 2 is the reference's two negatives a positive.
        temperature: the cosine is divided by it in `softmax` and `bce`, in (0, 100].
        popularity_power: share of a row's log popularity that `softmax` takes as given instead of
            asking the directions to express it, in [0, 1].
        popularity_length: a link's vector gets the length popularity ** this, the most popular
            link's being 1, in [0, 2]. None chooses it on the held-out edges, or takes 0.15 where
            none are held out. Likeness is the cosine, so that it changes rankings of links only.
        start: `spectral` starts from a truncated SVD of the degree-normalised graph, `random` from
            normal noise.
        smoothing_hops: hops of degree-normalised averaging over the graph, as part of the model
            while it trains and in its result, in [0, 16]; layers for `lightgcn`; `reference` has
            none.
        holdout_share: share of each book's edges that the shown recall@20 is measured on, in
            [0, 0.5]; at least one edge of each book stays. They join the training for the last
            fifth of the epochs, where no recall is shown. 0 turns it off.
        patience: epochs without a better held-out recall@20 after which the best vectors so far
            are taken and the last fifth of the epochs begins, at least 1; None never stops early.
        device: `auto` (CUDA where there is one, else the CPU), `cpu`, `cuda`, `cuda:1`, ...
            On CUDA the large products of a step are taken in bfloat16.

    Raises:
        UsageError: a field is out of its bounds; the message names it.
    """

    dim: int = 50
    epochs: int = 15
    seed: int = 0
    model: ModelName = "dot"
    loss: LossName | None = None
    optimizer: OptimizerName | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    num_negatives: int = 1024
    negative_source: NegativeSource | None = None
    negative_sides: NegativeSides = "links"
    negative_weight: float = 2.0
    temperature: float = 0.15
    popularity_power: float = 0.25
    popularity_length: float | None = None
    start: StartName = "spectral"
    smoothing_hops: int = 2
    holdout_share: float = 0.05
    patience: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and "None" in str(field.type):
                continue
            if field.name in _CHOICES:
                _check_choice(field.name, value)
            elif field.name in _BOUNDS:
                _check_number(field.name, value)
        if self.model == "reference" and self.loss == "softmax":
            raise UsageError(
                "TrainConfig.loss is 'softmax' with model='reference'; the published recipe has "
                "bce and mse. Choose one of them, or model='dot'."
            )

    @property
    def is_smoothed(self) -> bool:
        """Whether the model's vectors are smoothed over the graph while they are trained."""
        return self.model == "dot" and self.smoothing_hops > 0

    def resolve_loss(self) -> LossName:
        """The loss in use: the one that was set, or the model's usual one."""
        return self.loss or ("mse" if self.model == "reference" else "softmax")

    def resolve_optimizer(self) -> OptimizerName:
        """The optimizer in use: the one that was set, or the model's usual one."""
        is_bare = self.model == "dot" and not self.is_smoothed
        return self.optimizer or ("adagrad" if is_bare else "adam")

    def resolve_learning_rate(self) -> float:
        """The learning rate in use: the one that was set, or the optimizer's usual one."""
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
        # A small graph needs steps more than it needs wide batches.
        return max(num_pairs // _STEPS_AN_EPOCH, 512)

    def resolve_negative_source(self) -> NegativeSource:
        """Where negatives come from: what was set, or the loss's usual source."""
        return self.negative_source or ("batch" if self.resolve_loss() == "softmax" else "uniform")


def _check_choice(name: str, value: object) -> None:
    if value not in _CHOICES[name]:
        permitted = ", ".join(_CHOICES[name])
        message = f"TrainConfig.{name} is {value!r}; choose one of: {permitted}."
        raise UsageError(message)


def _check_number(name: str, value: object) -> None:
    smallest, largest, is_open = _BOUNDS[name]
    is_whole = name in _WHOLE
    is_number = isinstance(value, int if is_whole else (int, float)) and not isinstance(value, bool)
    if (
        is_number
        and math.isfinite(value)  # type: ignore[arg-type]  # is_number has checked it
        and (smallest < value if is_open else smallest <= value)  # type: ignore[operator]  # same
        and value <= largest  # type: ignore[operator]  # same
    ):
        return
    kind = "a whole number" if is_whole else "a number"
    bracket = "(" if is_open else "["
    message = (
        f"TrainConfig.{name} is {value!r}; it has to be {kind} "
        f"in {bracket}{smallest:g}, {largest:g}]."
    )
    raise UsageError(message)
