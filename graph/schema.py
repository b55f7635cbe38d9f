"""The graph's schema in one place: labels, relationship types, properties, constraints and indexes.

Statements elsewhere spell these names inside constant Cypher texts; a test compares them with the
lists here. Only what Neo4j Community offers is used: uniqueness constraints, range, full-text and
vector indexes.
"""

from __future__ import annotations

from typing import LiteralString

from bookgraph.core.errors import ForeignDataError
from bookgraph.graph.store import Runner, Store, Transaction

LABELS = ("Book", "Link", "ExternalLink", "EmbeddingModel", "Dataset")
RELATIONSHIP_TYPES = ("LINKS_TO", "CITES", "REFERS_TO")

BOOK_VECTOR_INDEX = "book_embedding"
LINK_VECTOR_INDEX = "link_embedding"
BOOK_TITLE_INDEX = "book_title_text"
LINK_TITLE_INDEX = "link_title_text"

BOOK_FILTERS = (
    "embedding_version",
    "author",
    "genre",
    "country",
    "language",
    "publisher",
    "year",
)
"""Properties that `SEARCH ... WHERE` may use on books; they live inside the vector index."""
LINK_FILTERS = ("embedding_version", "kind", "num_books")

CONSTRAINTS: tuple[LiteralString, ...] = (
    "CREATE CONSTRAINT book_title IF NOT EXISTS FOR (n:Book) REQUIRE n.title IS UNIQUE",
    "CREATE CONSTRAINT link_name IF NOT EXISTS FOR (n:Link) REQUIRE n.name IS UNIQUE",
    (
        "CREATE CONSTRAINT external_link_url IF NOT EXISTS "
        "FOR (n:ExternalLink) REQUIRE n.url IS UNIQUE"
    ),
    (
        "CREATE CONSTRAINT embedding_model_version IF NOT EXISTS "
        "FOR (n:EmbeddingModel) REQUIRE n.version IS UNIQUE"
    ),
    "CREATE CONSTRAINT dataset_name IF NOT EXISTS FOR (n:Dataset) REQUIRE n.name IS UNIQUE",
)

INDEXES: tuple[LiteralString, ...] = (
    "CREATE RANGE INDEX book_author IF NOT EXISTS FOR (n:Book) ON (n.author)",
    "CREATE RANGE INDEX book_genre IF NOT EXISTS FOR (n:Book) ON (n.genre)",
    "CREATE RANGE INDEX book_country IF NOT EXISTS FOR (n:Book) ON (n.country)",
    "CREATE RANGE INDEX book_language IF NOT EXISTS FOR (n:Book) ON (n.language)",
    "CREATE RANGE INDEX book_publisher IF NOT EXISTS FOR (n:Book) ON (n.publisher)",
    "CREATE RANGE INDEX book_year IF NOT EXISTS FOR (n:Book) ON (n.year)",
    "CREATE RANGE INDEX book_pages IF NOT EXISTS FOR (n:Book) ON (n.pages)",
    "CREATE RANGE INDEX book_num_links IF NOT EXISTS FOR (n:Book) ON (n.num_links)",
    "CREATE RANGE INDEX link_kind IF NOT EXISTS FOR (n:Link) ON (n.kind)",
    "CREATE RANGE INDEX link_num_books IF NOT EXISTS FOR (n:Link) ON (n.num_books)",
    # The analyzer folds case and accents: `emile zola` finds `Émile Zola`.
    (
        "CREATE FULLTEXT INDEX book_title_text IF NOT EXISTS "
        "FOR (n:Book) ON EACH [n.title, n.redirects] "
        "OPTIONS {indexConfig: {`fulltext.analyzer`: 'standard-folding'}}"
    ),
    (
        "CREATE FULLTEXT INDEX link_title_text IF NOT EXISTS "
        "FOR (n:Link) ON EACH [n.title, n.redirects] "
        "OPTIONS {indexConfig: {`fulltext.analyzer`: 'standard-folding'}}"
    ),
)
TEXT_PROPERTIES = ("title", "redirects")
"""What the full-text indexes hold of a node."""

# No `vector.dimensions`: one index then holds vectors of any length, and a query meets only those
# of its own, so that a model of another dim needs no other index.
VECTOR_INDEXES: tuple[LiteralString, ...] = (
    (
        "CYPHER 25 CREATE VECTOR INDEX book_embedding IF NOT EXISTS FOR (n:Book) ON (n.embedding) "
        "WITH [n.embedding_version, n.author, n.genre, n.country, n.language, n.publisher, n.year] "
        "OPTIONS {indexConfig: {`vector.similarity_function`: 'cosine', "
        "`vector.quantization.type`: 'none'}}"
    ),
    (
        "CYPHER 25 CREATE VECTOR INDEX link_embedding IF NOT EXISTS FOR (n:Link) ON (n.embedding) "
        "WITH [n.embedding_version, n.kind, n.num_books] "
        "OPTIONS {indexConfig: {`vector.similarity_function`: 'cosine', "
        "`vector.quantization.type`: 'none'}}"
    ),
)

_AWAIT_INDEXES_S = 600


def create_schema(store: Store) -> None:
    """Create the constraints and the indexes that do not exist yet.

    The constraints hold from then on. On a filled database Neo4j fills the indexes in the
    background, a second for a hundred thousand nodes: a full-text query waits for its index, and
    any other is right without one. `await_indexes` waits for all.

    Raises:
        ForeignDataError: the database holds books that bookgraph did not load.
    """
    refuse_foreign_data(store)
    _drop_old_text_indexes(store)
    for statement in CONSTRAINTS:
        store.run(statement)
    # In one transaction, so that one scan of the store fills them all.
    store.write(_create_indexes)


def _create_indexes(transaction: Transaction) -> None:
    for statement in INDEXES:
        transaction.run(statement)


def _drop_old_text_indexes(store: Store) -> None:
    """Drop those that an earlier version made on other properties, since names do not repeat."""
    drops: dict[str, LiteralString] = {
        BOOK_TITLE_INDEX: "DROP INDEX book_title_text IF EXISTS",
        LINK_TITLE_INDEX: "DROP INDEX link_title_text IF EXISTS",
    }
    for row in store.run("SHOW FULLTEXT INDEXES YIELD name, properties RETURN name, properties"):
        if row["name"] in drops and sorted(row["properties"]) != sorted(TEXT_PROPERTIES):
            store.run(drops[row["name"]])


def create_vector_indexes(store: Store) -> None:
    """Create the vector indexes that do not exist yet, and wait until they are online."""
    for statement in VECTOR_INDEXES:
        store.run(statement)
    await_indexes(store)


def await_indexes(runner: Runner) -> None:
    """Wait until every index is online (at most ten minutes)."""
    runner.run("CALL db.awaitIndexes($seconds)", seconds=_AWAIT_INDEXES_S)


def refuse_foreign_data(store: Store) -> None:
    """Refuse a database whose `Book` or `Link` nodes were not loaded by bookgraph.

    Loading makes the graph equal to its input, so it would delete what somebody else put there.

    Raises:
        ForeignDataError: there are such nodes and no `Dataset` node of ours.
    """
    rows = store.read(
        "OPTIONAL MATCH (ours:Dataset {name: 'bookgraph'}) "
        "RETURN ours IS NOT NULL AS is_ours, "
        "EXISTS { MATCH (n:Book|Link|ExternalLink) RETURN n } AS is_filled"
    )
    if rows[0]["is_filled"] and not rows[0]["is_ours"]:
        raise ForeignDataError(
            f"The database at {store.address} holds Book or Link nodes that bookgraph did not "
            "load. Nothing was changed. Use an empty database (NEO4J_DATABASE, NEO4J_URI)."
        )
