"""Odd texts as title, author, link and field of a book, through the API: saved as an ingest saves
them, or refused with a reason, and never an error of the server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from bookgraph.api import build_app
from bookgraph.api.options import ServerOptions
from bookgraph.graph.store import Store
from bookgraph.graph.write.edit import remove_book, save_book
from bookgraph.graph.write.wanted import BookEdit
from bookgraph.ingest import CleaningOptions, ingest_files
from bookgraph.testing.recount import wrong_counts

KEY = {"Authorization": "Bearer writer"}
SAVE = (
    "mutation($b: BookInput!) { saveBook(input: $b) { isNew userErrors { message code field } "
    "book { title authors genres numLinks links { nodes { name title kind } } } } }"
)
REMOVE = "mutation($t: String!) { removeBook(title: $t) { title userErrors { code field } } }"
CODES = {"BLANK", "TOO_LONG", "INVALID"}

ODD = {
    "empty": "",
    "spaces": " \t\n ",
    "no-break space": "\xa0",
    "underscores": "___",
    "nul": "\x00",
    "nul inside": "a\x00b",
    "controls": "\x01\x1b\x7f\x9f",
    "zero width": "\u200b\u2060\ufeff",
    "zero width inside": "Du\u200bne\ufeff",
    "soft hyphen": "Du\xadne",
    "directions": "\u202eenuD\u202c",
    "line separators": "a\u2028b\u2029c\x85d",
    "joiners": "می\u200cشود 👩\u200d👧",
    "lone surrogate": "a\ud800",
    "half a pair": "\udc00x",
    "surrogates in the wrong order": "\udc00\ud800",
    "not a character": "\ufffe\uffff",
    "replacement": "\ufffd",
    "private use": "\ue000",
    "last character": "\U0010ffff",
    "emoji": "📚 Books",
    "composed": "é",
    "decomposed": "e\u0301",
    "only a mark": "\u0301",
    "many marks": "Z" + "\u0301" * 100,
    "dotted I": "İstanbul",
    "sharp s": "ß",
    "Greek sigma": "ΟΔΥΣΣΕΥΣ",
    "ligature": "ﬁn",
    "right to left": "אלף לילה",
    "Chinese": "紅樓夢",
    "digits": "1984",
    "255 bytes": "x" * 255,
    "256 bytes": "x" * 256,
    "many bytes": "ж" * 128,
    "9,000 characters": "x" * 9_000,
    "9,000 in a namespace": "Category:" + "x" * 9_000,
    "many words": "word " * 3_000,
    "percent codes": "Caf%C3%A9",
    "percent codes twice": "%2541",
    "percent nul": "%00",
    "percent surrogate": "%ED%A0%80",
    "percent": "100%",
    "section": "#Plot",
    "colon": ":",
    "many colons": ":" * 300,
    "namespace only": "Category:",
    "template": "Template:Infobox book",
    "interwiki": "wikt:dune",
    "quotes": "'\"`",
    "Cypher": "'}) DETACH DELETE n //",
    "Lucene": '+-&&||!(){}[]^"~*?:\\/',
    "Lucene words": "AND OR NOT TO",
    "slashes": "a/b\\c",
    "wikitext": "[[Dune|''Dune'']]",
    "HTML": "<script>alert(1)</script>",
    "dollar": "$title",
    "null": "null",
    "no value": "n/a",
    "dots": "...",
}


@pytest.fixture(scope="module")
def client(module_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    source = tmp_path_factory.mktemp("books") / "books.ndjson"
    source.write_text('["Base",{},["One"],[],"2026-01-01T00:00:00Z",1]\n')
    ingest_files([source], module_store, options=CleaningOptions(min_links=1))
    with TestClient(build_app(module_store, ServerOptions(write_keys=("writer",)))) as client:
        yield client


def post(client: TestClient, query: str, **variables: Any) -> Any:
    # With escapes, so that lone surrogates arrive.
    body = json.dumps({"query": query, "variables": variables})
    answer = client.post(
        "/graphql", content=body, headers={**KEY, "Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert "errors" not in found, found["errors"]
    (data,) = found["data"].values()
    return data


def saves_or_refuses(client: TestClient, book: dict[str, Any], where: list[str]) -> Any:
    """The saved book; None if the text at `where` was refused, which has to be all that is."""
    data = post(client, SAVE, b=book)
    if data["book"] is not None:
        assert data["userErrors"] == []
        return data["book"]
    (error,) = data["userErrors"]
    assert (error["field"], error["code"] in CODES) == (["input", *where], True)
    assert error["message"].startswith(f"{where[0]}: ")
    assert len(error["message"]) < 600
    return None


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_an_odd_title_is_saved_found_and_removed_or_refused(
    client: TestClient, module_store: Store, text: str
) -> None:
    saved = saves_or_refuses(client, {"title": text, "links": ["One"]}, ["title"])
    removed = post(client, REMOVE, t=text)
    if saved is None:
        assert removed["title"] is None
        assert removed["userErrors"][0]["field"] == ["title"]
    else:
        assert removed == {"title": saved["title"], "userErrors": []}
    assert wrong_counts(module_store) == []


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_an_odd_link_is_saved_or_refused(
    client: TestClient, module_store: Store, text: str
) -> None:
    saved = saves_or_refuses(client, {"title": "Linking", "links": ["One", text]}, ["links", "1"])
    if saved is not None:
        (link,) = [one for one in saved["links"]["nodes"] if one["name"] != "one"]
        found = post(client, "query($n: String!) { link(name: $n) { name } }", n=text)
        assert found["name"] == link["name"]
    assert wrong_counts(module_store) == []


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("name", ["authors", "genres", "countries", "languages", "publishers"])
def test_an_odd_value_is_saved_or_refused(client: TestClient, text: str, name: str) -> None:
    saved = saves_or_refuses(client, {"title": "Valued", name: ["Fine", text]}, [name, "1"])
    if saved is not None and name in saved:
        assert 1 <= len(saved[name]) <= 2
        assert saved[name][0] == "Fine"


def test_an_edit_keeps_what_an_ingest_keeps(
    client: TestClient, module_store: Store, tmp_path: Path
) -> None:
    """All odd links at once, but those that records cannot hold."""
    texts = [text for text in ODD.values() if not any("\ud800" <= one <= "\udfff" for one in text)]
    records = [["Base", {}, ["One"], [], "2026", 1], ["Odd", {}, texts, [], "2026", 1]]
    source = tmp_path / "odd.ndjson"
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    ingest_files([source], module_store, options=CleaningOptions(min_links=1))
    everything = (
        "MATCH (:Book {title: 'Odd'})-[e:LINKS_TO]->(l) RETURN l.name AS name, l.title AS title, "
        "l.kind AS kind, e.count AS count, l.num_books AS num ORDER BY name"
    )
    ingested = module_store.read(everything)
    assert len(ingested) > 30
    remove_book(module_store, "Odd")
    kept = []
    for text in texts:
        data = post(client, SAVE, b={"title": "Probe", "links": [text]})
        if data["book"] is not None:
            kept.append(text)
    remove_book(module_store, "Probe")
    save_book(module_store, BookEdit("Odd", kept))
    assert module_store.read(everything) == ingested
    remove_book(module_store, "Odd")


anything = st.text(st.characters(exclude_categories=()), max_size=300)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(title=anything, author=anything, link=anything)
def test_no_text_is_an_error_of_the_server(
    client: TestClient, module_store: Store, title: str, author: str, link: str
) -> None:
    data = post(client, SAVE, b={"title": title, "authors": [author], "links": [link]})
    assert (data["book"] is None) == bool(data["userErrors"])
    removed = post(client, REMOVE, t=title)
    if data["book"] is not None:
        assert removed["title"] == data["book"]["title"]
    assert wrong_counts(module_store) == []


def test_numbers_out_of_range_are_the_clients_errors(client: TestClient) -> None:
    for number in (-(2**31), -10_000, 0, 100_000, 2**31 - 1):
        for name in ("year", "pages"):
            data = post(client, SAVE, b={"title": "Numbered", name: number})
            assert [error["code"] for error in data["userErrors"]] == ["OUT_OF_RANGE"]
            assert data["userErrors"][0]["field"] == ["input", name]
    data = post(client, SAVE, b={"title": "Numbered", "year": -800, "pages": 99_999})
    assert data["userErrors"] == []
