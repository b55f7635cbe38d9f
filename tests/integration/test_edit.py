"""Books added, changed and removed through the API on a real graph, and the counts that follow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from bookgraph.api import build_app
from bookgraph.api.options import ServerOptions
from bookgraph.core.errors import BookNotFoundError, UsageError
from bookgraph.graph.read.edges import read_edges
from bookgraph.graph.store import Store
from bookgraph.graph.write.edit import BookEdit, fold_in, remove_book, save_book
from bookgraph.ingest import CleaningOptions, ingest_files

KEY = {"Authorization": "Bearer writer"}
SAVE = (
    "mutation($b: BookInput!) { saveBook(input: $b) { isNew isPlaced book { title author genres "
    "numLinks similarBooks(first: 3) { nodes { title } } links { nodes { name } } } } }"
)


@pytest.fixture
def client(sample_store: Store) -> Iterator[TestClient]:
    app = build_app(sample_store, ServerOptions(write_keys=("writer",)))
    with TestClient(app) as client:
        yield client


def post(client: TestClient, query: str, headers: dict[str, str] | None = None, **v: Any) -> Any:
    return client.post("/graphql", json={"query": query, "variables": v}, headers=headers)


def links_of(store: Store, title: str) -> list[str]:
    rows = store.read(
        "MATCH (:Book {title: $t})-[:LINKS_TO]->(l) RETURN l.title AS t ORDER BY t", t=title
    )
    return [row["t"] for row in rows]


def counts_are_right(store: Store) -> bool:
    rows = store.read(
        "RETURN EXISTS { MATCH (l:Link) WHERE l.num_books <> COUNT { (l)<-[:LINKS_TO]-() } } AS a, "
        "EXISTS { MATCH (b:Book) WHERE b.num_links <> COUNT { (b)-[:LINKS_TO]->() } } AS b, "
        "EXISTS { MATCH (l:Link) WHERE NOT EXISTS { (l)<-[:LINKS_TO]-() } } AS c"
    )
    return not any(rows[0].values())


def test_without_a_key_nothing_is_written(client: TestClient, sample_store: Store) -> None:
    book = {"title": "Nobody's Book", "links": ["War"]}
    for headers in (None, {"Authorization": "Bearer wrong"}):
        answer = post(client, SAVE, headers, b=book)
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    removal = 'mutation { removeBook(title: "Dune") { title } }'
    assert post(client, removal).status_code == 403
    titles = "MATCH (b:Book) WHERE b.title IN ['Dune', \"Nobody's Book\"] RETURN b.title AS t"
    assert sample_store.read(titles) == [{"t": "Dune"}]


def test_a_book_is_added_found_changed_and_removed(client: TestClient, sample_store: Store) -> None:
    before = sample_store.read("MATCH (l:Link) RETURN count(l) AS n, sum(l.num_books) AS m")
    links = links_of(sample_store, "Dracula")
    book = {"title": "Dracula Again", "links": [*links, "A thing of its own"], "authors": ["Me"]}
    saved = post(client, SAVE, KEY, b={**book, "genres": ["Horror", "Novel"]}).json()["data"]
    found = saved["saveBook"]
    assert (found["isNew"], found["isPlaced"]) == (True, True)
    assert found["book"]["author"] == "Me"
    assert found["book"]["numLinks"] == len(links) + 1
    assert found["book"]["similarBooks"]["nodes"][0]["title"] == "Dracula"
    assert counts_are_right(sample_store)

    again = post(client, SAVE, KEY, b={"title": "Dracula Again", "links": ["Emma"], "genres": []})
    found = again.json()["data"]["saveBook"]
    assert found["isNew"] is False
    # What was not given stayed, what was given empty is gone.
    assert (found["book"]["author"], found["book"]["genres"]) == ("Me", None)
    assert [link["name"] for link in found["book"]["links"]["nodes"]] == ["emma"]
    assert counts_are_right(sample_store)

    removal = "mutation($t: String!) { removeBook(title: $t) { title } }"
    assert post(client, removal, KEY, t="Dracula Again").json()["data"]
    error = post(client, removal, KEY, t="Dracula Again").json()["errors"][0]
    assert error["extensions"]["code"] == "BOOK_NOT_FOUND"
    after = sample_store.read("MATCH (l:Link) RETURN count(l) AS n, sum(l.num_books) AS m")
    assert after == before


def test_a_book_without_known_links_has_no_vector(client: TestClient, sample_store: Store) -> None:
    book = {"title": "Alone", "links": ["Nothing that anybody mentions"]}
    found = post(client, SAVE, KEY, b=book).json()["data"]["saveBook"]
    assert found["isPlaced"] is False
    assert found["book"]["similarBooks"]["nodes"] == []
    remove_book(sample_store, "Alone")
    with pytest.raises(BookNotFoundError):
        remove_book(sample_store, "Alone")


def test_fold_in_comes_near_to_what_training_found(sample_store: Store) -> None:
    rows = sample_store.read(
        "MATCH (b:Book) WHERE b.num_links >= 10 RETURN b.embedding AS own, "
        "COLLECT { MATCH (b)-[:LINKS_TO]->(l) RETURN [l.embedding, l.num_books] } AS links"
    )
    cosines = []
    for row in rows:
        vectors = np.array([vector for vector, _ in row["links"]])
        placed = fold_in(vectors, np.array([float(num) for _, num in row["links"]]))
        own = np.array(row["own"])
        cosines.append(placed @ own / np.linalg.norm(placed) / np.linalg.norm(own))
    assert np.median(cosines) > 0.8, f"median cosine {np.median(cosines):.3f}"


def test_an_edit_makes_the_nodes_that_an_ingest_makes(store: Store, tmp_path: Path) -> None:
    links = ["Image:X.jpg", ":Category: Novels", "Caf%C3%A9_Noir", "cafe\u0301 noir", "emma#Plot"]
    source = tmp_path / "books.ndjson"
    records = [["Emma", {}, [], [], "2026", 1], ["One", {}, links, [], "2026", 1]]
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    ingest_files([source], store, options=CleaningOptions(min_links=1))
    everything = (
        "MATCH (b:Book)-[e:LINKS_TO]->(l:Link) RETURN b.title AS book, e.count AS count, "
        "l.name AS name, l.title AS title, l.kind AS kind, l.num_books AS num, "
        "COLLECT { MATCH (l)-[:REFERS_TO]->(o) RETURN o.title } AS refers ORDER BY name"
    )
    ingested = store.read(everything)
    assert [row["name"] for row in ingested] == [
        *("café noir", "category:novels", "emma", "file:x.jpg"),
    ]
    remove_book(store, "One")
    save_book(store, BookEdit("\u200eOne_ ", links))
    assert store.read(everything) == ingested
    with pytest.raises(UsageError, match="Template:Infobox book"):
        save_book(store, BookEdit("One", ["Template:Infobox book"]))
    assert store.read(everything) == ingested
    assert remove_book(store, "one") == "One"


def edge_rows(store: Store) -> set[tuple[int, int, int]]:
    edges = read_edges(store).edges
    return {
        *zip(edges.book_rows.tolist(), edges.link_rows.tolist(), edges.counts.tolist(), strict=True)
    }


def test_a_load_restores_what_its_file_says(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "books.ndjson"
    source.write_text(
        '["One",{"name":"One"},["A","B"],[],"2026-01-01T00:00:00Z",1]\n'
        '["Two",{"name":"Two"},["A","C"],[],"2026-01-01T00:00:00Z",1]\n'
    )
    options = CleaningOptions(min_links=1)
    ingest_files([source], store, options=options)
    before = edge_rows(store)
    save_book(store, BookEdit("One", ["C", "D"]))
    save_book(store, BookEdit("Three", ["D"]))
    report = ingest_files([source], store, options=options)
    assert report.loaded.num_removed == 1
    assert edge_rows(store) == before
    assert counts_are_right(store)
