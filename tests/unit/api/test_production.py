"""Production mode passes the twelve checks of graphql-cop."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import get_introspection_query
from starlette.testclient import TestClient

from bookgraph.api.app import build_app
from bookgraph.api.options import ServerOptions
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
    response = ask(client, "query cop { __schema { directive } boks { totalCount } }")
    assert "Did you mean" not in response.text


def test_cop_2_introspection(client: TestClient) -> None:
    assert "data" not in ask(client, get_introspection_query()).json()
    assert "data" not in ask(client, '{ __type(name: "Book") { name } }').json()


def test_cop_3_no_console_is_served(client: TestClient) -> None:
    for path in ("/graphql", "/graphiql", "/playground", "/console"):
        response = client.get(path, headers={"Accept": "text/html"})
        assert "graphiql" not in response.text.lower()
        assert response.status_code >= 400


def test_cop_4_get_queries_without_a_header(client: TestClient) -> None:
    parameters = {"query": "query cop { __typename }"}
    response = client.get("/graphql", params=parameters)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "PREFLIGHT_REQUIRED"
    allowed = client.get("/graphql", params=parameters, headers={"GraphQL-Require-Preflight": "1"})
    assert allowed.json() == {"data": {"__typename": "Query"}}


def test_cop_5_a_hundred_and_one_aliases(client: TestClient) -> None:
    query = "{" + "".join(f"alias{n}:__typename \n" for n in range(101)) + "}"
    assert "data" not in ask(client, query).json()


def test_cop_6_batches(client: TestClient) -> None:
    response = client.post("/graphql", json=[{"query": "query cop { __typename }"}] * 10)
    assert response.status_code == 400
    assert not isinstance(response.json(), list)


def test_cop_7_no_tracing(client: TestClient) -> None:
    assert "extensions" not in ask(client, "query cop { __typename }").json()


def test_cop_8_repeated_directives(client: TestClient) -> None:
    response = ask(client, "query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }")
    assert len(response.json()["errors"]) < 10


def test_cop_9_circular_introspection() -> None:
    query = (
        "query cop { __schema { types { fields { type { fields { type { fields { type { fields "
        "{ type { name } } } } } } } } } } }"
    )
    for is_production in (True, False):
        assert "data" not in ask(make(is_production=is_production), query).json()


def test_cop_10_mutations_by_get(client: TestClient) -> None:
    response = client.get(
        "/graphql",
        params={"query": "mutation cop { __typename }"},
        headers={"GraphQL-Require-Preflight": "1"},
    )
    assert "data" not in response.json()


def test_cop_11_forms(client: TestClient) -> None:
    response = client.post("/graphql", data={"query": "query cop { __typename }"})
    assert response.status_code == 415
    assert "data" not in response.json()


def test_cop_12_unhandled_errors() -> None:
    client = make(FailingStore(RuntimeError("secret")), is_production=True)
    response = ask(client, "{ stats { numBooks } }")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert "exception" not in response.text.lower()
    error = ask(client, "qwerty cop { abc }").json()["errors"][0]
    assert {*error["extensions"]} <= {"code", "requestId"}
