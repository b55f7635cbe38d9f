"""`connect`: from settings to an open `Store`, on a remote Neo4j or the local one."""

from __future__ import annotations

from bookgraph.core.errors import BookgraphError, DataMissingError
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
    is_new_allowed: bool = True,
    is_any_schema_allowed: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> Store:
    """Open the database that the settings name; without `NEO4J_URI` start the local Neo4j.

    Args:
        settings: with `neo4j_uri`, nothing is started here.
        is_new_allowed: false for work that needs data, which would otherwise download Neo4j and
            start it, to find out that it is empty.
        is_any_schema_allowed: accept a graph of another release, to migrate, save or replace it.
        on_progress: receives the start of the local Neo4j.

    Raises:
        DataMissingError: nothing was ever loaded into the local Neo4j, and `is_new_allowed` is
            false.
        StoreUnreachableError: nothing responds at the address, or the database does not exist.
        StoreLoginError: the login is refused.
        LocalServerError: the local Neo4j cannot be started.
        SchemaVersionError: another release made the graph, and `is_any_schema_allowed` is not set.
        UsageError: `NEO4J_URI` is an invalid URL.
    """
    store = _open(settings, on_progress, is_new_allowed=is_new_allowed)
    if is_any_schema_allowed:
        return store
    try:
        check_schema_version(store)
    except BookgraphError:
        store.close()
        raise
    return store


def _open(settings: Settings, on_progress: OnProgress, *, is_new_allowed: bool) -> Store:
    if settings.neo4j_uri is not None:
        password = settings.neo4j_password.get_secret_value() if settings.neo4j_password else ""
        return Store.open(
            settings.neo4j_uri,
            (settings.neo4j_username, password),
            database=settings.neo4j_database,
            retry_limit_s=_REMOTE_RETRY_LIMIT_S,
        )
    server = LocalServer(settings)
    if not (is_new_allowed or server.has_store):
        raise DataMissingError(
            f"Nothing is loaded yet in {settings.home}. Load books with `bookgraph ingest FILE`, "
            "or try the sample with `bookgraph demo`. If your data are elsewhere, set "
            "BOOKGRAPH_HOME to their folder."
        )
    status = server.start(on_progress=on_progress)
    return Store.open(
        status.bolt_uri,
        (USERNAME, server.password),
        database=DATABASE,
        retry_limit_s=_LOCAL_RETRY_LIMIT_S,
        diagnose=server.diagnose,
    )
