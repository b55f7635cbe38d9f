"""Clients get codes and helpful messages, and never a stack, a statement, a path or an address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookgraph.api.app import build_app
from bookgraph.api.options import ServerOptions
from bookgraph.core.errors import (
    AccessDeniedError,
    BookgraphError,
    BookNotFoundError,
    DataMissingError,
    DiskFullError,
    LinkNotFoundError,
    QueryTimeoutError,
    StoreLoginError,
    StoreUnreachableError,
    UsageError,
)
from bookgraph.testing.fakes import FailingStore, RecordingStore

SECRETS = "bolt://10.0.0.7:7687 MATCH (n:Book) RETURN n /home/someone/bookgraph/store.py"
INSIDE = re.compile(r"10\.0\.0\.7|bolt:|MATCH|RETURN|/home|\.py|Traceback|line \d|Error\b")


def make(store: RecordingStore, **options: Any) -> TestClient:
    app = build_app(store, ServerOptions(**options))  # type: ignore[arg-type]
    return TestClient(app, raise_server_exceptions=False)


def ask(client: TestClient, query: str, **headers: str) -> Any:
    return client.post("/graphql", json={"query": query}, headers=headers)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreUnreachableError(SECRETS), 503, "STORE_UNAVAILABLE"),
        (StoreLoginError(SECRETS), 503, "STORE_UNAVAILABLE"),
        (QueryTimeoutError(SECRETS), 504, "TIMEOUT"),
        (DiskFullError(SECRETS), 500, "INTERNAL_ERROR"),
        (BookgraphError(SECRETS), 500, "INTERNAL_ERROR"),
        (KeyError(SECRETS), 500, "INTERNAL_ERROR"),
        (OSError(2, "No such file or directory", "/home/someone"), 500, "INTERNAL_ERROR"),
    ],
)
@pytest.mark.parametrize("is_production", [True, False])
def test_the_servers_own_faults_reveal_nothing_and_are_logged(
    error: Exception, status: int, code: str, is_production: bool, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(FailingStore(error), is_production=is_production)
    response = ask(client, "{ stats { numBooks } }", **{"X-Request-Id": "abc-1"})
    assert response.status_code == status
    (found,) = response.json()["errors"]
    assert found["extensions"] == {"code": code, "requestId": "abc-1"}
    assert not INSIDE.search(found["message"])
    assert not INSIDE.search(response.text.replace("INTERNAL_ERROR", ""))
    assert ("retry-after" in response.headers) is (status == 503)
    # The operator finds the details under the id that the client got.
    assert "abc-1" in caplog.text
    assert str(error.args[-1]) in caplog.text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("first: 101 is out of bounds."), "BAD_USER_INPUT"),
        (BookNotFoundError("Emna", nearest=("Emma",)), "BOOK_NOT_FOUND"),
        (LinkNotFoundError("luve", nearest=("love",)), "LINK_NOT_FOUND"),
        (DataMissingError("The graph at bolt://10.0.0.7:7687 has no vectors."), "DATA_MISSING"),
        (AccessDeniedError("Mutations need a write key."), "FORBIDDEN"),
    ],
)
def test_a_clients_faults_are_explained_without_the_address_of_the_database(
    error: Exception, code: str
) -> None:
    (found,) = ask(make(FailingStore(error)), "{ stats { numBooks } }").json()["errors"]
    assert found["extensions"]["code"] == code
    assert not INSIDE.search(found["message"])
    assert found["message"] == str(error).replace(" at bolt://10.0.0.7:7687", "")
    assert found["extensions"].get("nearest", []) == list(getattr(error, "nearest", ()))


def test_nothing_is_revealed_when_the_database_is_not_ready() -> None:
    response = make(FailingStore(StoreUnreachableError(SECRETS))).get("/readyz")
    assert response.status_code == 503
    assert not INSIDE.search(response.text)


def test_a_file_that_does_not_exist_reveals_no_path() -> None:
    response = make(RecordingStore()).get("/..%2f..%2fetc/passwd")
    assert response.status_code == 404
    assert response.text == "Not Found"
