"""What a database holds: a graph of bookgraph, half of a restored one, or something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import ForeignDataError, RestoreUnfinishedError
from bookgraph.graph.schema import LEASE_KEY, UNIQUE_KEYS
from bookgraph.graph.store import Runner, Store

KEYS: Mapping[LiteralString, LiteralString] = dict(
    value for name, value in UNIQUE_KEYS.items() if name != LEASE_KEY
)
"""Label to unique property of all nodes of a graph. The lease is none of it."""

LOCAL_PROPERTIES: Mapping[str, frozenset[str]] = {"Dataset": frozenset({"restored_at"})}
"""Label to properties that say something of the database and nothing of the graph."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a database holds.

    Attributes:
        nodes: label to number of nodes that bookgraph makes.
        edges: label to number of edges that lead from such a node to such a node.
        num_other_nodes: nodes with none of these labels.
        num_other_edges: edges from or to one of those.
    """

    nodes: Mapping[str, int]
    edges: Mapping[str, int]
    num_other_nodes: int
    num_other_edges: int


@dataclass(frozen=True, slots=True)
class State:
    """What a database is.

    Attributes:
        is_empty: whether it has no nodes.
        is_ours: whether bookgraph loaded or restored it.
        is_complete: whether the last load is complete.
        restoring: name of the file whose restore was begun and did not finish, or None.
        num_books: number of books.
        models: versions of its models.
    """

    is_empty: bool
    is_ours: bool
    is_complete: bool
    restoring: str | None
    num_books: int
    models: tuple[str, ...]

    def refuse_unfinished(self, address: str) -> None:
        """Refuse a graph of which a part was restored.

        Raises:
            RestoreUnfinishedError: it is such a graph.
        """
        if self.restoring is not None:
            raise RestoreUnfinishedError(address, self.restoring)


def look(store: Store) -> State:
    """See what a database is; cheap at any size."""
    (row,) = store.read(_LOOK)
    return State(**{**row, "models": tuple(row["models"])})


def count(runner: Runner) -> Counts:
    """Count nodes and edges; cheap at any size but for edges of other programs."""
    nodes = {label: runner.run(_count_nodes(label))[0]["num"] for label in KEYS}
    edges = {label: runner.run(_count_edges(label))[0]["num"] for label in KEYS}
    (total,) = runner.run("RETURN COUNT { () } AS nodes, COUNT { ()-->() } AS edges")
    num_ours = total["nodes"]
    if total["nodes"] != sum(nodes.values()):
        num_ours = total["nodes"] - runner.run(_COUNT_OTHERS)[0]["num"]
    if num_ours == total["nodes"]:
        num_other_edges = 0
    else:
        edges = {label: runner.run(_count_own_edges(label))[0]["num"] for label in KEYS}
        num_other_edges = total["edges"] - sum(edges.values())
    return Counts(nodes, edges, total["nodes"] - num_ours, num_other_edges)


def refuse_other_programs(store: Store) -> None:
    """Refuse a database with nodes that bookgraph did not make.

    Raises:
        ForeignDataError: there are such nodes; nothing was changed.
    """
    state = look(store)
    if state.is_empty:
        return
    num_others = store.read(_COUNT_OTHERS)[0]["num"]
    if state.is_ours and not num_others:
        return
    what = f"{num_others:,} nodes" if num_others else "nodes"
    raise ForeignDataError(
        f"The database at {store.address} holds {what} that bookgraph did not make. Nothing was "
        "changed. Use an empty database: set NEO4J_DATABASE or NEO4J_URI."
    )


_LOOK: LiteralString = """
OPTIONAL MATCH (d:Dataset {name: 'bookgraph'})
RETURN NOT EXISTS { (n) WHERE NOT n:Lease } AS is_empty, d IS NOT NULL AS is_ours,
  coalesce(d.is_complete, false) AS is_complete, d.restoring AS restoring,
  COUNT { (:Book) } AS num_books,
  COLLECT { MATCH (m:EmbeddingModel) RETURN m.version ORDER BY m.version } AS models
"""
_OURS: LiteralString = "|".join([*KEYS, UNIQUE_KEYS[LEASE_KEY][0]])
_COUNT_OTHERS: LiteralString = "MATCH (n) WHERE NOT n:" + _OURS + " RETURN count(*) AS num"


def _count_nodes(label: LiteralString) -> LiteralString:
    return "RETURN COUNT { (:" + label + ") } AS num"


def _count_edges(label: LiteralString) -> LiteralString:
    return "RETURN COUNT { (:" + label + ")-->() } AS num"


def _count_own_edges(label: LiteralString) -> LiteralString:
    return "RETURN COUNT { (:" + label + ")-->(:" + _OURS + ") } AS num"
