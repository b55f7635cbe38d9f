"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from bookgraph.core.edges import EdgeList
from bookgraph.core.errors import TrainingError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.edges import check_not_empty, join_relations
from bookgraph.embed.device import resolve_device
from bookgraph.embed.embeddings import Embeddings, EpochReport, TrainingInterrupted
from bookgraph.embed.step.optimizers import rate_share_at
from bookgraph.embed.step.sampling import num_steps
from bookgraph.embed.train.checkpoint import (
    Checkpoints,
    RunState,
    load_checkpoint,
    save_checkpoint,
)
from bookgraph.embed.train.run import Run, start_run

OnEpoch = Callable[[EpochReport], None]


def fit_edges(
    edges: EdgeList,
    config: TrainConfig,
    *,
    external: EdgeList | None = None,
    checkpoints: Checkpoints | None = None,
    on_progress: OnProgress = ignore_progress,
    on_epoch: OnEpoch | None = None,
) -> Embeddings:
    """Learn one vector for each book and each link, see `embed.fit`.

    Args:
        edges: between books and links; not changed.
        config: how to train.
        external: between the same books and external links, or None.
        checkpoints: where to keep the run between epochs, or None.
        on_progress: called after every step, in the caller's thread.
        on_epoch: called after every epoch.

    Raises:
        TrainingError: there is no edge, or the loss is not finite.
        UsageError: the device does not exist.
        TrainingInterrupted: Ctrl-C; its `embeddings` are usable.
    """
    check_not_empty(edges)
    joined = edges if external is None else join_relations(edges, external)
    state = None if checkpoints is None else _load(checkpoints, joined, config)
    run = start_run(
        joined, config, num_links=edges.num_links, chosen=state, on_progress=on_progress
    )
    if state is not None:
        run.restore_state(state)
    try:
        while (epoch := run.next_epoch()) is not None:
            report = _train_epoch(run, epoch, on_progress)
            run.add_epoch(report)
            if checkpoints is not None and epoch % checkpoints.every == 0:
                save_checkpoint(
                    run.save_state(), checkpoints, config=config, fingerprint=joined.fingerprint()
                )
            if on_epoch is not None:
                on_epoch(report)
    except KeyboardInterrupt:
        raise TrainingInterrupted(run.build_embeddings()) from None
    if checkpoints is not None:
        checkpoints.path.unlink(missing_ok=True)
    return run.build_embeddings()


def _train_epoch(run: Run, epoch: int, on_progress: OnProgress) -> EpochReport:
    config, graph = run.config, run.graph_of_epoch(epoch)
    if graph is run.graph:
        # The last moment: from here on the held-out edges are trained on.
        run.choose_power()
    steps = num_steps(graph.num_mentions, config.resolve_batch_size(graph.num_mentions))
    losses, sizes = torch.zeros((2, steps), device=graph.device)
    started_s = time.perf_counter()
    for step, batch in enumerate(run.model.iter_batches(graph, run.generator)):
        done_share = (epoch - 1 + step / steps) / config.epochs
        losses[step] = run.steps.run(batch, graph, rate_share=rate_share_at(done_share))
        sizes[step] = len(batch)
        on_progress(_progress(run, epoch, step, steps))
    loss = _mean_loss(losses, sizes, epoch, config)
    seconds = time.perf_counter() - started_s
    return EpochReport(
        epoch=epoch,
        num_epochs=config.epochs,
        loss=loss,
        recall_at_20=None if graph is run.graph else run.measure_recall(),
        seconds=seconds,
        num_pairs=graph.num_mentions,
    )


def _load(checkpoints: Checkpoints, edges: EdgeList, config: TrainConfig) -> RunState | None:
    """The state of a run with the same settings on the same edges, where there is one."""
    device = resolve_device(config.device)
    return load_checkpoint(
        checkpoints, config=config, fingerprint=edges.fingerprint(), device=device
    )


def _mean_loss(losses: Tensor, sizes: Tensor, epoch: int, config: TrainConfig) -> float:
    """The epoch's mean loss; read once an epoch, so that no step waits for the device."""
    is_bad = ~losses.isfinite()
    if bool(is_bad.any()):
        step = int(is_bad.int().argmax()) + 1
        raise TrainingError(
            f"Training diverged: the loss was {float(losses[step - 1])} in step {step} of epoch "
            f"{epoch} (model={config.model}, loss={config.resolve_loss()}, "
            f"optimizer={config.resolve_optimizer()}, "
            f"learning_rate={config.resolve_learning_rate():g}, "
            f"temperature={config.resolve('temperature'):g}). Use a smaller --learning-rate."
        )
    return float((losses * sizes).sum() / sizes.sum())


def _progress(run: Run, epoch: int, step: int, steps: int) -> Progress:
    note = ""
    if run.history:
        last = run.history[-1]
        note = f"loss {last.loss:.3f}"
        if last.recall_at_20 is not None:
            note += f", held-out recall@20 {last.recall_at_20:.3f}"
    done = (epoch - 1) * steps + step + 1
    return Progress("Training", done, run.config.epochs * steps, "steps", note)
