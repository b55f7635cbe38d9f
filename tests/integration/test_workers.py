"""Several workers behind one port share limits, metrics and logs, and end together."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from bookgraph.core.processes import wait_until
from bookgraph.core.settings import Settings
from bookgraph.graph.store import Store
from bookgraph.testing.serving import serving

KEY = "a-key-for-readers"
NUM_WORKERS = 2


@dataclass
class Served:
    """A server of several workers."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
            connection.request("POST" if body else "GET", path, body, {**given, **headers})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ask(self, query: str) -> Any:
        return json.loads(self.get("/graphql", json.dumps({"query": query}).encode())[1])

    def workers(self) -> list[psutil.Process]:
        found = []
        for one in psutil.Process(self.process.pid).children():
            # One that has just died is there until its parent looks.
            with contextlib.suppress(psutil.Error):
                if "spawn_main" in " ".join(one.cmdline()):
                    found.append(one)
        return found

    def logged(self, path: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line.get("path") == path]

    def messages(self) -> list[str]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line["message"] for line in lines if "message" in line]

    def counted(self, sample: str) -> float:
        found = re.search(rf"^{re.escape(sample)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0


@pytest.fixture
def serve(settings: Settings, store: Store, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts a server over the session's Neo4j; ended at the end."""
    with ExitStack() as stack:

        def start(**variables: str) -> Served:
            log = tmp_path / "serve.log"
            file = stack.enter_context(log.open("wb"))
            arguments = ("--workers", str(NUM_WORKERS))
            port, process = stack.enter_context(
                serving(
                    settings.home, *arguments, log=file, heap_mb="512", read_keys=KEY, **variables
                )
            )
            served = Served(process, port, log)
            assert wait_until(lambda: len(served.workers()) == NUM_WORKERS, timeout_s=60)
            return served

        yield start


def test_workers_share_port_settings_metrics_and_log(
    serve: Callable[..., Served], settings: Settings
) -> None:
    served = serve(log_json="true", write_keys="a-key-for-writers")
    sample = 'bookgraph_requests_total{route="graphql",status="200"}'
    for _ in range(20):
        assert served.ask("{ stats { numBooks } }")["data"]["stats"]["numBooks"] == 0
    # Whichever worker is asked, it knows what all of them did.
    assert wait_until(lambda: all(served.counted(sample) == 20 for _ in range(6)), timeout_s=10)
    assert served.counted("bookgraph_graphql_seconds_count") == 20
    assert served.get("/graphql", b"{}", Authorization="Bearer wrong")[0] == 401
    change = json.dumps({"query": 'mutation { removeBook(title: "Emma") { title } }'}).encode()
    assert "FORBIDDEN" in served.get("/graphql", change)[1]
    given = {"Authorization": "Bearer a-key-for-writers"}
    # Whether the database was ever filled decides what is said of a book that is not there.
    answer = served.get("/graphql", change, **given)[1]
    assert "BOOK_NOT_FOUND" in answer or "DATA_MISSING" in answer
    # A request is logged once its answer is on its way.
    assert wait_until(lambda: len(served.logged("/graphql")) >= 23, timeout_s=10)
    asked = served.logged("/graphql")
    assert len(asked) == 23
    assert {"time", "level", "logger", "id", "method", "status", "ms"} <= asked[0].keys()
    assert KEY not in served.log.read_text()

    # A worker that dies is replaced, its counts stay (but for its last half second), and the other
    # one serves meanwhile.
    assert wait_until(lambda: all(served.counted(sample) == 21 for _ in range(10)), timeout_s=10)
    (first, second) = served.workers()
    killed = f"Worker process {first.pid} ended with signal 9 (SIGKILL). Starting another one."
    first.kill()
    assert served.ask("{ __typename }") == {"data": {"__typename": "Query"}}
    assert wait_until(
        lambda: {*served.workers()} > {second} and first not in served.workers(), timeout_s=30
    )
    assert wait_until(lambda: served.counted(sample) == 22, timeout_s=10)
    assert killed in served.messages()

    served.process.terminate()
    assert served.process.wait(timeout=30) == 128 + signal.SIGTERM
    assert not second.is_running()
    assert list((settings.home / "run").iterdir()) == []


def test_requests_in_flight_finish_before_the_workers_end(serve: Callable[..., Served]) -> None:
    served = serve()
    statuses: list[bytes] = []
    asked = threading.Barrier(7)

    def ask() -> None:
        body = b'{"query": "{ stats { numBooks } }"}'
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
            head = (
                f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {KEY}\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            # The head arrives before the server is told to end, the rest only afterwards.
            connection.sendall(head.encode() + body[:5])
            time.sleep(0.5)
            asked.wait(20)
            time.sleep(1.0)
            connection.sendall(body[5:])
            statuses.append(connection.makefile("rb").readline())

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    asked.wait(20)
    served.process.terminate()
    for thread in threads:
        thread.join()
    assert statuses == [b"HTTP/1.1 200 OK\r\n"] * 6
    assert served.process.wait(timeout=30) == 128 + signal.SIGTERM


def test_streams_of_events_end_when_the_workers_do(serve: Callable[..., Served]) -> None:
    served = serve()
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    query = json.dumps({"query": "subscription { graphChanged { kind } }"})
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", "/graphql", query, {**headers, "Accept": "text/event-stream"})
    response = connection.getresponse()
    assert response.readline() == b":\n"
    served.process.terminate()
    start_s = time.monotonic()
    # An incomplete response would raise an error.
    assert response.read().strip(b":\n") == b""
    assert served.process.wait(timeout=30) == 128 + signal.SIGTERM
    assert time.monotonic() - start_s < 8
    assert "Cancel" not in served.log.read_text()
    connection.close()


def test_workers_do_not_outlive_a_parent_that_was_killed(serve: Callable[..., Served]) -> None:
    served = serve()
    workers = served.workers()
    os.kill(served.process.pid, signal.SIGKILL)
    assert wait_until(lambda: not any(one.is_running() for one in workers), timeout_s=20)
    with pytest.raises(OSError, match="refused"):
        served.get("/healthz")
