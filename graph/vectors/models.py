"""The models that this process holds in memory, and how they keep up with the graph.

A model in memory never changes. Whoever answers with one first reads the graph's `Stamp` in the
same statement that reads the nodes, and asks `Models.caught_up` for a model that is as new. Edits
are read one by one. A newly trained model is read in the background, while the old one answers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, LiteralString, NamedTuple, Protocol, TypeVar

import numpy as np

from bookgraph.core.errors import (
    BookgraphError,
    DataMissingError,
    RestoreUnfinishedError,
    StoreUnreachableError,
)
from bookgraph.graph.schema import BOOK, KINDS, NUM_KEPT_EDITS, NodeKind, Slot, slot_of
from bookgraph.graph.vectors.table import Doubles, Floats, VectorTable

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A small model is read within this time, and then the request that met it first has it already.
_PATIENCE_S = 0.25
_RETRY_AFTER_S = 5.0
_MOST_HELD = 2
_ROWS_PER_BLOCK = 10_000
_MOST_TRIES = 24
_MOST_DROPPED = 2


class Reading(Protocol):
    """What this module needs of a store."""

    address: str

    def read(self, statement: LiteralString, **parameters: object) -> list[dict[str, Any]]:
        """Run one reading statement."""
        ...

    def read_all(self, statement: LiteralString, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Stream a large result."""
        ...


class HoldsModels(Reading, Protocol):
    """A store that holds models in memory.

    Attributes:
        models: those that the process holds.
        pin: the model of the request, or None outside of requests.
    """

    models: Models
    pin: Pin | None


class Stamp(NamedTuple):
    """What tells that a model in memory is older than the graph; `STAMP` reads it.

    Attributes:
        version: the current model, or None.
        revision: number of the last edit.
        changed_at: time of the last load that changed the graph, and that of a restore; or None.
        written_at: time at which the current model was written, or None.
    """

    version: str | None
    revision: int
    changed_at: str | None
    written_at: str | None


# Readers see the changes of a commit one after the other, so only a single property is switched at
# once.
_CURRENT: LiteralString = (
    "OPTIONAL MATCH (d:Dataset {name: 'bookgraph'}) "
    "OPTIONAL MATCH (m:EmbeddingModel {version: d.model}) "
)
CURRENT_MODEL: LiteralString = "head(COLLECT { " + _CURRENT + "RETURN m })"
"""An expression of the node of the current model, or null."""

STAMP: LiteralString = (
    "head(COLLECT { " + _CURRENT + "RETURN "
    "[m.version, coalesce(d.revision, 0), "
    "CASE WHEN d.restored_at IS NULL THEN d.changed_at "
    "ELSE coalesce(d.changed_at, '') + ' ' + d.restored_at END, m.created_at] })"
)
"""An expression whose value, a list, is the graph's `Stamp`."""


class ModelReplacedError(DataMissingError):
    """The graph does not hold the model any more."""


class NotPlacedError(DataMissingError):
    """A node has no vector in the model; one that was just saved may have one in the graph."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model in memory.

    Attributes:
        version: the model version.
        stamp: the state of the graph that its vectors are of.
    """

    version: str
    stamp: Stamp
    _tables: dict[str, VectorTable] = field(default_factory=dict, repr=False)
    _reading: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def table(self, store: Reading, kind: NodeKind) -> VectorTable:
        """The vectors of a kind; the first call reads them.

        Raises:
            ModelReplacedError: the graph does not hold the model any more.
        """
        with self._reading:
            if kind.label not in self._tables:
                self._tables[kind.label] = read_table(store, kind, self.version)
            return self._tables[kind.label]

    def read(self, store: Reading) -> None:
        """Read all its vectors, which otherwise happens when they are first used.

        Raises:
            ModelReplacedError: the graph does not hold the model any more.
        """
        for kind in KINDS.values():
            self.table(store, kind)

    def changed(self, stamp: Stamp, kind: NodeKind, vectors: Mapping[str, Doubles | None]) -> Model:
        """A copy that is of a later state, with some vectors of a kind set or removed."""
        with self._reading:
            tables = dict(self._tables)
        if vectors and kind.label in tables:
            tables[kind.label] = tables[kind.label].changed(vectors)
        return replace(self, stamp=stamp, _tables=tables, _reading=threading.Lock())


class Models:
    """The models of one database that this process holds; threads may share it."""

    def __init__(self) -> None:
        self._held: dict[str, Model] = {}
        self._newest: str | None = None
        self._lock = threading.RLock()
        self._loading: tuple[str, float, threading.Event] | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether the process holds a model."""
        return self._newest is not None

    def newest(self, store: Reading) -> Model:
        """The newest model in memory; the first call reads the current one of the graph.

        Raises:
            DataMissingError: the graph has no embeddings.
        """
        with self._lock:
            if self._newest is None:
                self._hold(_current(store), is_newest=True)
            assert self._newest is not None
            return self._held[self._newest]

    def load(self, store: Reading) -> Model:
        """The newest model, with all its vectors read.

        Raises:
            DataMissingError: the graph has no embeddings.
        """
        model = self.newest(store)
        model.read(store)
        return model

    def of_version(self, store: Reading, version: str) -> Model:
        """A model by its version.

        Raises:
            ModelReplacedError: the graph does not hold it.
        """
        with self._lock:
            if version in self._held:
                return self._held[version]
        _, stamp = _find(store, version)
        with self._lock:
            return self._hold(Model(version, stamp), is_newest=False)

    def caught_up(
        self, store: Reading, model: Model, stamp: Stamp, gone: Mapping[str, Sequence[str]]
    ) -> Model:
        """The same model as the graph's state has it now.

        Args:
            store: the graph.
            model: what was used.
            stamp: the state of the graph that the use met.
            gone: label to keys that the model has and the graph has not.

        Returns:
            `model` itself if it is as new as the graph.
        """
        if stamp.version is None:
            self.forget()
            raise no_embeddings(store)
        if stamp.version != self._newest:
            self._load_in_background(store, stamp.version)
        with self._lock:
            held = self._held.get(model.version)
        if held is not None and held is not model and held.stamp == stamp:
            return held
        now = model
        if stamp.changed_at != model.stamp.changed_at or (
            stamp.version == model.version == model.stamp.version
            and stamp.written_at != model.stamp.written_at
        ):
            # A load replaced books, or the same model was written again: any number of vectors
            # may be gone or new.
            now = Model(model.version, stamp)
        elif stamp.revision > model.stamp.revision:
            now = _with_edits(store, model, stamp)
        else:
            for label, keys in gone.items():
                if keys:
                    now = now.changed(stamp, KINDS[label], dict.fromkeys(keys))
        if now is model:
            return model
        with self._lock:
            held = self._held.get(now.version)
            if held is None or held.stamp.revision <= now.stamp.revision:
                self._held[now.version] = now
        return now

    def load_in_background(self, store: Reading, *, patience_s: float = 0.0) -> None:
        """Begin to read the current model, if there is one and none is in memory yet.

        Args:
            store: the graph.
            patience_s: how long to wait for it, in seconds.
        """
        if self._newest is None:
            stamp = stamp_of(store)
            if stamp.version is not None:
                self._load_in_background(store, stamp.version, patience_s=patience_s)

    def forget(self) -> None:
        """Drop everything, so that the next use reads it again."""
        with self._lock:
            self._held.clear()
            self._newest = None
            self._loading = None

    def _hold(self, model: Model, *, is_newest: bool) -> Model:
        self._held.pop(model.version, None)
        self._held[model.version] = model
        if is_newest:
            self._newest = model.version
        for version in list(self._held):
            if len(self._held) > _MOST_HELD and version != self._newest:
                del self._held[version]
        return model

    def _load_in_background(
        self, store: Reading, version: str, *, patience_s: float = _PATIENCE_S
    ) -> None:
        """Read a new current model, and wait for it only if it comes at once."""
        with self._lock:
            now = time.monotonic()
            if self._loading is None or (
                self._loading[2].is_set()
                and (self._loading[0] != version or now > self._loading[1] + _RETRY_AFTER_S)
            ):
                self._loading = (version, now, threading.Event())
                threading.Thread(
                    target=self._load, args=(store, self._loading[2]), daemon=True
                ).start()
            _, begun, is_done = self._loading
        is_done.wait(max(0.0, begun + patience_s - now))

    def _load(self, store: Reading, is_done: threading.Event) -> None:
        try:
            model = _current(store)
            model.read(store)
            with self._lock:
                self._hold(model, is_newest=True)
        except BookgraphError as error:
            logger.warning("The new model cannot be read yet: %s", error)
        finally:
            is_done.set()


def stamp_of(store: Reading) -> Stamp:
    """The state of the graph now, in a statement of its own."""
    return Stamp(*store.read("RETURN " + STAMP + " AS stamp")[0]["stamp"])


def placed(kind: NodeKind) -> LiteralString:
    """A `MATCH` of the nodes of a kind that have a vector of `model` now; edits change it."""
    return "MATCH (n:" + kind.label + ") WHERE n[model.vector + '_version'] = model.version"


def num_placed(kind: NodeKind) -> LiteralString:
    """An expression: how many nodes of a kind have a vector of `model` now."""
    return "COUNT { " + placed(kind) + " }"


def no_embeddings(store: Reading) -> DataMissingError:
    """The error for a graph without a model; costs one query."""
    (row,) = store.read(
        "OPTIONAL MATCH (d:Dataset {name: 'bookgraph'}) "
        "RETURN d.restoring AS restoring, EXISTS { (:Book) } AS is_filled"
    )
    if row.get("restoring") is not None:
        return RestoreUnfinishedError(store.address, row["restoring"])
    if not row["is_filled"]:
        return DataMissingError(
            f"The graph at {store.address} holds no books yet. Load some: bookgraph ingest PATH"
        )
    return DataMissingError(
        f"The graph at {store.address} has no embeddings yet. Run `bookgraph train`."
    )


def _current(store: Reading) -> Model:
    stamp = stamp_of(store)
    if stamp.version is None:
        raise no_embeddings(store)
    return Model(stamp.version, stamp)


def _find(store: Reading, version: str) -> tuple[Slot, Stamp]:
    """Where a model's vectors are.

    Raises:
        ModelReplacedError: the graph does not hold them.
    """
    row = store.read(
        "RETURN " + STAMP + " AS stamp, COLLECT { MATCH (m:EmbeddingModel) "
        "WHERE m.vector IS NOT NULL "
        "RETURN {version: m.version, vector: m.vector} } AS models"
    )[0]
    for one in row["models"]:
        if one["version"] == version:
            return slot_of(one["vector"]), Stamp(*row["stamp"])
    held = ", ".join(sorted(one["version"] for one in row["models"])) or "none"
    raise ModelReplacedError(f"The graph does not hold the model {version!r}. It holds: {held}.")


def read_table(store: Reading, kind: NodeKind, version: str) -> VectorTable:
    """Read the vectors that a model gives to the nodes of a kind.

    Raises:
        ModelReplacedError: the graph does not hold the model.
    """
    slot, _ = _find(store, version)
    keys: list[str] = []
    blocks: list[Floats] = []
    block: list[list[float]] = []
    for key, vector in store.read_all(_table_statement(kind, slot), version=version):
        keys.append(key)
        block.append(vector)
        if len(block) == _ROWS_PER_BLOCK:
            blocks.append(np.array(block, dtype=np.float32))
            block.clear()
    if block:
        blocks.append(np.array(block, dtype=np.float32))
    # Whoever overwrites a slot first takes it from its model, so what was read is whole.
    if _find(store, version)[0] != slot:
        raise ModelReplacedError(f"The model {version!r} was moved while it was read. Retry.")
    vectors = np.concatenate(blocks) if blocks else np.empty((0, 1), dtype=np.float32)
    return VectorTable(keys, vectors)


def _table_statement(kind: NodeKind, slot: Slot) -> LiteralString:
    return (
        "MATCH (n:" + kind.label + ") WHERE n." + slot.version + " = $version "
        "RETURN n." + kind.key + ", n." + slot.vector
    )


def _with_edits(store: Reading, model: Model, stamp: Stamp) -> Model:
    """The model after the edits up to a stamp."""
    slot, _ = _find(store, model.version)
    rows = store.read(
        "MATCH (e:Edit) WHERE $from < e.number <= $to "
        "WITH collect(DISTINCT e.title) AS titles "
        "RETURN COUNT { (:Edit) } AS num, "
        "head(COLLECT { MATCH (e:Edit) WHERE e.number > 0 RETURN e.number "
        "ORDER BY e.number LIMIT 1 }) AS oldest, "
        "COLLECT { UNWIND titles AS title OPTIONAL MATCH (n:Book {title: title}) "
        "RETURN [title, CASE n." + slot.version + " WHEN $version THEN n." + slot.vector + " END] "
        "} AS books",
        **{"from": model.stamp.revision, "to": stamp.revision, "version": model.version},
    )  # fmt: skip
    if rows[0]["num"] >= NUM_KEPT_EDITS and rows[0]["oldest"] > model.stamp.revision + 1:
        # The log does not reach back so far.
        return Model(model.version, stamp)
    vectors = {
        title: None if vector is None else np.array(vector) for title, vector in rows[0]["books"]
    }
    return model.changed(stamp, BOOK, vectors)


class Pin:
    """The model that one request answers all its fields with.

    `model` may be exchanged for a newer one until the first answer has used it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Model | None = None
        self._is_used = False

    def model(self, store: Reading, models: Models) -> Model:
        """The request's model."""
        with self._lock:
            if self._model is None:
                self._model = models.newest(store)
            return self._model

    def give_up(self, replaced: Model) -> None:
        """Choose another model, because the graph does not hold this one any more.

        Raises:
            StoreUnreachableError: another field of the request was answered with it already.
        """
        with self._lock:
            if self._is_used:
                raise StoreUnreachableError(
                    f"The model {replaced.version!r} was replaced. Send the request again."
                )
            self._model = None

    def accepts(self, used: Model, now: Model, newest: Model) -> bool:
        """Whether an answer may stand that used a model; if not, it is to be made again.

        Args:
            used: what the answer was made with.
            now: the same model as it is now.
            newest: the newest model in memory.
        """
        with self._lock:
            # Another field of the request may have exchanged the model meanwhile.
            if self._model is None or self._model.version != used.version:
                return False
            if not self._is_used and newest.version != used.version:
                self._model = newest
                return False
            self._model = now
            if now is not used:
                return False
            self._is_used = True
            return True


class _Fixed:
    """The choice of one version, whatever the current model is; used as `Pin` is."""

    def __init__(self, version: str) -> None:
        self._version = version

    def model(self, store: Reading, models: Models) -> Model:
        return models.of_version(store, self._version)

    def give_up(self, replaced: Model) -> None:
        """Look again: reading it once more tells why it cannot be used."""

    def accepts(self, used: Model, now: Model, newest: Model) -> bool:
        return now is used


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What an answer met.

    Attributes:
        value: the answer.
        stamp: the state of the graph then.
        gone: label to keys that the model has and the graph has not.
    """

    value: T
    stamp: Stamp
    gone: Mapping[str, Sequence[str]] = field(default_factory=dict)


def answer_with(
    store: HoldsModels, answer: Callable[[Model], Outcome[T]], *, version: str | None = None
) -> T:
    """Answer with one model that is as new as the graph.

    Args:
        store: the graph.
        answer: makes the answer with a model; it may be called again.
        version: an older model to use; by default that of the request.

    Raises:
        DataMissingError: the graph has no embeddings, or not this model.
        StoreUnreachableError: the graph changes faster than it can be read.
    """
    models = store.models
    chooser = (store.pin or Pin()) if version is None else _Fixed(version)
    for num_tries in range(_MOST_TRIES):
        model = chooser.model(store, models)
        try:
            outcome = answer(model)
        except NotPlacedError:
            now = models.caught_up(store, model, stamp_of(store), {})
            if chooser.accepts(model, now, models.newest(store)):
                raise
            continue
        except ModelReplacedError:
            models.forget()
            chooser.give_up(model)
            continue
        seen = model
        if num_tries == _MOST_DROPPED and outcome.gone:
            # So many nodes are gone that dropping them a few at a time would take too long.
            seen = replace(model, stamp=Stamp(model.version, -1, None, None))
        now = models.caught_up(store, seen, outcome.stamp, outcome.gone)
        if chooser.accepts(model, now, models.newest(store)):
            return outcome.value
    raise StoreUnreachableError("The graph is changing. Retry in a moment.")
