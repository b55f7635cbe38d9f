"""Writes the positions of a map into the graph: two properties a node, see `MAP_POSITIONS`.

The positions of both kinds of nodes and the facts on the `EmbeddingModel` node are one transaction,
so that a reader never sees half of a map.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import DataMissingError, ShapeError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.schema import BOOK, LINK, MAP_POSITIONS, SLOTS, MapName, NodeKind
from bookgraph.graph.store import Store, Transaction

logger = logging.getLogger(__name__)

_POSITIONS_PER_STATEMENT = 20_000

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MapPositions:
    """A finished map.

    Attributes:
        name: which of the two maps.
        version: the version of the model that it was made from.
        book_titles: keys of the books.
        book_positions: (len(book_titles), 2) float32.
        link_names: keys of the links.
        link_positions: (len(link_names), 2) float32.
        facts: what the `EmbeddingModel` node records of it; their names start with the map's name.
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
                    f"{name} has shape {positions.shape}; expected ({len(keys)}, 2), one row of "
                    "finite numbers for each key."
                )


@dataclass(frozen=True, slots=True)
class MapWriteReport:
    """What a write-back did.

    Attributes:
        num_books: books that have a position now.
        num_links: links that have a position now.
        elapsed_s: seconds.
    """

    num_books: int
    num_links: int
    elapsed_s: float


def write_map(
    store: Store, positions: MapPositions, *, on_progress: OnProgress = ignore_progress
) -> MapWriteReport:
    """Replace one of the maps. Nodes without a vector lose their old positions.

    Args:
        store: the graph that the model was trained on.
        positions: the map; writing it again changes only the time of writing.
        on_progress: called after each few thousand positions.

    Raises:
        DataMissingError: another model became the current one meanwhile; nothing was changed.
        StoreUnreachableError: the server went away. The old map is whole; run it again.
    """
    start_s = time.monotonic()
    num_books, num_links = store.write(lambda work: _write_all(work, positions, on_progress))
    report = MapWriteReport(num_books, num_links, time.monotonic() - start_s)
    logger.info("wrote the map %s: %s", positions.name, report)
    return report


def _write_all(
    transaction: Transaction, positions: MapPositions, on_progress: OnProgress
) -> tuple[int, int]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {**positions.facts, f"{positions.name}_created_at": now}
    # A transaction that fails leaves no facts behind, so they may be set first.
    if not transaction.run(_SET_FACTS, version=positions.version, facts=facts):
        raise DataMissingError(
            f"The map was made from the model {positions.version}, which is not the current one "
            "any more. Nothing was changed. Run `bookgraph map` again."
        )
    total = len(positions.book_titles) + len(positions.link_names)
    num_written = {BOOK: 0, LINK: 0}
    for kind, keys, values in (
        (BOOK, positions.book_titles, positions.book_positions),
        (LINK, positions.link_names, positions.link_positions),
    ):
        transaction.run(_remove_statement(kind, positions.name), version=positions.version)
        for start in range(0, len(keys), _POSITIONS_PER_STATEMENT):
            part = slice(start, start + _POSITIONS_PER_STATEMENT)
            rows = [
                [key, float(x), float(y)]
                for key, (x, y) in zip(keys[part], values[part], strict=True)
            ]
            found = transaction.run(_write_statement(kind, positions.name), rows=rows)
            num_written[kind] += int(found[0]["num_written"])
            on_progress(Progress("Writing the map", sum(num_written.values()), total, "positions"))
    return num_written[BOOK], num_written[LINK]


_SET_FACTS: LiteralString = """
MATCH (model:EmbeddingModel {version: $version, is_current: true})
SET model += $facts
RETURN model.version AS version
"""


def _remove_statement(kind: NodeKind, name: MapName) -> LiteralString:
    x, y = MAP_POSITIONS[name]
    return (
        "MATCH (n:" + kind.label + ") WHERE n." + x + " IS NOT NULL "
        "AND coalesce(n." + SLOTS[0].version + ", '') <> $version "
        "AND coalesce(n." + SLOTS[1].version + ", '') <> $version "
        "REMOVE n." + x + ", n." + y
    )


def _write_statement(kind: NodeKind, name: MapName) -> LiteralString:
    x, y = MAP_POSITIONS[name]
    return (
        "UNWIND $rows AS row MATCH (n:" + kind.label + " {" + kind.key + ": row[0]}) "
        "SET n." + x + " = row[1], n." + y + " = row[2] RETURN count(*) AS num_written"
    )
