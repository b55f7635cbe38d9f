"""Creates the constraints and indexes that the schema names, and waits for them.

Only what Neo4j Community offers is used: uniqueness constraints, range, full-text and vector
indexes.
"""

from __future__ import annotations

from typing import LiteralString

from bookgraph.core.errors import BookgraphError, ForeignDataError, RestoreUnfinishedError
from bookgraph.graph.schema import BOOK, KINDS, LINK, SEARCHED, SLOTS, UNIQUE_KEYS, NodeKind, Slot
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
    create_constraints_and_indexes(store)


def create_constraints_and_indexes(store: Store) -> None:
    """What `create_schema` does after it has looked at the database."""
    _drop_outdated_text_indexes(store)
    for name, (label, key) in UNIQUE_KEYS.items():
        store.run(
            "CREATE CONSTRAINT " + name + " IF NOT EXISTS "
            "FOR (n:" + label + ") REQUIRE n." + key + " IS UNIQUE"
        )
    # In one transaction, so that Neo4j fills them all in one scan of the store.
    store.write(_create_indexes)


def create_vector_indexes(store: Store, slot: Slot) -> None:
    """Create the vector indexes of a slot that do not exist yet, and wait until they are online."""
    for kind in KINDS.values():
        try:
            store.run(vector_index_statement(kind, slot))
        except BookgraphError:
            # Two trainings at once can both find that there is none yet.
            names = store.run("SHOW VECTOR INDEXES YIELD name RETURN name")
            if {"name": slot.index_of(kind)} not in names:
                raise
    await_indexes(store)


def list_indexes(store: Store) -> dict[str, str]:
    """Name to state of all indexes of the database, such as `ONLINE` or `POPULATING`."""
    rows = store.run("SHOW INDEXES YIELD name, state RETURN name, state ORDER BY name")
    return {row["name"]: row["state"] for row in rows}


def missing_indexes(store: Store) -> list[str]:
    """Names of constraints and indexes that do not exist or are not online, vector indexes aside.

    A vector index exists only while a model uses it.
    """
    states = list_indexes(store)
    wanted: list[str] = [*UNIQUE_KEYS]
    for kind in KINDS.values():
        wanted += [kind.text_index]
        wanted += [_range_index(kind, name) for name in kind.names("range_index")]
    return [name for name in wanted if states.get(name) != "ONLINE"]


def drop_schema(store: Store) -> None:
    """Drop every constraint and index that bookgraph makes."""
    for name in UNIQUE_KEYS:
        store.run("DROP CONSTRAINT " + name + " IF EXISTS")
    for kind in KINDS.values():
        store.run("DROP INDEX " + kind.text_index + " IF EXISTS")
        for slot in SLOTS:
            store.run("DROP INDEX " + slot.index_of(kind) + " IF EXISTS")
        for name in kind.names("range_index"):
            store.run("DROP INDEX " + _range_index(kind, name) + " IF EXISTS")


def await_indexes(runner: Runner) -> None:
    """Wait until every index is online, at most ten minutes."""
    runner.run("CALL db.awaitIndexes($seconds)", seconds=_AWAIT_INDEXES_S)


def refuse_foreign_data(store: Store) -> None:
    """Refuse a database with `Book` or `Link` nodes that bookgraph did not load.

    Loading makes the graph equal to its input, so it would delete the nodes of another program.

    Raises:
        ForeignDataError: there are such nodes and no `Dataset` node of bookgraph.
        RestoreUnfinishedError: the graph holds a part of a backup.
    """
    rows = store.read(
        "OPTIONAL MATCH (ours:Dataset {name: 'bookgraph'}) "
        "RETURN ours IS NOT NULL AS is_ours, ours.restoring AS restoring, "
        "EXISTS { MATCH (n:Book|Link|ExternalLink) RETURN n } AS is_filled"
    )
    if rows[0].get("restoring") is not None:
        raise RestoreUnfinishedError(store.address, rows[0]["restoring"])
    if rows[0]["is_filled"] and not rows[0]["is_ours"]:
        raise ForeignDataError(
            f"The database at {store.address} holds Book or Link nodes that bookgraph did not "
            "load. Nothing was changed. Use an empty database: set NEO4J_DATABASE or NEO4J_URI."
        )


def range_index_statements(kind: NodeKind) -> list[LiteralString]:
    """One statement for each property of a kind that has a range index."""
    return [
        "CREATE RANGE INDEX " + _range_index(kind, name) + " IF NOT EXISTS "
        "FOR (n:" + kind.label + ") ON (n." + name + ")"
        for name in kind.names("range_index")
    ]


def _range_index(kind: NodeKind, name: LiteralString) -> LiteralString:
    return kind.word + "_" + name


def vector_index_statement(kind: NodeKind, slot: Slot) -> LiteralString:
    """The vector index of a kind in a slot, with the properties to filter by inside it.

    It has no `vector.dimensions`. One index then holds vectors of any length and compares a query
    only with vectors of its own length, so a model with another dim needs no other index.
    """
    names = (slot.version, *kind.names("vector_index"))
    inside = ", ".join("n." + name for name in names)
    return (
        "CYPHER 25 CREATE VECTOR INDEX " + slot.index_of(kind) + " IF NOT EXISTS "
        "FOR (n:" + kind.label + ") ON (n." + slot.vector + ") WITH [" + inside + "] "
        "OPTIONS {indexConfig: {`vector.similarity_function`: 'cosine', "
        "`vector.quantization.type`: 'none'}}"
    )


def _text_index_statement(kind: NodeKind) -> LiteralString:
    # The analyzer folds case and accents: `emile zola` finds `Émile Zola`.
    searched = ", ".join("n." + name for name in SEARCHED)
    return (
        "CREATE FULLTEXT INDEX " + kind.text_index + " IF NOT EXISTS "
        "FOR (n:" + kind.label + ") ON EACH [" + searched + "] "
        "OPTIONS {indexConfig: {`fulltext.analyzer`: 'standard-folding'}}"
    )


def _create_indexes(transaction: Transaction) -> None:
    for kind in KINDS.values():
        for statement in (*range_index_statements(kind), _text_index_statement(kind)):
            transaction.run(statement)


def _drop_outdated_text_indexes(store: Store) -> None:
    """Drop the text indexes of an earlier version, which are on other properties.

    The new ones have the old names, so `IF NOT EXISTS` would keep the old ones.
    """
    rows = store.run("SHOW FULLTEXT INDEXES YIELD name, properties RETURN name, properties")
    outdated = {row["name"] for row in rows if sorted(row["properties"]) != sorted(SEARCHED)}
    for kind in (BOOK, LINK):
        if kind.text_index in outdated:
            store.run("DROP INDEX " + kind.text_index + " IF EXISTS")
