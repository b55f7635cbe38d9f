"""Production mode against the twelve checks of graphql-cop, and keys, hosts, origins, crowds."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import Any

import pytest
from graphql import get_introspection_query
from starlette.testclient import TestClient

from bookgraph.api.app import build_app
from bookgraph.api.http.guard import Guard
from bookgraph.api.ops.metrics import Metrics
from bookgraph.api.options import ServerOptions
from bookgraph.core.errors import QueryTimeoutError, StoreUnreachableError
from bookgraph.core.processes import wait_until
from bookgraph.testing.fakes import FailingStore, RecordingStore


def make(store: RecordingStore | None = None, **options: Any) -> TestClient:
    app = build_app(store or RecordingStore(), ServerOptions(**options))  # type: ignore[arg-type]
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client() -> TestClient:
    return make(is_production=True)


def ask(client: TestClient, query: str, **headers: str) -> Any:
    return client.post("/graphql", json={"query": query}, headers=headers)


def test_cop_1_field_suggestions(client: TestClient) -> None:
    answer = ask(client, "query cop { __schema { directive } boks { totalCount } }")
    assert "Did you mean" not in answer.text


def test_cop_2_introspection(client: TestClient) -> None:
    assert "data" not in ask(client, get_introspection_query()).json()
    assert "data" not in ask(client, '{ __type(name: "Book") { name } }').json()


def test_cop_3_no_console_is_served(client: TestClient) -> None:
    for path in ("/graphql", "/graphiql", "/playground", "/console"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert "graphiql" not in answer.text.lower()
        assert answer.status_code >= 400


def test_cop_4_get_queries_without_a_header(client: TestClient) -> None:
    parameters = {"query": "query cop { __typename }"}
    answer = client.get("/graphql", params=parameters)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "PREFLIGHT_REQUIRED"
    allowed = client.get("/graphql", params=parameters, headers={"GraphQL-Require-Preflight": "1"})
    assert allowed.json() == {"data": {"__typename": "Query"}}


def test_cop_5_a_hundred_and_one_aliases(client: TestClient) -> None:
    query = "{" + "".join(f"alias{n}:__typename \n" for n in range(101)) + "}"
    assert "data" not in ask(client, query).json()


def test_cop_6_batches(client: TestClient) -> None:
    answer = client.post("/graphql", json=[{"query": "query cop { __typename }"}] * 10)
    assert answer.status_code == 400
    assert not isinstance(answer.json(), list)


def test_cop_7_no_tracing(client: TestClient) -> None:
    assert "extensions" not in ask(client, "query cop { __typename }").json()


def test_cop_8_repeated_directives(client: TestClient) -> None:
    answer = ask(client, "query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }")
    assert len(answer.json()["errors"]) < 10


def test_cop_9_circular_introspection() -> None:
    query = (
        "query cop { __schema { types { fields { type { fields { type { fields { type { fields "
        "{ type { name } } } } } } } } } } }"
    )
    for is_production in (True, False):
        assert "data" not in ask(make(is_production=is_production), query).json()


def test_cop_10_mutations_by_get(client: TestClient) -> None:
    answer = client.get(
        "/graphql",
        params={"query": "mutation cop { __typename }"},
        headers={"GraphQL-Require-Preflight": "1"},
    )
    assert "data" not in answer.json()


def test_cop_11_forms(client: TestClient) -> None:
    answer = client.post("/graphql", data={"query": "query cop { __typename }"})
    assert answer.status_code == 415
    assert "data" not in answer.json()


def test_cop_12_unhandled_errors() -> None:
    client = make(FailingStore(RuntimeError("secret")), is_production=True)
    answer = ask(client, "{ stats { numBooks } }")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "exception" not in answer.text.lower()
    error = ask(client, "qwerty cop { abc }").json()["errors"][0]
    assert {*error["extensions"]} <= {"code", "requestId"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreUnreachableError("bolt://10.0.0.7:7687 is gone"), 503, "STORE_UNAVAILABLE"),
        (QueryTimeoutError("bolt://10.0.0.7:7687 is slow"), 504, "TIMEOUT"),
        (KeyError("MATCH (n:Secret)"), 500, "INTERNAL_ERROR"),
    ],
)
def test_the_servers_own_faults_are_5xx_and_say_nothing_of_the_inside(
    error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = ask(make(FailingStore(error)), "{ stats { numBooks } }", **{"X-Request-Id": "abc-1"})
    assert answer.status_code == status
    (found,) = answer.json()["errors"]
    assert found["extensions"] == {"code": code, "requestId": "abc-1"}
    assert "10.0.0.7" not in answer.text
    assert "MATCH" not in answer.text
    assert ("retry-after" in answer.headers) is (status == 503)
    # The operator finds all of it under the id that the client was told.
    assert "abc-1" in caplog.text
    assert str(error.args[0]) in caplog.text


def test_a_request_id_that_is_none_is_replaced() -> None:
    answer = ask(make(), "{ __typename }", **{"X-Request-Id": "a b\tc"})
    assert answer.headers["x-request-id"] != "a b\tc"
    assert len(answer.headers["x-request-id"]) == 16


def test_keys_open_the_api_but_health_needs_none() -> None:
    client = make(read_keys=("reader",), write_keys=("writer",))
    refused = ask(client, "{ __typename }")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    for key in ("", "wrong", "reader ", "reade"):
        given = ask(client, "{ __typename }", Authorization=f"Bearer {key}")
        assert given.status_code == (200 if key.strip() == "reader" else 401)
    assert ask(client, "{ __typename }", Authorization="Basic reader").status_code == 401
    assert ask(client, "{ __typename }", Authorization="bearer writer").status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 401


def test_keys_never_print() -> None:
    options = ServerOptions(read_keys=("sesame",), write_keys=("sesame",))
    assert "sesame" not in repr(options)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
def test_other_hosts_are_not_served(host: str, status: int) -> None:
    client = make(allowed_hosts=("localhost", "::1"))
    assert ask(client, "{ __typename }", Host=host).status_code == status


def test_other_origins_are_served_only_where_they_are_named() -> None:
    origin = {"Origin": "https://app.example"}
    assert "access-control-allow-origin" not in ask(make(), "{ __typename }", **origin).headers
    client = make(cors_origins=("https://app.example",))
    answer = ask(client, "{ __typename }", **origin)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    other = ask(client, "{ __typename }", Origin="https://other.example")
    assert "access-control-allow-origin" not in other.headers


class Slow:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.num = 0
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.num += 1
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


async def crowd(options: ServerOptions, clients: list[str]) -> tuple[list[int], int]:
    """Statuses of requests that come at once, and how many were worked on before any ended."""
    slow = Slow()
    guard = Guard(slow, options, Metrics())
    statuses: list[int] = []

    async def one(client: str) -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "path": "/graphql", "method": "POST", "headers": []}
        await guard({**scope, "client": (client, 1)}, receive, send)

    tasks = [asyncio.create_task(one(client)) for client in clients]
    for _ in range(5):
        await asyncio.sleep(0)
    num = slow.num
    slow.go.set()
    await asyncio.gather(*tasks)
    return sorted(statuses), num


def test_a_crowd_waits_and_is_sent_away_when_it_is_too_large() -> None:
    options = ServerOptions(max_concurrent=2, max_waiting=3)
    statuses, num_at_once = asyncio.run(crowd(options, [f"10.0.0.{n}" for n in range(9)]))
    assert statuses == [200] * 5 + [503] * 4
    assert num_at_once == 2


def test_one_client_cannot_take_every_place() -> None:
    options = ServerOptions(max_per_client=3)
    statuses, num_at_once = asyncio.run(crowd(options, ["10.0.0.1"] * 8 + ["10.0.0.2"]))
    assert statuses == [200] * 4 + [429] * 5
    assert num_at_once == 4


def test_each_request_is_one_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "bookgraph.access"):
        ask(make(), "query Mine { nothing }")
        ask(make(), "query Mine { __typename }")
    lines = [json.loads(one.message) for one in caplog.records if one.name == "bookgraph.access"]
    assert [line["status"] for line in lines] == [200, 200]
    assert lines[0]["codes"] == ["GRAPHQL_VALIDATION_FAILED"]
    assert (lines[1]["operation"], lines[1]["name"]) == ("query", "Mine")
    assert lines[0]["id"] != lines[1]["id"]


def test_metrics_count_what_happened() -> None:
    client = make()
    ask(client, "{ __typename }")
    ask(client, "{ nothing }")
    client.get("/healthz")
    text = client.get("/metrics").text
    assert 'bookgraph_requests_total{route="graphql",status="200"} 2' in text
    assert 'bookgraph_requests_total{route="healthz",status="200"} 1' in text
    assert 'bookgraph_errors_total{code="GRAPHQL_VALIDATION_FAILED"} 1' in text
    assert "bookgraph_graphql_seconds_count 2" in text
    buckets = [float(line.split()[-1]) for line in text.splitlines() if "_bucket" in line]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 2


class Stuck(RecordingStore):
    """A database that does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def read(self, statement: str, **parameters: object) -> list[Any]:
        self.go.wait(20)
        return []


def test_nobody_waits_longer_than_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookgraph.api.http.handler._GRACE_S", 0.1)
    store = Stuck()
    answer = ask(make(store, timeout_s=0.2), "{ stats { numBooks } }")
    store.go.set()
    assert answer.status_code == 504
    assert answer.json()["errors"][0]["extensions"]["code"] == "TIMEOUT"


def test_costly_queries_wait_for_their_turn_and_small_ones_do_not() -> None:
    store = Stuck()
    client = make(store, timeout_s=1.0, heavy_cost=100, max_heavy=1)
    costly = "{ books(first: 100) { nodes { links(first: 3) { nodes { name } } } } }"
    answers: list[Any] = []
    with client:
        threads = [
            threading.Thread(target=lambda: answers.append(ask(client, costly))) for _ in range(7)
        ]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: len(answers) == 2, timeout_s=20)
        # One is worked on, four wait, two were sent away at once.
        assert all(answer.status_code == 503 for answer in answers)
        assert ask(client, "{ __typename }").status_code == 200
        # Those that wait are told in time that it is not their turn.
        assert wait_until(lambda: len(answers) == 6, timeout_s=20)
        store.go.set()
        for thread in threads:
            thread.join()
    codes = [answer.json()["errors"][0]["extensions"]["code"] for answer in answers]
    assert codes[:6] == ["BUSY"] * 6
    assert all(answer.headers["retry-after"] == "2" for answer in answers[:6])
    assert "cost" in answers[0].json()["errors"][0]["message"]
