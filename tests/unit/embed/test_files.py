"""Embeddings written and read back are the same; what cannot be read says which command helps."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from bookgraph.core.errors import BookgraphError, DataMissingError, DiskFullError
from bookgraph.embed import Embeddings, EpochReport, TrainConfig, load_embeddings, save_embeddings


@pytest.fixture
def embeddings() -> Embeddings:
    random = np.random.default_rng(0)
    return Embeddings(
        book=random.normal(size=(4, 3)).astype(np.float32),
        link=random.normal(size=(5, 3)).astype(np.float32),
        is_book_trained=np.array([True, False, True, True]),
        is_link_trained=np.array([True, True, False, True, True]),
        config=TrainConfig(dim=3, learning_rate=0.25, loss="bce"),
        fingerprint="ab" * 32,
        history=(
            EpochReport(
                epoch=1, num_epochs=2, loss=0.5, recall_at_20=0.25, seconds=1.5, num_pairs=30
            ),
            EpochReport(
                epoch=2, num_epochs=2, loss=0.4, recall_at_20=None, seconds=1.5, num_pairs=30
            ),
        ),
        is_complete=False,
    )


def test_what_was_saved_comes_back(embeddings: Embeddings, tmp_path: Path) -> None:
    path = tmp_path / "models" / "first.npz"
    save_embeddings(embeddings, path)
    loaded = load_embeddings(path)
    for name in ("book", "link", "is_book_trained", "is_link_trained"):
        before, after = getattr(embeddings, name), getattr(loaded, name)
        assert before.dtype == after.dtype
        assert np.array_equal(before, after)
    assert loaded.book.flags.c_contiguous
    assert loaded.config == embeddings.config
    assert loaded.history == embeddings.history
    assert loaded.fingerprint == embeddings.fingerprint
    assert loaded.is_complete is False
    assert loaded.recall_at_20 == 0.25
    assert [p.name for p in path.parent.iterdir()] == ["first.npz"]


def test_a_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="bookgraph train"):
        load_embeddings(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_a_damaged_file_names_the_command(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(DataMissingError, match=r"bad\.npz.*bookgraph train"):
        load_embeddings(path)


def test_a_file_cut_short_names_the_command(embeddings: Embeddings, tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    save_embeddings(embeddings, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(DataMissingError):
            load_embeddings(path)


def test_another_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, something=np.zeros(3))
    with pytest.raises(DataMissingError, match=r"other\.npz"):
        load_embeddings(path)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "exploded"),)

    path = tmp_path / "bomb.npz"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataMissingError):
        load_embeddings(path)
    np.savez(path, meta=np.array([Bomb()], dtype=object))
    with pytest.raises(DataMissingError):
        load_embeddings(path)
    assert not (tmp_path / "exploded").exists()


def test_a_full_disk_keeps_the_old_file_and_leaves_nothing_else(
    embeddings: Embeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.npz"
    save_embeddings(embeddings, path)
    before = path.read_bytes()

    def no_room(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bookgraph.core.files.os.fsync", no_room)
    with pytest.raises(DiskFullError, match="disk is full"):
        save_embeddings(embeddings, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


def test_a_folder_that_is_a_file_is_named(embeddings: Embeddings, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(BookgraphError, match="taken"):
        save_embeddings(embeddings, tmp_path / "taken" / "model.npz")
