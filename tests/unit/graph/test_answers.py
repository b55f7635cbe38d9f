"""Each query is one statement, with its values as parameters; invalid ones send none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bookgraph.core.errors import UsageError
from bookgraph.graph.query import nodes as answers
from bookgraph.graph.query import overview
from bookgraph.graph.query.paths import End, compare_books, find_paths
from bookgraph.graph.query.search import fold, search
from bookgraph.graph.query.selection import NodeList, Page, Position, select
from bookgraph.graph.query.similar import (
    MAX_EXCLUDED,
    MAX_GIVEN,
    SimilarityRequest,
    similar_books,
)
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.testing.fakes import RecordingStore

BOLT = "bolt://graph.example:7687"


def ask(store: RecordingStore, **request: Any) -> NodeList:
    return similar_books(store, SimilarityRequest(**request), Page(2))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({}, "0 liked"),
        ({"like": [], "unlike": ["a"]}, "at least 1"),
        ({"like": [str(n) for n in range(MAX_GIVEN + 1)]}, "51 liked"),
        ({"like": ["a"], "exclude": ["x"] * (MAX_EXCLUDED + 1)}, "exclude: 201"),
    ],
)
def test_an_invalid_request_sends_no_query(request_: dict[str, Any], says: str) -> None:
    store = RecordingStore()
    with pytest.raises(UsageError, match=says):
        ask(store, **request_)
    assert store.calls == []


def test_lists_count_and_page_in_one_statement() -> None:
    store = RecordingStore([[{"total": 7, "items": [{"node": {}}] * 3}]])
    page = Page(2, after=Position("year", (1869, "War and Peace")))
    found = answers.list_books(store, page, select("title"), order="year")  # type: ignore[arg-type]
    assert (found.total, len(found.items), found.has_more) == (7, 2, True)
    assert len(store.calls) == 1
    assert {*store.calls[0][1].values()} == {3, 1869, "War and Peace"}


@pytest.mark.parametrize(
    "place",
    [
        Position("title", ("War and Peace",)),
        Position("year_descending", (1869, "War and Peace")),
        Position("year", (1869,)),
        Position("similar", (0.5, "War and Peace"), "v"),
    ],
)
def test_a_cursor_of_another_order_is_refused(place: Position) -> None:
    with pytest.raises(UsageError, match="before: this cursor is of another list"):
        answers.list_books(RecordingStore(), Page(2, before=place), (), order="year")  # type: ignore[arg-type]


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(UsageError, match="order: 'size' does not exist; use one of name"):
        answers.list_links(RecordingStore(), Page(1), (), order="size")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Les  Misérables ", "les miserables"),
        ("ÅÇÉ", "ace"),
        ("", ""),
        ("Война", "воина"),
        ("Ơ ạ x\u0304", "o a x"),
        ("か\u3099", "か\u3099"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(
    ("text", "stem"),
    [("Dracula (novel)", "dracula"), ("The Hobbit", "hobbit"), ("(novel)", "(novel)"), ("a", "a")],
)
def test_asides_and_articles_do_not_matter_to_a_search(text: str, stem: str) -> None:
    store = RecordingStore([[{"items": []}]])
    search(store, text, first=3, book=(), link=())  # type: ignore[arg-type]
    assert store.calls[0][1]["stem"] == stem


def test_an_empty_text_sends_no_query() -> None:
    store = RecordingStore()
    assert search(store, " ", first=3, book=(), link=()).items == []  # type: ignore[arg-type]
    assert store.calls == []


@pytest.mark.parametrize(
    "query",
    [
        lambda store: search(store, "x" * 301, first=1, book=(), link=()),
        lambda store: search(store, "x", first=51, book=(), link=()),
        lambda store: overview.count_facets(store, "colour", first=1),
        lambda store: overview.count_facets(store, "genre", first=501),
        lambda store: find_paths(
            store, (End(BOOK, "a"), End(BOOK, "a")), first=1, book=(), link=()
        ),
        lambda store: find_paths(
            store, (End(BOOK, "a"), End(LINK, "A")), first=21, book=(), link=()
        ),
        lambda store: compare_books(store, ("a", "b"), first=101, book=(), link=()),
    ],
)
def test_out_of_bounds_sends_no_query(query: Callable[[RecordingStore], object]) -> None:
    store = RecordingStore()
    with pytest.raises(UsageError):
        query(store)
    assert store.calls == []


def test_a_map_reads_only_its_columns() -> None:
    model = {"tsne_seed": 5, "tsne_kept_share_books": 0.5, "umap_seed": 7}
    answer = [{"points": [["A", 1.0], ["B", 2.0]], "num_unplaced": 3, "model": model}]
    store = RecordingStore([answer, answer])
    found = overview.read_map(store, BOOK, ["x", "title"])  # type: ignore[arg-type]
    assert (found.layout, found.seed, found.kept_share) == ("tsne", 5, 0.5)
    assert found.layouts == ["tsne", "umap"]
    assert found.columns == {"title": ["A", "B"], "x": [1.0, 2.0]}
    assert (found.num_points, found.num_unplaced) == (2, 3)
    second = overview.read_map(store, BOOK, ["x", "title"], layout="umap")  # type: ignore[arg-type]
    assert second.columns == found.columns
    assert (second.seed, second.kept_share) == (7, None)
    with pytest.raises(ValueError, match="nothing"):
        overview.read_map(store, BOOK, ["nothing"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bolt", "settings", "url"),
    [
        (BOLT, {"enabled": "true", "address": "127.0.0.1:7475"}, "http://127.0.0.1:7475/browser/"),
        (BOLT, {"enabled": "true", "address": ":7474"}, "http://graph.example:7474/browser/"),
        (
            "bolt://[::1]:7687",
            {"enabled": "true", "address": ":7474"},
            "http://[::1]:7474/browser/",
        ),
        (BOLT, {"enabled": "false", "address": "127.0.0.1:7475"}, None),
        (BOLT, {}, None),
    ],
)
def test_neo4j_browser_is_where_the_database_says(
    bolt: str, settings: dict[str, str], url: str | None
) -> None:
    names = {"enabled": "server.http.enabled", "address": "server.http.advertised_address"}
    rows = [{"name": names[key], "value": value} for key, value in settings.items()]
    store = RecordingStore([rows])
    store.address = bolt
    assert overview.read_browser_url(store) == url  # type: ignore[arg-type]


def test_neo4j_browser_is_unknown_to_who_may_not_see_the_settings() -> None:
    class Closed(RecordingStore):
        def read(self, statement: str, **_: object) -> list[Any]:
            raise UsageError("not permitted")

    assert overview.read_browser_url(Closed([])) is None  # type: ignore[arg-type]
