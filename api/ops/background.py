"""The API server as a process of its own, so that a demo can end and still be there to be asked.

The process is `bookgraph serve`; this module starts it, waits until it is ready, finds it again and
stops it. A process is recognised by its id together with its start time.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bookgraph.api.app import GRACE_S
from bookgraph.core.errors import BookgraphError, PortTakenError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress

_READY_LIMIT_S = 60.0
_STOP_LIMIT_S = GRACE_S + 5.0
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class _State:
    """What is remembered of a server that was started."""

    pid: int
    started_at_s: float
    host: str
    port: int


class BackgroundServer:
    """The API server of one data folder."""

    def __init__(self, home: Path) -> None:
        """Only remembers its argument.

        Args:
            home: the data folder (`Settings.home`).
        """
        self._state_file = home / "serve.json"
        self.log_file = home / "logs" / "serve.log"

    @property
    def url(self) -> str | None:
        """Where it answers, or None when it does not run."""
        state = self._running()
        return f"http://{state.host}:{state.port}" if state else None

    def start(self, *, host: str, port: int, on_progress: OnProgress = ignore_progress) -> str:
        """Start it in place of the one that runs, and wait until it is ready.

        Args:
            host: address to listen on.
            port: port to listen on; 0 takes a free one.
            on_progress: told while it waits.

        Returns:
            Its URL.

        Raises:
            PortTakenError: another program has the port.
            BookgraphError: it ended, or was not ready in time; the message names its log.
        """
        self.stop()
        port = choose_port(host, port)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        arguments = ["serve", "--host", host, "--port", str(port)]
        with self.log_file.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, "-m", "bookgraph", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        state = _State(process.pid, psutil.Process(process.pid).create_time(), host, port)
        self._write(state)
        url = f"http://{host}:{port}"
        self._wait_until_ready(process, url, on_progress)
        return url

    def stop(self) -> bool:
        """Stop it, if it runs; requests in flight are answered first.

        Returns:
            Whether there was something to stop.
        """
        state = self._running()
        if state is not None:
            process = psutil.Process(state.pid)
            process.terminate()
            try:
                process.wait(timeout=_STOP_LIMIT_S)
            except psutil.TimeoutExpired:
                # Its workers end by themselves when it is gone.
                process.kill()
        self._state_file.unlink(missing_ok=True)
        return state is not None

    def _running(self) -> _State | None:
        try:
            state = _State(**json.loads(self._state_file.read_text("utf-8")))
            is_same = abs(psutil.Process(state.pid).create_time() - state.started_at_s) < 1
        except (OSError, ValueError, TypeError, psutil.Error):
            return None
        return state if is_same else None

    def _write(self, state: _State) -> None:
        temporary = self._state_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(state)), "utf-8")
        temporary.replace(self._state_file)

    def _wait_until_ready(
        self, process: subprocess.Popen[bytes], url: str, on_progress: OnProgress
    ) -> None:
        start_s = time.monotonic()
        while (elapsed_s := time.monotonic() - start_s) < _READY_LIMIT_S:
            if process.poll() is not None:
                words = self.log_file.read_text("utf-8", "replace").strip().splitlines()[-3:]
                raise BookgraphError(
                    f"The API server ended at once: {' '.join(words)} (log: {self.log_file})"
                )
            if _answers(url):
                on_progress(Progress("Starting the API", elapsed_s, elapsed_s, "s", f"at {url}"))
                return
            on_progress(Progress("Starting the API", elapsed_s, unit="s"))
            time.sleep(_PAUSE_S)
        self.stop()
        raise BookgraphError(
            f"The API server was not ready at {url} within {_READY_LIMIT_S:.0f} s. "
            f"Its log is {self.log_file}."
        )


def choose_port(host: str, port: int) -> int:
    """Find out whether a port can be listened on; 0 becomes a free one.

    Raises:
        PortTakenError: another program listens there, or it may not be used.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(
                f"Cannot listen on {host}:{port}: {error.strerror}. Stop the program that does, "
                "or give another port with --port or BOOKGRAPH_PORT (0 takes a free one).",
                port=port,
            ) from error
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310  # our own http URL
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
