"""`bookgraph serve` as a process of its own, for tests and benchmarks."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bookgraph.core.processes import LOOPBACK, find_free_port, wait_until
from bookgraph.testing.command_line import environment

ROOT = Path(__file__).resolve().parents[2]
_READY_TIMEOUT_S = 60.0


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
    port = find_free_port()
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
        assert wait_until(
            lambda: process.poll() is not None or _is_healthy(port), timeout_s=_READY_TIMEOUT_S
        ), "the server did not respond in time"
        assert process.poll() is None, "the server ended at once"
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
