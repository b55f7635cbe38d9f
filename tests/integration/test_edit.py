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
from bookgraph.core.errors import BookNotFoundError, EditRefusedError
from bookgraph.graph.query.overview import count_facets
from bookgraph.graph.read.edges import read_edges
from bookgraph.graph.store import Store
from bookgraph.graph.write.edit import remove_book, save_book, save_books
from bookgraph.graph.write.place import fold_in
from bookgraph.graph.write.wanted import BookEdit
from bookgraph.ingest import CleaningOptions, ingest_files
from bookgraph.testing.recount import wrong_counts

KEY = {"Authorization": "Bearer writer"}
SAVE = (
    "mutation($b: BookInput!, $id: String) { saveBook(input: $b, clientMutationId: $id) { "
    "isNew isPlaced clientMutationId userErrors { message code field } book { title author genres "
    "numLinks similarBooks(first: 3) { nodes { title } } links { nodes { name } } } } }"
)
SAVE_SOME = (
    'mutation($b: [BookInput!]!) { saveBooks(inputs: $b, clientMutationId: "7") { '
    "clientMutationId userErrors { code field } results { isNew isPlaced "
    "userErrors { message code field } book { title numLinks } } } }"
)
REMOVE = (
    'mutation($t: String!) { removeBook(title: $t, clientMutationId: "7") { title '
    "clientMutationId userErrors { message code field } } }"
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


def test_without_a_key_nothing_is_written(client: TestClient, sample_store: Store) -> None:
    book = {"title": "Nobody's Book", "links": ["War"]}
    for headers in (None, {"Authorization": "Bearer wrong"}):
        answer = post(client, SAVE, headers, b=book)
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    removal = 'mutation { removeBook(title: "Dune") { title } }'
    assert post(client, removal).status_code == 403
    assert post(client, SAVE_SOME, b=[book]).status_code == 403
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
    assert wrong_counts(sample_store) == []

    again = post(client, SAVE, KEY, b={"title": "Dracula Again", "links": ["Emma"], "genres": []})
    found = again.json()["data"]["saveBook"]
    assert found["isNew"] is False
    # What was not given stayed, what was given empty is gone.
    assert (found["book"]["author"], found["book"]["genres"]) == ("Me", None)
    assert [link["name"] for link in found["book"]["links"]["nodes"]] == ["emma"]
    assert wrong_counts(sample_store) == []

    removed = post(client, REMOVE, KEY, t="Dracula Again").json()["data"]["removeBook"]
    assert removed == {"title": "Dracula Again", "clientMutationId": "7", "userErrors": []}
    answer = post(client, REMOVE, KEY, t="Dracula Again")
    assert answer.status_code == 200
    again = answer.json()["data"]["removeBook"]
    assert (again["title"], again["clientMutationId"]) == (None, "7")
    (error,) = again["userErrors"]
    assert (error["code"], error["field"]) == ("BOOK_NOT_FOUND", ["title"])
    assert "Similar titles: 'Dracula'" in error["message"]
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


def vector_of(store: Store, title: str) -> list[float]:
    rows = store.read("MATCH (b:Book {title: $t}) RETURN b.embedding AS v", t=title)
    vector: list[float] = rows[0]["v"]
    return vector


def test_links_that_are_left_out_stay_and_so_does_the_vector(
    client: TestClient, sample_store: Store
) -> None:
    links, vector = links_of(sample_store, "Emma"), vector_of(sample_store, "Emma")
    emma: list[dict[str, Any]] = [{"year": 1816}, {"links": None, "pages": 500}, {"links": links}]
    for book in emma:
        saved = post(client, SAVE, KEY, b={"title": "Emma", **book}).json()["data"]["saveBook"]
        assert (saved["isNew"], saved["isPlaced"], saved["userErrors"]) == (False, True, [])
        assert saved["book"]["numLinks"] == len(links)
    assert links_of(sample_store, "Emma") == links
    assert vector_of(sample_store, "Emma") == vector
    nothing: list[dict[str, Any]] = [{}, {"links": []}]
    for book in nothing:
        given = {"title": "Without links", **book}
        saved = post(client, SAVE, KEY, b=given).json()["data"]["saveBook"]
        assert (saved["isPlaced"], saved["book"]["numLinks"]) == (False, 0)
    changed = [*links, "Dracula"]
    save_book(sample_store, BookEdit("Emma", changed))
    assert vector_of(sample_store, "Emma") != vector
    save_book(sample_store, BookEdit("Emma", links))
    remove_book(sample_store, "Without links")
    assert wrong_counts(sample_store) == []


def test_what_a_client_can_correct_is_in_the_payload(
    client: TestClient, sample_store: Store
) -> None:
    book = {"title": "Refused", "links": ["War", "x" * 9_000], "pages": -1, "authors": ["", "Me"]}
    answer = post(client, SAVE, KEY, b=book, id="mine")
    assert answer.status_code == 200
    assert "errors" not in answer.json()
    saved = answer.json()["data"]["saveBook"]
    assert (saved["book"], saved["isNew"], saved["clientMutationId"]) == (None, None, "mine")
    assert [(error["code"], error["field"]) for error in saved["userErrors"]] == [
        ("BLANK", ["input", "authors", "0"]),
        ("OUT_OF_RANGE", ["input", "pages"]),
        ("TOO_LONG", ["input", "links", "1"]),
    ]
    assert saved["userErrors"][1]["message"] == (
        "pages: -1 is out of range. Give a number from 1 to 99999."
    )
    assert sample_store.read("MATCH (b:Book {title: 'Refused'}) RETURN b") == []


def test_of_several_books_the_good_ones_are_saved(client: TestClient, sample_store: Store) -> None:
    books = [
        {"title": "First of three", "links": ["War", "Only here"]},
        {"title": " ", "links": ["Only there"]},
        {"title": "Third of three", "links": ["war"]},
        {"title": "first_of three", "links": []},
        {"title": "First of three"},
    ]
    data = post(client, SAVE_SOME, KEY, b=books).json()["data"]["saveBooks"]
    assert data["clientMutationId"] == "7"
    assert data["userErrors"] == [{"code": "BLANK", "field": ["inputs", "1", "title"]}]
    results = data["results"]
    assert [one["isNew"] for one in results] == [True, None, True, True, False]
    assert results[1]["book"] is None
    assert results[1]["userErrors"][0]["field"] == ["inputs", "1", "title"]
    assert results[0]["book"] == {"title": "First of three", "numLinks": 2}
    assert wrong_counts(sample_store) == []
    for title in ("First of three", "Third of three", "first of three"):
        remove_book(sample_store, title)
    assert sample_store.read("MATCH (l:Link {name: 'only here'}) RETURN l") == []

    data = post(client, SAVE_SOME, KEY, b=[{"title": "x"}] * 101).json()["data"]["saveBooks"]
    assert data["results"] is None
    assert data["userErrors"] == [{"code": "TOO_MANY", "field": ["inputs"]}]
    assert post(client, SAVE_SOME, KEY, b=[]).json()["data"]["saveBooks"]["results"] == []


def test_a_book_that_is_removed_meanwhile_is_null(
    client: TestClient, sample_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_then_lose(store: Store, edits: list[BookEdit]) -> Any:
        reports = save_books(store, edits)
        remove_book(store, edits[0].title)
        return reports

    monkeypatch.setattr("bookgraph.api.schema.mutation.save_books", save_then_lose)
    answer = post(client, SAVE, KEY, b={"title": "Lost", "links": ["War"]}).json()
    assert "errors" not in answer
    assert answer["data"]["saveBook"]["book"] is None
    assert answer["data"]["saveBook"]["isNew"] is True
    assert wrong_counts(sample_store) == []


@pytest.mark.parametrize(
    "written",
    [
        "Les Misérables",
        "les misérables",
        "Les_Mise\u0301rables",
        " \u200eLes  Misérables ",
        "Les%20Mis%C3%A9rables",
        "The Miserable Ones",
        "the_miserable ones",
    ],
)
def test_a_book_is_removed_by_any_name_that_finds_it(
    client: TestClient, sample_store: Store, written: str
) -> None:
    title = "Les Misérables"
    if not sample_store.read("MATCH (b:Book {title: $t}) RETURN b", t=title):
        save_book(sample_store, BookEdit(title, ["War"]))
    sample_store.run(
        "MATCH (b:Book {title: $t}) SET b.redirects = ['The Miserable Ones', 'Mizerables']", t=title
    )
    found = post(client, "query($t: String!) { book(title: $t) { title } }", t=written)
    assert found.json()["data"]["book"]["title"] == title
    removed = post(client, REMOVE, KEY, t=written).json()["data"]["removeBook"]
    assert removed == {"title": title, "clientMutationId": "7", "userErrors": []}
    assert sample_store.read("MATCH (b:Book {title: $t}) RETURN b", t=title) == []


def test_a_facet_counts_a_book_once(client: TestClient, sample_store: Store) -> None:
    book = {"title": "Twice", "genres": ["Unheard of", "unheard of", "Unheard Of"]}
    saved = post(client, SAVE, KEY, b=book).json()["data"]["saveBook"]
    assert saved["book"]["genres"] == ["Unheard of"]
    # A graph of an earlier version may have repeats.
    sample_store.run("MATCH (b:Book {title: 'Twice'}) SET b.genres = ['Unheard of', 'Unheard of']")
    assert ("Unheard of", 1) in count_facets(sample_store, "genre", first=500).values
    remove_book(sample_store, "Twice")


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
    with pytest.raises(EditRefusedError, match="Template:Infobox book"):
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
    assert wrong_counts(store) == []


def test_external_links_that_no_book_cites_any_more_are_removed(
    store: Store, tmp_path: Path
) -> None:
    source = tmp_path / "books.ndjson"
    source.write_text(
        '["One",{},["A"],["http://both.org","http://one.org"],"2026-01-01T00:00:00Z",1]\n'
        '["Two",{},["A"],["http://both.org"],"2026-01-01T00:00:00Z",1]\n'
    )
    ingest_files([source], store, options=CleaningOptions(min_links=1))
    save_book(store, BookEdit("One", ["B"]))
    cited = "MATCH (u:ExternalLink) RETURN u.url AS url, u.num_books AS num ORDER BY url"
    assert len(store.read(cited)) == 2
    remove_book(store, "One")
    assert store.read(cited) == [{"url": "http://both.org", "num": 1}]
    assert wrong_counts(store) == []


def test_each_edit_has_a_number_and_loads_raise_it_too(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookgraph.graph.write.edit.NUM_KEPT_EDITS", 3)
    source = tmp_path / "books.ndjson"
    source.write_text('["One",{},["A"],[],"2026-01-01T00:00:00Z",1]\n')
    options = CleaningOptions(min_links=1)

    def revision() -> int:
        found: int = store.read("MATCH (d:Dataset) RETURN d.revision AS r")[0]["r"]
        return found

    ingest_files([source], store, options=options)
    first = revision()
    assert first > 0
    save_book(store, BookEdit("Two", ["A"]))
    save_book(store, BookEdit("Two", ["A"]))  # changes nothing
    ingest_files([source], store, options=options, keep_others=True)
    assert revision() > first + 2
    remove_book(store, "Two")
    edits = "MATCH (e:Edit) RETURN e.number AS number, e.kind AS kind, e.title AS title, e.at AS at"
    saved, removed = sorted(store.read(edits), key=lambda row: row["number"])
    assert (saved["number"], saved["kind"], saved["title"]) == (first + 1, "SAVED", "Two")
    assert (removed["number"], removed["kind"]) == (revision(), "REMOVED")
    assert removed["at"] > saved["at"]
    for place in range(4):
        save_book(store, BookEdit(f"Book {place}"))
    kept = sorted(row["title"] for row in store.read(edits))
    assert kept == ["Book 1", "Book 2", "Book 3"]
