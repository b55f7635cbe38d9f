"""Places vectors on a plane so that vectors with a high cosine are near each other on the map.

The exact nearest rows by cosine are computed once. t-SNE or UMAP arranges the points from them
alone, and afterwards they show how many of the true neighbours the map has kept. Needs no torch and
no database.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import ShapeError
from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.embed.config import LayoutConfig
from bookgraph.embed.maps.methods import arrange_by_tsne, arrange_by_umap
from bookgraph.embed.nearest import Floats, NearestRows, find_nearest_rows, unit_rows

NUM_MEASURED_NEIGHBOURS = 15
"""Nearest neighbours of each point whose share on the map is reported."""

# t-SNE with fewer points has nothing to arrange: all other points would be neighbours.
_MIN_POINTS = 8
# With a smaller share of points that have an old position, the old map says too little.
_MIN_PLACED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Layout:
    """Points on a plane.

    Attributes:
        positions: (num_rows, 2) float32, centred, in the method's own unit of length.
        kept_share: share of the 15 nearest by cosine that are among the 15 nearest on the map,
            mean over the points; None for fewer than two points.
        config: the method and its settings.
        is_continued: whether the old positions were the start.
    """

    positions: Floats
    kept_share: float | None
    config: LayoutConfig
    is_continued: bool


def measure_kept_share(
    nearest: NearestRows, positions: Floats, *, k: int = NUM_MEASURED_NEIGHBOURS
) -> float | None:
    """Share of the k nearest by cosine that are also among the k nearest on the map.

    Args:
        nearest: at least k columns, unless there are fewer rows.
        positions: (num_rows, 2) float32.
        k: neighbours of each point.

    Returns:
        The mean over the points, in [0, 1]; None for fewer than two points.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415  # only maps need it

    k = min(k, nearest.rows.shape[1])
    if k < 1:
        return None
    _, near = cKDTree(positions).query(positions, k=k + 1)
    num_rows = len(positions)
    is_other = near != np.arange(num_rows)[:, None]
    # A point at the same position as others may be missing from its own list.
    is_other[is_other.all(axis=1), -1] = False
    on_map = near[is_other].reshape(num_rows, k)
    true = nearest.rows[:, :k]
    # One number for each (point, neighbour), so that no loop over the points is needed.
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
        old_positions: (num_rows, 2) float32, the positions on the existing map; NaN for new
            points. The new map starts there and is rotated to fit, so that points do not jump.
        on_progress: called during the search and the arranging.

    Raises:
        ShapeError: a table has the wrong shape or a row of zeros.
        UsageError: the method is umap and umap-learn is not installed.
    """
    if old_positions is not None and old_positions.shape != (len(vectors), 2):
        raise ShapeError(
            f"old_positions has shape {old_positions.shape}. Pass shape ({len(vectors)}, 2)."
        )
    num_rows = len(vectors)
    perplexity = min(config.perplexity, max(2.0, (num_rows - 1) / 3))
    k = max(NUM_MEASURED_NEIGHBOURS, int(3 * perplexity))
    nearest = find_nearest_rows(vectors, k, on_progress=on_progress)
    start, is_continued = _starting_positions(unit_rows(vectors), nearest, old_positions)
    if num_rows < _MIN_POINTS:
        placed = start
    elif config.method == "tsne":
        placed = arrange_by_tsne(
            nearest,
            start,
            config,
            perplexity=perplexity,
            is_continued=is_continued,
            on_progress=on_progress,
        )
    else:
        near = nearest.first(NUM_MEASURED_NEIGHBOURS)
        placed = arrange_by_umap(
            unit_rows(vectors),
            near,
            start,
            config,
            is_continued=is_continued,
            on_progress=on_progress,
        )
    positions = placed - placed.mean(axis=0) if num_rows else placed
    if old_positions is not None:
        positions = _fit_to(positions, old_positions)
    return Layout(positions, measure_kept_share(nearest, positions), config, is_continued)


def _starting_positions(
    unit: Floats, nearest: NearestRows, old_positions: Floats | None
) -> tuple[Floats, bool]:
    """Where the points start: at their old positions, or along the vectors' two main axes.

    New points start at the mean of their neighbours' old positions.
    """
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
    """PCA to two columns, with signs that do not depend on the linear algebra library."""
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


def _fit_to(positions: Floats, old_positions: Floats) -> Floats:
    """Rotate, mirror and resize to fit the old map best (Procrustes; Schönemann and Carroll 1970).

    The size of a map says nothing, and UMAP's short steps end with a smaller one.
    """
    is_placed = np.isfinite(old_positions).all(axis=1)
    if is_placed.sum() < 2:  # noqa: PLR2004  # one point has no direction
        return positions
    old = old_positions[is_placed] - old_positions[is_placed].mean(axis=0)
    new = positions[is_placed] - positions[is_placed].mean(axis=0)
    left, stretches, right = np.linalg.svd(new.T.astype(np.float64) @ old.astype(np.float64))
    size = stretches.sum() / max(float((new.astype(np.float64) ** 2).sum()), 1e-12)
    return np.asarray(positions @ (left @ right) * (size or 1.0), dtype=np.float32)
