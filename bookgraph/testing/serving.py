"""A Neo4j, an application or the whole server of one's own, for tests and benchmarks.

Each of them ends with its block.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import uvicorn
from starlette.types import ASGIApp

from bookgraph.api.app import server_config
from bookgraph.api.options import ServerOptions
from bookgraph.core.processes import LOOPBACK, find_free_port, wait_until
from bookgraph.core.settings import Settings, environment_name
from bookgraph.graph.connection import connect
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Store
from bookgraph.testing.command_line import environment

ROOT = Path(__file__).resolve().parents[2]
_READY_TIMEOUT_S = 60.0


@contextmanager
def running_store(home: Path, *, heap_mb: int = 512) -> Iterator[Store]:
    """An empty Neo4j in a folder of its own."""
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
def running_app(app: ASGIApp, **config: Any) -> Iterator[str]:
    """An application on a free loopback port; yields its URL without the last slash.

    Args:
        app: the application.
        **config: settings of uvicorn that differ from those of `bookgraph serve`.
    """
    given = {**server_config(ServerOptions()), "host": LOOPBACK, **config}
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", **given))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive(), timeout_s=_READY_TIMEOUT_S)
    assert server.started, "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@contextmanager
def serving(
    home: Path, *arguments: str, log: IO[bytes] | None = None, **variables: str
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`bookgraph serve` as a process of its own, on a local Neo4j that runs already.

    Args:
        home: data folder of the local Neo4j.
        arguments: of `bookgraph serve`.
        log: takes its messages; by default they go to this process's stderr.
        **variables: settings, by the names of their fields.

    Yields:
        The port, and the process.
    """
    port = find_free_port()
    fields = {"home": str(home), "bolt_port": "0", "http_port": "0", **variables}
    settings = {environment_name(name): text for name, text in fields.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "bookgraph", "serve", "--port", str(port), *arguments],
        cwd=ROOT,
        env=environment(**settings),
        stdout=subprocess.DEVNULL,
        stderr=log,
    )
    try:
        wait_until(
            lambda: process.poll() is not None or _is_healthy(port), timeout_s=_READY_TIMEOUT_S
        )
        assert process.poll() is None, "the server ended at once"
        assert _is_healthy(port), "the server did not respond in time"
        yield port, process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
