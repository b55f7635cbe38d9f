"""Several processes behind one port, each with its own connections to the graph.

The parent watches them: one that dies is started again, and they end together. Each worker loads
the settings by itself, so that nothing has to travel from process to process.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from bookgraph.api.app import build_app, server_config
from bookgraph.api.ops.logs import configure_logs
from bookgraph.api.options import ServerOptions
from bookgraph.core.settings import Settings, load_settings
from bookgraph.graph.connection import connect
from bookgraph.graph.store import Store


def serve_workers(settings: Settings, *, port: int) -> None:
    """Serve until the process is told to end; what is asked is answered first.

    Args:
        settings: as the workers will load them; their number and the host among them.
        port: port to listen on.
    """
    shared_dir = _shared_dir(settings, os.getpid())
    shutil.rmtree(shared_dir, ignore_errors=True)
    shared_dir.mkdir(parents=True)
    configure_logs(is_json=settings.log_json)
    try:
        uvicorn.run(
            "bookgraph.api.ops.workers:build_worker_app",
            factory=True,
            workers=settings.workers,
            host=settings.host,
            port=port,
            **server_config(ServerOptions.from_settings(settings)),
        )
    finally:
        shutil.rmtree(shared_dir, ignore_errors=True)


def build_worker_app() -> ASGIApp:
    """The application of one worker, which closes its store when the worker ends."""
    settings = load_settings()
    configure_logs(is_json=settings.log_json)
    _end_with_parent()
    shared_dir = _shared_dir(settings, os.getppid())
    options = ServerOptions.from_settings(settings).shared_by(settings.workers, shared_dir)
    store = connect(settings)
    return _OwnStore(build_app(store.with_timeout(options.timeout_s), options), store)


class _OwnStore:
    """An application that closes the store when it ends."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        if scope["type"] == "lifespan":
            self._store.close()


def _shared_dir(settings: Settings, parent: int) -> Path:
    return settings.run_dir / f"workers-{parent}"


def _end_with_parent() -> None:
    """Do not outlive a parent that was killed, since nobody could end this worker then."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent").start()
