"""HTTP requests become GraphQL requests, or get the right status."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from bookgraph.api.app import build_app
from bookgraph.api.execute.documents import text_hash
from bookgraph.api.http.requests import JSON, RESPONSE_JSON, Refusal, response_type
from bookgraph.api.options import Limits, ServerOptions
from bookgraph.testing.fakes import RecordingStore

STATS = {
    "num_books": 3,
    "num_links": 2,
    "num_external_links": 0,
    "num_edges": 5,
    "num_citations": 0,
    "num_placed_books": 3,
    "num_placed_links": 2,
    "sources": None,
    "loaded_at": None,
    "is_complete": True,
}
QUERY = "{ stats { numBooks } }"


def make(**options: Any) -> TestClient:
    store = RecordingStore([[STATS]] * 50)
    client = TestClient(build_app(store, ServerOptions(**options)))  # type: ignore[arg-type]
    client.store = store
    return client


@pytest.fixture
def client() -> TestClient:
    return make()


def post(client: TestClient, body: Any, **headers: str) -> Any:
    return client.post("/graphql", json=body, headers=headers)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (RESPONSE_JSON, RESPONSE_JSON),
        (f"{RESPONSE_JSON}, {JSON};q=0.9", RESPONSE_JSON),
        (f"{RESPONSE_JSON};q=0.5, {JSON}", JSON),
        (f"{RESPONSE_JSON}, */*;q=0.1", RESPONSE_JSON),
        (f"{JSON}; charset=utf-8", JSON),
        (f"text/html, {RESPONSE_JSON.upper()}", RESPONSE_JSON),
    ],
)
def test_media_types_are_negotiated(accept: str | None, expected: str) -> None:
    assert response_type(accept) == expected


@pytest.mark.parametrize("accept", ["text/html", f"{JSON};q=0", f"{JSON}; charset=utf-16"])
def test_unavailable_media_types_are_refused(accept: str, client: TestClient) -> None:
    with pytest.raises(Refusal):
        response_type(accept)
    assert post(client, {"query": QUERY}, Accept=accept).status_code == 406


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", JSON, 400),
        (b"", JSON, 400),
        (b"[]", JSON, 400),
        (b'[{"query":"{ __typename }"}]', JSON, 400),
        (b'"x"', JSON, 400),
        (b"\xff\xfe", JSON, 400),
        (b'{"query": NaN}', JSON, 400),
        (b"[" * 50_000, JSON, 400),
        (b'{"query": 1}', JSON, 400),
        (b'{"query": "{ __typename }", "variables": []}', JSON, 400),
        (b'{"query": "{ __typename }", "operationName": {}}', JSON, 400),
        (b'{"query": "{ __typename }", "extensions": "x"}', JSON, 400),
        (b'{"query": "{ __typename }", "extensions": {"persistedQuery": 1}}', JSON, 400),
        (b"{}", JSON, 400),
        (b"query=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"{}", "application/json; charset=latin-1", 415),
        (b"{}", "", 415),
    ],
)
def test_bodies_that_cannot_be_read(
    client: TestClient, content: bytes, content_type: str, status: int
) -> None:
    response = client.post("/graphql", content=content, headers={"Content-Type": content_type})
    assert response.status_code == status
    (error,) = response.json()["errors"]
    assert error["message"]
    assert error["extensions"]["code"]
    assert client.store.calls == []


@pytest.mark.parametrize("accept", [JSON, RESPONSE_JSON])
@pytest.mark.parametrize("body", [[], [{"query": QUERY}], [{"query": QUERY}] * 3])
def test_batches_are_refused_by_name(client: TestClient, body: Any, accept: str) -> None:
    response = post(client, body, Accept=accept)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BATCHING_NOT_SUPPORTED"
    assert "one operation in each request" in error["message"]
    assert "alias" in error["message"]
    assert client.store.calls == []


def test_too_large_a_body_is_not_read() -> None:
    client = make(limits=Limits(max_bytes=1_000))
    assert post(client, {"query": "{ __typename }" + " " * 1_000}).status_code == 413
    assert client.get("/graphql", params={"query": " " * 1_001}).status_code == 414


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods(client: TestClient, method: str) -> None:
    response = client.request(method, "/graphql")
    assert response.status_code == 405
    assert "POST" in response.headers["allow"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ __typename " * 1_100}, "QUERY_TOO_LARGE"),
        (
            {
                "query": "{ books(first: 100) { nodes { links(first: 100) { nodes { books "
                "{ nodes { title } } } } } } }"
            },
            "QUERY_TOO_LARGE",
        ),
        ({"query": "query A { __typename } query B { __typename }"}, "BAD_USER_INPUT"),
        ({"query": QUERY, "operationName": "Nobody"}, "BAD_USER_INPUT"),
        ({"query": "query($n: Int!) { books(first: $n) { totalCount } }"}, "BAD_USER_INPUT"),
        (
            {
                "query": "query($n: Int!) { books(first: $n) { totalCount } }",
                "variables": {"n": "x"},
            },
            "BAD_USER_INPUT",
        ),
    ],
)
def test_faults_of_the_client_are_a_400_for_clients_that_understand_it(
    client: TestClient, body: dict[str, Any], code: str
) -> None:
    strict = post(client, body, Accept=RESPONSE_JSON)
    assert strict.status_code == 400
    assert strict.headers["content-type"].startswith(RESPONSE_JSON)
    assert "data" not in strict.json()
    assert strict.json()["errors"][0]["extensions"]["code"] == code
    assert post(client, body).status_code == 200
    assert client.store.calls == []


def test_queries_are_served_over_get_too(client: TestClient) -> None:
    response = client.get("/graphql", params={"query": QUERY, "variables": "{}"})
    assert response.json() == {"data": {"stats": {"numBooks": 3}}}


@pytest.mark.parametrize("name", ["variables", "extensions"])
def test_parameters_of_a_get_are_json(client: TestClient, name: str) -> None:
    assert client.get("/graphql", params={"query": QUERY, name: "{"}).status_code == 400


def test_an_unchanged_response_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/graphql", params={"query": QUERY})
    tag = first.headers["etag"]
    again = client.get("/graphql", params={"query": QUERY}, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = client.get("/graphql", params={"query": QUERY}, headers={"If-None-Match": 'W/"x"'})
    assert other.status_code == 200


def test_long_responses_are_compressed(client: TestClient) -> None:
    query = "{ __schema { types { name description } } }"
    assert post(client, {"query": query}).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in post(client, {"query": QUERY}).headers


def persisted(digest: str, **body: Any) -> dict[str, Any]:
    return {**body, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}


def test_a_persisted_query_is_found_by_its_hash(client: TestClient) -> None:
    digest = text_hash(QUERY)
    unknown = post(client, persisted(digest)).json()["errors"][0]
    assert unknown["message"] == "PersistedQueryNotFound"
    assert unknown["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert post(client, persisted(digest, query=QUERY)).json()["data"]
    assert post(client, persisted(digest)).json() == {"data": {"stats": {"numBooks": 3}}}
    assert post(client, persisted("0" * 64, query=QUERY)).status_code == 400


def test_subscriptions_are_not_served_over_http(client: TestClient) -> None:
    response = post(client, {"query": "subscription { __typename }"}, Accept=RESPONSE_JSON)
    assert response.status_code == 400


def test_mutations_are_refused_over_get(client: TestClient) -> None:
    response = client.get(
        "/graphql", params={"query": "mutation { __typename }"}, headers={"Accept": RESPONSE_JSON}
    )
    assert 400 <= response.status_code < 500
