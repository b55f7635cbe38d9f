"""Reads the current model out of Neo4j: its facts, its vectors, the positions on its maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.schema import MAP_POSITIONS, MapName, NodeKind
from bookgraph.graph.store import Store

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


def read_current_model(store: Store) -> CurrentModel:
    """Read the current model and its book vectors in one statement.

    Raises:
        DataMissingError: the graph has no embeddings.
    """
    rows = store.read(
        "MATCH (model:EmbeddingModel {is_current: true}) RETURN properties(model) AS model, "
        "COLLECT { MATCH (n:Book) WHERE n.embedding_version = model.version "
        "RETURN [n.title, n.embedding] ORDER BY n.title } AS books"
    )
    if not rows:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings yet. Run `bookgraph train`."
        )
    model, books = rows[0]["model"], rows[0]["books"]
    return CurrentModel(
        version=model["version"],
        properties=model,
        titles=tuple(title for title, _ in books),
        vectors=np.array([vector for _, vector in books], dtype=np.float32),
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
    models = store.read("MATCH (m:EmbeddingModel {is_current: true}) RETURN m.version AS version")
    if not models:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings, so there is nothing to map. "
            "Run `bookgraph train`."
        )
    version = models[0]["version"]
    x, y = MAP_POSITIONS[name]
    rows = list(
        store.read_all(
            "MATCH (n:" + kind.label + ") WHERE n.embedding_version = $version "
            "RETURN n." + kind.key + " AS key, n.embedding, n." + x + ", n." + y + " ORDER BY key",
            version=version,
        )
    )
    return MapVectors(
        version=version,
        keys=tuple(key for key, _, _, _ in rows),
        vectors=np.array([vector for _, vector, _, _ in rows], dtype=np.float32).reshape(
            len(rows), -1 if rows else 0
        ),
        old_positions=np.array([(x, y) for _, _, x, y in rows], dtype=np.float32).reshape(-1, 2),
    )
