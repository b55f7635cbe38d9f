"""Reads a graph as the lines of a backup, and what clients' edits changed since it was read.

A line of a node has its properties and, if there are any, its other labels. A line of edges has
the key of their start and, by type and label of the other end, keys of the ends and properties.
Lines are ordered by key and values by name, so that equal graphs give equal lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import orjson

from bookgraph.graph.backup.state import KEYS, LOCAL_PROPERTIES
from bookgraph.graph.backup.values import dumps, to_json
from bookgraph.graph.schema import BOOK, LINK, NUM_KEPT_EDITS, SLOTS
from bookgraph.graph.store import Transaction

_VECTORS = frozenset(slot.vector for slot in SLOTS)
# Edits change counts of these, add some and delete some, without a word in their log.
_COUNTED = (LINK.label, "ExternalLink")

Lights = dict[str, dict[Any, int]]
"""Label to key to a digest of a node's properties without its vectors."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What edits changed.

    Attributes:
        lines: part to key to the line of now, or None for one that is gone.
        whole: part to all its lines of now.
    """

    lines: dict[str, dict[Any, bytes | None]] = field(default_factory=dict)
    whole: dict[str, list[bytes]] = field(default_factory=dict)

    def touches(self, part: str) -> bool:
        """Whether a part has other lines now."""
        return part in self.whole or bool(self.lines.get(part))

    def apply(self, part: str, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines of a part as they are now, from those that were read before."""
        if part in self.whole:
            yield from self.whole[part]
            return
        changed = self.lines.get(part, {})
        new = sorted((key, line) for key, line in changed.items() if line is not None)
        new.reverse()
        for line in lines:
            key = _key_of(part, line) if changed else None
            while new and new[-1][0] <= key:
                yield new.pop()[1]
            if key not in changed:
                yield line
        yield from (line for _, line in reversed(new))


def node_part(label: str) -> str:
    """Name of the part with the nodes of a label."""
    return f"nodes/{label}.ndjson"


def edge_part(label: str) -> str:
    """Name of the part with the edges that begin at the nodes of a label."""
    return f"edges/{label}.ndjson"


def iter_nodes(
    transaction: Transaction, label: LiteralString, *, lights: Lights, keys: Sequence[Any] = ()
) -> Iterator[tuple[Any, bytes]]:
    """Key and line of each node of a label, in order; with `keys` of these alone.

    Args:
        transaction: of the graph.
        label: one of `KEYS`.
        lights: is filled with what `read_changes` needs.
        keys: of the wanted nodes.
    """
    hidden = LOCAL_PROPERTIES.get(label, frozenset[str]())
    known = lights.setdefault(label, {}) if label in _COUNTED else None
    rows = transaction.read_all(_nodes_statement(label, is_chosen=bool(keys)), keys=list(keys))
    for key, properties, labels in rows:
        shown = {name: properties[name] for name in properties.keys() - hidden}
        if known is not None:
            known[key] = _light(shown)
        line: list[Any] = [to_json(shown)]
        if len(labels) > 1:
            line.append(sorted(set(labels) - {label}))
        yield key, dumps(line) + b"\n"


def iter_edges(
    transaction: Transaction, label: LiteralString, *, keys: Sequence[Any] = ()
) -> Iterator[tuple[Any, int, bytes]]:
    """Key, number of edges and line of each node of a label that edges begin at, in order."""
    rows = transaction.read_all(_edges_statement(label, is_chosen=bool(keys)), keys=list(keys))
    for start, edges in rows:
        groups: dict[str, list[Any]] = {}
        for name, end_label, key, properties in edges:
            groups.setdefault(f"{name} {end_label}", []).append([key, to_json(properties)])
        for group in groups.values():
            group.sort(key=dumps)
        yield start, len(edges), dumps([start, groups]) + b"\n"


def read_changes(transaction: Transaction, *, after: int, lights: Lights) -> Changes | None:
    """What edits changed after a revision; no edit may run meanwhile.

    Args:
        transaction: holds the lock on the `Dataset` node.
        after: the revision.
        lights: of the links and external links as they were read.

    Returns:
        The changes, or None if the log of edits does not reach back so far.
    """
    (row,) = transaction.run(_EDITED, after=after)
    if row["num"] >= NUM_KEPT_EDITS and row["oldest"] > after + 1:
        return None
    changes = Changes()
    titles: list[Any] = row["titles"]
    if titles:
        gone = dict.fromkeys(titles)
        nodes = dict(iter_nodes(transaction, BOOK.label, lights={}, keys=titles))
        edges = {key: line for key, _, line in iter_edges(transaction, BOOK.label, keys=titles)}
        changes.lines[node_part(BOOK.label)] = {**gone, **nodes}
        changes.lines[edge_part(BOOK.label)] = {**gone, **edges}
    for label in _COUNTED:
        changes.lines[node_part(label)] = _changed_nodes(transaction, label, lights[label])
    for label in KEYS:
        if label not in {BOOK.label, *_COUNTED}:
            lines = [line for _, line in iter_nodes(transaction, label, lights={})]
            changes.whole[node_part(label)] = lines
        if label not in {BOOK.label, "ExternalLink"}:
            changes.whole[edge_part(label)] = [line for *_, line in iter_edges(transaction, label)]
    return changes


def _changed_nodes(
    transaction: Transaction, label: LiteralString, before: Mapping[Any, int]
) -> dict[Any, bytes | None]:
    now = {key: _light(light) for key, light in transaction.read_all(_light_statement(label))}
    changed: dict[Any, bytes | None] = dict.fromkeys(before.keys() - now.keys())
    keys = [key for key, light in now.items() if before.get(key) != light]
    if keys:
        changed.update(iter_nodes(transaction, label, lights={}, keys=keys))
    return changed


def _light(properties: Mapping[str, Any]) -> int:
    shown = {
        name: value
        for name, value in properties.items()
        if name not in _VECTORS and value is not None
    }
    return hash(dumps(to_json(shown)))


def _key_of(part: str, line: bytes) -> Any:
    first = orjson.loads(line)[0]
    folder, _, name = part.partition("/")
    return first if folder == "edges" else first[_KEY_OF_PART[name]]


_KEY_OF_PART: Mapping[str, str] = {f"{label}.ndjson": key for label, key in KEYS.items()}
_EDITED: LiteralString = """
RETURN COUNT { (:Edit) } AS num,
  coalesce(head(COLLECT { MATCH (e:Edit) WHERE e.number > 0 RETURN e.number
    ORDER BY e.number LIMIT 1 }), 0) AS oldest,
  COLLECT { MATCH (e:Edit) WHERE e.number > $after RETURN DISTINCT e.title } AS titles
"""


def _match(label: LiteralString, *, is_chosen: bool) -> LiteralString:
    # The unique key's index gives the order.
    key = KEYS[label]
    condition: LiteralString = " IN $keys" if is_chosen else " IS NOT NULL"
    return "MATCH (n:" + label + ") WHERE n." + key + condition


def _nodes_statement(label: LiteralString, *, is_chosen: bool) -> LiteralString:
    key = KEYS[label]
    return (
        _match(label, is_chosen=is_chosen)
        + " RETURN n." + key + " AS key, properties(n), labels(n) ORDER BY key"
    )  # fmt: skip


def _light_statement(label: LiteralString) -> LiteralString:
    removed = ", ".join(slot.vector + ": null" for slot in SLOTS)
    return "MATCH (n:" + label + ") RETURN n." + KEYS[label] + ", n {.*, " + removed + "}"


def _edges_statement(label: LiteralString, *, is_chosen: bool) -> LiteralString:
    labels: list[LiteralString] = ["WHEN m:" + name + " THEN '" + name + "'" for name in KEYS]
    keys: list[LiteralString] = ["WHEN m:" + name + " THEN m." + KEYS[name] for name in KEYS]
    return (
        _match(label, is_chosen=is_chosen)
        + " AND EXISTS { (n)-->() } RETURN n." + KEYS[label] + " AS key, "
        "COLLECT { MATCH (n)-[r]->(m:" + "|".join(KEYS) + ") "
        "RETURN [type(r), CASE " + " ".join(labels) + " END, "
        "CASE " + " ".join(keys) + " END, properties(r)] } ORDER BY key"
    )  # fmt: skip
