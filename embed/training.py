"""The training loop: edges and negatives are sampled, scored by cosine, and touched rows moved.

`fit` is the one entry; it knows no database and no file. The loop itself is `_train_epoch`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from core.errors import TrainingError
from core.progress import OnProgress, Progress, ignore_progress
from embed.adjacency import Adjacency, build_adjacency
from embed.config import TrainConfig
from embed.device import make_generator, resolve_device, to_numpy
from embed.embeddings import Embeddings, EpochReport, TrainingInterrupted
from embed.losses import bce_loss, mse_loss, softmax_loss
from embed.metrics import measure_books
from embed.optimizers import RowAdagrad, RowAdam, RowOptimizer
from embed.pairs import (
    EdgeList,
    Int64Array,
    build_edge_list,
    fingerprint_edges,
    split_edge_list,
)
from embed.ranking import iter_ranked
from embed.sampling import Batch, Negatives, iter_epoch, num_steps
from embed.spectral import smooth, truncated_svd

OnEpoch = Callable[[EpochReport], None]

_WATCHED_K = 20
_MAX_WATCHED_BOOKS = 2000
# Ranking takes 8 bytes a number; this keeps it under half a second an epoch.
_MAX_WATCHED_SCORES = 40_000_000


def fit(  # the public entry; everything but the data has a default
    pairs: Int64Array,
    *,
    num_books: int,
    num_links: int,
    config: TrainConfig | None = None,
    on_progress: OnProgress = ignore_progress,
    on_epoch: OnEpoch | None = None,
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

    Returns:
        The embeddings; rows of books and links without an edge are zero and marked so.

    Raises:
        ShapeError: `pairs` is not as described.
        TrainingError: there is no edge, or the loss stopped being a number; a smaller learning
            rate can help with the second.
        UsageError: the device is not there.
        TrainingInterrupted: ctrl-C came; its `embeddings` are usable.
    """
    run = _start_run(
        build_edge_list(pairs, num_books=num_books, num_links=num_links),
        config or TrainConfig(),
    )
    try:
        for epoch in range(1, run.config.epochs + 1):
            report = _train_epoch(run, epoch, on_progress)
            run.history.append(report)
            if on_epoch is not None:
                on_epoch(report)
    except KeyboardInterrupt:
        raise TrainingInterrupted(_finish(run)) from None
    return _finish(run)


@dataclass(slots=True, kw_only=True)
class _Run:
    """Everything that one run carries from step to step.

    Attributes:
        config: the settings.
        edges: the distinct edges of the whole graph.
        graph: the same on the device.
        early_graph: without the held-out edges; the same object where none are held out.
        held_out: the held-out edges, or None.
        watched_books: (at most 2,000,) int64, the books whose recall is shown.
        generator: the one source of chance after the split.
        book: (num_books + 1, dim) float32, the last row spare.
        link: (num_links + 1, dim) float32, the last row spare.
        book_optimizer: moves rows of `book`.
        link_optimizer: moves rows of `link`.
        history: one report an epoch so far.
    """

    config: TrainConfig
    edges: EdgeList
    graph: Adjacency
    early_graph: Adjacency
    held_out: Adjacency | None
    watched_books: Tensor
    generator: torch.Generator
    book: Tensor
    link: Tensor
    book_optimizer: RowOptimizer
    link_optimizer: RowOptimizer
    history: list[EpochReport] = field(default_factory=list)

    def graph_of_epoch(self, epoch: int) -> Adjacency:
        """The edges that an epoch trains on: all of them in the last fifth."""
        return self.early_graph if epoch <= self.config.epochs * 4 // 5 else self.graph


def _start_run(edges: EdgeList, config: TrainConfig) -> _Run:
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
    book, link = _start_tables(early_graph, config, generator)
    return _Run(
        config=config,
        edges=edges,
        graph=graph,
        early_graph=early_graph,
        held_out=held_out,
        watched_books=watched_books,
        generator=generator,
        book=book,
        link=link,
        book_optimizer=_make_optimizer(book, config),
        link_optimizer=_make_optimizer(link, config),
    )


def _train_epoch(run: _Run, epoch: int, on_progress: OnProgress) -> EpochReport:
    config, graph = run.config, run.graph_of_epoch(epoch)
    num_pairs = int(graph.counts.sum())
    batch_size = config.resolve_batch_size(num_pairs)
    steps = num_steps(num_pairs, batch_size)
    losses = torch.zeros(steps, device=graph.edges.device)
    weights = torch.zeros(steps, device=graph.edges.device)
    started_s = time.perf_counter()
    batches = iter_epoch(
        graph,
        run.generator,
        batch_size=batch_size,
        num_negatives=config.num_negatives,
        has_negative_books=config.negative_sides == "both",
    )
    for step, batch in enumerate(batches):
        book_rows, link_rows = _touched_rows(batch)
        book = run.book[book_rows].requires_grad_()
        link = run.link[link_rows].requires_grad_()
        loss = _batch_loss(book, link, batch, config, graph)
        book_gradient, link_gradient = torch.autograd.grad(loss, (book, link))
        run.book_optimizer.update(book_rows, book_gradient)
        run.link_optimizer.update(link_rows, link_gradient)
        losses[step] = loss.detach()
        weights[step] = len(batch.book_rows)
        on_progress(_progress(run, epoch, step, steps))
    mean_loss = _check_losses(losses, weights, epoch, config)
    seconds = time.perf_counter() - started_s
    return EpochReport(
        epoch=epoch,
        num_epochs=config.epochs,
        loss=mean_loss,
        recall_at_20=_held_out_recall(run) if graph is not run.graph else None,
        seconds=seconds,
        num_pairs=num_pairs,
    )


def _touched_rows(batch: Batch) -> tuple[Tensor, Tensor]:
    """The batch's own rows first, then its negatives."""
    link_rows = torch.cat((batch.link_rows, batch.negative_links.rows))
    if batch.negative_books is None:
        return batch.book_rows, link_rows
    return torch.cat((batch.book_rows, batch.negative_books.rows)), link_rows


def _batch_loss(
    book: Tensor, link: Tensor, batch: Batch, config: TrainConfig, graph: Adjacency
) -> Tensor:
    """Mean loss over the batch's pairs, and over both sides where both have negatives."""
    size = len(batch.book_rows)
    book, link = functional.normalize(book, dim=1), functional.normalize(link, dim=1)
    positive = (book[:size] * link[:size]).sum(dim=1)
    of_links = _side_loss(
        positive,
        book[:size] @ link[size:].T,
        batch.negative_links,
        config,
        graph.num_links,
    )
    if batch.negative_books is None:
        return of_links
    of_books = _side_loss(
        positive,
        link[:size] @ book[size:].T,
        batch.negative_books,
        config,
        graph.num_books,
    )
    return (of_links + of_books) / 2


def _side_loss(
    positive: Tensor,
    negative: Tensor,
    negatives: Negatives,
    config: TrainConfig,
    num_candidates: int,
) -> Tensor:
    is_positive = negatives.is_positive
    if config.loss == "mse":
        return mse_loss(positive, negative, is_positive, negative_weight=config.negative_weight)
    positive, negative = positive / config.temperature, negative / config.temperature
    if config.loss == "bce":
        return bce_loss(positive, negative, is_positive, negative_weight=config.negative_weight)
    return softmax_loss(positive, negative, is_positive, num_candidates=num_candidates)


def _check_losses(losses: Tensor, weights: Tensor, epoch: int, config: TrainConfig) -> float:
    """The epoch's mean loss; asked for once an epoch, so that no step waits for the device."""
    is_bad = ~losses.isfinite()
    if bool(is_bad.any()):
        step = int(is_bad.int().argmax()) + 1
        message = (
            f"Training diverged: the loss was {float(losses[step - 1])} in step {step} of epoch "
            f"{epoch} (loss={config.loss}, optimizer={config.optimizer}, "
            f"learning_rate={config.resolve_learning_rate():g}, "
            f"temperature={config.temperature:g}). Use a smaller learning rate or a larger "
            "temperature."
        )
        raise TrainingError(message)
    return float((losses * weights).sum() / weights.sum())


def _start_tables(
    graph: Adjacency, config: TrainConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Unit vectors to start from, each table with a spare zero row at its end."""
    sizes = (graph.num_books, graph.num_links)
    device = generator.device
    noise = [torch.randn((n, config.dim), generator=generator, device=device) for n in sizes]
    if config.start == "spectral":
        left, values, right = truncated_svd(graph, config.dim, generator)
        # Rows outside of the kept directions (isolated ones, say) keep a trace of noise, because
        # a vector of length zero has no direction to turn.
        tables = [
            side * values.sqrt() + 1e-6 * some
            for side, some in zip((left, right), noise, strict=True)
        ]
    else:
        tables = noise
    book, link = (functional.pad(functional.normalize(t, dim=1), (0, 0, 0, 1)) for t in tables)
    return book, link


def _make_optimizer(table: Tensor, config: TrainConfig) -> RowOptimizer:
    kind = RowAdagrad if config.optimizer == "adagrad" else RowAdam
    return kind(table, learning_rate=config.resolve_learning_rate())


def _final_tables(run: _Run, graph: Adjacency) -> tuple[Tensor, Tensor]:
    """The vectors as they leave: unit length, smoothed over the graph, zero where unknown."""
    book = functional.normalize(run.book[:-1], dim=1)
    link = functional.normalize(run.link[:-1], dim=1)
    book, link = smooth(graph, book, link, hops=run.config.smoothing_hops)
    book = book * (graph.of_books.degrees > 0)[:, None]
    link = link * (graph.of_links.degrees > 0)[:, None]
    return book, link


def _finish(run: _Run) -> Embeddings:
    book, link = _final_tables(run, run.graph)
    if not bool(book.isfinite().all() & link.isfinite().all()):
        message = (
            "Training diverged: some vectors are not finite after the last step. Use a smaller "
            f"learning rate than {run.config.resolve_learning_rate():g}."
        )
        raise TrainingError(message)
    return Embeddings(
        book=to_numpy(book),
        link=to_numpy(link),
        is_book_trained=(run.graph.of_books.degrees > 0).cpu().numpy(),
        is_link_trained=(run.graph.of_links.degrees > 0).cpu().numpy(),
        config=run.config,
        fingerprint=fingerprint_edges(run.edges),
        history=tuple(run.history),
        is_complete=len(run.history) == run.config.epochs,
    )


def _choose_watched(held_out: Adjacency, generator: torch.Generator) -> Tensor:
    candidates = held_out.of_books.degrees.nonzero()[:, 0]
    allowed = max(100, _MAX_WATCHED_SCORES // held_out.num_links)
    chosen = torch.randperm(len(candidates), generator=generator, device=generator.device)
    return candidates[chosen[: min(_MAX_WATCHED_BOOKS, allowed)]].sort().values


def _held_out_recall(run: _Run) -> float | None:
    if run.held_out is None:
        return None
    book, link = _final_tables(run, run.early_graph)
    true = run.held_out.of_books
    total = torch.zeros((), device=book.device, dtype=torch.float64)
    for ranked in iter_ranked(
        lambda rows: book[rows] @ link.T,
        run.watched_books,
        known=run.early_graph.of_books,
        true=true,
        k=_WATCHED_K,
    ):
        total += measure_books(ranked, true).recall.sum()
    return float(total) / len(run.watched_books)


def _progress(run: _Run, epoch: int, step: int, steps: int) -> Progress:
    note = ""
    if run.history:
        last = run.history[-1]
        note = f"loss {last.loss:.3f}"
        if last.recall_at_20 is not None:
            note += f", held-out recall@20 {last.recall_at_20:.3f}"
    done = (epoch - 1) * steps + step + 1
    return Progress("Training", done, run.config.epochs * steps, "steps", note)
