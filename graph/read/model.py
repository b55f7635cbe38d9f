"""Reads the current model out of Neo4j: its facts, its vectors, the positions on its maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import numpy as np
from numpy.typing import NDArray

from bookgraph.graph.schema import BOOK, LINK, MAP_POSITIONS, MapName, NodeKind, slot_of
from bookgraph.graph.store import Store
from bookgraph.graph.vectors.models import CURRENT_MODEL, no_embeddings, num_placed, read_table

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CurrentModel:
    """The model that readers see, and its book vectors.

    Attributes:
        version: the model version.
        properties: properties of its `EmbeddingModel` node.
        titles: books that have a vector, sorted.
        vectors: (len(titles), dim) float32, the books' vectors in that order.
    """

    version: str
    properties: Mapping[str, object]
    titles: tuple[str, ...]
    vectors: Floats


@dataclass(frozen=True, slots=True)
class MapVectors:
    """What a map is made from.

    Attributes:
        version: the current model version.
        keys: titles of books or names of links that have a vector, sorted.
        vectors: (len(keys), dim) float32 in that order.
        old_positions: (len(keys), 2) float32, their positions on the existing map; NaN for new
            ones.
    """

    version: str
    keys: tuple[str, ...]
    vectors: Floats
    old_positions: Floats


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model that the graph knows.

    Attributes:
        version: the model version.
        is_current: whether readers use it.
        is_held: whether the graph holds its vectors, so that it can be used.
        properties: properties of its `EmbeddingModel` node.
    """

    version: str
    is_current: bool
    is_held: bool
    properties: Mapping[str, Any]


def list_models(store: Store) -> list[StoredModel]:
    """All models that the graph knows, the latest first."""
    rows = store.read(
        "MATCH (m:EmbeddingModel) RETURN properties(m) AS model "
        "ORDER BY m.created_at DESC, m.version"
    )
    return [
        StoredModel(
            version=model["version"],
            is_current=bool(model.get("is_current")),
            is_held=bool(model.get("vector")),
            properties=model,
        )
        for model in (row["model"] for row in rows)
    ]


def read_model(store: Store, *, is_counted: bool = False) -> dict[str, Any]:
    """Read the properties of the current model.

    Args:
        store: the graph.
        is_counted: replace the numbers of books and links that were placed when the vectors were
            written by those of now.

    Raises:
        DataMissingError: the graph has no embeddings.
    """
    counts: LiteralString = (
        ", num_books: " + num_placed(BOOK) + ", num_links: " + num_placed(LINK)
        if is_counted
        else ""
    )
    rows = store.read(
        "WITH " + CURRENT_MODEL + " AS model RETURN model {.*" + counts + "} AS model"
    )
    model: dict[str, Any] | None = rows[0]["model"]
    if model is None:
        raise no_embeddings(store)
    return model


def read_current_model(store: Store) -> CurrentModel:
    """Read the current model and its book vectors.

    Raises:
        DataMissingError: the graph has no embeddings.
    """
    model = read_model(store)
    table = read_table(store, BOOK, model["version"])
    return CurrentModel(
        version=model["version"],
        properties=model,
        titles=tuple(table.keys),
        vectors=table.vectors,
    )


def read_map_vectors(store: Store, kind: NodeKind, *, name: MapName = "tsne") -> MapVectors:
    """Read the current model's vectors, and the positions that the nodes have on a map, if any.

    Args:
        store: the graph.
        kind: books or links.
        name: the map whose positions are read.

    Raises:
        DataMissingError: the graph has no embeddings.
    """
    model = read_model(store)
    version, slot = model["version"], slot_of(model["vector"])
    x, y = MAP_POSITIONS[name]
    rows = list(
        store.read_all(
            "MATCH (n:" + kind.label + ") WHERE n." + slot.version + " = $version "
            "RETURN n." + kind.key + " AS key, n." + slot.vector + ", n." + x + ", n." + y
            + " ORDER BY key",
            version=version,
        )
    )  # fmt: skip
    return MapVectors(
        version=version,
        keys=tuple(key for key, _, _, _ in rows),
        vectors=np.array([vector for _, vector, _, _ in rows], dtype=np.float32).reshape(
            len(rows), -1 if rows else 0
        ),
        old_positions=np.array([(x, y) for _, _, x, y in rows], dtype=np.float32).reshape(-1, 2),
    )
