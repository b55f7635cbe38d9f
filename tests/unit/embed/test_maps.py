"""Map positions: exact neighbours, one seed one map, and points that do not jump."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookgraph.core.errors import ShapeError, UsageError
from bookgraph.core.progress import Progress
from bookgraph.embed.config import LayoutConfig, LayoutMethod
from bookgraph.embed.maps.layout import lay_out, measure_kept_share
from bookgraph.embed.nearest import NearestRows, find_nearest_rows

NUM_CLUSTERS = 6
PER_CLUSTER = 40


def clustered(seed: int = 0, noise: float = 0.15) -> np.ndarray:
    """(240, 12) float32: six directions with noise, forty rows each."""
    random = np.random.default_rng(seed)
    centres = np.linalg.qr(np.random.default_rng(7).normal(size=(12, 12)))[0][:NUM_CLUSTERS]
    rows = np.repeat(centres, PER_CLUSTER, axis=0)
    return (rows + random.normal(scale=noise, size=rows.shape)).astype(np.float32)


def cluster_of_rows() -> np.ndarray:
    return np.repeat(np.arange(NUM_CLUSTERS), PER_CLUSTER)


def test_nearest_rows_of_a_fan_are_its_neighbours_by_angle() -> None:
    angles = np.radians([0, 10, 30, 90])
    # The length plays no part: the second is the longest.
    lengths = np.array([[1], [50], [2], [0.1]])
    vectors = (np.stack([np.cos(angles), np.sin(angles)], axis=1) * lengths).astype(np.float32)
    nearest = find_nearest_rows(vectors, 2)
    assert nearest.rows.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert nearest.cosines[0] == pytest.approx(np.cos(np.radians([10, 30])), abs=1e-6)
    assert nearest.cosines[3] == pytest.approx(np.cos(np.radians([60, 80])), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    num_rows=st.integers(2, 60),
    dim=st.integers(1, 8),
    k=st.integers(1, 70),
    seed=st.integers(0, 2**16),
)
def test_nearest_rows_equal_a_full_sort(num_rows: int, dim: int, k: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(num_rows, dim)).astype(np.float32)
    before = vectors.copy()
    nearest = find_nearest_rows(vectors, k)
    assert np.array_equal(vectors, before)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit.astype(np.float64) @ unit.T.astype(np.float64)
    np.fill_diagonal(cosines, -np.inf)
    expected = -np.sort(-cosines, axis=1)[:, : min(k, num_rows - 1)]
    assert nearest.cosines == pytest.approx(expected, abs=1e-5)
    assert not (nearest.rows == np.arange(num_rows)[:, None]).any()
    assert all(len({*row}) == len(row) for row in nearest.rows.tolist())


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = find_nearest_rows(clustered(), 7)
    monkeypatch.setattr("bookgraph.embed.nearest._COSINES_IN_A_CHUNK", 500)
    seen: list[Progress] = []
    parts = find_nearest_rows(clustered(), 7, on_progress=seen.append)
    assert np.array_equal(whole.rows, parts.rows)
    assert len(seen) > 100
    assert seen[-1].is_finished


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (np.zeros((3, 2), np.float32), "Row 0"),
        (np.array([[1, 0], [np.nan, 1]], np.float32), "Row 1"),
        (np.ones(3, np.float32), r"shape \(3,\)"),
    ],
)
def test_rows_without_a_cosine_are_refused(vectors: np.ndarray, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        find_nearest_rows(vectors, 1)


def test_zero_neighbours_are_refused() -> None:
    with pytest.raises(UsageError, match="k is 0"):
        find_nearest_rows(clustered(), 0)


def test_kept_share_of_a_line_by_hand() -> None:
    # Rows 0 to 3 on a line: the nearest on the map are 1, 0, 1 or 3, 2.
    positions = np.array([[0, 0], [1, 0], [3, 0], [4, 0]], np.float32)
    right = NearestRows(np.array([[1], [0], [3], [2]]), np.ones((4, 1), np.float32))
    assert measure_kept_share(right, positions) == 1
    half = NearestRows(np.array([[1], [0], [0], [0]]), np.ones((4, 1), np.float32))
    assert measure_kept_share(half, positions) == 0.5


def test_kept_share_with_all_points_in_one_place_is_a_number() -> None:
    nearest = find_nearest_rows(clustered(), 15)
    share = measure_kept_share(nearest, np.zeros((240, 2), np.float32))
    assert share is not None
    assert 0 <= share < 0.3


@pytest.mark.parametrize("method", ["tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_clusters_stay_together_on_the_map(method: str) -> None:
    if method == "umap":
        pytest.importorskip("umap")
    layout = lay_out(clustered(), LayoutConfig(method=method))  # type: ignore[arg-type]
    assert layout.positions.shape == (240, 2)
    assert layout.positions.dtype == np.float32
    assert layout.positions.mean(axis=0) == pytest.approx([0, 0], abs=1e-3)
    squares = ((layout.positions[:, None] - layout.positions[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    own = cluster_of_rows()
    share = (own[np.argsort(squares, axis=1)[:, :10]] == own[:, None]).mean()
    assert share > 0.97  # by chance it would be 0.16
    # 15 of 239 at random are 0.06.
    assert layout.kept_share is not None
    assert layout.kept_share > 0.3


@pytest.mark.parametrize("num_threads", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_one_seed_one_map(num_threads: int) -> None:
    config = LayoutConfig(num_threads=num_threads)
    first = lay_out(clustered(), config).positions
    assert np.array_equal(first, lay_out(clustered(), config).positions)
    other = lay_out(clustered(), LayoutConfig(seed=1, num_threads=num_threads)).positions
    assert not np.array_equal(first, other)


def relative_move(new: np.ndarray, old: np.ndarray) -> float:
    """Root mean square way of the points, in units of the map's own radius."""
    radius = np.sqrt((old**2).sum(axis=1).mean())
    return float(np.sqrt(((new - old) ** 2).sum(axis=1).mean()) / radius)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_a_retrained_model_does_not_make_the_map_jump(method: LayoutMethod) -> None:
    # One map may be lucky.
    continued_moves, fresh_moves = [], []
    for seed in range(3):
        config = LayoutConfig(method=method, seed=seed)
        old = lay_out(clustered(seed), config).positions
        # Other noise, and the space turned: nothing is where it was but the neighbourhoods.
        turn = np.linalg.qr(np.random.default_rng(3).normal(size=(12, 12)))[0].astype(np.float32)
        retrained = clustered(seed + 1) @ turn
        continued = lay_out(retrained, config, old_positions=old)
        fresh = lay_out(retrained, config)
        assert continued.is_continued
        assert not fresh.is_continued
        assert continued.kept_share is not None
        assert fresh.kept_share is not None
        assert continued.kept_share > 0.9 * fresh.kept_share
        continued_moves.append(relative_move(continued.positions, old))
        fresh_moves.append(relative_move(fresh.positions, old))
    assert np.mean(continued_moves) < 0.35
    assert np.mean(fresh_moves) > 0.6


def test_new_rows_start_among_their_neighbours() -> None:
    old = lay_out(clustered(), LayoutConfig()).positions
    is_new = np.arange(240) % 10 == 0
    partly = np.where(is_new[:, None], np.nan, old).astype(np.float32)
    layout = lay_out(clustered(), LayoutConfig(), old_positions=partly)
    assert layout.is_continued
    assert np.isfinite(layout.positions).all()
    own = cluster_of_rows()
    centres = np.array([layout.positions[(own == c) & ~is_new].mean(axis=0) for c in range(6)])
    squares = ((layout.positions[is_new][:, None] - centres[None]) ** 2).sum(axis=2)
    assert (squares.argmin(axis=1) == own[is_new]).all()


def test_a_map_with_few_of_the_points_is_not_continued() -> None:
    mostly_new = np.full((240, 2), np.nan, np.float32)
    mostly_new[:20] = np.random.default_rng(0).normal(size=(20, 2))
    layout = lay_out(clustered(), LayoutConfig(), old_positions=mostly_new)
    assert not layout.is_continued


def test_a_mirrored_map_is_turned_back() -> None:
    fresh = lay_out(clustered(), LayoutConfig()).positions
    mirrored = fresh * np.array([-1, 1], np.float32)
    # Only a few old places: the start is fresh, and yet the map is turned towards them.
    few = np.where(np.arange(240)[:, None] < 100, mirrored, np.nan).astype(np.float32)
    layout = lay_out(clustered(), LayoutConfig(), old_positions=few)
    assert not layout.is_continued
    assert relative_move(layout.positions, mirrored) < relative_move(layout.positions, fresh)


@pytest.mark.parametrize("num_rows", [0, 1, 2, 3, 7, 8, 9, 20])
@pytest.mark.parametrize("method", ["tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_a_few_points_have_places_too(num_rows: int, method: str) -> None:
    if method == "umap":
        pytest.importorskip("umap")
    vectors = np.random.default_rng(0).normal(size=(num_rows, 5)).astype(np.float32)
    layout = lay_out(vectors, LayoutConfig(method=method))  # type: ignore[arg-type]
    assert layout.positions.shape == (num_rows, 2)
    assert np.isfinite(layout.positions).all()
    assert (layout.kept_share is None) == (num_rows < 2)
    # No two in one place.
    assert len({tuple(place) for place in layout.positions.tolist()}) == num_rows


def test_equal_vectors_lie_together() -> None:
    vectors = np.repeat(clustered()[::12], 10, axis=0)
    positions = lay_out(vectors, LayoutConfig()).positions
    groups = positions.reshape(-1, 10, 2)
    within = np.sqrt(((groups - groups.mean(axis=1, keepdims=True)) ** 2).sum(axis=2)).max()
    assert within < 0.1 * np.sqrt((positions**2).sum(axis=1).mean())


def test_old_places_have_to_fit() -> None:
    with pytest.raises(ShapeError, match=r"\(3, 2\). Pass shape \(240, 2\)"):
        lay_out(clustered(), LayoutConfig(), old_positions=np.zeros((3, 2), np.float32))


def test_umap_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UsageError, match="needs umap-learn, which is not installed"):
        lay_out(clustered(), LayoutConfig(method="umap"))


def test_progress_comes_to_its_end() -> None:
    seen: list[Progress] = []
    lay_out(clustered(), LayoutConfig(), on_progress=seen.append)
    last = {progress.stage: progress for progress in seen}
    assert {*last} == {"Finding neighbours", "Arranging the map"}
    assert all(progress.is_finished for progress in last.values())


def test_a_map_is_made_without_torch() -> None:
    script = (
        "import sys\n"
        "import numpy as np\n"
        "from bookgraph.embed import LayoutConfig\n"
        "from bookgraph.embed.maps.layout import lay_out\n"
        "vectors = np.random.default_rng(0).normal(size=(30, 4)).astype('f4')\n"
        "print(lay_out(vectors, LayoutConfig()).positions.shape, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "(30, 2) False"
