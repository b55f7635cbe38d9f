"""Reads the current model's vectors for the map and writes the places of the points back.

A map is two properties a node: `x` and `y` for the main one, `umap_x` and `umap_y` for the second.
All places of both kinds of nodes and the record on the `EmbeddingModel` node are one transaction,
so that a reader never sees half of a map.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, LiteralString

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import DataMissingError, ShapeError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.store import Store, Transaction

logger = logging.getLogger(__name__)

MapName = Literal["tsne", "umap"]
MapLabel = Literal["Book", "Link"]

_PLACES_PER_STATEMENT = 20_000

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MapVectors:
    """What a map is made from.

    Attributes:
        version: the current model.
        keys: titles of books or names of links that have a vector, sorted.
        vectors: (len(keys), dim) float32 in that order.
        old_positions: (len(keys), 2) float32, where they are on the map now; NaN for new ones.
    """

    version: str
    keys: tuple[str, ...]
    vectors: Floats
    old_positions: Floats


@dataclass(frozen=True, slots=True)
class MapPlaces:
    """A finished map.

    Attributes:
        name: which of the two maps.
        version: the model that it was made from.
        book_titles: keys of the books.
        book_positions: (len(book_titles), 2) float32.
        link_names: keys of the links.
        link_positions: (len(link_names), 2) float32.
        facts: what the `EmbeddingModel` node records of it, under names that open with the map's.
    """

    name: MapName
    version: str
    book_titles: Sequence[str]
    book_positions: Floats
    link_names: Sequence[str]
    link_positions: Floats
    facts: Mapping[str, object]

    def __post_init__(self) -> None:
        for name, keys, positions in (
            ("book_positions", self.book_titles, self.book_positions),
            ("link_positions", self.link_names, self.link_positions),
        ):
            if positions.shape != (len(keys), 2) or not np.isfinite(positions).all():
                raise ShapeError(
                    f"{name} has shape {positions.shape}; expected ({len(keys)}, 2), one finite "
                    "row a key."
                )


@dataclass(frozen=True, slots=True)
class MapWriteReport:
    """What a write-back did.

    Attributes:
        num_books: books that have a place now.
        num_links: links that do.
        elapsed_s: seconds.
    """

    num_books: int
    num_links: int
    elapsed_s: float


def read_map_vectors(store: Store, label: MapLabel, *, name: MapName = "tsne") -> MapVectors:
    """Read the current model's vectors and the places that the nodes have on a map, if any.

    Args:
        store: the graph.
        label: books or links.
        name: the map whose places are read.

    Raises:
        DataMissingError: no model was written yet.
    """
    models = store.read("MATCH (m:EmbeddingModel {is_current: true}) RETURN m.version AS version")
    if not models:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings, so there is nothing to map. "
            "Run `bookgraph train`."
        )
    version = models[0]["version"]
    rows = list(store.read_all(_READ[label, name], version=version))
    return MapVectors(
        version=version,
        keys=tuple(key for key, _, _, _ in rows),
        vectors=np.array([vector for _, vector, _, _ in rows], dtype=np.float32).reshape(
            len(rows), -1 if rows else 0
        ),
        old_positions=np.array([(x, y) for _, _, x, y in rows], dtype=np.float32).reshape(-1, 2),
    )


def write_map(
    store: Store, places: MapPlaces, *, on_progress: OnProgress = ignore_progress
) -> MapWriteReport:
    """Replace one of the maps; the places of nodes that it does not hold are removed.

    Args:
        store: the graph that the model was trained on.
        places: the map; writing it again changes nothing but the time of writing.
        on_progress: called after each few thousand places.

    Raises:
        DataMissingError: another model has become the current one meanwhile; nothing was changed.
        StoreUnreachableError: the server went away. The old map is whole; run it again.
    """
    start_s = time.monotonic()
    num_books, num_links = store.write(lambda work: _write_all(work, places, on_progress))
    report = MapWriteReport(num_books, num_links, time.monotonic() - start_s)
    logger.info("wrote map %s: %s", places.name, report)
    return report


def _write_all(
    transaction: Transaction, places: MapPlaces, on_progress: OnProgress
) -> tuple[int, int]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {**places.facts, f"{places.name}_created_at": now}
    if not transaction.run(_SET_FACTS, version=places.version, facts=facts):
        raise DataMissingError(
            f"The map was made from the model {places.version}, which is not the current one any "
            "more. Nothing was changed. Run `bookgraph map` again."
        )
    total = len(places.book_titles) + len(places.link_names)
    num_written = {"Book": 0, "Link": 0}
    tables: tuple[tuple[MapLabel, Sequence[str], Floats], ...] = (
        ("Book", places.book_titles, places.book_positions),
        ("Link", places.link_names, places.link_positions),
    )
    for label, keys, positions in tables:
        transaction.run(_REMOVE[label, places.name], version=places.version)
        for start in range(0, len(keys), _PLACES_PER_STATEMENT):
            part = slice(start, start + _PLACES_PER_STATEMENT)
            rows = [
                [key, float(x), float(y)]
                for key, (x, y) in zip(keys[part], positions[part], strict=True)
            ]
            found = transaction.run(_WRITE[label, places.name], rows=rows)
            num_written[label] += int(found[0]["num_written"])
            on_progress(Progress("Writing the map", sum(num_written.values()), total, "places"))
    return num_written["Book"], num_written["Link"]


# A transaction that fails leaves no fact behind, so the facts may be set first.
_SET_FACTS: LiteralString = """
MATCH (model:EmbeddingModel {version: $version, is_current: true})
SET model += $facts
RETURN model.version AS version
"""

_READ: dict[tuple[MapLabel, MapName], LiteralString] = {
    ("Book", "tsne"): """
MATCH (n:Book) WHERE n.embedding_version = $version
RETURN n.title AS key, n.embedding AS vector, n.x AS x, n.y AS y ORDER BY key
""",
    ("Link", "tsne"): """
MATCH (n:Link) WHERE n.embedding_version = $version
RETURN n.name AS key, n.embedding AS vector, n.x AS x, n.y AS y ORDER BY key
""",
    ("Book", "umap"): """
MATCH (n:Book) WHERE n.embedding_version = $version
RETURN n.title AS key, n.embedding AS vector, n.umap_x AS x, n.umap_y AS y ORDER BY key
""",
    ("Link", "umap"): """
MATCH (n:Link) WHERE n.embedding_version = $version
RETURN n.name AS key, n.embedding AS vector, n.umap_x AS x, n.umap_y AS y ORDER BY key
""",
}

_REMOVE: dict[tuple[MapLabel, MapName], LiteralString] = {
    ("Book", "tsne"): """
MATCH (n:Book) WHERE n.x IS NOT NULL AND coalesce(n.embedding_version, '') <> $version
REMOVE n.x, n.y
""",
    ("Link", "tsne"): """
MATCH (n:Link) WHERE n.x IS NOT NULL AND coalesce(n.embedding_version, '') <> $version
REMOVE n.x, n.y
""",
    ("Book", "umap"): """
MATCH (n:Book) WHERE n.umap_x IS NOT NULL AND coalesce(n.embedding_version, '') <> $version
REMOVE n.umap_x, n.umap_y
""",
    ("Link", "umap"): """
MATCH (n:Link) WHERE n.umap_x IS NOT NULL AND coalesce(n.embedding_version, '') <> $version
REMOVE n.umap_x, n.umap_y
""",
}

_WRITE: dict[tuple[MapLabel, MapName], LiteralString] = {
    ("Book", "tsne"): """
UNWIND $rows AS row MATCH (n:Book {title: row[0]})
SET n.x = row[1], n.y = row[2] RETURN count(*) AS num_written
""",
    ("Link", "tsne"): """
UNWIND $rows AS row MATCH (n:Link {name: row[0]})
SET n.x = row[1], n.y = row[2] RETURN count(*) AS num_written
""",
    ("Book", "umap"): """
UNWIND $rows AS row MATCH (n:Book {title: row[0]})
SET n.umap_x = row[1], n.umap_y = row[2] RETURN count(*) AS num_written
""",
    ("Link", "umap"): """
UNWIND $rows AS row MATCH (n:Link {name: row[0]})
SET n.umap_x = row[1], n.umap_y = row[2] RETURN count(*) AS num_written
""",
}
