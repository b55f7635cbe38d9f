"""GraphQL on the real sample: right responses, one statement per root field, helpful errors."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from bookgraph.api import ServerOptions, build_app
from bookgraph.api.options import Limits
from bookgraph.core.errors import QueryTimeoutError
from bookgraph.core.processes import wait_until
from bookgraph.graph.connection import connect
from bookgraph.graph.read.model import read_current_model
from bookgraph.graph.store import Store
from bookgraph.testing.fakes import CountingStore

ROOT = Path(__file__).resolve().parents[2]


def ask(client: TestClient, query: str, **variables: object) -> dict[str, Any]:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer["errors"]
    data: dict[str, Any] = answer["data"]
    return data


def refuse(client: TestClient, query: str) -> dict[str, Any]:
    (error,) = client.post("/graphql", json={"query": query}).json()["errors"]
    assert "Traceback" not in str(error)
    assert "MATCH" not in str(error)
    found: dict[str, Any] = error
    return found


def test_similar_books_are_the_exact_nearest(client: TestClient, sample_store: Store) -> None:
    data = ask(
        client,
        '{ similarBooks(like: ["War and Peace"], first: 20) { edges { score node { title } } } }',
    )
    model = read_current_model(sample_store)
    unit = model.vectors / np.linalg.norm(model.vectors, axis=1, keepdims=True)
    own = model.titles.index("War and Peace")
    cosines = unit @ unit[own]
    cosines[own] = -2
    expected = np.argsort(-cosines)[:20]
    edges = data["similarBooks"]["edges"]
    assert [edge["node"]["title"] for edge in edges] == [model.titles[row] for row in expected]
    np.testing.assert_allclose([e["score"] for e in edges], cosines[expected], atol=1e-5)


def test_several_books_mean_the_middle_of_their_directions(
    client: TestClient, sample_store: Store
) -> None:
    liked = ["Dune", "Emma", "Hamlet"]
    query = "query($l: [String!]!) { similarBooks(like: $l) { edges { score node { title } } } }"
    edges = ask(client, query, l=liked)["similarBooks"]["edges"]
    model = read_current_model(sample_store)
    unit = model.vectors / np.linalg.norm(model.vectors, axis=1, keepdims=True)
    rows = [model.titles.index(title) for title in liked]
    centre = unit[rows].sum(axis=0)
    cosines = unit @ (centre / np.linalg.norm(centre))
    cosines[rows] = -2
    expected = np.argsort(-cosines)[:10]
    assert [edge["node"]["title"] for edge in edges] == [model.titles[row] for row in expected]
    np.testing.assert_allclose([e["score"] for e in edges], cosines[expected], atol=1e-5)


def test_shared_links_are_the_common_ones_rarest_first(
    client: TestClient, sample_store: Store
) -> None:
    data = ask(
        client,
        '{ similarBooks(like: ["Dune"], first: 3) '
        "{ edges { node { title } sharedLinks(first: 100) { title numBooks } } } }",
    )
    for edge in data["similarBooks"]["edges"]:
        rows = sample_store.read(
            "MATCH (:Book {title: 'Dune'})-[:LINKS_TO]->(l)<-[:LINKS_TO]-(:Book {title: $other}) "
            "RETURN l.title AS title",
            other=edge["node"]["title"],
        )
        shared = edge["sharedLinks"]
        assert {link["title"] for link in shared} == {row["title"] for row in rows}
        counts = [link["numBooks"] for link in shared]
        assert counts == sorted(counts)


NESTED = """{
  book(title: "Dune") {
    id title year authors infobox { name value }
    links(first: 3) {
      totalCount edges { count node { title books(first: 2) { nodes { title } } } }
    }
    externalLinks { totalCount nodes { url } }
    similarBooks(first: 2) { edges { score node { title } sharedLinks(first: 2) { name } } }
  }
}"""
DOCUMENTED = [
    NESTED,
    '{ link(name: "Leo Tolstoy") { title numBooks books(first: 3) { nodes { title } } } }',
    "{ books(first: 3) { totalCount nodes { title } pageInfo { hasNextPage endCursor } } }",
    '{ similarBooks(like: ["Dune", "Emma"]) { edges { score sharedLinks { title } } } }',
    '{ similarLinks(like: ["Magic realism"]) { edges { score sharedBooks { title } } } }',
]


@pytest.mark.parametrize("query", DOCUMENTED)
def test_each_root_field_is_one_statement_and_one_more_for_each_list_by_vector(
    client: TestClient, counting: CountingStore, query: str
) -> None:
    counting.statements.clear()
    ask(client, query)
    assert len(counting.statements) == (2 if query == NESTED else 1)


def test_vectors_are_fetched_only_if_selected(client: TestClient, counting: CountingStore) -> None:
    counting.statements.clear()
    ask(client, '{ book(title: "Dune") { title } }')
    assert "embedding" not in counting.statements[0]
    vector = ask(client, '{ book(title: "Dune") { embedding } }')["book"]["embedding"]
    assert len(vector) == 50


def test_the_nested_response_is_right(client: TestClient) -> None:
    book = ask(client, NESTED)["book"]
    assert (book["year"], book["authors"]) == (1965, ["Frank Herbert"])
    assert base64.b64decode(book["id"]).decode() == "Book:Dune"
    assert {"name": "author", "value": "Frank Herbert"} in book["infobox"]
    assert len(book["links"]["edges"]) == 3
    for edge in book["links"]["edges"]:
        assert 1 <= len(edge["node"]["books"]["nodes"]) <= 2
    assert book["externalLinks"] == {"totalCount": 0, "nodes": []}
    assert book["similarBooks"]["edges"][0]["node"]["title"].endswith("Dune")


def test_aliases_fragments_and_directives_are_read_ahead(client: TestClient) -> None:
    data = ask(
        client,
        'query($no: Boolean!) { book(title: "Dune") { few: links(first: 1) { ...L } '
        "more: links(first: 4) { ...L } numLinks @include(if: $no) year @skip(if: true) } } "
        "fragment L on BookLinkConnection { nodes { ... on Link { n: name } } }",
        no=False,
    )["book"]
    assert data.keys() == {"few", "more"}
    assert data["more"]["nodes"][:1] == data["few"]["nodes"]
    assert len(data["more"]["nodes"]) == 4


def test_pages_add_up_to_the_whole_list(client: TestClient, sample_store: Store) -> None:
    titles: list[str] = []
    cursor = None
    while True:
        page = ask(
            client,
            "query($a: String) { books(first: 100, after: $a) { totalCount nodes { title } "
            "pageInfo { hasNextPage endCursor } } }",
            a=cursor,
        )["books"]
        titles += [node["title"] for node in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    rows = sample_store.read("MATCH (n:Book) RETURN n.title AS title ORDER BY title")
    assert titles == [row["title"] for row in rows]
    assert page["totalCount"] == len(titles)


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ('{ book(title: "Wra and Peace") { title } }', "BOOK_NOT_FOUND", "'War and Peace'"),
        ('{ link(name: "leo tolstoi") { name } }', "LINK_NOT_FOUND", "'leo tolstoy'"),
        (
            '{ similarBooks(like: ["Dune", "Emna"]) { nodes { title } } }',
            "BOOK_NOT_FOUND",
            "'Emma'",
        ),
        (
            '{ similarLinks(like: ["Magic"  "realsm"]) { nodes { name } } }',
            "LINK_NOT_FOUND",
            "real",
        ),
        (
            "{ similarBooks(like: []) { nodes { title } } }",
            "BAD_USER_INPUT",
            "0 liked",
        ),
        ("{ books(first: 101) { nodes { title } } }", "BAD_USER_INPUT", "out of bounds"),
        ("{ books(first: -1) { nodes { title } } }", "BAD_USER_INPUT", "out of bounds"),
        ('{ books(after: "x") { nodes { title } } }', "BAD_USER_INPUT", "not a cursor"),
        ("{ book { title } }", "BAD_USER_INPUT", "either title or id"),
        ('{ book(id: "eA==") { title } }', "BAD_USER_INPUT", "not the id of a book"),
        ("{ bok { title } }", "GRAPHQL_VALIDATION_FAILED", "bok"),
    ],
)
def test_errors_have_codes_and_help(client: TestClient, query: str, code: str, says: str) -> None:
    error = refuse(client, query)
    assert error["extensions"]["code"] == code
    assert says in error["message"]


def test_one_failing_field_leaves_the_others_intact(client: TestClient) -> None:
    query = '{ a: book(title: "Dune") { year } b: book(title: "Dunne") { year } }'
    answer = client.post("/graphql", json={"query": query}).json()
    assert answer["data"] == {"a": {"year": 1965}, "b": None}
    assert answer["errors"][0]["extensions"]["nearest"][0] == "Dune"


def test_health_readiness_and_the_page(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["numBooks"] == 1310
    page = client.get("/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]


# Seconds of work: lists that differ in nothing but their length, eight times.
_LISTS = [
    f"r{n}: relatedBooks(first: {100 - n}) {{ edges {{ why(first: 100) {{ score }} }} }}"
    for n in range(8)
]
COSTLY = "{ books(first: 100) { nodes { " + " ".join(_LISTS) + " } } }"


def test_what_takes_too_long_is_ended_in_neo4j(sample_store: Store) -> None:
    def running() -> list[dict[str, Any]]:
        return sample_store.read(
            "SHOW TRANSACTIONS YIELD currentQuery, status "
            "WHERE currentQuery CONTAINS ' AS idf' AND NOT currentQuery CONTAINS 'SHOW' "
            "RETURN status"
        )

    limit_s = 1.5
    # The server would refuse it for its cost, were that not allowed here.
    options = ServerOptions(timeout_s=limit_s, limits=Limits(max_cost=10**9))
    client = TestClient(build_app(sample_store.with_timeout(limit_s), options))
    answers: list[Any] = []
    thread = threading.Thread(
        target=lambda: answers.append(client.post("/graphql", json={"query": COSTLY}))
    )
    thread.start()
    # It does run there for a while, and then no longer: nobody waits for it.
    assert wait_until(lambda: len(running()) > 0, timeout_s=5)
    thread.join()
    assert answers[0].status_code == 504
    (error,) = answers[0].json()["errors"]
    assert error["extensions"]["code"] == "TIMEOUT"
    assert wait_until(lambda: running() == [], timeout_s=5)


def test_a_change_that_takes_too_long_is_ended_too(sample_store: Store) -> None:
    with pytest.raises(QueryTimeoutError):
        sample_store.with_timeout(0.2).write(
            lambda transaction: transaction.run("UNWIND range(1, 1000000000) AS n RETURN sum(n)")
        )


def test_a_graph_without_a_model_is_not_ready(store: Store) -> None:
    client = TestClient(build_app(store))
    assert client.get("/readyz").status_code == 503
    query = '{ similarBooks(like: ["Dune"]) { nodes { title } } }'
    assert refuse(client, query)["extensions"]["code"] == "DATA_MISSING"


def test_neo4j_gone_and_back(own_server) -> None:
    with connect(own_server.settings) as store:
        client = TestClient(build_app(store))
        own_server.kill()
        error = refuse(client, "{ books { totalCount } }")
        assert error["extensions"]["code"] == "STORE_UNAVAILABLE"
        assert "bolt://" not in error["message"]
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        own_server.server.start()
        assert ask(client, "{ books { totalCount } }") == {"books": {"totalCount": 0}}


def test_the_api_starts_without_torch() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom bookgraph import api\napi.build_schema()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
