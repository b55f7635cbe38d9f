"""`connect`: from settings to an open `Store`, on a remote Neo4j or the local one."""

from __future__ import annotations

from bookgraph.core.errors import BookgraphError
from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.core.settings import Settings
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.server.starting import DATABASE, USERNAME
from bookgraph.graph.store import Store, check_schema_version

# How long a write is retried: a cluster may be electing a leader, but a local JVM that ended does
# not come back.
_REMOTE_RETRY_LIMIT_S = 30.0
_LOCAL_RETRY_LIMIT_S = 2.0


def connect(
    settings: Settings,
    *,
    any_schema: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> Store:
    """Open the database that the settings name; without `NEO4J_URI` start the local Neo4j.

    Args:
        settings: with `neo4j_uri`, nothing is started here.
        any_schema: accept a graph that another release made, to migrate, save or replace it.
        on_progress: receives the start of the local Neo4j.

    Raises:
        StoreUnreachableError: nothing responds at the address, or the database does not exist.
        StoreLoginError: the login is refused.
        LocalServerError: the local Neo4j cannot be started.
        SchemaVersionError: another release made the graph, and `any_schema` is not set.
        UsageError: `NEO4J_URI` is an invalid URL.
    """
    store = _open(settings, on_progress)
    if any_schema:
        return store
    try:
        check_schema_version(store)
    except BookgraphError:
        store.close()
        raise
    return store


def _open(settings: Settings, on_progress: OnProgress) -> Store:
    if settings.neo4j_uri is not None:
        password = settings.neo4j_password.get_secret_value() if settings.neo4j_password else ""
        return Store.open(
            settings.neo4j_uri,
            (settings.neo4j_username, password),
            database=settings.neo4j_database,
            retry_limit_s=_REMOTE_RETRY_LIMIT_S,
        )
    server = LocalServer(settings)
    status = server.start(on_progress=on_progress)
    return Store.open(
        status.bolt_uri,
        (USERNAME, server.password),
        database=DATABASE,
        retry_limit_s=_LOCAL_RETRY_LIMIT_S,
    )
