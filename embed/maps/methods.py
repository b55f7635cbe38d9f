"""Arranges points on a plane by t-SNE (openTSNE) or UMAP (umap-learn), from their nearest rows."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from bookgraph.core.errors import UsageError
from bookgraph.core.progress import OnProgress, Progress
from bookgraph.embed.config import LayoutConfig
from bookgraph.embed.nearest import Floats, NearestRows

_MANY_POINTS = 5_000
_TSNE_START_STD = 1e-4
_UMAP_START_SIZE = 10.0
_UMAP_CONTINUED_RATE = 0.1
_EARLY_STEPS, _LATE_STEPS, _REPORT_EVERY = 250, 500, 50


def arrange_by_tsne(
    nearest: NearestRows,
    start: Floats,
    config: LayoutConfig,
    *,
    perplexity: float,
    is_continued: bool,
    on_progress: OnProgress,
) -> Floats:
    """Arrange points by t-SNE.

    A new map starts small, which keeps the overall shape (Kobak and Berens, 2019). An old map
    starts as it is and without early exaggeration, which would tear it apart: with a model whose
    neighbours agree with the old model's to 76 %, points move by 0.14 of the map's radius instead
    of 0.9.

    Args:
        nearest: at least 3 * perplexity columns, unless there are fewer rows.
        start: (num_rows, 2) float32.
        config: seed and threads.
        perplexity: see `LayoutConfig`.
        is_continued: whether `start` is an old map.
        on_progress: called every 50 steps.

    Returns:
        (num_rows, 2) float32.
    """
    from openTSNE import TSNE  # noqa: PLC0415  # takes seconds to load

    affinities = _build_affinities(nearest, perplexity, _num_threads(config, len(start)))

    early_steps = 0 if is_continued else _EARLY_STEPS
    total = early_steps + _LATE_STEPS
    steps_done = 0

    def on_step(step: int, divergence: float, embedding: Any) -> None:
        nonlocal steps_done
        steps_done += _REPORT_EVERY
        on_progress(Progress("Arranging the map", min(steps_done, total), total, "steps"))

    tsne = TSNE(
        early_exaggeration_iter=early_steps,
        n_iter=_LATE_STEPS,
        n_jobs=affinities.n_jobs,
        random_state=config.seed,
        callbacks=on_step,
        callbacks_every_iters=_REPORT_EVERY,
    )
    # Points at the same position would never separate.
    spread = max(float(start.std(axis=0).max()), 1e-12)
    jitter = np.random.default_rng(config.seed).normal(scale=0.01 * spread, size=start.shape)
    scale = 1.0 if is_continued else _TSNE_START_STD / spread
    result = tsne.fit(affinities=affinities, initialization=(start + jitter) * scale)
    return np.asarray(result, dtype=np.float32)


def arrange_by_umap(
    unit: Floats,
    nearest: NearestRows,
    start: Floats,
    config: LayoutConfig,
    *,
    is_continued: bool,
    on_progress: OnProgress,
) -> Floats:
    """Arrange points by UMAP.

    An old map starts as it is and takes steps of a tenth of the usual length, which keep a point's
    neighbours as well: over four maps of six clusters, the points of a retrained model move by
    0.29 of the map's radius instead of 0.44 (and by 1.4 on a new map).

    Args:
        unit: (num_rows, dim) float32 unit vectors.
        nearest: the neighbours that count.
        start: (num_rows, 2) float32.
        config: the seed; UMAP with a seed has one thread.
        is_continued: whether `start` is an old map.
        on_progress: called before and after.

    Returns:
        (num_rows, 2) float32.

    Raises:
        UsageError: umap-learn is not installed.
    """
    try:
        from umap import UMAP  # noqa: PLC0415  # compiles itself when it is loaded
    except ImportError as error:
        raise UsageError(
            "--method umap needs umap-learn, which is not installed. Install it with "
            "`pip install 'bookgraph[maps]'`, or use --method tsne."
        ) from error
    on_progress(Progress("Arranging the map", 0, 1, "UMAP layouts"))
    own = np.arange(len(unit))[:, None]
    # UMAP counts a point as its own first neighbour.
    rows = np.hstack([own, nearest.rows])
    distances = np.hstack([np.zeros_like(own), 1 - nearest.cosines]).astype(np.float32)
    spread = max(float(np.abs(start).max()), 1e-12)
    with warnings.catch_warnings():
        # It warns that it cannot place further points later, which maps do not need.
        warnings.simplefilter("ignore", UserWarning)
        result = UMAP(
            n_neighbors=rows.shape[1],
            metric="cosine",
            init=start / spread * _UMAP_START_SIZE,
            learning_rate=_UMAP_CONTINUED_RATE if is_continued else 1.0,
            random_state=config.seed,
            n_jobs=1,
            precomputed_knn=(rows, np.maximum(distances, 0), None),
            force_approximation_algorithm=True,
        ).fit_transform(unit)
    on_progress(Progress("Arranging the map", 1, 1, "UMAP layouts"))
    return np.asarray(result, dtype=np.float32)


def _num_threads(config: LayoutConfig, num_rows: int) -> int:
    if config.num_threads is not None:
        return config.num_threads
    return 1 if num_rows < _MANY_POINTS else os.cpu_count() or 1


def _build_affinities(nearest: NearestRows, perplexity: float, num_threads: int) -> Any:
    from openTSNE.affinity import PerplexityBasedNN  # noqa: PLC0415  # takes seconds to load
    from openTSNE.nearest_neighbors import PrecomputedNeighbors  # noqa: PLC0415  # likewise

    # Of unit vectors the squared distance is 2 - 2 cosine.
    distances = np.sqrt(np.maximum(2 - 2 * nearest.cosines.astype(np.float64), 0))
    return PerplexityBasedNN(
        perplexity=perplexity,
        knn_index=PrecomputedNeighbors(nearest.rows, distances),
        n_jobs=num_threads,
    )
