"""Creates the constraints and indexes that the schema names, and waits for them.

Only what Neo4j Community offers is used: uniqueness constraints, range, full-text and vector
indexes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import ForeignDataError
from bookgraph.graph.schema import KINDS, SEARCHED, SLOTS, UNIQUE_KEYS, NodeKind, Slot
from bookgraph.graph.store import Runner, Store, Transaction

_AWAIT_INDEXES_S = 600


def create_schema(store: Store) -> None:
    """Create the constraints and the indexes that do not exist yet.

    The constraints hold at once. Neo4j fills the indexes of a large graph in the background, about
    one second for 100,000 nodes. A full-text query waits for its index; any other query works
    without one. `await_indexes` waits for all of them.

    Raises:
        ForeignDataError: the database holds books that bookgraph did not load.
    """
    refuse_foreign_data(store)
    for name in UNIQUE_KEYS:
        create_constraint(store, name)
    outdated = outdated_indexes(store)

    def work(transaction: Transaction) -> None:
        for index in outdated:
            transaction.run("DROP INDEX " + index.name + " IF EXISTS")
        # In one transaction, so that Neo4j fills them all in one scan of the store, and there is
        # no moment without an index of a name.
        for index in (*outdated, *_permanent_indexes()):
            transaction.run(index.statement)

    store.write_schema(work)


def create_constraint(store: Store, name: LiteralString) -> None:
    """Create one of the constraints in `UNIQUE_KEYS` if it does not exist yet."""
    label, key = UNIQUE_KEYS[name]
    statement: LiteralString = (
        "CREATE CONSTRAINT " + name + " IF NOT EXISTS "
        "FOR (n:" + label + ") REQUIRE n." + key + " IS UNIQUE"
    )
    store.write_schema(lambda transaction: transaction.run(statement))


def create_vector_indexes(store: Store, slot: Slot) -> None:
    """Create the vector indexes of a slot that do not exist yet, and wait until they are online."""

    def create(transaction: Transaction) -> None:
        for kind in KINDS.values():
            transaction.run(vector_index(kind, slot).statement)

    store.write_schema(create)
    await_indexes(store)


def await_indexes(runner: Runner) -> None:
    """Wait until every index is online, at most ten minutes."""
    runner.run("CALL db.awaitIndexes($seconds)", seconds=_AWAIT_INDEXES_S)


def refuse_foreign_data(store: Store) -> None:
    """Refuse a database with `Book` or `Link` nodes that bookgraph did not load.

    Loading makes the graph equal to its input, so it would delete the nodes of another program.

    Raises:
        ForeignDataError: there are such nodes and no `Dataset` node of bookgraph.
    """
    rows = store.read(
        "OPTIONAL MATCH (ours:Dataset {name: 'bookgraph'}) "
        "RETURN ours IS NOT NULL AS is_ours, "
        "EXISTS { MATCH (n:Book|Link|ExternalLink) RETURN n } AS is_filled"
    )
    if rows[0]["is_filled"] and not rows[0]["is_ours"]:
        raise ForeignDataError(
            f"The database at {store.address} holds Book or Link nodes that bookgraph did not "
            "load. Nothing was changed. Use an empty database: set NEO4J_DATABASE or NEO4J_URI."
        )


@dataclass(frozen=True, slots=True)
class Index:
    """An index that the schema names.

    Attributes:
        name: its name.
        properties: what it is on.
        statement: creates it if no index has its name.
    """

    name: LiteralString
    properties: frozenset[str]
    statement: LiteralString


def outdated_indexes(store: Store) -> list[Index]:
    """The indexes that an earlier release made on other properties than this one."""
    rows = store.read("SHOW INDEXES YIELD name, properties RETURN name, properties")
    present = {row["name"]: frozenset(row["properties"] or ()) for row in rows}
    vectors = [vector_index(kind, slot) for kind in KINDS.values() for slot in SLOTS]
    return [
        index
        for index in (*_permanent_indexes(), *vectors)
        if present.get(index.name, index.properties) != index.properties
    ]


def range_index(kind: NodeKind, name: LiteralString) -> Index:
    """The range index of a property."""
    index_name: LiteralString = kind.word + "_" + name
    return Index(
        index_name,
        frozenset({name}),
        "CREATE RANGE INDEX " + index_name + " IF NOT EXISTS "
        "FOR (n:" + kind.label + ") ON (n." + name + ")",
    )


def text_index(kind: NodeKind) -> Index:
    """The full-text index of a kind, on its titles."""
    # The analyzer folds case and accents: `emile zola` finds `Émile Zola`.
    searched = ", ".join("n." + name for name in SEARCHED)
    return Index(
        kind.text_index,
        frozenset(SEARCHED),
        "CREATE FULLTEXT INDEX " + kind.text_index + " IF NOT EXISTS "
        "FOR (n:" + kind.label + ") ON EACH [" + searched + "] "
        "OPTIONS {indexConfig: {`fulltext.analyzer`: 'standard-folding'}}",
    )


def vector_index(kind: NodeKind, slot: Slot) -> Index:
    """The vector index of a kind in a slot, with the properties to filter by inside it.

    It has no `vector.dimensions`. One index then holds vectors of any length and compares a query
    only with vectors of its own length, so a model with another dim needs no other index.
    """
    names = (slot.version, *kind.names("vector_index"))
    inside = ", ".join("n." + name for name in names)
    return Index(
        slot.index_of(kind),
        frozenset({slot.vector, *names}),
        "CYPHER 25 CREATE VECTOR INDEX " + slot.index_of(kind) + " IF NOT EXISTS "
        "FOR (n:" + kind.label + ") ON (n." + slot.vector + ") WITH [" + inside + "] "
        "OPTIONS {indexConfig: {`vector.similarity_function`: 'cosine', "
        "`vector.quantization.type`: 'none'}}",
    )


def _permanent_indexes() -> list[Index]:
    """Those that every graph has; the vector indexes of a slot come with its first model."""
    found = []
    for kind in KINDS.values():
        found += [range_index(kind, name) for name in kind.names("range_index")]
        found.append(text_index(kind))
    return found
