"""The API server as a process of its own: started, found again, replaced, stopped gracefully."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookgraph.api.ops.background import BackgroundServer, choose_port
from bookgraph.core.errors import BookgraphError, PortTakenError
from bookgraph.core.processes import find_port_problem, is_listening, is_running, wait_until
from bookgraph.core.progress import Progress
from bookgraph.core.settings import Settings

HAS_IPV6 = find_port_problem(0, host="::1") is None


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[BackgroundServer]:
    """A server over the session's Neo4j, stopped at the end."""
    for name, value in (
        ("HOME", settings.home),
        ("BOLT_PORT", 0),
        ("HTTP_PORT", 0),
        ("HEAP_MB", 512),
    ):
        monkeypatch.setenv(f"BOOKGRAPH_{name}", str(value))
    server = BackgroundServer(settings.home)
    yield server
    server.stop()


def post(url: str, query: str) -> dict[str, object]:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        found: dict[str, object] = json.load(response)
    return found


def state_of(settings: Settings) -> dict[str, object]:
    found: dict[str, object] = json.loads((settings.home / "serve.json").read_text("utf-8"))
    return found


def test_it_is_started_found_replaced_and_stopped(
    settings: Settings, server: BackgroundServer
) -> None:
    seen: list[Progress] = []
    url = server.start(host="127.0.0.1", port=0, on_progress=seen.append)
    assert seen[-1].is_finished
    assert post(url, "{ __typename }") == {"data": {"__typename": "Query"}}
    # Another object, as in another command, finds the same server.
    assert BackgroundServer(settings.home).url == url
    first = state_of(settings)["pid"]
    again = server.start(host="127.0.0.1", port=0)
    assert state_of(settings)["pid"] != first
    assert not is_running(int(str(first)))
    assert post(again, "{ __typename }")
    assert server.stop()
    assert server.url is None
    assert not server.stop()


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6 loopback address")
def test_it_listens_on_an_ipv6_address(server: BackgroundServer) -> None:
    url = server.start(host="::1", port=0)
    assert re.fullmatch(r"http://\[::1\]:\d+", url)
    assert post(url, "{ __typename }") == {"data": {"__typename": "Query"}}
    port = int(url.rpartition(":")[2])
    with pytest.raises(PortTakenError, match=rf"Cannot listen on \[::1\]:{port}"):
        choose_port("::1", port)


def test_only_its_own_names_are_served_on_loopback(server: BackgroundServer) -> None:
    url = server.start(host="127.0.0.1", port=0)
    request = urllib.request.Request(f"{url}/", headers={"Host": "rebound.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 421


def test_a_request_in_flight_finishes_before_the_server_stops(server: BackgroundServer) -> None:
    url = server.start(host="127.0.0.1", port=0)
    responses: list[object] = []
    is_sent = threading.Event()

    def send() -> None:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            body = b'{"query": "{ stats { numBooks } }"}'
            head = (
                f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            # The head arrives before the server is seen to stop, the rest only afterwards.
            connection.sendall(head.encode() + body[:5])
            # When a later request has its response, the server has read this head.
            urllib.request.urlopen(f"{url}/healthz", timeout=10).close()
            is_sent.set()
            assert wait_until(lambda: not is_listening(int(port)), timeout_s=10)
            connection.sendall(body[5:])
            responses.append(connection.makefile("rb").readline())

    thread = threading.Thread(target=send)
    thread.start()
    is_sent.wait(10)
    server.stop()
    thread.join()
    assert responses == [b"HTTP/1.1 200 OK\r\n"]


def test_a_taken_port_is_an_error(server: BackgroundServer) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}.*BOOKGRAPH_PORT") as caught:
            server.start(host="127.0.0.1", port=port)
        assert caught.value.port == port
    assert server.url is None


def test_a_free_port_is_chosen_and_a_given_one_kept() -> None:
    port = choose_port("127.0.0.1", 0)
    assert port > 0
    assert choose_port("127.0.0.1", port) == port


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "null", '{"pid": "x"}'])
def test_a_damaged_state_file_counts_as_no_server(tmp_path: Path, text: str) -> None:
    (tmp_path / "serve.json").write_text(text, "utf-8")
    server = BackgroundServer(tmp_path)
    assert server.url is None
    assert not server.stop()
    assert not (tmp_path / "serve.json").exists()


def test_the_process_of_another_program_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        state = {"pid": other.pid, "started_at_s": 1.0, "host": "127.0.0.1", "port": 1}
        (tmp_path / "serve.json").write_text(json.dumps(state), "utf-8")
        server = BackgroundServer(tmp_path)
        assert server.url is None
        server.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_server_that_cannot_start_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("BOOKGRAPH_HEAP_MB", "1")
    server = BackgroundServer(tmp_path)
    with pytest.raises(BookgraphError, match=r"BOOKGRAPH_HEAP_MB.*log: .*serve\.log"):
        server.start(host="127.0.0.1", port=0)
    assert server.url is None
    assert server.log_file.stat().st_size > 0
