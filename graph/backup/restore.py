"""Brings a backup back into a database, through Bolt.

The file was checked as a whole before. From the first change to the last one the `Dataset` node
says that a restore is running: edits and loads are refused, and readers find no model. A restore
that was killed is begun anew by the same command.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, LiteralString

import orjson

from bookgraph.core.errors import BookgraphError, InputError, SchemaVersionError, UsageError
from bookgraph.core.files import atomic_write, check_free_space, translated_write_errors
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.backup.container import BackupReader, Part
from bookgraph.graph.backup.state import KEYS, count, look, refuse_other_programs
from bookgraph.graph.backup.values import as_vector, from_json
from bookgraph.graph.schema import SCHEMA_VERSION, SLOTS, Slot, slot_of
from bookgraph.graph.store import Store, Transaction
from bookgraph.graph.write.indexes import (
    await_indexes,
    create_constraints_and_indexes,
    create_vector_indexes,
    drop_schema,
)
from bookgraph.graph.write.lease import leased

logger = logging.getLogger(__name__)

_NODES_PER_BATCH = 5_000
_EDGES_PER_BATCH = 20_000
_CHUNK_BYTES = 1 << 20
# Written last: as soon as they are there, readers use the model that they name.
_LAST = ("EmbeddingModel", "Dataset")

_Ids = dict[str, dict[Any, str]]
"""Label to key to Neo4j's element id."""
_EdgeBatch = dict[str, list[list[Any]]]
"""Type to rows of a start's element id and a list of an end's element id and properties."""


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored.

    Attributes:
        num_nodes: nodes of the graph.
        num_edges: edges between them.
        models: files of models that were written.
        elapsed_s: seconds.
    """

    num_nodes: int
    num_edges: int
    models: tuple[Path, ...]
    elapsed_s: float


@leased("restore", is_unfinished_allowed=True)
def restore_backup(
    store: Store,
    backup: BackupReader,
    *,
    models_dir: Path,
    replace: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> RestoreReport:
    """Make the database equal to a backup.

    Args:
        store: an empty database; or with `replace` one that bookgraph loaded, whose graph is then
            deleted.
        backup: a backup that was found whole.
        models_dir: folder for the files of the models.
        replace: delete the graph, and overwrite files of models that differ.
        on_progress: called at each stage.

    Raises:
        ForeignDataError: the database holds nodes of another program; nothing was changed.
        UsageError: the database or the folder is not empty; nothing was changed.
        DiskFullError: the disk has no space for the models; nothing was changed.
        StoreUnreachableError: Neo4j went away. The same call begins anew.
    """
    start_s = time.monotonic()
    check_target(store, backup, models_dir=models_dir, replace=replace)
    store.write(partial(_mark, name=str(backup.path.absolute())))
    store.models.forget()
    _empty(store, on_progress)
    models = _restore_models(backup, models_dir)
    ids = _restore_nodes(store, backup, on_progress)
    num_edges = _restore_edges(store, backup, ids, on_progress)
    on_progress(Progress("Building indexes", 0))
    create_constraints_and_indexes(store)
    for slot in _held_slots(backup):
        create_vector_indexes(store, slot)
    await_indexes(store)
    _check_restored(store, backup)
    _finish(store, backup)
    store.models.forget()
    num_nodes = sum(backup.manifest["nodes"].values())
    elapsed_s = time.monotonic() - start_s
    report = RestoreReport(num_nodes, num_edges, models, elapsed_s)
    logger.info("restored %s", report)
    return report


def check_target(store: Store, backup: BackupReader, *, models_dir: Path, replace: bool) -> None:
    """Raise what `restore_backup` would, before it changes anything."""
    refuse_other_programs(store)
    state = look(store)
    if state.is_ours and state.restoring is None and not replace:
        raise UsageError(
            f"The database at {store.address} holds a graph with {state.num_books:,} books. "
            "Nothing was changed. Pass --replace to delete it and restore the backup instead, or "
            "use an empty database: set NEO4J_DATABASE, NEO4J_URI or BOOKGRAPH_HOME."
        )
    schema = backup.manifest["schema_version"]
    if schema > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"A later release of bookgraph made {backup.path}: its schema is {schema}, and this "
            f"release knows schemas up to {SCHEMA_VERSION}. Nothing was changed. Use that release."
        )
    parts = _model_parts(backup)
    differing = [
        file
        for file, name in parts.items()
        if (models_dir / file).exists() and not _equals_part(models_dir / file, backup.parts[name])
    ]
    if differing and not replace and state.restoring is None:
        raise UsageError(
            f"The folder {models_dir} holds other files of the same names: {', '.join(differing)}. "
            "Nothing was changed. Pass --replace to overwrite them."
        )
    needed = sum(backup.parts[name].num_bytes for name in parts.values())
    check_free_space(models_dir, needed, purpose="The models of the backup")


def _model_parts(backup: BackupReader) -> dict[str, str]:
    """File name to part of the models in a backup.

    Raises:
        InputError: the backup has a part that this version does not know.
    """
    known = {f"{kind}/{label}.ndjson" for kind in ("nodes", "edges") for label in KEYS}
    models = {}
    for name in backup.parts.keys() - known - {"settings.json"}:
        folder, _, file = name.partition("/")
        if folder != "models" or not re.fullmatch(r"\w[\w.-]*\.npz", file):
            raise InputError(
                f"{backup.path} has a part {name!r} that this version of bookgraph does not know. "
                "Nothing was changed. Update bookgraph, then run the command again."
            )
        models[file] = name
    return dict(sorted(models.items()))


def _equals_part(path: Path, part: Part) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256
    except OSError:
        return False


def _restore_models(backup: BackupReader, models_dir: Path) -> tuple[Path, ...]:
    written = []
    with translated_write_errors(models_dir):
        models_dir.mkdir(parents=True, exist_ok=True)
        for file, name in _model_parts(backup).items():
            path = models_dir / file
            if _equals_part(path, backup.parts[name]):
                continue
            with backup.open(name) as content, atomic_write(path, "wb") as out:
                shutil.copyfileobj(content, out, _CHUNK_BYTES)
            written.append(path)
    return tuple(written)


def _mark(transaction: Transaction, *, name: str) -> None:
    """Note that a restore is running. Who reads finds no model, and edits are refused."""
    transaction.run(_MARK, name=name)


def _empty(store: Store, on_progress: OnProgress) -> None:
    """Delete what bookgraph keeps in the database, the mark excepted."""
    # Nodes are deleted and created faster without indexes, which are built in one go at the end.
    drop_schema(store)
    for label in KEYS:
        if store.read("RETURN EXISTS { (:" + label + ") } AS is_there")[0]["is_there"]:
            on_progress(Progress("Deleting the old graph", 0, note=f"{label} nodes"))
            store.run(
                "MATCH (n:" + label + ") WHERE n.restoring IS NULL "
                "CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS"
            )


def _restore_nodes(store: Store, backup: BackupReader, on_progress: OnProgress) -> _Ids:
    ids: _Ids = {label: {} for label in KEYS}
    total = sum(backup.manifest["nodes"].values())
    done = 0
    for label in KEYS:
        if label in _LAST:
            continue
        lines = backup.lines(f"nodes/{label}.ndjson")
        while some := list(islice(lines, _NODES_PER_BATCH)):
            work = partial(_create_nodes, label=label, lines=some)
            ids[label].update(store.write(work))
            done += len(some)
            on_progress(Progress("Restoring nodes", done, total, "nodes"))
    return ids


def _create_nodes(
    transaction: Transaction, *, label: LiteralString, lines: Sequence[bytes]
) -> dict[Any, str]:
    """Create some nodes; returns their element ids by key."""
    rows, more_labels = [], []
    vectors: dict[LiteralString, list[list[Any]]] = {slot.vector: [] for slot in SLOTS}
    key = KEYS[label]
    for line in lines:
        properties, *labels = orjson.loads(line)
        for name, placed in vectors.items():
            vector = as_vector(properties.get(name))
            if vector is not None:
                del properties[name]
                placed.append([properties[key], vector])
        if labels:
            more_labels.append([properties[key], labels[0]])
        rows.append(from_json(properties))
    created = transaction.run(_create_statement(label), rows=rows)
    ids = {row["key"]: row["id"] for row in created}
    for name, found in vectors.items():
        if found:
            by_id = [[ids[one], vector] for one, vector in found]
            transaction.run(_vector_statement(name), rows=by_id)
    if more_labels:
        named = [[ids[one], labels] for one, labels in more_labels]
        transaction.run(_ADD_LABELS, rows=named)
    return ids


def _restore_edges(store: Store, backup: BackupReader, ids: _Ids, on_progress: OnProgress) -> int:
    total = sum(backup.manifest["edges"].values())
    done = 0
    for batch in _edge_batches(backup, ids):
        store.write(partial(_create_edges, batch=batch))
        done += sum(len(ends) for rows in batch.values() for _, ends in rows)
        on_progress(Progress("Restoring edges", done, total, "edges"))
    return done


def _edge_batches(backup: BackupReader, ids: _Ids) -> Iterator[_EdgeBatch]:
    batch: _EdgeBatch = {}
    num_edges = 0
    for label in KEYS:
        for line in backup.lines(f"edges/{label}.ndjson"):
            start, groups = orjson.loads(line)
            for group, edges in groups.items():
                name, _, end_label = group.rpartition(" ")
                ends = [[ids[end_label][key], from_json(properties)] for key, properties in edges]
                batch.setdefault(name, []).append([ids[label][start], ends])
                num_edges += len(edges)
            if num_edges >= _EDGES_PER_BATCH:
                yield batch
                batch, num_edges = {}, 0
    if batch:
        yield batch


def _create_edges(transaction: Transaction, *, batch: _EdgeBatch) -> None:
    for name, rows in batch.items():
        transaction.run(_CREATE_EDGES, name=name, rows=rows)


def _held_slots(backup: BackupReader) -> list[Slot]:
    """The slots that a model of the backup has its vectors in."""
    held = set()
    for line in backup.lines("nodes/EmbeddingModel.ndjson"):
        model = orjson.loads(line)[0]
        if model.get("is_current") or model.get("vector"):
            # Models of the first schema, with one place for vectors, do not name it.
            held.add(slot_of(model.get("vector") or SLOTS[0].vector))
    return [slot for slot in SLOTS if slot in held]


def _check_restored(store: Store, backup: BackupReader) -> None:
    """Compare the numbers of nodes and edges, as another program may have written too."""
    counts, wanted = count(store), backup.manifest
    nodes = {**counts.nodes, **{label: wanted["nodes"].get(label) for label in _LAST}}
    if nodes != wanted["nodes"] or counts.edges != wanted["edges"]:
        raise BookgraphError(
            f"The graph at {store.address} was changed by another command during the restore. "
            f"Start it again: bookgraph restore {backup.path}"
        )


def _finish(store: Store, backup: BackupReader) -> None:
    models = [from_json(orjson.loads(line)[0]) for line in backup.lines(_part_of("EmbeddingModel"))]
    dataset = [from_json(orjson.loads(line)[0]) for line in backup.lines(_part_of("Dataset"))]
    # Readers can see the changes of a commit one after the other, so the models are there before
    # anything names one.
    store.write(lambda transaction: transaction.run(_CREATE_MODELS, models=models))
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    store.write(
        lambda transaction: transaction.run(_FINISH, models=models, dataset=dataset, now=now)
    )


def _part_of(label: str) -> str:
    return f"nodes/{label}.ndjson"


_MARK: LiteralString = """
MERGE (d:Dataset {name: 'bookgraph'})
SET d.revision = coalesce(d.revision, 0) + 1
SET d = {name: 'bookgraph', is_complete: false, restoring: $name, revision: d.revision}
"""
_ADD_LABELS: LiteralString = """
UNWIND $rows AS row MATCH (n) WHERE elementId(n) = row[0] SET n:$(row[1])
"""
_CREATE_EDGES: LiteralString = """
UNWIND $rows AS row
MATCH (a) WHERE elementId(a) = row[0]
UNWIND row[1] AS edge
MATCH (b) WHERE elementId(b) = edge[0]
CREATE (a)-[r:$($name)]->(b) SET r = edge[1]
"""
_CREATE_MODELS: LiteralString = """
UNWIND $models AS model
MERGE (m:EmbeddingModel {version: model.version})
SET m = model, m.is_current = false
"""
_FINISH: LiteralString = """
CALL () { UNWIND $models AS model MATCH (m:EmbeddingModel {version: model.version}) SET m = model }
UNWIND $dataset AS data
MERGE (d:Dataset {name: data.name})
SET d = data, d.restored_at = $now
"""


def _create_statement(label: LiteralString) -> LiteralString:
    return (
        "UNWIND $rows AS row CREATE (n:" + label + ") SET n = row "
        "RETURN n." + KEYS[label] + " AS key, elementId(n) AS id"
    )


def _vector_statement(name: LiteralString) -> LiteralString:
    return (
        "UNWIND $rows AS row MATCH (n) WHERE elementId(n) = row[0] "
        "CALL db.create.setNodeVectorProperty(n, '" + name + "', row[1])"
    )
