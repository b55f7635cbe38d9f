"""The training loop: edges and negatives are sampled, scored by cosine, and touched rows moved.

`fit` is the one entry; it knows no database and no file. The loop itself is `_train_epoch`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bookgraph.core.errors import TrainingError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.adjacency import Adjacency, build_adjacency
from bookgraph.embed.data.edges import (
    EdgeList,
    Int64Array,
    build_edge_list,
    fingerprint_edges,
    join_relations,
    split_edge_list,
)
from bookgraph.embed.device import make_generator, resolve_device, to_numpy
from bookgraph.embed.embeddings import Embeddings, EpochReport, TrainingInterrupted
from bookgraph.embed.models.base import Model
from bookgraph.embed.models.dot import SmoothedModel, TableModel
from bookgraph.embed.models.reference import ReferenceModel
from bookgraph.embed.step.sampling import num_steps
from bookgraph.embed.train.checkpoint import Checkpoints, RunState, load_checkpoint, save_checkpoint
from bookgraph.embed.train.memory import keep_freed_memory
from bookgraph.embed.train.popularity import (
    DEFAULT_POWER,
    choose_power,
    measure_powers,
    popularity_lengths,
)

OnEpoch = Callable[[EpochReport], None]

_WATCHED_K = 20
_MAX_WATCHED_BOOKS = 2000
# Ranking with every candidate power takes about 0.1 s for 10 million scores on one core.
_MAX_WATCHED_SCORES = 40_000_000
# The learning rate falls linearly to this share of itself.
_LAST_RATE_SHARE = 0.05


def fit(  # the public entry; everything but the data has a default
    pairs: Int64Array,
    *,
    num_books: int,
    num_links: int,
    config: TrainConfig | None = None,
    on_progress: OnProgress = ignore_progress,
    on_epoch: OnEpoch | None = None,
    checkpoints: Checkpoints | None = None,
    external_pairs: Int64Array | None = None,
    num_external: int = 0,
) -> Embeddings:
    """Learn one vector for each book and each link from the edges between them.

    Args:
        pairs: (num_pairs, 2) int64, rows of [book_row, link_row], book_row in [0, num_books) and
            link_row in [0, num_links). Repeats weigh more: a pair that stands there n times is
            drawn n times an epoch. The order does not matter. Not changed.
        num_books: rows of the book table, at least 1; books without an edge are allowed.
        num_links: rows of the link table, at least 1; links without an edge are allowed.
        config: how to train; the defaults when None.
        on_progress: told after every step, in the caller's thread.
        on_epoch: told after every epoch.
        checkpoints: where to keep the run between epochs. A run that finds a checkpoint of its own
            settings and data goes on from there, to the same result; a finished one removes it.
        external_pairs: (n, 2) int64, rows of [book_row, external_row], a second relation that is
            learned into the same space; repeats weigh more. It counts like links do, in training,
            in popularity and in the shown recall.
        num_external: rows of the table of externals.

    Returns:
        The embeddings; rows of books and links without an edge are zero and marked so.

    Raises:
        ShapeError: `pairs` is not as described.
        TrainingError: there is no edge, or the loss stopped being a number; a smaller learning
            rate can help with the second.
        UsageError: the device is not there.
        TrainingInterrupted: ctrl-C came; its `embeddings` are usable.
    """
    config = config or TrainConfig()
    edges = build_edge_list(pairs, num_books=num_books, num_links=num_links)
    if external_pairs is not None and len(external_pairs):
        edges = join_relations(edges, external_pairs, num_external=num_external)
    with keep_freed_memory():
        run = _start_run(edges, config, num_links=num_links)
        if checkpoints is not None:
            _resume(run, checkpoints)
        try:
            _train(run, on_progress, on_epoch, checkpoints)
        except KeyboardInterrupt:
            raise TrainingInterrupted(_finish(run)) from None
        if checkpoints is not None:
            checkpoints.path.unlink(missing_ok=True)
        return _finish(run)


@dataclass(slots=True, kw_only=True)
class _Run:
    """Everything that one run carries from step to step.

    Attributes:
        config: the settings.
        edges: the distinct edges of the whole graph, those to externals after those to links.
        num_links: rows of the link table; the rest are externals.
        graph: the same on the device.
        early_graph: without the held-out edges; the same object where none are held out.
        held_out: the held-out edges, or None.
        watched_books: (at most 2,000,) int64, the books whose recall is shown.
        generator: the one source of chance after the split.
        model: the tables, and how they are changed.
        power: of popularity in a link's length, or None while it has still to be chosen.
        epoch: the last finished one.
        history: one report an epoch so far.
        best: the model's best state, kept only where patience may take it back.
    """

    config: TrainConfig
    edges: EdgeList
    num_links: int
    graph: Adjacency
    early_graph: Adjacency
    held_out: Adjacency | None
    watched_books: Tensor
    generator: torch.Generator
    model: Model[Any]
    power: float | None = None
    epoch: int = 0
    history: list[EpochReport] = field(default_factory=list)
    best: dict[str, Tensor] | None = None

    @property
    def last_early_epoch(self) -> int:
        """The last epoch without the held-out edges: all have them in the last fifth."""
        return self.config.epochs * 4 // 5

    def graph_of_epoch(self, epoch: int) -> Adjacency:
        """The edges that an epoch trains on."""
        return self.early_graph if epoch <= self.last_early_epoch else self.graph

    def next_epoch(self) -> int | None:
        """The epoch to run now, or None at the end; patience jumps to the last fifth."""
        if self.epoch < self.last_early_epoch and self._is_patience_over():
            if self.best is not None:
                self.model.restore(self.best)
            self.epoch = self.last_early_epoch
        return self.epoch + 1 if self.epoch < self.config.epochs else None

    def _is_patience_over(self) -> bool:
        recalls = [e.recall_at_20 for e in self.history if e.recall_at_20 is not None]
        if self.config.patience is None or not recalls:
            return False
        return len(recalls) - 1 - recalls.index(max(recalls)) >= self.config.patience

    def keep(self, report: EpochReport) -> None:
        """Note a finished epoch, and its state where it is the best so far."""
        recalls = [e.recall_at_20 for e in self.history if e.recall_at_20 is not None]
        self.history.append(report)
        self.epoch = report.epoch
        recall = report.recall_at_20
        is_best = recall is not None and all(recall > one for one in recalls)
        if self.config.patience is not None and is_best:
            self.best = {name: value.clone() for name, value in self.model.state().items()}


def _start_run(edges: EdgeList, config: TrainConfig, *, num_links: int) -> _Run:
    device = resolve_device(config.device)
    generator = make_generator(device, seed=config.seed)
    graph = early_graph = build_adjacency(edges, device=device)
    held_out: Adjacency | None = None
    watched_books = torch.zeros(0, dtype=torch.int64, device=device)
    early_edges, held_out_edges = split_edge_list(
        edges, test_share=config.holdout_share, seed=config.seed
    )
    if len(held_out_edges.edges):
        early_graph = build_adjacency(early_edges, device=device)
        held_out = build_adjacency(held_out_edges, device=device)
        watched_books = _choose_watched(held_out, generator)
    run = _Run(
        config=config,
        edges=edges,
        num_links=num_links,
        graph=graph,
        early_graph=early_graph,
        held_out=held_out,
        watched_books=watched_books,
        generator=generator,
        model=_make_model(early_graph, config, generator),
    )
    if config.popularity_length is not None or config.model != "dot":
        run.power = config.popularity_length or 0.0
    return run


def _make_model(graph: Adjacency, config: TrainConfig, generator: torch.Generator) -> Model[Any]:
    if config.model == "reference":
        return ReferenceModel(graph, config, generator)
    if config.model == "lightgcn":
        # torch-geometric takes seconds to load, which nobody else should pay.
        from bookgraph.embed.models.lightgcn import LightGCNModel  # noqa: PLC0415

        return LightGCNModel(graph, config, generator)
    kind = SmoothedModel if config.is_smoothed else TableModel
    return kind(graph, config, generator)


def _train(
    run: _Run, on_progress: OnProgress, on_epoch: OnEpoch | None, checkpoints: Checkpoints | None
) -> None:
    while (epoch := run.next_epoch()) is not None:
        report = _train_epoch(run, epoch, on_progress)
        run.keep(report)
        if checkpoints is not None and epoch % checkpoints.every == 0:
            _save(run, checkpoints)
        if on_epoch is not None:
            on_epoch(report)


def _train_epoch(run: _Run, epoch: int, on_progress: OnProgress) -> EpochReport:
    config, graph = run.config, run.graph_of_epoch(epoch)
    if graph is run.graph:
        # The last moment: from here on the held-out edges are trained on.
        _choose_power(run)
    num_pairs = int(graph.counts.sum())
    steps = num_steps(num_pairs, config.resolve_batch_size(num_pairs))
    losses = torch.zeros(steps, device=graph.edges.device)
    weights = torch.zeros(steps, device=graph.edges.device)
    started_s = time.perf_counter()
    for step, batch in enumerate(run.model.iter_batches(graph, run.generator)):
        done_share = (epoch - 1 + step / steps) / config.epochs
        rate_share = 1 - (1 - _LAST_RATE_SHARE) * done_share
        losses[step] = run.model.train_step(batch, graph, rate_share=rate_share)
        weights[step] = len(batch)
        on_progress(_progress(run, epoch, step, steps))
    mean_loss = _check_losses(losses, weights, epoch, config)
    seconds = time.perf_counter() - started_s
    return EpochReport(
        epoch=epoch,
        num_epochs=config.epochs,
        loss=mean_loss,
        recall_at_20=_measure_held_out(run) if graph is not run.graph else None,
        seconds=seconds,
        num_pairs=num_pairs,
    )


def _check_losses(losses: Tensor, weights: Tensor, epoch: int, config: TrainConfig) -> float:
    """The epoch's mean loss; asked for once an epoch, so that no step waits for the device."""
    is_bad = ~losses.isfinite()
    if bool(is_bad.any()):
        step = int(is_bad.int().argmax()) + 1
        message = (
            f"Training diverged: the loss was {float(losses[step - 1])} in step {step} of epoch "
            f"{epoch} (model={config.model}, loss={config.resolve_loss()}, "
            f"optimizer={config.resolve_optimizer()}, "
            f"learning_rate={config.resolve_learning_rate():g}, "
            f"temperature={config.temperature:g}). Use a smaller learning rate or a larger "
            "temperature."
        )
        raise TrainingError(message)
    return float((losses * weights).sum() / weights.sum())


def _finish(run: _Run) -> Embeddings:
    """The vectors as they leave: unit length, links by popularity, zero where unknown."""
    graph, power = run.graph, _choose_power(run)
    book, link = (functional.normalize(table, dim=1) for table in run.model.vectors(graph))
    if power:
        link = link * popularity_lengths(graph, power)[:, None]
    book = book * (graph.of_books.degrees > 0)[:, None]
    link = link * (graph.of_links.degrees > 0)[:, None]
    if not bool(book.isfinite().all() & link.isfinite().all()):
        message = (
            "Training diverged: some vectors are not finite after the last step. Use a smaller "
            f"learning rate than {run.config.resolve_learning_rate():g}."
        )
        raise TrainingError(message)
    num_links = run.num_links
    return Embeddings(
        book=to_numpy(book),
        link=to_numpy(link[:num_links]),
        is_book_trained=(graph.of_books.degrees > 0).cpu().numpy(),
        is_link_trained=(graph.of_links.degrees[:num_links] > 0).cpu().numpy(),
        link_degrees=_link_degrees(run),
        external=to_numpy(link[num_links:]) if len(link) > num_links else None,
        config=run.config,
        fingerprint=fingerprint_edges(run.edges),
        history=tuple(run.history),
        is_complete=run.epoch == run.config.epochs,
    )


def _link_degrees(run: _Run) -> Int64Array:
    edges = run.edges
    degrees = np.bincount(edges.edges[:, 1], weights=edges.counts, minlength=edges.num_links)
    return degrees[: run.num_links].astype(np.int64)


def _resume(run: _Run, checkpoints: Checkpoints) -> None:
    """Go on from a checkpoint of the same settings and data, where there is one."""
    state = load_checkpoint(
        checkpoints,
        config=run.config,
        fingerprint=fingerprint_edges(run.edges),
        device=run.graph.edges.device,
    )
    if state is None:
        return
    best = {
        name.removeprefix("best_"): value
        for name, value in state.tensors.items()
        if name.startswith("best_")
    }
    run.model.restore(state.tensors)
    run.generator.set_state(state.generator)
    run.epoch, run.history, run.power = state.epoch, list(state.history), state.power
    run.best = best or None


def _save(run: _Run, checkpoints: Checkpoints) -> None:
    best = {f"best_{name}": value for name, value in (run.best or {}).items()}
    state = RunState(
        epoch=run.epoch,
        history=tuple(run.history),
        power=run.power,
        tensors={**run.model.state(), **best},
        generator=run.generator.get_state(),
    )
    save_checkpoint(state, checkpoints, config=run.config, fingerprint=fingerprint_edges(run.edges))


def _choose_watched(held_out: Adjacency, generator: torch.Generator) -> Tensor:
    candidates = held_out.of_books.degrees.nonzero()[:, 0]
    allowed = max(100, _MAX_WATCHED_SCORES // held_out.num_links)
    chosen = torch.randperm(len(candidates), generator=generator, device=generator.device)
    return candidates[chosen[: min(_MAX_WATCHED_BOOKS, allowed)]].sort().values


def _choose_power(run: _Run) -> float:
    """The power of popularity in a link's length; chosen once, while edges are held out."""
    if run.power is not None:
        return run.power
    run.power = DEFAULT_POWER
    if run.held_out is not None:
        run.power = choose_power(
            *run.model.vectors(run.early_graph),
            run.early_graph,
            held_out=run.held_out.of_books,
            rows=run.watched_books,
            k=_WATCHED_K,
        )
    return run.power


def _measure_held_out(run: _Run) -> float | None:
    if run.held_out is None:
        return None
    recalls = measure_powers(
        *run.model.vectors(run.early_graph),
        run.early_graph,
        held_out=run.held_out.of_books,
        rows=run.watched_books,
        k=_WATCHED_K,
        powers=(DEFAULT_POWER if run.power is None else run.power,),
    )
    return float(recalls[0])


def _progress(run: _Run, epoch: int, step: int, steps: int) -> Progress:
    note = ""
    if run.history:
        last = run.history[-1]
        note = f"loss {last.loss:.3f}"
        if last.recall_at_20 is not None:
            note += f", held-out recall@20 {last.recall_at_20:.3f}"
    done = (epoch - 1) * steps + step + 1
    return Progress("Training", done, run.config.epochs * steps, "steps", note)
