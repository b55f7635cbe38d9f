"""A Neo4j and an application of one's own, for tests and benchmarks; both end with their block."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from bookgraph.core.processes import wait_until
from bookgraph.core.settings import Settings
from bookgraph.graph.connection import connect
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Store

_READY_TIMEOUT_S = 60.0


@contextmanager
def running_store(home: Path, *, heap_mb: int = 512) -> Iterator[Store]:
    """A Neo4j in a folder of its own, empty."""
    settings = Settings(
        _env_file=None,
        home=home,
        bolt_port=0,
        http_port=0,
        heap_mb=heap_mb,
        neo4j_uri=None,
    )
    server = LocalServer(settings)
    server.start()
    try:
        with connect(settings) as store:
            yield store
    finally:
        server.stop()


@contextmanager
def running_app(app: ASGIApp) -> Iterator[str]:
    """An application on a free loopback port; its address without the last slash."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive(), timeout_s=_READY_TIMEOUT_S)
    assert server.started, "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
