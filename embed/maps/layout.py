"""Places vectors on a plane so that what is near in many dimensions is near on the map.

The exact nearest rows by cosine are computed once; t-SNE (openTSNE) or UMAP arranges the points
from them alone, and they tell afterwards how many of the true neighbours the map has kept. Needs
no torch and no database.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import ShapeError, UsageError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.embed.config import LayoutConfig

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

NUM_MEASURED_NEIGHBOURS = 15
"""Neighbours a point whose share on the map is reported."""

_COSINES_IN_A_CHUNK = 16_000_000
# t-SNE with fewer points has nothing to arrange, and its neighbours would be all other points.
_MIN_POINTS = 8
# Below this share of points with an old place, the old map says too little about the new one.
_MIN_PLACED_SHARE = 0.5
_MANY_POINTS = 5_000
_TSNE_START_STD = 1e-4
_UMAP_START_SIZE = 10.0
_EARLY_STEPS, _LATE_STEPS, _REPORT_EVERY = 250, 500, 50


@dataclass(frozen=True, slots=True)
class NearestRows:
    """The exact nearest rows of each row by cosine, best first, without the row itself.

    Attributes:
        rows: (num_rows, k) int64, in [0, num_rows).
        cosines: (num_rows, k) float32, falling along axis 1.
    """

    rows: Rows
    cosines: Floats


@dataclass(frozen=True, slots=True)
class Layout:
    """Points on a plane.

    Attributes:
        positions: (num_rows, 2) float32, centred, in the method's own unit of length.
        kept_share: share of the 15 nearest by cosine that are among the 15 nearest on the map,
            mean over the points; None for fewer than two points.
        config: how they were placed.
        is_continued: whether an earlier map was the start.
    """

    positions: Floats
    kept_share: float | None
    config: LayoutConfig
    is_continued: bool


def find_nearest_rows(
    vectors: Floats, k: int, *, on_progress: OnProgress = ignore_progress
) -> NearestRows:
    """Compute all cosines, chunk by chunk, and keep the k best of each row.

    Args:
        vectors: (num_rows, dim) float32; not changed. No row is all zeros.
        k: how many; fewer where there are fewer rows.
        on_progress: told after each chunk.

    Raises:
        ShapeError: `vectors` is no table, or has a row that cosine cannot place.
        UsageError: `k` is below 1.
    """
    if k < 1:
        raise UsageError(f"The k={k} nearest rows were asked for; k has to be 1 or more.")
    unit = _unit_rows(vectors)
    num_rows = len(unit)
    k = max(0, min(k, num_rows - 1))
    rows = np.empty((num_rows, k), dtype=np.int64)
    cosines = np.empty((num_rows, k), dtype=np.float32)
    chunk_size = max(1, _COSINES_IN_A_CHUNK // max(1, num_rows))
    for start in range(0, num_rows if k else 0, chunk_size):
        chunk = slice(start, min(start + chunk_size, num_rows))
        scores = unit[chunk] @ unit.T
        own = np.arange(chunk.stop - chunk.start)
        scores[own, own + chunk.start] = -np.inf
        best = np.argpartition(scores, -k, axis=1)[:, -k:]
        best_scores = np.take_along_axis(scores, best, axis=1)
        # Equal cosines in the order of their rows, so that the result has one form.
        order = np.lexsort((best, -best_scores), axis=1)
        rows[chunk] = np.take_along_axis(best, order, axis=1)
        cosines[chunk] = np.take_along_axis(best_scores, order, axis=1)
        on_progress(Progress("Finding neighbours", chunk.stop, num_rows, "points"))
    return NearestRows(rows, cosines)


def measure_kept_share(
    nearest: NearestRows, positions: Floats, *, k: int = NUM_MEASURED_NEIGHBOURS
) -> float | None:
    """Share of the k nearest by cosine that are also among the k nearest on the map.

    Args:
        nearest: at least k columns, unless there are fewer rows.
        positions: (num_rows, 2) float32.
        k: neighbours a point.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415  # only maps need it

    k = min(k, nearest.rows.shape[1])
    if k < 1:
        return None
    _, near = cKDTree(positions).query(positions, k=k + 1)
    num_rows = len(positions)
    is_other = near != np.arange(num_rows)[:, None]
    # A point with doubles in its very place may be missing from its own list.
    is_other[is_other.all(axis=1), -1] = False
    on_map = near[is_other].reshape(num_rows, k)
    true = nearest.rows[:, :k]
    # One sorted list of (point, neighbour) codes each: no loop over the points.
    codes = np.arange(num_rows)[:, None] * num_rows
    return float(np.isin(true + codes, on_map + codes).mean())


def lay_out(
    vectors: Floats,
    config: LayoutConfig,
    *,
    old_positions: Floats | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Layout:
    """Place vectors on a plane.

    Args:
        vectors: (num_rows, dim) float32; not changed. No row is all zeros.
        config: method and seed.
        old_positions: (num_rows, 2) float32, where the points were; NaN for those that are new.
            The new map starts there and is turned to fit, so that it does not jump.
        on_progress: told of the search and of the steps.

    Raises:
        ShapeError: a table has the wrong shape or a row of zeros.
        UsageError: UMAP is asked for and not installed.
    """
    if old_positions is not None and old_positions.shape != (len(vectors), 2):
        raise ShapeError(
            f"old_positions has shape {old_positions.shape}; expected ({len(vectors)}, 2)."
        )
    num_rows = len(vectors)
    perplexity = min(config.perplexity, max(2.0, (num_rows - 1) / 3))
    k = max(NUM_MEASURED_NEIGHBOURS, int(3 * perplexity))
    nearest = find_nearest_rows(vectors, k, on_progress=on_progress)
    start, is_continued = _starting_positions(_unit_rows(vectors), nearest, old_positions)
    if num_rows < _MIN_POINTS:
        placed = start
    elif config.method == "tsne":
        affinities = _build_affinities(nearest, perplexity, _num_threads(config, num_rows))
        placed = _run_tsne(affinities, start, config, is_continued, on_progress)
    else:
        placed = _run_umap(_unit_rows(vectors), nearest, start, config, on_progress)
    positions = placed - placed.mean(axis=0) if num_rows else placed
    if old_positions is not None:
        positions = _turn_towards(positions, old_positions)
    return Layout(positions, measure_kept_share(nearest, positions), config, is_continued)


def _unit_rows(vectors: Floats) -> Floats:
    if vectors.ndim != 2:  # noqa: PLR2004  # rows, columns
        raise ShapeError(f"vectors has shape {vectors.shape}; expected (num_rows, dim).")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        bad = int(np.flatnonzero(~((lengths[:, 0] > 0) & np.isfinite(lengths[:, 0])))[0])
        raise ShapeError(
            f"vectors has a row that is all zeros or not finite (row {bad}): cosine cannot place "
            "it. Leave such rows out."
        )
    return np.asarray(vectors / lengths, dtype=np.float32)


def _starting_positions(
    unit: Floats, nearest: NearestRows, old_positions: Floats | None
) -> tuple[Floats, bool]:
    """The old places, new points amid their neighbours; else the two main axes of the vectors."""
    if old_positions is not None and len(unit):
        is_placed = np.asarray(np.isfinite(old_positions).all(axis=1))
        if is_placed.mean() >= _MIN_PLACED_SHARE:
            return _fill_in(old_positions, is_placed, nearest), True
    return _main_axes(unit), False


def _fill_in(old_positions: Floats, is_placed: NDArray[np.bool_], nearest: NearestRows) -> Floats:
    start = np.where(is_placed[:, None], old_positions, 0).astype(np.float32)
    new = np.flatnonzero(~is_placed)
    neighbours = nearest.rows[new, :NUM_MEASURED_NEIGHBOURS]
    weights = is_placed[neighbours].astype(np.float32)
    sums = (start[neighbours] * weights[:, :, None]).sum(axis=1)
    start[new] = sums / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    return start


def _main_axes(unit: Floats) -> Floats:
    """PCA to two columns, with signs that do not depend on the machine's linear algebra."""
    start = np.zeros((len(unit), 2), dtype=np.float32)
    if len(unit) < 2:  # noqa: PLR2004  # one point has no axis
        return start
    centred = unit - unit.mean(axis=0)
    _, vectors = np.linalg.eigh(np.asarray(centred.T @ centred, dtype=np.float64))
    axes = vectors[:, ::-1][:, :2]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    start[:, : axes.shape[1]] = centred @ axes
    return start


def _num_threads(config: LayoutConfig, num_rows: int) -> int:
    if config.num_threads is not None:
        return config.num_threads
    return 1 if num_rows < _MANY_POINTS else os.cpu_count() or 1


def _build_affinities(nearest: NearestRows, perplexity: float, num_threads: int) -> Any:
    from openTSNE.affinity import PerplexityBasedNN  # noqa: PLC0415  # takes seconds to load
    from openTSNE.nearest_neighbors import PrecomputedNeighbors  # noqa: PLC0415  # the same

    # Of unit vectors the squared distance is 2 - 2 cosine.
    distances = np.sqrt(np.maximum(2 - 2 * nearest.cosines.astype(np.float64), 0))
    return PerplexityBasedNN(
        perplexity=perplexity,
        knn_index=PrecomputedNeighbors(nearest.rows, distances),
        n_jobs=num_threads,
    )


def _run_tsne(
    affinities: Any,
    start: Floats,
    config: LayoutConfig,
    is_continued: bool,
    on_progress: OnProgress,
) -> Floats:
    """A start that keeps the whole's shape, after Kobak and Berens 2019; an old map as it is.

    Exaggeration tears a finished map apart. Without it, a model whose neighbours agree with those
    of the old one to 76 % moves the points by 0.14 of the map's radius instead of 0.9.
    """
    from openTSNE import TSNE  # noqa: PLC0415  # takes seconds to load

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
    # Points in one and the same place would never part.
    spread = max(float(start.std(axis=0).max()), 1e-12)
    jitter = np.random.default_rng(config.seed).normal(scale=0.01 * spread, size=start.shape)
    scale = 1.0 if is_continued else _TSNE_START_STD / spread
    # It warns of starts that are spread, which an old map is on purpose.
    logging.getLogger("openTSNE").setLevel(logging.ERROR)
    result = tsne.fit(affinities=affinities, initialization=(start + jitter) * scale)
    return np.asarray(result, dtype=np.float32)


def _run_umap(
    unit: Floats,
    nearest: NearestRows,
    start: Floats,
    config: LayoutConfig,
    on_progress: OnProgress,
) -> Floats:
    try:
        from umap import UMAP  # noqa: PLC0415  # compiles itself when it is loaded
    except ImportError as error:
        raise UsageError(
            "The layout 'umap' was asked for and umap-learn is not installed. Install it with "
            "`pip install 'bookgraph[maps]'`, or use --method tsne."
        ) from error
    on_progress(Progress("Arranging the map", 0, 1, "UMAP layouts"))
    own = np.arange(len(unit))[:, None]
    k = min(NUM_MEASURED_NEIGHBOURS, nearest.rows.shape[1])
    # UMAP counts a point as its own first neighbour.
    rows = np.hstack([own, nearest.rows[:, :k]])
    distances = np.hstack([np.zeros_like(own), 1 - nearest.cosines[:, :k]]).astype(np.float32)
    spread = max(float(np.abs(start).max()), 1e-12)
    with warnings.catch_warnings():
        # It says that no further points can be placed later, which nobody asks for.
        warnings.simplefilter("ignore", UserWarning)
        result = UMAP(
            n_neighbors=k + 1,
            metric="cosine",
            init=start / spread * _UMAP_START_SIZE,
            random_state=config.seed,
            n_jobs=1,
            precomputed_knn=(rows, np.maximum(distances, 0), None),
            force_approximation_algorithm=True,
        ).fit_transform(unit)
    on_progress(Progress("Arranging the map", 1, 1, "UMAP layouts"))
    return np.asarray(result, dtype=np.float32)


def _turn_towards(positions: Floats, old_positions: Floats) -> Floats:
    """Turn and mirror (orthogonal Procrustes, Schönemann 1966) to fit the old map best."""
    is_placed = np.isfinite(old_positions).all(axis=1)
    if is_placed.sum() < 2:  # noqa: PLR2004  # one point has no direction
        return positions
    old = old_positions[is_placed] - old_positions[is_placed].mean(axis=0)
    new = positions[is_placed] - positions[is_placed].mean(axis=0)
    left, _, right = np.linalg.svd(new.T.astype(np.float64) @ old.astype(np.float64))
    return np.asarray(positions @ (left @ right), dtype=np.float32)
