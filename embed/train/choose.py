"""Chooses the settings that were left open, by short trainings that the held-out edges compare.

No constant fits all graphs: a dense one wants a low temperature, a small one a high one. One
setting after the other moves along its values as long as the held-out edges are ranked better. All
trials have the same batches and the same start, so that their gains can be compared.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from torch import Tensor

from bookgraph.core.progress import OnProgress, Progress
from bookgraph.embed.config import CHOICES, ChoiceName, TrainConfig
from bookgraph.embed.data.adjacency import Adjacency
from bookgraph.embed.device import make_generator
from bookgraph.embed.embeddings import SettingTrial
from bookgraph.embed.models.base import start_tables
from bookgraph.embed.models.dot import SmoothedModel
from bookgraph.embed.step.optimizers import rate_share_at
from bookgraph.embed.step.sampling import num_steps
from bookgraph.embed.train.watch import Watch

logger = logging.getLogger(__name__)

# All trials together take at most as many steps as the training.
_NUM_TRIALS = 8
# A shorter trial says little.
_MIN_STEPS = 20
_MAX_EPOCHS = 2
# A setting moves for a mean gain that is larger by this many standard errors of the difference.
_LEAST_RISE = 1.5


def choose_settings(
    config: TrainConfig, watch: Watch, *, on_progress: OnProgress
) -> tuple[TrainConfig, tuple[SettingTrial, ...]]:
    """Replace each setting that was left open.

    Args:
        config: with settings that may be None.
        watch: the training edges with the usual exponent, and the held-out ones.
        on_progress: called after each step of a trial.

    Returns:
        The settings without open ones, and the trials in their order; none where the training has
        too few steps to share.
    """
    names, chosen = config.open_settings(), config.with_defaults()
    size = config.resolve_batch_size(watch.graph.num_mentions)
    steps = num_steps(watch.graph.num_mentions, size)
    num_trial_steps = min(config.epochs * steps // _NUM_TRIALS, _MAX_EPOCHS * steps)
    if not names or num_trial_steps < _MIN_STEPS:
        return chosen, ()
    trials = _Trials(watch, num_trial_steps, names, on_progress)
    best = trials.measure(chosen)
    for name in names:
        for direction in (-1, 1):
            has_moved = False
            while (other := _neighbour(chosen, name, direction)) and not trials.is_over:
                gains = trials.measure(other)
                rise = gains - best
                if rise.mean() < _LEAST_RISE * rise.std() / len(rise) ** 0.5:
                    break
                chosen, best, has_moved = other, gains, True
            if has_moved:
                break
    for name in names:
        logger.info("The held-out edges chose %s = %g.", name, chosen.resolve(name))
    return chosen, tuple(trials.done)


def _neighbour(config: TrainConfig, name: ChoiceName, direction: int) -> TrainConfig | None:
    """The settings with the next value of one of them, or None at the end of its values."""
    values = CHOICES[name].values
    place = values.index(config.resolve(name)) + direction
    if not 0 <= place < len(values):
        return None
    changed: dict[str, Any] = {name: values[place]}
    return replace(config, **changed)


class _Trials:
    """Makes trials."""

    def __init__(
        self, watch: Watch, num_steps: int, names: tuple[ChoiceName, ...], on_progress: OnProgress
    ) -> None:
        self.done: list[SettingTrial] = []
        self._watch = watch
        self._num_steps = num_steps
        self._names = names
        self._on_progress = on_progress
        self._start: tuple[Tensor, Tensor] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the trials have taken as many steps as the training will."""
        return len(self.done) >= _NUM_TRIALS

    def measure(self, config: TrainConfig) -> Tensor:
        """The gains of held-out edges after a short training."""
        model, graph = self._train(config)
        gains = self._watch.measure_gains(*model.vectors(graph))
        settings: dict[str, float] = {name: config.resolve(name) for name in self._names}
        self.done.append(SettingTrial(settings, float(gains.mean())))
        return gains

    def _train(self, config: TrainConfig) -> tuple[SmoothedModel, Adjacency]:
        generator = make_generator(self._watch.books.device, seed=config.seed)
        if self._start is None:
            self._start = start_tables(self._watch.graph, config, generator)
        graph = self._watch.graph.with_exponent(config.resolve("degree_exponent"))
        model = SmoothedModel(graph, config, generator, start=self._start)
        done = 0
        while done < self._num_steps:
            for batch in model.iter_batches(graph, generator):
                rate_share = rate_share_at(done / self._num_steps)
                model.train_step(batch, graph, rate_share=rate_share)
                done += 1
                self._report(done)
                if done == self._num_steps:
                    break
        return model, graph

    def _report(self, step: int) -> None:
        note = f"held-out gain {max(t.gain for t in self.done):.3f}" if self.done else ""
        self._on_progress(
            Progress(
                "Choosing settings",
                len(self.done) * self._num_steps + step,
                _NUM_TRIALS * self._num_steps,
                "steps",
                note,
            )
        )
