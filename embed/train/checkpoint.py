"""A run's state on disk between two epochs, from which it goes on to the bit-same result."""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.embed.config import TrainConfig
from bookgraph.embed.device import to_device
from bookgraph.embed.embeddings import EpochReport, read_arrays, write_arrays

logger = logging.getLogger(__name__)

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where a run is kept, and how often.

    Attributes:
        path: of the one file; each checkpoint replaces the one before, whole or not at all. A
            finished run removes it.
        every: epochs between two of them, at least 1.
    """

    path: Path
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(
                f"A checkpoint every {self.every} epochs was asked for; it has to be 1 or more."
            )


@dataclass(frozen=True, slots=True)
class RunState:
    """What the rest of a run depends on, beside its data and settings.

    Attributes:
        epoch: the last finished one.
        history: one report for each epoch that was run.
        power: of popularity in a link's length, or None while it has still to be chosen.
        tensors: the model's state, and (with the prefix `best_`) its best one where it is kept.
        generator: the state of the source of chance, on the CPU.
    """

    epoch: int
    history: tuple[EpochReport, ...]
    power: float | None
    tensors: dict[str, Tensor]
    generator: Tensor


def save_checkpoint(
    state: RunState, checkpoints: Checkpoints, *, config: TrainConfig, fingerprint: str
) -> None:
    """Write the state, see `Checkpoints`.

    Raises:
        DiskFullError, BookgraphError: see `save_embeddings`; the checkpoint before is whole.
    """
    meta = {
        "format": _FORMAT,
        "config": dataclasses.asdict(config),
        "fingerprint": fingerprint,
        "epoch": state.epoch,
        "history": [dataclasses.asdict(report) for report in state.history],
        "power": state.power,
    }
    arrays = {f"tensor_{name}": value.cpu().numpy() for name, value in state.tensors.items()}
    arrays["generator"] = state.generator.numpy()
    arrays["meta"] = np.array(json.dumps(meta))
    write_arrays(arrays, checkpoints.path)


def load_checkpoint(
    checkpoints: Checkpoints, *, config: TrainConfig, fingerprint: str, device: torch.device
) -> RunState | None:
    """Read the state of an earlier run with the same settings on the same data, if there is one.

    Returns:
        The state, or None where there is no file, or one that belongs to another run or cannot be
        read; the log then says which.
    """
    path = checkpoints.path
    if not path.exists():
        return None
    try:
        arrays = read_arrays(path, what="checkpoint")
        meta = json.loads(str(arrays["meta"]))
        if meta["format"] != _FORMAT or meta["config"] != dataclasses.asdict(config):
            logger.warning("The checkpoint %s is of other settings; training anew.", path)
            return None
        if meta["fingerprint"] != fingerprint:
            logger.warning("The checkpoint %s is of another graph; training anew.", path)
            return None
        return RunState(
            epoch=meta["epoch"],
            history=tuple(EpochReport(**report) for report in meta["history"]),
            power=meta["power"],
            tensors={
                name.removeprefix("tensor_"): to_device(value, device)
                for name, value in arrays.items()
                if name.startswith("tensor_")
            },
            generator=torch.from_numpy(arrays["generator"]),
        )
    except (DataMissingError, KeyError, TypeError, ValueError) as error:
        logger.warning("The checkpoint %s cannot be read (%s); training anew.", path, error)
        return None
