"""Runs training steps; on CUDA, records a step's kernels once and replays them.

A step launches some 200 kernels, and launching them one by one takes the host longer than running
them takes the device. A CUDA graph launches all of them at once, with the same result.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.models.base import BatchType, Model

logger = logging.getLogger(__name__)

# What libraries allocate on first use must not become part of the recording.
_NUM_STEPS_BEFORE = 2


@dataclass(frozen=True, slots=True)
class _Recording:
    """A recorded step.

    Attributes:
        graph: of kernels.
        batch: where the kernels read their batch.
        rate_share: (), where they read the share of the learning rate.
        loss: (), where they write the loss.
    """

    graph: torch.cuda.CUDAGraph
    batch: Any
    rate_share: Tensor
    loss: Tensor


class StepRunner:
    """Runs the training steps of one model."""

    def __init__(self, model: Model[Any]) -> None:
        """Record nothing yet."""
        self._model = model
        self._graph: Adjacency | None = None
        self._shapes: list[torch.Size] = []
        self._num_steps = 0
        self._recording: _Recording | None = None
        self._is_recordable = True

    def run(self, batch: BatchType, graph: Adjacency, *, rate_share: float) -> Tensor:
        """Change the model by one batch, see `Model.train_step`.

        Args:
            batch: of the model.
            graph: the edges being trained on; another one makes a new recording.
            rate_share: of the learning rate, in (0, 1].

        Returns:
            The loss, a scalar that the next step may overwrite.
        """
        if graph.device.type != "cuda":
            return self._model.train_step(batch, graph, rate_share=rate_share)
        # Recordings and replays go to the current device, which need not be the graph's.
        with torch.cuda.device(graph.device):
            return self._run_on_cuda(batch, graph, rate_share)

    def _run_on_cuda(self, batch: BatchType, graph: Adjacency, rate_share: float) -> Tensor:
        # As a tensor in every step, so that a number is rounded alike in a replay and without one.
        rate = torch.full((), rate_share, device=graph.device)
        if not self._can_replay(batch, graph):
            return self._model.train_step(batch, graph, rate_share=rate)
        if self._recording is None:
            self._recording = self._record(batch, graph, rate)
            if self._recording is None:
                return self._model.train_step(batch, graph, rate_share=rate)
        recording = self._recording
        for live, new in zip(_tensors(recording.batch), _tensors(batch), strict=True):
            live.copy_(new)
        recording.rate_share.copy_(rate)
        recording.graph.replay()
        return recording.loss

    def _can_replay(self, batch: BatchType, graph: Adjacency) -> bool:
        """Whether the batch is as large as the graph's first, and the libraries are warm."""
        shapes = [tensor.shape for tensor in _tensors(batch)]
        if self._graph is not graph:
            self._graph, self._shapes, self._num_steps = graph, shapes, 0
            self._recording = None
        self._num_steps += 1
        return (
            self._is_recordable and self._num_steps > _NUM_STEPS_BEFORE and shapes == self._shapes
        )

    def _record(self, batch: BatchType, graph: Adjacency, rate: Tensor) -> _Recording | None:
        """Record a step without running it; None where torch cannot."""
        live, rate = _map_tensors(batch, torch.clone), rate.clone()
        recorded = torch.cuda.CUDAGraph()
        try:
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own lack
            with torch.cuda.graph(recorded, stream=stream):
                loss = self._model.train_step(live, graph, rate_share=rate)
        except RuntimeError:
            logger.warning("Could not record a training step; every kernel is launched by itself.")
            self._is_recordable = False
            return None
        return _Recording(recorded, live, rate, loss)


def _tensors(batch: Any) -> Iterator[Tensor]:
    """The tensors of a batch, which is a dataclass of tensors and of such dataclasses."""
    for field in dataclasses.fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, Tensor):
            yield value
        elif dataclasses.is_dataclass(value):
            yield from _tensors(value)


def _map_tensors(batch: BatchType, change: Callable[[Tensor], Tensor]) -> BatchType:
    """A copy of the batch with changed tensors."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(cast("Any", batch)):
        value = getattr(batch, field.name)
        if isinstance(value, Tensor):
            changed[field.name] = change(value)
        elif dataclasses.is_dataclass(value):
            changed[field.name] = _map_tensors(value, change)
    return cast("BatchType", dataclasses.replace(cast("Any", batch), **changed))
