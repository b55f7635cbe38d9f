"""Runs the API server in the background, so that `bookgraph demo` can return while it serves.

The process is `bookgraph serve`. This module starts it, waits until it is ready, finds it again and
stops it.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from bookgraph.api.app import GRACE_S
from bookgraph.core.errors import BookgraphError, PortTakenError
from bookgraph.core.files import atomic_write, refuse_folder, remove_file, translated_write_errors
from bookgraph.core.processes import (
    ProcessMark,
    find_free_port,
    find_port_problem,
    format_address,
    local_url,
    start_detached,
    stop_process,
    wait_until,
)
from bookgraph.core.progress import OnProgress, Progress, ignore_progress

_READY_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = GRACE_S + 5.0


@dataclass(frozen=True, slots=True)
class _State:
    """What the state file holds about a server that was started."""

    process: ProcessMark
    host: str
    port: int

    @property
    def url(self) -> str:
        """The URL of the server."""
        return local_url(self.host, self.port)


class BackgroundServer:
    """The API server of one data folder."""

    def __init__(self, home: Path) -> None:
        """Store the argument.

        Args:
            home: the data folder (`Settings.home`).
        """
        self._state_file = home / "serve.json"
        self.log_file = home / "logs" / "serve.log"

    @property
    def url(self) -> str | None:
        """The URL of the running server, or None if it does not run."""
        state = self._running()
        return state.url if state else None

    def start(self, *, host: str, port: int, on_progress: OnProgress = ignore_progress) -> str:
        """Start the server and wait until it is ready. A server that runs already is stopped first.

        Args:
            host: address to listen on.
            port: port to listen on; 0 picks a free one.
            on_progress: called while it waits.

        Returns:
            The server's URL.

        Raises:
            PortTakenError: another program uses the port.
            BookgraphError: the server ended, or was not ready in time; the message names its log.
        """
        self.stop()
        port = choose_port(host, port)
        with translated_write_errors(self.log_file.parent):
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
        refuse_folder(self.log_file)
        arguments = ["serve", "--host", host, "--port", str(port)]
        pid = start_detached(
            [sys.executable, "-m", "bookgraph", *arguments], log_file=self.log_file
        )
        state = _State(ProcessMark.of(pid), host, port)
        self._write(state)
        self._wait_until_ready(state, on_progress)
        return state.url

    def stop(self) -> bool:
        """Stop the server if it runs; requests in flight finish first.

        Returns:
            Whether a server was running.
        """
        state = self._running()
        if state is not None:
            # Its workers end by themselves when it is gone.
            stop_process(state.process.pid, name="The API server", timeout_s=_STOP_TIMEOUT_S)
        remove_file(self._state_file)
        return state is not None

    def _running(self) -> _State | None:
        try:
            found = json.loads(self._state_file.read_text("utf-8"))
            process = ProcessMark(int(found["pid"]), float(found["started_at_s"]))
            state = _State(process, str(found["host"]), int(found["port"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return state if process.is_running() else None

    def _write(self, state: _State) -> None:
        with atomic_write(self._state_file) as file:
            json.dump({**asdict(state.process), "host": state.host, "port": state.port}, file)

    def _wait_until_ready(self, state: _State, on_progress: OnProgress) -> None:
        def is_ready() -> bool:
            if not state.process.is_running():
                words = self.log_file.read_text("utf-8", "replace").strip().splitlines()[-3:]
                raise BookgraphError(
                    f"The API server ended while it started. Its log ends with: {' '.join(words)} "
                    f"(log: {self.log_file})"
                )
            return _responds(state.url)

        def report(elapsed_s: float) -> None:
            on_progress(Progress("Starting the API", elapsed_s, unit="s"))

        start_s = time.monotonic()
        if not wait_until(is_ready, timeout_s=_READY_TIMEOUT_S, on_wait=report):
            self.stop()
            raise BookgraphError(
                f"The API server at {state.url} was not ready within {_READY_TIMEOUT_S:.0f} s. "
                f"See its log: {self.log_file}."
            )
        elapsed_s = time.monotonic() - start_s
        on_progress(Progress("Starting the API", elapsed_s, elapsed_s, "s", f"at {state.url}"))


def choose_port(host: str, port: int) -> int:
    """Check that a port is free to listen on; 0 becomes a free one.

    Raises:
        PortTakenError: another program listens there, or this process may not use the port.
    """
    problem = find_port_problem(port, host=host)
    if problem is not None:
        raise PortTakenError(
            f"Cannot listen on {format_address(host, port)}: {problem}. Stop that program, or "
            "choose another port with --port or BOOKGRAPH_PORT (0 takes a free one).",
            port=port,
        )
    return port or find_free_port(host)


def _responds(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310  # nosec B310  # our own http URL
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
