"""What a graph holds, as text that can be compared, kept and put back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bookgraph.graph.schema import SLOTS, slot_of
from bookgraph.graph.store import Store, Transaction

LEFT_OUT = frozenset(
    {
        *("at", "changed_at", "created_at", "loaded_at", "restored_at"),
        *("tsne_created_at", "umap_created_at"),
        *("number", "revision"),
    }
)
"""Properties that differ between two undisturbed runs: times, and numbers that count attempts."""

_INTERNAL = frozenset(
    {"vector", "book_index", "link_index"}.union(*({slot.vector, slot.version} for slot in SLOTS))
)
"""Where a model is stored. What counts is which vectors the current model has."""

_KEYS = ("title", "name", "url", "version", "number")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole graph in memory.

    Attributes:
        nodes: for each node its labels and properties.
        edges: for each relationship its start and end, as positions in `nodes`, type and
            properties.
    """

    nodes: list[tuple[list[str], dict[str, Any]]]
    edges: list[tuple[int, int, str, dict[str, Any]]]


def take_snapshot(store: Store) -> Snapshot:
    """Read everything."""
    # The lease says which process writes; it is no part of the graph.
    rows = list(
        store.read_all("MATCH (n) WHERE NOT n:Lease RETURN elementId(n), labels(n), properties(n)")
    )
    places = {element: place for place, (element, _, _) in enumerate(rows)}
    edges = store.read_all(
        "MATCH (a)-[e]->(b) RETURN elementId(a), elementId(b), type(e), properties(e)"
    )
    return Snapshot(
        [(labels, properties) for _, labels, properties in rows],
        [(places[a], places[b], kind, properties) for a, b, kind, properties in edges],
    )


def put_back(store: Store, snapshot: Snapshot) -> None:
    """Make the database equal to a snapshot, in one transaction; indexes stay as they are."""

    def work(transaction: Transaction) -> None:
        transaction.run("MATCH (n) DETACH DELETE n")
        ids: list[str] = [""] * len(snapshot.nodes)
        for labels in {tuple(labels) for labels, _ in snapshot.nodes}:
            places = [
                place for place, (own, _) in enumerate(snapshot.nodes) if tuple(own) == labels
            ]
            rows = transaction.run(
                "UNWIND $rows AS row CREATE (n:$($labels)) SET n = row RETURN elementId(n) AS id",
                rows=[snapshot.nodes[place][1] for place in places],
                labels=list(labels),
            )
            for place, row in zip(places, rows, strict=True):
                ids[place] = row["id"]
        for slot in SLOTS:
            # As float32, as bookgraph writes them.
            transaction.run(
                "MATCH (n:Book|Link) WHERE n[$vector] IS NOT NULL "
                "CALL db.create.setNodeVectorProperty(n, $vector, n[$vector])",
                vector=slot.vector,
            )
        for kind in {kind for _, _, kind, _ in snapshot.edges}:
            transaction.run(
                "UNWIND $rows AS row MATCH (a) WHERE elementId(a) = row[0] "
                "MATCH (b) WHERE elementId(b) = row[1] CREATE (a)-[e:$($kind)]->(b) SET e = row[2]",
                rows=[
                    [ids[a], ids[b], properties]
                    for a, b, own, properties in snapshot.edges
                    if own == kind
                ],
                kind=kind,
            )

    store.write(work)


def forget_some(store: Store) -> None:
    """Remove a sixth of the books and the current model, so that the graph is another one."""
    store.run("MATCH (b:Book) WITH b ORDER BY b.title LIMIT 50 DETACH DELETE b")
    store.run("MATCH (m:EmbeddingModel {is_current: true}) DETACH DELETE m")
    store.run("MATCH (d:Dataset) SET d.revision = d.revision + 1, d.model = null")


def describe(store: Store) -> list[str]:
    """Every node, relationship and property as sorted lines, without what `LEFT_OUT` names.

    Of the models only the current one counts, with its vectors, wherever they are stored. The last
    lines say how many current models there are, and how many of these books they know.
    """
    snapshot = take_snapshot(store)
    current = next(
        (own for labels, own in snapshot.nodes if "EmbeddingModel" in labels and own["is_current"]),
        None,
    )
    names = [_name(labels, own) for labels, own in snapshot.nodes]
    lines = [
        f"{name} {_text(_shown(labels, own, current))}"
        for name, (labels, own) in zip(names, snapshot.nodes, strict=True)
        if _counts(labels, own)
    ]
    lines += [f"{names[a]} -{kind}-> {names[b]} {_text(own)}" for a, b, kind, own in snapshot.edges]
    return sorted(lines + describe_model(store))


def describe_model(store: Store) -> list[str]:
    """The current models, what names them, and which books they know, as lines."""
    lines = []
    for row in store.read(
        "MATCH (m:EmbeddingModel {is_current: true} WHERE m.vector IS NOT NULL) "
        "RETURN m.version AS version, m.vector AS vector, m.num_books AS num_books"
    ):
        slot = slot_of(row["vector"])
        (found,) = store.read(
            "RETURN COUNT { (b:Book) WHERE b[$version_of] = $version AND b[$vector] IS NOT NULL } "
            "AS num, COUNT { (b:Book) WHERE b.num_links > 0 } AS num_linked",
            version_of=slot.version,
            vector=slot.vector,
            version=row["version"],
        )
        lines.append(
            f"current model {row['version']}: vectors of {found['num']} books, "
            f"{found['num_linked']} have links"
        )
    named = store.read("MATCH (d:Dataset) RETURN d.model AS model")
    return [*lines, *(f"the dataset names {row['model']}" for row in named)]


def differences(expected: Iterable[str], found: Iterable[str], *, num: int = 4) -> list[str]:
    """The first lines that only one side has, shortened; empty if both are equal."""
    one, other = Counter(expected), Counter(found)
    missing, added = sorted((one - other).elements()), sorted((other - one).elements())
    if not missing and not added:
        return []
    return [
        f"{len(missing)} lines missing, {len(added)} added",
        *(f"missing: {line[:300]}" for line in missing[:num]),
        *(f"added: {line[:300]}" for line in added[:num]),
    ]


def _counts(labels: list[str], properties: dict[str, Any]) -> bool:
    return "EmbeddingModel" not in labels or bool(properties["is_current"])


def _name(labels: list[str], properties: dict[str, Any]) -> str:
    key = next((properties[key] for key in _KEYS if key in properties), "")
    return f"{':'.join(labels)} {key!r}"


def _shown(
    labels: list[str], properties: dict[str, Any], current: dict[str, Any] | None
) -> dict[str, Any]:
    shown = {
        name: value
        for name, value in properties.items()
        if name not in LEFT_OUT and name not in _INTERNAL
    }
    if current is not None and current.get("vector"):
        slot = slot_of(current["vector"])
        if properties.get(slot.version) == current["version"]:
            shown["vector of the current model"] = properties.get(slot.vector)
    return shown


def _text(properties: dict[str, Any]) -> str:
    return json.dumps(properties, sort_keys=True, ensure_ascii=False, default=str)
