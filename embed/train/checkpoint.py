"""A run's state in a file between two epochs; a run resumes from it to the bit-same result."""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.embed.config import TrainConfig
from bookgraph.embed.device import CPU, to_device, to_numpy
from bookgraph.embed.embeddings import EpochReport, SettingTrial, read_arrays, write_arrays

logger = logging.getLogger(__name__)

_FORMAT = 3
_TENSOR_PREFIX = "tensor_"


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where a run is kept, and how often.

    Attributes:
        path: of the one file. Each checkpoint replaces the previous one, whole or not at all; a
            finished run removes it.
        every: epochs between two checkpoints, at least 1.
    """

    path: Path
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"--checkpoint-every is {self.every}. Use 1 or more epochs.")


@dataclass(frozen=True, slots=True)
class RunState:
    """What the rest of a run depends on, besides its data and settings.

    Attributes:
        epoch: the last finished one.
        history: one report for each epoch so far.
        power: of popularity in a link's length, or None until it is chosen.
        tensors: the model's state, and (with the prefix `best_`) its best one where it is kept.
        generator: the random generator's state, on the CPU.
        settings: the values of the settings that the run chose.
        trials: the short trainings that chose them.
    """

    epoch: int
    history: tuple[EpochReport, ...]
    power: float | None
    tensors: dict[str, Tensor]
    generator: Tensor
    settings: dict[str, float]
    trials: tuple[SettingTrial, ...]


def save_checkpoint(
    state: RunState, checkpoints: Checkpoints, *, config: TrainConfig, fingerprint: str
) -> None:
    """Write the state, see `Checkpoints`.

    Args:
        state: to write.
        checkpoints: where.
        config: the settings that were given, in which some may be open.
        fingerprint: of the run's edges.

    Raises:
        DiskFullError, BookgraphError: see `save_embeddings`; the previous checkpoint is whole.
    """
    meta = {
        "format": _FORMAT,
        "config": dataclasses.asdict(config),
        "fingerprint": fingerprint,
        "epoch": state.epoch,
        "history": [dataclasses.asdict(report) for report in state.history],
        "power": state.power,
        "settings": state.settings,
        "trials": [dataclasses.asdict(trial) for trial in state.trials],
    }
    arrays = {f"{_TENSOR_PREFIX}{name}": to_numpy(value) for name, value in state.tensors.items()}
    arrays["generator"] = to_numpy(state.generator)
    arrays["meta"] = np.array(json.dumps(meta))
    write_arrays(arrays, checkpoints.path)


def load_checkpoint(
    checkpoints: Checkpoints, *, config: TrainConfig, fingerprint: str, device: torch.device
) -> RunState | None:
    """Read the state of an earlier run with the same settings on the same edges, if any.

    Args:
        checkpoints: where.
        config: the settings that were given, in which some may be open.
        fingerprint: of the run's edges.
        device: where the tensors go.

    Returns:
        The state, or None where the file does not exist, belongs to another run or cannot be read;
        the log says which.
    """
    path = checkpoints.path
    if not path.exists():
        return None
    try:
        arrays = read_arrays(path, what="a checkpoint")
        meta = json.loads(str(arrays["meta"]))
        difference = _find_difference(meta, config, fingerprint)
        if difference is not None:
            logger.warning("Ignored the checkpoint %s: it has %s.", path, difference)
            return None
        return RunState(
            epoch=meta["epoch"],
            history=tuple(EpochReport(**report) for report in meta["history"]),
            power=meta["power"],
            tensors={
                name.removeprefix(_TENSOR_PREFIX): to_device(value, device)
                for name, value in arrays.items()
                if name.startswith(_TENSOR_PREFIX)
            },
            generator=to_device(arrays["generator"], CPU),
            settings=meta["settings"],
            trials=tuple(SettingTrial(**trial) for trial in meta["trials"]),
        )
    except (DataMissingError, KeyError, TypeError, ValueError):
        logger.warning("Ignored the checkpoint %s: the file is damaged.", path)
        return None


def _find_difference(meta: dict[str, Any], config: TrainConfig, fingerprint: str) -> str | None:
    if meta["format"] != _FORMAT:
        return "another version's format"
    if meta["config"] != dataclasses.asdict(config):
        return "other settings"
    return "another graph" if meta["fingerprint"] != fingerprint else None
