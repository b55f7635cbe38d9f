"""Writes a backup of a graph: all that bookgraph keeps in it, at one revision, through Bolt.

Readers are never stopped. The graph is read without a lock, into a draft. If clients edited it
meanwhile, what they changed is read again while edits wait: the edited books, by the log of edits,
and the counts of links. So a backup is of one revision, although Neo4j has no snapshots.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, LiteralString

from bookgraph import __version__
from bookgraph.core.errors import BookgraphError, DataMissingError
from bookgraph.core.files import atomic_write, check_free_space, translated_write_errors
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.backup.container import BackupWriter, read_parts
from bookgraph.graph.backup.read import (
    Changes,
    Lights,
    edge_part,
    iter_edges,
    iter_nodes,
    node_part,
    read_changes,
)
from bookgraph.graph.backup.state import KEYS, Counts, count, look
from bookgraph.graph.backup.values import dumps
from bookgraph.graph.store import Store, Transaction
from bookgraph.graph.write.lease import leased

logger = logging.getLogger(__name__)

_STAGE = "Reading the graph"
_CHUNK_BYTES = 1 << 20
_REPORT_EVERY = 2_000
_MOST_TRIES = 3
# Generous: the reference graph with 50 dimensions in both slots takes 41.5 MB.
_BYTES_PER_EDGE, _BYTES_PER_NODE, _BYTES_PER_NUMBER = 8, 400, 4


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was written.

    Attributes:
        path: the file.
        num_bytes: its size.
        manifest: what it says of itself.
        waited_s: seconds for which edits had to wait; 0 if none had to.
        elapsed_s: seconds in all.
    """

    path: Path
    num_bytes: int
    manifest: Mapping[str, Any]
    waited_s: float
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class _Look:
    """The state of the graph.

    Attributes:
        revision: number of the last edit.
        others: what loads, trainings and maps change, and edits do not.
        counts: how much it holds.
    """

    revision: int
    others: Mapping[str, Any]
    counts: Counts


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is known of the draft: the graph before and after it was read, and its links."""

    before: _Look
    after: _Look
    lights: Lights


@leased("backup")
def write_backup(
    store: Store,
    path: Path,
    *,
    models: Iterable[Path] = (),
    settings: Mapping[str, object] | None = None,
    on_progress: OnProgress = ignore_progress,
) -> BackupReport:
    """Write the graph and some files into one file, which appears when it is whole.

    Args:
        store: a graph that bookgraph loaded.
        path: the file, readable by its owner alone; one of that name is replaced. Its folder
            exists.
        models: files of models.
        settings: the settings, without secrets.
        on_progress: called after each few thousand nodes.

    Raises:
        DataMissingError: there is nothing to keep, or a load or a restore is not complete.
        DiskFullError: the disk has no space for it; nothing is left of it.
        BookgraphError: the folder cannot be written, or the graph changes all the time.
        StoreUnreachableError: Neo4j went away; a retry may help.
    """
    start_s = time.monotonic()
    models = tuple(models)
    _check_graph(store)
    _check_space(store, path, models)
    with (
        translated_write_errors(path.parent, setting=None),
        atomic_write(path, "wb", permissions=0o600) as file,
    ):
        # A file without a name: whatever ends this process, nothing of it stays.
        with TemporaryFile(dir=path.parent) as draft:
            reading, changes, waited_s = _read_stable(store, draft, on_progress)
            on_progress(Progress("Writing the backup", 0, note=str(path)))
            writer = BackupWriter(file)
            _copy_parts(draft, writer, changes, reading.after.counts)
        for model in models:
            _add_file(writer, model)
        with writer.part("settings.json") as part:
            part.write(dumps(dict(settings or {})))
        manifest = writer.finish(_facts(reading.after))
    elapsed_s = time.monotonic() - start_s
    report = BackupReport(path, path.stat().st_size, manifest, round(waited_s, 3), elapsed_s)
    logger.info("wrote a backup of %d bytes in %.1f s", report.num_bytes, elapsed_s)
    return report


def _check_graph(store: Store) -> None:
    state = look(store)
    state.refuse_unfinished(store.address)
    if not state.is_ours:
        raise DataMissingError(
            f"The database at {store.address} holds no graph of bookgraph, so there is nothing to "
            "back up. Load books first: bookgraph ingest PATH"
        )
    if not state.is_complete:
        raise DataMissingError(
            f"A load into the graph at {store.address} is running or was interrupted, so a backup "
            "would hold half of it. Finish it with `bookgraph ingest`, then run the command again."
        )


def _check_space(store: Store, path: Path, models: Iterable[Path]) -> None:
    counts = count(store)
    dims = store.read("MATCH (m:EmbeddingModel) RETURN coalesce(max(m.dim), 0) AS dim")[0]["dim"]
    num_nodes, num_edges = sum(counts.nodes.values()), sum(counts.edges.values())
    # The draft is as large as the file.
    needed = 2 * (
        num_edges * _BYTES_PER_EDGE
        + num_nodes * _BYTES_PER_NODE
        + 2 * (counts.nodes["Book"] + counts.nodes["Link"]) * dims * _BYTES_PER_NUMBER
    )
    needed += sum(model.stat().st_size for model in models)
    check_free_space(path.parent, needed, purpose="The backup", setting=None)


def _read_stable(
    store: Store, draft: IO[bytes], on_progress: OnProgress
) -> tuple[_Reading, Changes, float]:
    """Read the graph, and what was edited meanwhile while no edit runs.

    Returns:
        What was read into the draft, how that differs from the graph at one revision, and the
        seconds for which edits waited.
    """
    for _ in range(_MOST_TRIES):
        reading = store.write(partial(_read, draft=draft, on_progress=on_progress))
        if reading.before == reading.after:
            return reading, Changes(), 0.0
        on_progress(Progress("Reading what was edited meanwhile", 0))
        changes, after, waited_s = store.write(partial(_catch_up, reading=reading))
        if changes is not None:
            return replace(reading, after=after), changes, waited_s
    raise BookgraphError(
        "The graph changed all the time during the backup: a load, a training or a map is being "
        "written. Run the command again when it has ended."
    )


def _read(transaction: Transaction, *, draft: IO[bytes], on_progress: OnProgress) -> _Reading:
    before = _look(transaction)
    writer, lights = BackupWriter(draft), Lights()
    nodes = _Counter(sum(before.counts.nodes.values()), "nodes", on_progress)
    edges = _Counter(sum(before.counts.edges.values()), "edges", on_progress)
    for label in KEYS:
        with writer.part(node_part(label)) as part:
            for _, line in iter_nodes(transaction, label, lights=lights):
                part.write_line(line)
                nodes.add(1)
    for label in KEYS:
        with writer.part(edge_part(label)) as part:
            for _, num, line in iter_edges(transaction, label):
                part.write_line(line)
                edges.add(num)
    writer.finish({})
    return _Reading(before, _look(transaction), lights)


def _catch_up(
    transaction: Transaction, *, reading: _Reading
) -> tuple[Changes | None, _Look, float]:
    start_s = time.monotonic()
    # As each edit does it, see `bookgraph.graph.write.edit`: until the end, no other edit runs.
    transaction.run("MATCH (d:Dataset) SET d.revision = coalesce(d.revision, 0)")
    now = _look(transaction)
    changes = None
    if now.others == reading.before.others:
        after = reading.before.revision
        changes = read_changes(transaction, after=after, lights=reading.lights)
    return changes, now, time.monotonic() - start_s


def _look(transaction: Transaction) -> _Look:
    (found,) = transaction.run(_LOOK)
    dataset = found["dataset"] or {}
    revision = dataset.pop("revision", 0)
    return _Look(revision, {"dataset": dataset, "models": found["models"]}, count(transaction))


def _facts(look: _Look) -> dict[str, Any]:
    dataset = look.others["dataset"]
    counts = look.counts
    return {
        "bookgraph": __version__,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": look.revision,
        "loaded_at": dataset.get("loaded_at"),
        "model": dataset.get("model"),
        "schema_version": dataset.get("schema_version", 1),
        "nodes": dict(counts.nodes),
        "edges": dict(counts.edges),
        "left_out": {"nodes": counts.num_other_nodes, "edges": counts.num_other_edges},
    }


def _copy_parts(draft: IO[bytes], writer: BackupWriter, changes: Changes, counts: Counts) -> None:
    """Write the parts of the draft with what was changed."""
    with read_parts(draft) as reader:
        for name, found in reader.parts.items():
            if not changes.touches(name):
                writer.copy(found, reader)
                continue
            with writer.part(name) as part:
                for line in changes.apply(name, reader.lines(name)):
                    part.write_line(line)
    num_lines = {part.name: part.num_lines for part in writer.parts}
    for label, key in KEYS.items():
        num = counts.nodes[label]
        # Fail rather than leave out a node that has no key.
        if num_lines[node_part(label)] != num:
            raise BookgraphError(
                f"The graph has {num:,} {label} nodes, and {num_lines[node_part(label)]:,} of them "
                f"have a {key!r}, which bookgraph gives to all. Remove the others, then "
                "run the command again."
            )


def _add_file(writer: BackupWriter, path: Path) -> None:
    try:
        with path.open("rb") as file, writer.part(f"models/{path.name}") as part:
            while chunk := file.read(_CHUNK_BYTES):
                part.write(chunk)
    except FileNotFoundError as error:
        raise BookgraphError(
            f"The model file {path} was removed during the backup. Run the command again."
        ) from error


class _Counter:
    """Reports what was read, every few thousand times."""

    def __init__(self, total: int, unit: str, on_progress: OnProgress) -> None:
        self._done, self._total, self._unit = 0, total, unit
        self._reported = 0
        self._on_progress = on_progress

    def add(self, num: int) -> None:
        self._done += num
        if self._done - self._reported >= _REPORT_EVERY or self._done >= self._total:
            self._reported = self._done
            self._on_progress(
                Progress(f"{_STAGE}: {self._unit}", self._done, self._total, self._unit)
            )


_LOOK: LiteralString = """
OPTIONAL MATCH (d:Dataset {name: 'bookgraph'})
RETURN properties(d) AS dataset, COLLECT {
  MATCH (m:EmbeddingModel) WITH m ORDER BY m.version RETURN properties(m)
} AS models
"""
