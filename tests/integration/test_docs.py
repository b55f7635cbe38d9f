"""The queries in the README and in the description of the schema run on the sample."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bookgraph.api import build_app
from bookgraph.graph.store import Store

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = (ROOT / "docs" / "schema.md").read_text("utf-8")
PROPERTIES = (ROOT / "docs" / "properties.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found, f"no {language} blocks"
    return found


@pytest.mark.parametrize("statement", blocks(SCHEMA, "cypher"))
def test_each_query_returns_rows(demo_store: Store, statement: str) -> None:
    assert demo_store.read(statement)


def test_the_table_names_every_stored_property(demo_store: Store) -> None:
    rows = demo_store.read(
        "MATCH (n) UNWIND labels(n) AS label UNWIND keys(n) AS name "
        "RETURN label, collect(DISTINCT name) AS names"
    )
    assert {row["label"] for row in rows} >= {"Book", "Link", "EmbeddingModel", "Dataset"}
    for row in rows:
        name = f"`(:{row['label']})`"
        if f"{name}\n" in PROPERTIES:
            text = PROPERTIES.partition(f"{name}\n")[2].partition("\n## ")[0]
        else:
            text = next(line for line in SCHEMA.splitlines() if name in line)
        assert {*row["names"]} <= {*re.findall(r"\w+", text)}, row["label"]


def test_the_readme_query_returns_data(demo_store: Store) -> None:
    client = TestClient(build_app(demo_store))
    for query in blocks(README, "graphql"):
        response = client.post("/graphql", json={"query": query}).json()
        assert "errors" not in response
        assert response["data"]["book"]["author"] == "Gabriel García Márquez"


def test_the_readme_curl_returns_the_shown_response(demo_store: Store) -> None:
    body = re.search(r"-d '(\{.*?\})'\n", README, re.DOTALL)
    assert body is not None
    response = TestClient(build_app(demo_store)).post("/graphql", json=json.loads(body[1])).json()
    (text,) = blocks(README, "json")
    found, shown = (one["data"]["similarBooks"]["edges"] for one in (response, json.loads(text)))
    for one, other in zip(found, shown, strict=True):
        # Another processor rounds the vectors differently.
        assert one.pop("score") == pytest.approx(other.pop("score"), abs=0.05)
        assert one == other


def test_well_known_books_have_the_expected_neighbours(demo_store: Store) -> None:
    client = TestClient(build_app(demo_store))
    query = "query($t: [String!]!) { similarBooks(like: $t, first: 5) { nodes { title author } } }"

    def find_similar(title: str) -> list[dict[str, str]]:
        body = {"query": query, "variables": {"t": [title]}}
        return client.post("/graphql", json=body).json()["data"]["similarBooks"]["nodes"]

    assert "Anna Karenina" in {book["title"] for book in find_similar("War and Peace")}
    assert find_similar("The Fellowship of the Ring")[0]["author"] == "J. R. R. Tolkien"
