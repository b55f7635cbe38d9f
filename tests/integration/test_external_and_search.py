"""External links as nodes with lists and filters, and searches with filters and pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookgraph.api import build_app
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph.store import Store
from bookgraph.graph.write.load import GraphRows, load_graph

NUM_BOOKS = 30


@pytest.fixture(scope="module")
def client(module_store: Store) -> Iterator[TestClient]:
    """Books that cite pages of three hosts; every third cites a page twice."""
    books = [
        BookRow(
            f"Castle {row:02}",
            {"year": 1900 + row, "genres": ["Novel"]},
            {"vampire": 1},
            {
                f"https://www.site{row % 3}.example/{row % 6}": 1 + (row % 3 == 0),
                "https://all.example/": 1,
            },
        )
        for row in range(NUM_BOOKS)
    ]
    links = [LinkRow("vampire", "Vampire", "article", NUM_BOOKS)]
    load_graph(module_store, GraphRows(books, links))
    with TestClient(build_app(module_store)) as client:
        yield client


def ask(client: TestClient, query: str, **variables: Any) -> Any:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def fault(client: TestClient, query: str) -> Any:
    return client.post("/graphql", json={"query": query}).json()["errors"][0]


def test_external_links_are_listed_filtered_and_ordered(client: TestClient) -> None:
    data = ask(
        client,
        """{
          all: externalLinks { totalCount nodes { url host numBooks } }
          most: externalLinks(first: 2, orderBy: NUM_BOOKS_DESCENDING) { nodes { url numBooks } }
          one: externalLinks(filter: { host: ["site1.example"] }) { totalCount nodes { url } }
          part: externalLinks(filter: { urlContains: "SITE2", numBooksFrom: 5 }) {
            nodes { url numBooks }
          }
        }""",
    )
    urls = [node["url"] for node in data["all"]["nodes"]]
    assert urls == sorted(urls)
    assert data["all"]["totalCount"] == len(urls) == 7
    assert data["most"]["nodes"][0] == {"url": "https://all.example/", "numBooks": NUM_BOOKS}
    found = {node["url"] for node in data["one"]["nodes"]}
    assert found == {url for url in urls if "site1" in url}
    assert all("site2" in node["url"] for node in data["part"]["nodes"])
    assert len(data["part"]["nodes"]) == 2


def test_external_links_walk_both_ways(client: TestClient) -> None:
    query = (
        "query($f: Int, $a: String, $l: Int, $b: String) { externalLinks(first: $f, after: $a, "
        "last: $l, before: $b) { nodes { url } pageInfo { endCursor startCursor hasNextPage } } }"
    )
    whole = ask(client, query, f=100)["externalLinks"]["nodes"]
    found: list[Any] = []
    cursor = None
    while True:
        part = ask(client, query, f=2, a=cursor)["externalLinks"]
        found += part["nodes"]
        if not part["pageInfo"]["hasNextPage"]:
            break
        cursor = part["pageInfo"]["endCursor"]
    assert found == whole
    last = ask(client, query, l=3)["externalLinks"]
    assert last["nodes"] == whole[-3:]
    before = ask(client, query, l=2, b=last["pageInfo"]["startCursor"])["externalLinks"]
    assert before["nodes"] == whole[-5:-3]


def test_an_external_link_leads_to_its_books_and_they_back(client: TestClient) -> None:
    data = ask(
        client,
        """{
          externalLink(url: "https://www.site0.example/0") {
            host numBooks
            books(first: 3) { totalCount edges { count node {
              title externalLinks { nodes { url books(first: 1) { totalCount } } }
            } } }
            late: books(filter: { yearFrom: 1920 }) { totalCount nodes { year } }
          }
        }""",
    )["externalLink"]
    assert (data["host"], data["numBooks"]) == ("site0.example", 5)
    assert data["books"]["totalCount"] == 5
    assert [edge["count"] for edge in data["books"]["edges"]] == [2, 2, 2]
    titles = [edge["node"]["title"] for edge in data["books"]["edges"]]
    assert titles == ["Castle 00", "Castle 06", "Castle 12"]
    for edge in data["books"]["edges"]:
        counts = {
            one["url"]: one["books"]["totalCount"] for one in edge["node"]["externalLinks"]["nodes"]
        }
        assert counts == {"https://all.example/": NUM_BOOKS, "https://www.site0.example/0": 5}
    assert data["late"]["totalCount"] == 1
    assert data["late"]["nodes"] == [{"year": 1924}]


def test_an_unknown_url_is_named(client: TestClient) -> None:
    error = fault(client, '{ externalLink(url: "https://nobody.example/") { host } }')
    assert "No book cites 'https://nobody.example/'" in error["message"]


def test_a_search_is_filtered(client: TestClient) -> None:
    query = (
        '{ search(text: "castle", first: 50, filter: { yearFrom: 1910, yearTo: 1919 }) '
        "{ hits { node { ... on Book { title } } } } }"
    )
    titles = {hit["node"]["title"] for hit in ask(client, query)["search"]["hits"]}
    assert titles == {f"Castle {row:02}" for row in range(10, 20)}
    none = '{ search(text: "vampire", linkFilter: { numBooksTo: 3 }) { hits { score } } }'
    assert ask(client, none)["search"]["hits"] == []
    kept = '{ search(text: "vampire", linkFilter: { numBooksFrom: 3 }) { hits { score } } }'
    assert len(ask(client, kept)["search"]["hits"]) == 1


def test_pages_of_a_search_add_up(client: TestClient) -> None:
    query = (
        'query($a: String) { search(text: "castle", first: 7, after: $a) { hits { cursor '
        "node { ... on Book { title } } } pageInfo { hasNextPage hasPreviousPage endCursor } } }"
    )
    whole = ask(
        client, '{ search(text: "castle", first: 50) { hits { node { ... on Book { title } } } } }'
    )["search"]["hits"]
    found: list[Any] = []
    cursor = None
    while True:
        part = ask(client, query, a=cursor)["search"]
        assert part["pageInfo"]["hasPreviousPage"] == (cursor is not None)
        found += [hit["node"] for hit in part["hits"]]
        if not part["pageInfo"]["hasNextPage"]:
            break
        cursor = part["pageInfo"]["endCursor"]
        assert cursor == part["hits"][-1]["cursor"]
    assert found == [hit["node"] for hit in whole]
    assert len(found) == NUM_BOOKS
    error = fault(client, '{ search(text: "castle", after: "x") { hits { score } } }')
    assert "after: 'x' is not a cursor" in error["message"]
