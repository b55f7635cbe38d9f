"""The result of training, and its file: one .npz with the tables and, as JSON, everything else.

No pickle is written or read. A file appears whole or not at all.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import DataMissingError
from bookgraph.core.files import atomic_write, translated_write_errors
from bookgraph.embed.config import TrainConfig

_FORMAT = 1
_OPTIONAL = ("external", "link_degrees")


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch did.

    Attributes:
        epoch: from 1.
        num_epochs: epochs in all.
        loss: mean loss over the epoch's mentions, in the loss's own unit.
        recall_at_20: of the held-out edges, mean over (at most 2,000) books, after the epoch; None
            where nothing is held out, or where the epoch trains on the held-out edges.
        seconds: wall time of the epoch without evaluation.
        num_pairs: mentions seen.
    """

    epoch: int
    num_epochs: int
    loss: float
    recall_at_20: float | None
    seconds: float
    num_pairs: int

    @property
    def pairs_per_s(self) -> float:
        """Mentions in one second."""
        return self.num_pairs / max(self.seconds, 1e-9)


@dataclass(frozen=True, slots=True)
class SettingTrial:
    """A short training.

    Attributes:
        settings: the values of the settings that are chosen.
        gain: mean gain of the held-out edges then, see `Watch.measure_gains`.
    """

    settings: dict[str, float]
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """Two tables of vectors; the score of a pair is the dot product of its rows.

    Attributes:
        book: (num_books, dim) float32, C-contiguous.
        link: (num_links, dim) float32, C-contiguous.
        is_book_trained: (num_books,) bool, false for a book without an edge: its row is zero and
            does not belong in a vector index.
        is_link_trained: (num_links,) bool, likewise.
        config: the settings of the run, those that it chose itself among them.
        fingerprint: `fingerprint_pairs` of the data.
        history: one report for each epoch.
        is_complete: false when the run was interrupted before its last epoch.
        external: (num_external, dim) float32, the second relation's vectors, or None.
        link_degrees: (num_links,) int64, mentions of each link, which `fold_in` needs; None in a
            file of an older version.
        trials: the short trainings that chose the settings that were left open, in their order.
    """

    book: NDArray[np.float32]
    link: NDArray[np.float32]
    is_book_trained: NDArray[np.bool_]
    is_link_trained: NDArray[np.bool_]
    config: TrainConfig
    fingerprint: str
    history: tuple[EpochReport, ...] = ()
    is_complete: bool = True
    external: NDArray[np.float32] | None = None
    link_degrees: NDArray[np.int64] | None = None
    trials: tuple[SettingTrial, ...] = ()

    @property
    def dim(self) -> int:
        """Numbers in one vector."""
        return int(self.book.shape[1])

    @property
    def recall_at_20(self) -> float | None:
        """The last held-out recall@20 that was measured, if any."""
        measured = [e.recall_at_20 for e in self.history if e.recall_at_20 is not None]
        return measured[-1] if measured else None

    @property
    def chosen(self) -> dict[str, float]:
        """Name to value of the settings that were left open and chosen by trials."""
        names = self.trials[0].settings if self.trials else ()
        return {name: getattr(self.config, name) for name in names}


class TrainingInterrupted(KeyboardInterrupt):  # not an error, so not named one
    """Ctrl-C during training; `embeddings` holds the usable state reached so far.

    It is a KeyboardInterrupt, so that a caller who does not catch it is interrupted as usual.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        """Keep the state.

        Args:
            embeddings: as `fit` would have returned them, with `is_complete` false.
        """
        super().__init__(
            f"Training was interrupted after {len(embeddings.history)} of "
            f"{embeddings.config.epochs} epochs."
        )
        self.embeddings = embeddings


def save_embeddings(embeddings: Embeddings, path: Path) -> None:
    """Write the embeddings to one file, atomically.

    Args:
        embeddings: what to write.
        path: of the file, usually ending in `.npz`; its folder is made if it does not exist, and
            an existing file is replaced.

    Raises:
        DiskFullError: the disk is full; an existing file is still whole.
        BookgraphError: the file cannot be written for another reason.
    """
    meta = {
        "format": _FORMAT,
        "config": dataclasses.asdict(embeddings.config),
        "fingerprint": embeddings.fingerprint,
        "history": [dataclasses.asdict(report) for report in embeddings.history],
        "is_complete": embeddings.is_complete,
        "trials": [dataclasses.asdict(trial) for trial in embeddings.trials],
    }
    arrays = {
        "book": embeddings.book,
        "link": embeddings.link,
        "is_book_trained": embeddings.is_book_trained,
        "is_link_trained": embeddings.is_link_trained,
        "meta": np.array(json.dumps(meta)),
    }
    for name in _OPTIONAL:
        value = getattr(embeddings, name)
        if value is not None:
            arrays[name] = value
    write_arrays(arrays, path)


def load_embeddings(path: Path) -> Embeddings:
    """Read a file that `save_embeddings` wrote.

    Raises:
        DataMissingError: the file does not exist, is damaged or is of another kind; the message
            names the command that makes it.
    """
    arrays = read_arrays(path, what="embeddings")
    try:
        meta = json.loads(str(arrays["meta"]))
        if meta["format"] != _FORMAT:
            raise DataMissingError(
                f"{path} has format {meta['format']!r}; this version of bookgraph reads format "
                f"{_FORMAT}. Train again with: bookgraph train"
            )
        return Embeddings(
            book=np.ascontiguousarray(arrays["book"], dtype=np.float32),
            link=np.ascontiguousarray(arrays["link"], dtype=np.float32),
            is_book_trained=arrays["is_book_trained"].astype(np.bool_),
            is_link_trained=arrays["is_link_trained"].astype(np.bool_),
            config=TrainConfig(**meta["config"]),
            fingerprint=meta["fingerprint"],
            history=tuple(EpochReport(**report) for report in meta["history"]),
            is_complete=meta["is_complete"],
            trials=tuple(SettingTrial(**trial) for trial in meta.get("trials", ())),
            **{name: arrays.get(name) for name in _OPTIONAL},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataMissingError(
            f"{path} does not contain embeddings that this version of bookgraph can read. Train "
            "again with: bookgraph train"
        ) from error


def write_arrays(arrays: dict[str, NDArray[np.generic]], path: Path) -> None:
    """Write arrays to an .npz file that appears whole or not at all.

    Args:
        arrays: name to array, none of dtype object.
        path: of the file; its folder is made if it does not exist.

    Raises:
        DiskFullError, BookgraphError: see `save_embeddings`.
    """
    with translated_write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path, *, what: str) -> dict[str, NDArray[Any]]:
    """Read all arrays of an .npz file, without ever unpickling.

    Args:
        path: of the file.
        what: the noun for messages.

    Raises:
        DataMissingError: the file does not exist or is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise DataMissingError(f"File not found: {path}. Make it with: bookgraph train") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataMissingError(
            f"{path} is damaged or does not contain {what}. Train again with: bookgraph train"
        ) from error
