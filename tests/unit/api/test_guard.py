"""Keys, hosts and origins decide who is served; every request has an id and a line in the log."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookgraph.api.app import _routes, build_app
from bookgraph.api.ops.metrics import Metrics
from bookgraph.api.options import Limits, ServerOptions
from bookgraph.testing.fakes import RecordingStore

APP = "https://app.example"


def make(**options: Any) -> TestClient:
    return TestClient(build_app(RecordingStore(), ServerOptions(**options)))  # type: ignore[arg-type]


def ask(client: TestClient, query: str, **headers: str) -> Any:
    return client.post("/graphql", json={"query": query}, headers=headers)


def test_an_invalid_request_id_is_replaced() -> None:
    response = ask(make(), "{ __typename }", **{"X-Request-Id": "a b\tc"})
    assert response.headers["x-request-id"] != "a b\tc"
    assert len(response.headers["x-request-id"]) == 16


def test_keys_open_the_api_and_health_needs_none() -> None:
    client = make(read_keys=("reader",), write_keys=("writer",))
    refused = ask(client, "{ __typename }")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    for key in ("", "wrong", "reader ", "reade"):
        response = ask(client, "{ __typename }", Authorization=f"Bearer {key}")
        assert response.status_code == (200 if key.strip() == "reader" else 401)
    assert ask(client, "{ __typename }", Authorization="Basic reader").status_code == 401
    assert ask(client, "{ __typename }", Authorization="bearer writer").status_code == 200
    for path in ("/healthz", "/", "/main.js", "/css/base.css", "/neo4j/guide.html"):
        assert client.get(path).status_code == 200, path


def test_everything_that_reads_the_graph_needs_a_key() -> None:
    client = make(read_keys=("reader",), cache=Path("unused"))
    for path in ("/graphql", "/metrics"):
        for method in ("GET", "POST", "HEAD", "OPTIONS"):
            assert client.request(method, path).status_code == 401, (method, path)
    # These paths are static files, or say only whether the server runs. A new one needs a decision.
    routes = _routes(RecordingStore(), ServerOptions(cache=Path("unused")), Metrics())  # type: ignore[arg-type]
    assert {getattr(route, "path", "") for route in routes} - {"/graphql", "/metrics"} == {
        "",
        "/graphiql",
        "/graphiql/{name}",
        "/healthz",
        "/neo4j/guide.html",
        "/neo4j/queries.zip",
        "/neo4j/style.grass",
        "/readyz",
    }


def test_keys_never_print() -> None:
    options = ServerOptions(read_keys=("sesame",), write_keys=("sesame",))
    assert "sesame" not in repr(options)


def test_other_origins_are_served_only_if_they_are_named() -> None:
    origin = {"Origin": "https://app.example"}
    assert "access-control-allow-origin" not in ask(make(), "{ __typename }", **origin).headers
    client = make(cors_origins=("https://app.example",))
    response = ask(client, "{ __typename }", **origin)
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    other = ask(client, "{ __typename }", Origin="https://other.example")
    assert "access-control-allow-origin" not in other.headers


def preflight(client: TestClient, origin: str, path: str = "/graphql") -> Any:
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return client.options(path, headers={"Origin": origin, **wanted})


def test_a_preflight_needs_no_key() -> None:
    client = make(read_keys=("reader",), cors_origins=(APP,))
    response = preflight(client, APP)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == APP
    assert "authorization" in response.headers["access-control-allow-headers"].lower()
    assert response.headers["x-request-id"]
    other = preflight(client, "https://other.example")
    assert "access-control-allow-origin" not in other.headers


def test_a_preflight_for_the_files_of_neo4j_browser_needs_no_key() -> None:
    for options in ({}, {"cors_origins": (APP,)}):
        client = make(read_keys=("reader",), **options)
        response = preflight(client, "https://browser.example", "/neo4j/guide.html")
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == "*"


def test_pages_can_read_every_refusal() -> None:
    busy = make(cors_origins=(APP,), max_concurrent=0, max_waiting=0)
    crowded = make(cors_origins=(APP,), max_per_client=0)
    keyed = make(cors_origins=(APP,), read_keys=("reader",))
    narrow = make(cors_origins=(APP,), limits=Limits(max_bytes=5), allowed_hosts=("testserver",))
    mutation = 'mutation { removeBook(title: "x") { title } }'
    responses = [
        ask(keyed, "{ __typename }", Origin=APP),
        ask(make(cors_origins=(APP,)), mutation, Origin=APP),
        ask(narrow, "{ __typename }", Origin=APP),
        ask(narrow, "{ __typename }", Origin=APP, Host="evil.example"),
        ask(crowded, "{ __typename }", Origin=APP),
        ask(busy, "{ __typename }", Origin=APP),
    ]
    assert [one.status_code for one in responses] == [401, 403, 413, 421, 429, 503]
    for response in responses:
        assert response.headers["access-control-allow-origin"] == APP
        exposed = response.headers["access-control-expose-headers"]
        assert {"Retry-After", "X-Request-Id"} <= {*exposed.split(", ")}


def test_each_request_is_one_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "bookgraph.access"):
        ask(make(), "query Mine { nothing }")
        ask(make(), "query Mine { __typename }")
    lines = [json.loads(one.message) for one in caplog.records if one.name == "bookgraph.access"]
    assert [line["status"] for line in lines] == [200, 200]
    assert lines[0]["codes"] == ["GRAPHQL_VALIDATION_FAILED"]
    assert (lines[1]["operation"], lines[1]["name"]) == ("query", "Mine")
    assert lines[0]["id"] != lines[1]["id"]
