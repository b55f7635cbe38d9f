"""Traces: a span for each request, one below it for each statement, and nothing when off."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from bookgraph.api import app as server
from bookgraph.api.ops.tracing import start_tracing
from bookgraph.api.options import ServerOptions
from bookgraph.core.errors import StoreUnreachableError, UsageError
from bookgraph.testing.fakes import FailingStore, RecordingStore

ROOT = Path(__file__).resolve().parents[3]
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ROW = {"num_books": 3}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What is sent, kept here."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(server, "start_tracing", lambda: provider.get_tracer("test"))
    return exporter


def ask(store: Any, query: str, **headers: str) -> Any:
    client = TestClient(server.build_app(store, ServerOptions(is_traced=True)))
    return client.post("/graphql", json={"query": query}, headers=headers)


def test_a_statement_is_a_child_of_its_request_and_that_of_its_caller(
    spans: InMemorySpanExporter,
) -> None:
    store = RecordingStore([[ROW]])
    response = ask(store, "query Mine { stats { numBooks } }", traceparent=CALLER)
    assert response.json() == {"data": {"stats": {"numBooks": 3}}}
    statement, request = spans.get_finished_spans()
    assert statement.name == "neo4j"
    # The statement as it was run, which holds no values.
    text = str(statement.attributes["db.query.text"])
    assert " ".join(text.split()) == store.calls[0][0]
    assert statement.parent.span_id == request.context.span_id
    assert request.name == "POST /graphql"
    assert f"{request.context.trace_id:032x}" == CALLER.split("-")[1]
    assert f"{request.parent.span_id:016x}" == CALLER.split("-")[2]
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["graphql.operation.name"] == "Mine"
    assert request.attributes["bookgraph.request_id"] == response.headers["x-request-id"]
    assert request.status.is_ok


def test_the_servers_own_fault_is_an_error_of_the_span(spans: InMemorySpanExporter) -> None:
    ask(FailingStore(StoreUnreachableError("gone")), "{ stats { numBooks } }")
    request = spans.get_finished_spans()[-1]
    assert not request.status.is_ok
    assert request.attributes["bookgraph.error_codes"] == ("STORE_UNAVAILABLE",)


def test_a_fault_of_the_client_is_no_error_of_the_span(spans: InMemorySpanExporter) -> None:
    ask(RecordingStore(), "{ nothing }")
    (request,) = spans.get_finished_spans()
    assert request.status.is_ok


def test_without_tracing_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys\nfrom bookgraph import api\n"
        "from bookgraph.testing.fakes import RecordingStore\n"
        "api.build_app(RecordingStore())\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    path = str(ROOT)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env={"PYTHONPATH": path})


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(UsageError, match=r"BOOKGRAPH_OTEL.*bookgraph\[otel\]"):
        start_tracing()


class Collector(BaseHTTPRequestHandler):
    """Keeps what is sent to it."""

    received: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def test_spans_reach_a_collector_under_the_name_of_the_service() -> None:
    collector = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    code = (
        "from bookgraph.testing.fakes import RecordingStore\n"
        "from starlette.testclient import TestClient\n"
        "from bookgraph.api import ServerOptions, build_app\n"
        "client = TestClient(build_app(RecordingStore(), ServerOptions(is_traced=True)))\n"
        "client.post('/graphql', json={'query': 'query Sent { __typename }'})\n"
    )
    environment = {
        "PYTHONPATH": str(ROOT),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
    }
    try:
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
    ((path, body),) = Collector.received
    assert path == "/v1/traces"
    # The protobuf holds its texts as they are, unless it is packed.
    text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    for expected in (b"bookgraph", b"POST /graphql", b"Sent"):
        assert expected in text
