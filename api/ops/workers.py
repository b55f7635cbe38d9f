"""Several processes behind one port, each with its own connections to the graph.

uvicorn's supervisor replaces a worker that dies, and ends all of them together. This module has it
log why. Each worker loads the settings by itself, so that nothing has to travel from process to
process.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.supervisors import Multiprocess

from bookgraph.api.app import build_app, server_config
from bookgraph.api.ops.metrics import shared_metrics
from bookgraph.api.options import ServerOptions
from bookgraph.core.files import translated_write_errors
from bookgraph.core.processes import is_running
from bookgraph.core.settings import Settings
from bookgraph.graph.connection import connect
from bookgraph.graph.store import Store

logger = logging.getLogger(__name__)


# A worker that starts does not respond before it has loaded the libraries, which takes ten seconds
# on a machine that is busy. With uvicorn's five, workers were killed and started over and over.
_HEALTH_CHECK_S = 60


def serve_workers(settings: Settings, *, port: int, entry_point: str) -> None:
    """Serve until shut down; requests in flight finish first.

    Args:
        settings: as the workers will load them, with their number and the host.
        port: port to listen on.
        entry_point: where each worker starts, as `module:function`. The function returns
            `build_worker_app(settings)`, after it has set up its process.
    """
    shared_dir = _shared_dir(settings, os.getpid())
    _remove_leftovers(settings)
    shutil.rmtree(shared_dir, ignore_errors=True)
    with translated_write_errors(settings.run_dir):
        shared_dir.mkdir(parents=True)
    try:
        with shared_metrics(shared_dir):
            config = uvicorn.Config(
                entry_point,
                factory=True,
                workers=settings.workers,
                timeout_worker_healthcheck=_HEALTH_CHECK_S,
                host=settings.host,
                port=port,
                **server_config(ServerOptions.from_settings(settings)),
            )
            supervisor = Supervisor(config, [config.bind_socket()])
            supervisor.run()
    finally:
        shutil.rmtree(shared_dir, ignore_errors=True)
    if supervisor.ended_by is not None:
        # As uvicorn does for a single process: the caller learns why it ended.
        signal.raise_signal(supervisor.ended_by)


def build_worker_app(settings: Settings) -> ASGIApp:
    """Build the application of one worker, which closes its store when the worker ends."""
    _end_with_parent()
    shared_dir = _shared_dir(settings, os.getppid())
    options = ServerOptions.from_settings(settings).shared_by(settings.workers, shared_dir)
    store = connect(settings)
    store.models.load_in_background(store)
    return _ClosingApp(build_app(store.with_timeout(options.timeout_s), options), store)


class Supervisor(Multiprocess):
    """uvicorn's supervisor, which logs how each worker ended that it replaces.

    Attributes:
        ended_by: the signal that ended it, or None.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        self.ended_by: int | None = None
        names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        self._handlers = {name: signal.getsignal(getattr(signal, name)) for name in names}
        super().__init__(config, sockets)

    def run(self) -> None:
        """Run the workers until a signal arrives; afterwards signals are handled as before."""
        super().run()
        for name, handler in self._handlers.items():
            signal.signal(getattr(signal, name), handler)

    def handle_int(self) -> None:
        """End, as all of these do."""
        self._end(signal.SIGINT)

    def handle_term(self) -> None:
        """End."""
        self._end(signal.SIGTERM)

    def handle_hup(self) -> None:
        """End: the terminal was closed."""
        self._end(signal.SIGHUP)

    def _end(self, number: int) -> None:
        self.ended_by = number
        self.should_exit.set()

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have ended or do not respond."""
        before = [(process, process.exitcode) for process in self.processes]
        start_s = time.monotonic()
        super().keep_subprocess_alive()
        elapsed_s = time.monotonic() - start_s
        # Without this, a worker that was killed just now would look like one that uvicorn killed.
        has_waited = elapsed_s >= self.config.timeout_worker_healthcheck
        for process, exit_code in before:
            if process in self.processes:
                continue
            if has_waited and exit_code is None and process.exitcode == -signal.SIGKILL:
                outcome = "did not respond and was killed"
            else:
                outcome = f"ended with {describe_exit(process.exitcode)}"
            logger.warning("Worker process %d %s. Starting another one.", process.pid, outcome)


def describe_exit(code: int | None) -> str:
    """The exit status of a process, or the signal that ended it, in words.

    Args:
        code: as `multiprocessing` returns it: a signal is a negative number.
    """
    if code is None:
        return "an unknown exit status"
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"


class _ClosingApp:
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


def _remove_leftovers(settings: Settings) -> None:
    """Remove what servers left that were killed."""
    for folder in settings.run_dir.glob("workers-*"):
        pid = folder.name.removeprefix("workers-")
        if pid.isdecimal() and not is_running(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _end_with_parent() -> None:
    """End this worker when its parent is killed, because nothing else would end it then."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent").start()
