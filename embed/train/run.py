"""The state of one training run: how it starts, which epoch comes next, and what it yields."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.core.edges import EdgeList
from bookgraph.core.errors import TrainingError
from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.embed.config import CHOICES, TrainConfig
from bookgraph.embed.data.adjacency import Adjacency, build_adjacency
from bookgraph.embed.data.edges import split_edge_list
from bookgraph.embed.device import make_generator, resolve_device, to_numpy
from bookgraph.embed.embeddings import Embeddings, EpochReport, SettingTrial
from bookgraph.embed.models.base import Model
from bookgraph.embed.models.dot import SmoothedModel, TableModel
from bookgraph.embed.models.reference import ReferenceModel
from bookgraph.embed.train.checkpoint import RunState
from bookgraph.embed.train.choose import choose_settings
from bookgraph.embed.train.replay import StepRunner
from bookgraph.embed.train.watch import DEFAULT_POWER, Watch, make_watch, popularity_lengths

_BEST_PREFIX = "best_"


@dataclass(slots=True, kw_only=True)
class Run:
    """Everything that one run carries from epoch to epoch.

    Attributes:
        config: the settings, none of them open.
        edges: all edges, those to external links after those to links.
        num_links: links; the other rows of the link table are external links.
        graph: all edges on the device.
        watch: the held-out edges and the other ones, or None where none are held out.
        generator: the only source of randomness after the split.
        model: the tables, and how they are changed.
        power: of popularity in a link's length, or None until it is chosen.
        epoch: the last finished one, from 1.
        history: one report for each epoch so far.
        best: the model's best state; kept only where patience may restore it.
        trials: of the settings that were left open.
        steps: runs the model's steps.
    """

    config: TrainConfig
    edges: EdgeList
    num_links: int
    graph: Adjacency
    watch: Watch | None
    generator: torch.Generator
    model: Model[Any]
    power: float | None = None
    epoch: int = 0
    history: list[EpochReport] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    trials: tuple[SettingTrial, ...] = ()
    steps: StepRunner = field(init=False)

    def __post_init__(self) -> None:
        self.steps = StepRunner(self.model)

    @property
    def last_watched_epoch(self) -> int:
        """The last epoch without the held-out edges: the last fifth trains on all edges."""
        return self.config.epochs * 4 // 5

    def next_epoch(self) -> int | None:
        """The epoch to run now, or None at the end; without patience left, the last fifth."""
        if self.epoch < self.last_watched_epoch and self._is_patience_over():
            if self.best is not None:
                self.model.restore(self.best)
            self.epoch = self.last_watched_epoch
        return self.epoch + 1 if self.epoch < self.config.epochs else None

    def graph_of_epoch(self, epoch: int) -> Adjacency:
        """The edges that an epoch trains on."""
        is_watched = self.watch is not None and epoch <= self.last_watched_epoch
        return self.watch.graph if self.watch is not None and is_watched else self.graph

    def add_epoch(self, report: EpochReport) -> None:
        """Record a finished epoch, and keep the model's state where it is the best so far."""
        earlier = self._recalls()
        self.history.append(report)
        self.epoch = report.epoch
        recall = report.recall_at_20
        is_best = recall is not None and all(recall > one for one in earlier)
        if self.config.patience is not None and is_best:
            self.best = {name: value.clone() for name, value in self.model.state().items()}

    def measure_recall(self) -> float | None:
        """Recall@20 of the held-out edges with the present vectors, or None without any."""
        if self.watch is None:
            return None
        vectors = self.model.vectors(self.watch.graph)
        power = DEFAULT_POWER if self.power is None else self.power
        return self.watch.measure_recall(*vectors, power=power)

    def choose_power(self) -> float:
        """The power of popularity in a link's length; chosen once, while edges are held out."""
        if self.power is None and self.watch is not None:
            self.power = self.watch.choose_power(*self.model.vectors(self.watch.graph))
        elif self.power is None:
            self.power = DEFAULT_POWER
        return self.power

    def save_state(self) -> RunState:
        """What the rest of the run depends on."""
        best = {f"{_BEST_PREFIX}{name}": value for name, value in (self.best or {}).items()}
        return RunState(
            epoch=self.epoch,
            history=tuple(self.history),
            power=self.power,
            tensors={**self.model.state(), **best},
            generator=self.generator.get_state(),
            settings={name: self.config.resolve(name) for name in CHOICES},
            trials=self.trials,
        )

    def restore_state(self, state: RunState) -> None:
        """Continue from a state that `save_state` returned."""
        self.model.restore(state.tensors)
        self.generator.set_state(state.generator)
        self.epoch, self.history, self.power = state.epoch, list(state.history), state.power
        best = {
            name.removeprefix(_BEST_PREFIX): value
            for name, value in state.tensors.items()
            if name.startswith(_BEST_PREFIX)
        }
        self.best = best or None

    def build_embeddings(self) -> Embeddings:
        """The result: unit vectors, links with their popularity as length, zeros where unknown.

        Raises:
            TrainingError: some vectors are not finite.
        """
        graph, power, num_links = self.graph, self.choose_power(), self.num_links
        book, link = (functional.normalize(table, dim=1) for table in self.model.vectors(graph))
        if power:
            link = link * popularity_lengths(graph, power)[:, None]
        is_book_trained, is_link_trained = graph.of_books.degrees > 0, graph.of_links.degrees > 0
        book, link = book * is_book_trained[:, None], link * is_link_trained[:, None]
        if not bool(book.isfinite().all() & link.isfinite().all()):
            raise TrainingError(
                "Training diverged: some vectors are not finite after the last step. Use a "
                f"--learning-rate below {self.config.resolve_learning_rate():g}."
            )
        return Embeddings(
            book=to_numpy(book),
            link=to_numpy(link[:num_links]),
            is_book_trained=to_numpy(is_book_trained),
            is_link_trained=to_numpy(is_link_trained[:num_links]),
            link_degrees=self.edges.count_links()[:num_links],
            external=to_numpy(link[num_links:]) if len(link) > num_links else None,
            config=self.config,
            fingerprint=self.edges.fingerprint(),
            history=tuple(self.history),
            is_complete=self.epoch == self.config.epochs,
            trials=self.trials,
        )

    def _recalls(self) -> list[float]:
        return [e.recall_at_20 for e in self.history if e.recall_at_20 is not None]

    def _is_patience_over(self) -> bool:
        recalls = self._recalls()
        if self.config.patience is None or not recalls:
            return False
        return len(recalls) - 1 - recalls.index(max(recalls)) >= self.config.patience


def start_run(
    edges: EdgeList,
    config: TrainConfig,
    *,
    num_links: int,
    chosen: RunState | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Run:
    """Copy the edges to the device, hold some out, choose open settings and make the model.

    Args:
        edges: at least one edge, those to external links after those to links.
        config: how to train.
        num_links: links without external ones.
        chosen: the state of an earlier run, which chose already.
        on_progress: called after each step of a trial of settings.
    """
    device = resolve_device(config.device)
    generator = make_generator(device, seed=config.seed)
    graph = build_adjacency(edges, device=device)
    train, held_out = split_edge_list(edges, test_share=config.holdout_share, seed=config.seed)
    watch = None
    if len(held_out):
        train_graph, held_out_graph = (build_adjacency(e, device=device) for e in (train, held_out))
        watch = make_watch(train_graph, held_out_graph, generator)
    trials: tuple[SettingTrial, ...] = ()
    if chosen is not None:
        settings: dict[str, Any] = chosen.settings
        config, trials = replace(config, **settings), chosen.trials
    elif watch is not None:
        config, trials = choose_settings(config, watch, on_progress=on_progress)
    config = config.with_defaults()
    if config.is_smoothed:
        exponent = config.resolve("degree_exponent")
        graph = graph.with_exponent(exponent)
        watch = watch and replace(watch, graph=watch.graph.with_exponent(exponent))
    run = Run(
        config=config,
        edges=edges,
        num_links=num_links,
        graph=graph,
        watch=watch,
        generator=generator,
        model=_make_model(graph if watch is None else watch.graph, config, generator),
        trials=trials,
    )
    if config.popularity_length is not None or config.model != "dot":
        run.power = config.popularity_length or 0.0
    return run


def _make_model(graph: Adjacency, config: TrainConfig, generator: torch.Generator) -> Model[Any]:
    if config.model == "reference":
        return ReferenceModel(graph, config, generator)
    if config.model == "lightgcn":
        # torch-geometric takes seconds to load, which other models need not wait for.
        from bookgraph.embed.models.lightgcn import LightGCNModel  # noqa: PLC0415

        return LightGCNModel(graph, config, generator)
    kind = SmoothedModel if config.is_smoothed else TableModel
    return kind(graph, config, generator)
