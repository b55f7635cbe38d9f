"""The settings of one training run, with their units and bounds; checked when they are made.

Nothing here imports torch, so that the command line can show the settings without it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal, get_args

from core.errors import UsageError

LossName = Literal["softmax", "bce", "mse"]
OptimizerName = Literal["adagrad", "adam"]
StartName = Literal["spectral", "random"]
NegativeSides = Literal["links", "both"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "loss": get_args(LossName),
    "optimizer": get_args(OptimizerName),
    "start": get_args(StartName),
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
    "smoothing_hops": (0, 16, False),
    "holdout_share": (0.0, 0.5, False),
}
_WHOLE = ("dim", "epochs", "seed", "batch_size", "num_negatives", "smoothing_hops")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How `fit` trains.

    Attributes:
        dim: numbers in one vector, in [1, 4096].
        epochs: passes over all pairs, in [0, 100000]; 0 keeps the start vectors.
        seed: one seed gives one result on one device, in [0, 2**63).
        loss: `softmax` (sampled softmax over shared negatives), or the published reference's two:
            `bce` (is the pair an edge?) and `mse` (cosine towards 1 for edges, -1 for the others).
        optimizer: `adagrad` keeps one squared-gradient sum a row, `adam` two moments a number;
            both touch the rows of the batch only.
        learning_rate: size of a step, in (0, 100]; None takes 0.05 for `adagrad`, 0.005 for `adam`.
        batch_size: pairs a step, in [1, 2**24]; None takes a 64th of the pairs, in [64, 2048].
        num_negatives: rows drawn a step and shared by the whole batch, in [1, 2**24]; a table with
            fewer rows is used whole.
        negative_sides: `links` compares a book with other links, `both` also a link with other
            books.
        negative_weight: weight of the mean over negatives beside one positive in `bce` and `mse`,
            in (0, 1e6]; 2 is the reference's two negatives a positive.
        temperature: the cosine is divided by it in `softmax` and `bce`, in (0, 100].
        start: `spectral` starts from a truncated SVD of the degree-normalised graph, `random` from
            normal noise.
        smoothing_hops: hops of degree-normalised averaging over the graph after training, in
            [0, 16].
        holdout_share: share of each book's edges that the shown recall@20 is measured on, in
            [0, 0.5]; at least one edge of each book stays. They join the training for the last
            fifth of the epochs, where no recall is shown. 0 turns it off.
        device: `auto` (CUDA where there is one, else the CPU), `cpu`, `cuda`, `cuda:1`, ...

    Raises:
        UsageError: a field is out of its bounds; the message names it.
    """

    dim: int = 50
    epochs: int = 15
    seed: int = 0
    loss: LossName = "softmax"
    optimizer: OptimizerName = "adagrad"
    learning_rate: float | None = None
    batch_size: int | None = None
    num_negatives: int = 2048
    negative_sides: NegativeSides = "links"
    negative_weight: float = 2.0
    temperature: float = 0.1
    start: StartName = "spectral"
    smoothing_hops: int = 1
    holdout_share: float = 0.05
    device: str = "auto"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in _CHOICES:
                _check_choice(field.name, value)
            elif field.name in _BOUNDS and not (value is None and "None" in str(field.type)):
                _check_number(field.name, value)

    def resolve_learning_rate(self) -> float:
        """The learning rate in use: the one that was set, or the optimizer's usual one."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 0.05 if self.optimizer == "adagrad" else 0.005

    def resolve_batch_size(self, num_pairs: int) -> int:
        """Pairs a step in a graph with `num_pairs` pairs."""
        if self.batch_size is not None:
            return self.batch_size
        # A small graph needs steps more than it needs wide batches.
        return min(max(num_pairs // 64, 64), 2048)


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
