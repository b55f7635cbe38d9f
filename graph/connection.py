"""`connect`: from settings to an open `Store`, on the named server or our own local one."""

from __future__ import annotations

from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.core.settings import Settings
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Store

# How long a write is retried: a cluster may be electing a leader, a dead local JVM stays dead.
_REMOTE_RETRY_LIMIT_S = 30.0
_LOCAL_RETRY_LIMIT_S = 2.0


def connect(settings: Settings, *, on_progress: OnProgress = ignore_progress) -> Store:
    """Open the database that the settings name, starting the local Neo4j when none is named.

    Args:
        settings: with `neo4j_uri` set, that server is used and nothing is started here.
        on_progress: told of the start of the local server.

    Raises:
        StoreUnreachableError: no answer, or no such database.
        StoreLoginError: the login is refused.
        LocalServerError: the local server cannot be started.
        UsageError: `NEO4J_URI` is an invalid URL.
    """
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
        ("neo4j", server.password),
        database="neo4j",
        retry_limit_s=_LOCAL_RETRY_LIMIT_S,
    )
