"""What all exports share: their columns, and how these are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.read.model import read_model
from bookgraph.graph.schema import NodeKind, slot_of
from bookgraph.graph.store import Store

EDGE_COLUMNS = ("book", "link", "count")


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written.

    Attributes:
        files: the files, in the order of writing.
        num_books: number of books in them.
        num_links: number of links in them.
        num_edges: number of edges in them; 0 where the format has none.
    """

    files: tuple[Path, ...]
    num_books: int
    num_links: int
    num_edges: int


def read_nodes(store: Store, kind: NodeKind) -> Iterator[tuple[Any, ...]]:
    """Rows of the nodes of a kind, ordered by key: its properties with the use `export`."""
    return store.read_all(
        "MATCH (n:" + kind.label + ") RETURN " + _values(kind.names("export"))
        + " ORDER BY n." + kind.key
    )  # fmt: skip


def read_edges(store: Store) -> Iterator[tuple[Any, ...]]:
    """Rows of `EDGE_COLUMNS`, ordered by book and link."""
    return store.read_all(
        "MATCH (b:Book)-[r:LINKS_TO]->(l:Link) RETURN b.title, l.name, r.count "
        "ORDER BY b.title, l.name"
    )


@dataclass(frozen=True, slots=True)
class VectorRow:
    """A node with its vector.

    Attributes:
        key: title of the book or name of the link.
        vector: (dim,) numbers.
        position: `x` and `y` on the main map; None for a node without one.
        metadata: its properties with the use `projector`.
    """

    key: str
    vector: list[float]
    position: tuple[float | None, float | None]
    metadata: tuple[Any, ...]


def read_vectors(store: Store, kind: NodeKind) -> list[VectorRow]:
    """The nodes of a kind that have a vector of the current model, ordered by key.

    Raises:
        DataMissingError: there are none.
    """
    model = read_model(store)
    slot = slot_of(model["vector"])
    rows = store.read_all(
        "MATCH (n:" + kind.label + ") WHERE n." + slot.version + " = $version "
        "RETURN n." + kind.key + " AS key, n." + slot.vector + ", n.x, n.y, "
        + _values(kind.names("projector")) + " ORDER BY key",
        version=model["version"],
    )  # fmt: skip
    found = [VectorRow(key, vector, (x, y), tuple(rest)) for key, vector, x, y, *rest in rows]
    if not found:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings of {kind.word}s to export. Run "
            "`bookgraph train`."
        )
    return found


def _values(names: tuple[LiteralString, ...]) -> LiteralString:
    return ", ".join("n." + name for name in names)
