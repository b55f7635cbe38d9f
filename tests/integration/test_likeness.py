"""Likeness to what is not in the graph, diverse lists, lengths, and filters below nodes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from bookgraph.api import ServerOptions, build_app
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.graph.store import Store
from bookgraph.graph.vectors.models import read_table
from bookgraph.graph.vectors.table import NUM_DIVERSE, VectorTable


@pytest.fixture(scope="module")
def books(sample_store: Store) -> VectorTable:
    return read_table(sample_store, BOOK, sample_store.models.newest(sample_store).version)


@pytest.fixture(scope="module")
def links(sample_store: Store) -> VectorTable:
    return read_table(sample_store, LINK, sample_store.models.newest(sample_store).version)


def ask(client: TestClient, query: str, **variables: Any) -> Any:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def fault(client: TestClient, query: str, **variables: Any) -> Any:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    return answer["errors"][0]


def best(
    table: VectorTable, direction: NDArray[np.float64], hidden: set[str], num: int
) -> list[str]:
    unit = table.vectors / np.linalg.norm(table.vectors, axis=1, keepdims=True)
    scores = unit.astype(np.float64) @ direction
    order = np.argsort(-scores, kind="stable")
    return [table.keys[int(row)] for row in order if table.keys[int(row)] not in hidden][:num]


def titles_of(data: Any, name: str = "similarBooks") -> list[str]:
    return [node["title"] for node in data[name]["nodes"]]


PAGE = ["Vampire", "Gothic fiction", "Bram Stoker", "Immortality"]


def test_a_page_is_near_to_what_saving_it_would_be_near_to(sample_store: Store) -> None:
    query = "query($l: [String!]) { similarBooks(toLinks: $l, first: 20) { nodes { title } } }"
    app = build_app(sample_store, ServerOptions(write_keys=("writer",)))
    with TestClient(app, headers={"Authorization": "Bearer writer"}) as writer:
        before = titles_of(ask(writer, query, l=PAGE))
        save = 'mutation($l: [String!]!) { saveBook(input: {title: "A page", links: $l}) '
        ask(writer, save + "{ isPlaced } }", l=PAGE)
        try:
            near = '{ similarBooks(like: ["A page"], first: 20) { nodes { title } } }'
            after = titles_of(ask(writer, near))
        finally:
            ask(writer, 'mutation { removeBook(title: "A page") { title } }')
    assert before == after


def test_a_page_is_explained_by_its_links(client: TestClient) -> None:
    data = ask(
        client,
        "query($l: [String!]) { similarBooks(toLinks: $l, first: 5) "
        "{ edges { node { title } why { link { title } } } } }",
        l=PAGE,
    )
    reasons = {
        why["link"]["title"] for edge in data["similarBooks"]["edges"] for why in edge["why"]
    }
    assert reasons
    assert reasons <= {*PAGE}


def test_a_vector_is_near_to_the_nodes_that_numpy_finds(
    client: TestClient, books: VectorTable, links: VectorTable
) -> None:
    vector: NDArray[np.float64] = np.random.default_rng(0).normal(size=books.vectors.shape[1:])
    data = ask(
        client,
        "query($v: [Float!]) { similarBooks(toVector: $v, first: 15) { nodes { title } } "
        "similarLinks(toVector: $v, first: 15) { nodes { name } } }",
        v=vector.tolist(),
    )
    assert titles_of(data) == best(books, vector, set(), 15)
    names = [node["name"] for node in data["similarLinks"]["nodes"]]
    assert names == best(links, vector, set(), 15)


def test_weights_turn_the_direction_towards_the_heavier(
    client: TestClient, books: VectorTable
) -> None:
    like = ["Dune", "Emma"]
    units = [books.unit(books.row_of(title) or 0) for title in like]
    for weights in ([1, 1], [5, 1], [1, 5]):
        data = ask(
            client,
            "query($l: [String!], $w: [Float!]) { similarBooks(like: $l, weights: $w, first: 12) "
            "{ nodes { title } } }",
            l=like,
            w=weights,
        )
        direction = np.sum([w * unit for w, unit in zip(weights, units, strict=True)], axis=0)
        assert titles_of(data) == best(books, direction, {*like}, 12)


def test_a_diverse_list_holds_items_that_are_less_alike(
    client: TestClient, books: VectorTable
) -> None:
    query = (
        'query($d: Float, $a: String) { similarBooks(like: ["Dune"], diversity: $d, first: 20, '
        "after: $a) { totalCount nodes { title } pageInfo { endCursor hasNextPage } } }"
    )

    def alikeness(titles: list[str]) -> float:
        units = [books.unit(books.row_of(title) or 0) for title in titles]
        return float(np.mean([one @ other for one, other in itertools.combinations(units, 2)]))

    plain = ask(client, query, d=0)
    found = {d: titles_of(ask(client, query, d=d)) for d in (0.0, 0.3, 0.7)}
    assert found[0.0] == titles_of(plain)
    assert found[0.3][0] == found[0.0][0]
    assert alikeness(found[0.0]) > alikeness(found[0.3]) > alikeness(found[0.7])
    walked: list[str] = []
    cursor = None
    while True:
        part = ask(client, query, d=0.3, a=cursor)
        walked += titles_of(part)
        info = part["similarBooks"]["pageInfo"]
        if not info["hasNextPage"]:
            break
        cursor = info["endCursor"]
    assert part["similarBooks"]["totalCount"] == len(walked) == NUM_DIVERSE
    assert len({*walked}) == NUM_DIVERSE
    assert "of another list" in fault(client, query, d=0.4, a=cursor)["message"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("toVector: [1, 2]", "to_vector: 2 numbers; this model's vectors have 50."),
        ("toVector: [" + ", ".join(["0"] * 50) + "]", "all numbers are 0"),
        ('like: ["Dune"], weights: [1, 2]', "weights: 2 for 1 liked nodes"),
        ('like: ["Dune"], weights: [0]', "weights: 0.0 is out of bounds"),
        ('like: ["Dune"], diversity: 1.5', "diversity: 1.5 is out of bounds"),
        ('toLinks: ["No such page"]', "Link not found: 'No such page'"),
        ('like: ["Dune"], unlike: ["dune"]', "'Dune' is both liked and unliked"),
    ],
)
def test_wrong_requests_are_refused(client: TestClient, arguments: str, says: str) -> None:
    error = fault(client, "{ similarBooks(" + arguments + ") { nodes { title } } }")
    assert says in error["message"]


def test_lengths_of_lists_by_vector(client: TestClient, books: VectorTable) -> None:
    data = ask(
        client,
        """{
          all: similarBooks(like: ["Dune"]) { totalCount }
          some: similarBooks(like: ["Dune"], minScore: 0.3) { totalCount }
          old: similarBooks(like: ["Dune"], filter: { yearTo: 1900 }) { totalCount }
          matching: books(filter: { yearTo: 1900 }) { totalCount }
          book(title: "Dune") {
            similarBooks { totalCount }
            predictedLinks { totalCount }
            numLinks
          }
          stats { numPlacedBooks numPlacedLinks }
        }""",
    )
    num_books, num_links = data["stats"]["numPlacedBooks"], data["stats"]["numPlacedLinks"]
    row = books.row_of("Dune") or 0
    scores = [
        books.score(other, books.unit(row), "cosine") for other in range(len(books)) if other != row
    ]
    assert data["all"]["totalCount"] == num_books - 1
    assert data["some"]["totalCount"] == sum(score >= 0.3 for score in scores)
    assert data["old"]["totalCount"] == data["matching"]["totalCount"]
    assert data["book"]["similarBooks"]["totalCount"] == num_books - 1
    expected = num_links - data["book"]["numLinks"]
    # The link that leads to the book itself is not expected either.
    assert data["book"]["predictedLinks"]["totalCount"] in {expected, expected - 1}


def test_filters_below_nodes_leave_the_matching_ones(client: TestClient) -> None:
    data = ask(
        client,
        """{
          books(first: 20, orderBy: NUM_LINKS_DESCENDING) { nodes {
            title
            links(first: 100) { totalCount nodes { name numBooks } }
            rare: links(first: 100, filter: { numBooksTo: 5 }) {
              totalCount nodes { name numBooks }
            }
            similarBooks(first: 8, filter: { yearFrom: 1900 }) { totalCount nodes { title year } }
            relatedBooks(first: 8, filter: { yearFrom: 1900 }) { nodes { title year } }
            predictedLinks(first: 8, filter: { numBooksTo: 5 }) { nodes { numBooks } }
          } }
          new: books(filter: { yearFrom: 1900 }) { totalCount }
          link(name: "Vampire") {
            books(first: 100) { nodes { title year } }
            old: books(first: 100, filter: { yearTo: 1900 }) { totalCount nodes { title year } }
          }
        }""",
    )
    for book in data["books"]["nodes"]:
        rare = [one for one in book["links"]["nodes"] if one["numBooks"] <= 5]
        assert book["rare"]["nodes"] == rare
        assert book["rare"]["totalCount"] == len(rare)
        for name in ("similarBooks", "relatedBooks"):
            assert all(one["year"] >= 1900 for one in book[name]["nodes"])
        assert len(book["similarBooks"]["nodes"]) == 8
        assert data["new"]["totalCount"] - book["similarBooks"]["totalCount"] in {0, 1}
        assert all(one["numBooks"] <= 5 for one in book["predictedLinks"]["nodes"])
    near = ask(
        client,
        "query($t: String!) { similarBooks(like: [$t], first: 8, filter: { yearFrom: 1900 }) "
        "{ nodes { title year } } }",
        t=data["books"]["nodes"][0]["title"],
    )
    assert near["similarBooks"]["nodes"] == data["books"]["nodes"][0]["similarBooks"]["nodes"]
    old = [
        one
        for one in data["link"]["books"]["nodes"]
        if one["year"] is not None and one["year"] <= 1900
    ]
    assert data["link"]["old"] == {"totalCount": len(old), "nodes": old}


def test_facets_under_a_filter_and_of_similar_books(client: TestClient) -> None:
    data = ask(
        client,
        """{
          facets(field: GENRE, first: 100, filter: { yearTo: 1900 }) {
            values { value count } numMissing
          }
          books(first: 100, filter: { yearTo: 1900 }) { totalCount nodes { genres } }
          similarBooks(like: ["Dune"], first: 30) {
            nodes { genres } facets(field: GENRE, first: 100) { values { value count } numMissing }
          }
          kinds: facets(field: KIND, linkFilter: { numBooksFrom: 50 }) { values { count } }
          links(filter: { numBooksFrom: 50 }) { totalCount }
        }""",
    )

    def counted(nodes: list[Any]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for node in nodes:
            for genre in set(node["genres"] or ()):
                counts[genre] = counts.get(genre, 0) + 1
        return counts

    def values_of(facets: Any) -> dict[str, int]:
        return {one["value"]: one["count"] for one in facets["values"]}

    near = data["similarBooks"]
    assert values_of(near["facets"]) == counted(near["nodes"])
    assert near["facets"]["numMissing"] == sum(not node["genres"] for node in near["nodes"])
    if data["books"]["totalCount"] <= 100:
        assert values_of(data["facets"]) == counted(data["books"]["nodes"])
    kinds = sum(one["count"] for one in data["kinds"]["values"])
    assert kinds == data["links"]["totalCount"]
    wrong = fault(client, "{ facets(field: KIND, filter: { yearTo: 1900 }) { numValues } }")
    assert "is of links, and the filter is not" in wrong["message"]


def test_books_by_the_links_that_they_mention_and_by_a_part_of_the_title(
    client: TestClient, sample_store: Store
) -> None:
    data = ask(
        client,
        """{
          both: books(first: 100, filter: { mentions: ["vampire", "Bram_Stoker"] }) {
            nodes { title }
          }
          none: books(filter: { mentions: ["no such page"] }) { totalCount }
          without: books(filter: { not: { mentions: ["Vampire"] } }) { totalCount }
          all: books { totalCount }
          with: books(filter: { mentions: ["Vampire"] }) { totalCount }
          named: books(first: 100, filter: { titleContains: "THE H" }) { nodes { title } }
          links(first: 100, filter: { mentionedBy: ["Dracula", "Carmilla"] }) { nodes { name } }
          near: similarBooks(like: ["Dune"], first: 5, filter: { mentions: ["Vampire"] }) {
            nodes { title }
          }
        }""",
    )
    rows = sample_store.read(
        "MATCH (b:Book) RETURN b.title AS title, "
        "COLLECT { MATCH (b)-[:LINKS_TO]->(l) RETURN l.name } AS links"
    )
    links = {row["title"]: {*row["links"]} for row in rows}
    both = {title for title, names in links.items() if {"vampire", "bram stoker"} <= names}
    assert both
    assert {node["title"] for node in data["both"]["nodes"]} == both
    assert data["none"]["totalCount"] == 0
    total = data["with"]["totalCount"] + data["without"]["totalCount"]
    assert total == data["all"]["totalCount"]
    named = {title for title in links if "the h" in title.lower()}
    assert {node["title"] for node in data["named"]["nodes"]} == named
    shared = {node["name"] for node in data["links"]["nodes"]}
    assert shared == links["Dracula"] & links["Carmilla"]
    assert all("vampire" in links[node["title"]] for node in data["near"]["nodes"])
    assert len(data["near"]["nodes"]) == 5
