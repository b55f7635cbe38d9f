"""Keys, hosts and origins decide who is served; every request has an id and a line in the log."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookgraph.api.app import build_app
from bookgraph.api.options import ServerOptions
from bookgraph.testing.fakes import RecordingStore


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


def test_other_origins_are_served_only_if_they_are_named() -> None:
    origin = {"Origin": "https://app.example"}
    assert "access-control-allow-origin" not in ask(make(), "{ __typename }", **origin).headers
    client = make(cors_origins=("https://app.example",))
    response = ask(client, "{ __typename }", **origin)
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    other = ask(client, "{ __typename }", Origin="https://other.example")
    assert "access-control-allow-origin" not in other.headers


def test_each_request_is_one_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "bookgraph.access"):
        ask(make(), "query Mine { nothing }")
        ask(make(), "query Mine { __typename }")
    lines = [json.loads(one.message) for one in caplog.records if one.name == "bookgraph.access"]
    assert [line["status"] for line in lines] == [200, 200]
    assert lines[0]["codes"] == ["GRAPHQL_VALIDATION_FAILED"]
    assert (lines[1]["operation"], lines[1]["name"]) == ("query", "Mine")
    assert lines[0]["id"] != lines[1]["id"]
