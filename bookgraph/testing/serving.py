"""`bookgraph serve` as a process of its own, for tests and benchmarks."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bookgraph.testing.command_line import environment

ROOT = Path(__file__).resolve().parents[2]
_READY_LIMIT_S = 60.0


@contextmanager
def serving(
    home: Path, *arguments: str, log: IO[bytes] | None = None, **variables: str
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serve the graph of a running local Neo4j until the block ends.

    Args:
        home: data folder whose Neo4j runs.
        arguments: of `bookgraph serve`.
        log: where its messages go; to this process's own by default.
        **variables: settings, by their fields' names.

    Yields:
        The port, and the process.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    fields = {"home": str(home), "bolt_port": "0", "http_port": "0", **variables}
    settings = {f"BOOKGRAPH_{name.upper()}": text for name, text in fields.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "bookgraph", "serve", "--port", str(port), *arguments],
        cwd=ROOT,
        env=environment(**settings),
        stdout=subprocess.DEVNULL,
        stderr=log,
    )
    try:
        _wait_until_it_answers(port, process)
        yield port, process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + _READY_LIMIT_S
    while time.monotonic() < end_s:
        assert process.poll() is None, "the server ended at once"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    message = "the server did not answer in time"
    raise AssertionError(message)
