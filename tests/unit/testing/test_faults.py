"""The instruments of the fault suite: they repeat themselves, and they notice what is wrong."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bookgraph.core.processes import LOOPBACK
from bookgraph.testing.faults.kinds import KINDS, find_files
from bookgraph.testing.faults.plan import Injection, make_plan
from bookgraph.testing.faults.proxy import Proxy, open_proxy
from bookgraph.testing.faults.report import MARKS, PAGE, table
from bookgraph.testing.faults.run import Result
from bookgraph.testing.faults.serving import make_edits
from bookgraph.testing.faults.stages import STAGES
from bookgraph.testing.faults.state import differences


def test_a_number_always_means_the_same_injection() -> None:
    assert make_plan(7) == make_plan(7)
    assert [one.moment for one in make_plan(7)] != [one.moment for one in make_plan(8)]
    assert make_plan(7)[3].random().random() == make_plan(7)[3].random().random()


def test_every_injection_is_of_a_known_stage_and_kind() -> None:
    plan = make_plan(7)
    assert [one.number for one in plan] == [*range(len(plan))]
    assert {one.stage for one in plan} == {*STAGES}
    assert {one.kind for one in plan} == {*KINDS}


def test_what_is_missing_added_or_repeated_is_a_difference() -> None:
    assert differences(["a", "b"], ["b", "a"]) == []
    assert differences(["a", "b"], ["a"])[1:] == ["missing: b"]
    assert differences(["a"], ["a", "c"])[1:] == ["added: c"]
    assert differences(["a", "a"], ["a"])[1:] == ["missing: a"]


def test_files_of_the_store_are_left_alone(tmp_path: Path) -> None:
    for name in ("neo4j/data/databases/neo4j/store", "neo4j/server.json", "models/a.npz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {path.relative_to(tmp_path).as_posix() for path in find_files(tmp_path)}
    assert found == {"neo4j/server.json", "models/a.npz"}


def test_edits_end_with_saved_and_with_removed_books() -> None:
    last = dict(make_edits())
    assert {links is None for links in last.values()} == {True, False}


def test_the_table_counts_each_verdict() -> None:
    one = Injection(0, 7, "train", "disk full", 0.5, is_checked=False)
    results = [Result(one), Result(one, "lost"), Result(one, "skipped")]
    assert "| train | disk full | 2 | 1 | 1 | 0 |" in table(results)
    assert "| **all** |  | 2 | 1 | 1 | 0 |" in table(results)


def test_the_page_has_a_place_for_the_table() -> None:
    text = PAGE.read_text("utf-8")
    assert Counter(mark in text for mark in MARKS) == {True: 2}


@pytest.fixture
def proxy():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "20000")
            self.end_headers()
            self.wfile.write(bytes(20_000))

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with open_proxy(server.server_port) as proxy:
        yield proxy
    server.shutdown()
    thread.join()
    server.server_close()


def _get(proxy: Proxy, *, timeout_s: float = 10) -> int:
    connection = http.client.HTTPConnection(LOOPBACK, proxy.port, timeout=timeout_s)
    try:
        connection.request("GET", "/")
        return len(connection.getresponse().read())
    finally:
        connection.close()


def test_the_proxy_passes_everything_on(proxy: Proxy) -> None:
    assert _get(proxy) == 20_000


def test_a_cut_ends_connections_and_refuses_new_ones(proxy: Proxy) -> None:
    proxy.cut()
    with pytest.raises((OSError, http.client.HTTPException)):
        _get(proxy)
    proxy.restore()
    assert _get(proxy) == 20_000


def test_a_frozen_connection_stays_and_is_silent(proxy: Proxy) -> None:
    proxy.freeze()
    with pytest.raises(TimeoutError):
        _get(proxy, timeout_s=0.3)
    proxy.restore()
    assert _get(proxy) == 20_000


def test_a_slow_connection_delays_each_chunk(proxy: Proxy) -> None:
    proxy.delay_s = 0.05
    start_s = time.monotonic()
    assert _get(proxy) == 20_000
    assert time.monotonic() - start_s >= 0.2
