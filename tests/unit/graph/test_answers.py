"""Each query is one statement, with its values as parameters; invalid ones send none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bookgraph.core.errors import BookNotFoundError, DataMissingError, LinkNotFoundError, UsageError
from bookgraph.graph.query import nodes as answers
from bookgraph.graph.query import overview
from bookgraph.graph.query.paths import End, compare_books, find_paths
from bookgraph.graph.query.search import fold, search
from bookgraph.graph.query.selection import NodeList, Page, select
from bookgraph.graph.query.similar import (
    MAX_EXCLUDED,
    MAX_GIVEN,
    SimilarityRequest,
    similar_books,
    similar_links,
)
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.testing.fakes import RecordingStore


def given(*keys: str, label: str = "Book", **others: Any) -> list[dict[str, Any]]:
    known = {"label": label, "is_found": True, "is_placed": True, "version": "v"}
    return [{**known, "key": key, **others} for key in keys]


def near_row(**changes: Any) -> dict[str, Any]:
    return {
        "version": "v",
        "given": given("Dune"),
        "unknown": [],
        "has_direction": True,
        "best": 1.0,
        "seen": [{"score": 0.9, "expected": 0.9}],
        "items": [{"node": {"title": str(n)}, "score": 1 - n / 10} for n in range(3)],
        **changes,
    }


def ask(store: RecordingStore, **request: Any) -> NodeList:
    return similar_books(store, SimilarityRequest(**request), Page(2))  # type: ignore[arg-type]


def test_one_statement_gets_a_page_and_tells_whether_more_follows() -> None:
    store = RecordingStore([[near_row()]])
    found = ask(store, like=["Dune"])
    assert [item["node"]["title"] for item in found.items] == ["0", "1"]
    assert found.has_next
    assert len(store.calls) == 1


def test_liked_and_unliked_weigh_in_the_direction() -> None:
    store = RecordingStore([[near_row(given=given("a", "b", "c", "d"))]])
    ask(store, like=["a", "b"], unlike=["c", "d"])
    weights = [(one["key"], one["weight"]) for one in store.calls[0][1]["given"]]
    assert weights == [("a", 0.5), ("b", 0.5), ("c", -0.25), ("d", -0.25)]


def test_repeats_count_once() -> None:
    store = RecordingStore([[near_row()]])
    ask(store, like=["Dune", "Dune"])
    assert len(store.calls[0][1]["given"]) == 1


def test_names_of_links_are_folded() -> None:
    store = RecordingStore([[near_row(given=given("war", label="Link"))]])
    similar_links(store, SimilarityRequest(like=[" WAR "]), Page(1))  # type: ignore[arg-type]
    assert [one["key"] for one in store.calls[0][1]["given"]] == ["war"]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({}, "0 liked"),
        ({"like": [], "unlike": ["a"]}, "at least 1"),
        ({"like": [str(n) for n in range(MAX_GIVEN + 1)]}, "51 liked"),
        ({"like": ["a"], "unlike": ["a"]}, "'a' is both liked and unliked"),
        ({"like": ["a"], "exclude": ["x"] * (MAX_EXCLUDED + 1)}, "exclude: 201"),
    ],
)
def test_an_invalid_request_sends_no_query(request_: dict[str, Any], says: str) -> None:
    store = RecordingStore()
    with pytest.raises(UsageError, match=says):
        ask(store, **request_)
    assert store.calls == []


def test_a_torn_read_is_retried() -> None:
    torn = near_row(seen=[{"score": 0.9, "expected": 0.2}])
    store = RecordingStore([[torn], [near_row(best=0.7)], [near_row()]])
    assert len(ask(store, like=["Dune"]).items) == 2
    assert len(store.calls) == 3


def test_an_unknown_book_comes_with_the_nearest_titles() -> None:
    row = near_row(given=given("Dunne", is_found=False, is_placed=False, version=None), best=None)
    store = RecordingStore([[row | {"has_direction": None}], [{"name": "Dune", "others": None}]])
    with pytest.raises(BookNotFoundError) as caught:
        ask(store, like=["Dunne"])
    assert caught.value.nearest == ("Dune",)


def test_an_unknown_liked_link_is_a_link_that_is_missing() -> None:
    row = near_row(given=given("wr", label="Link", is_found=False, is_placed=False, version=None))
    store = RecordingStore(
        [[row | {"has_direction": None}], [{"name": "war", "others": ["Warfare"]}]]
    )
    with pytest.raises(LinkNotFoundError, match="'war'"):
        ask(store, like_others=["wr"])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (near_row(version=None, given=given("Dune", version=None), has_direction=None), "train"),
        (
            near_row(given=given("Dune", is_placed=False, version=None), has_direction=None),
            "no vector in the current model",
        ),
    ],
)
def test_missing_vectors_name_the_command(row: dict[str, Any], says: str) -> None:
    with pytest.raises(DataMissingError, match=says):
        ask(RecordingStore([[row]]), like=["Dune"])


def test_lists_count_and_page_in_one_statement() -> None:
    store = RecordingStore([[{"total": 7, "items": [{"node": {}}] * 3}]])
    found = answers.list_books(store, Page(2, 4), select("title"), order="year")  # type: ignore[arg-type]
    assert (found.total, len(found.items), found.has_next) == (7, 2, True)
    assert len(store.calls) == 1
    assert sorted(store.calls[0][1].values()) == [3, 4]


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
    ("settings", "url"),
    [
        ({"enabled": "true", "address": "127.0.0.1:7475"}, "http://127.0.0.1:7475/browser/"),
        ({"enabled": "true", "address": ":7474"}, "http://graph.example:7474/browser/"),
        ({"enabled": "false", "address": "127.0.0.1:7475"}, None),
        ({}, None),
    ],
)
def test_neo4j_browser_is_where_the_database_says(
    settings: dict[str, str], url: str | None
) -> None:
    names = {"enabled": "server.http.enabled", "address": "server.http.advertised_address"}
    rows = [{"name": names[key], "value": value} for key, value in settings.items()]
    store = RecordingStore([rows])
    store.address = "bolt://graph.example:7687"
    assert overview.read_browser_url(store) == url  # type: ignore[arg-type]


def test_neo4j_browser_is_unknown_to_who_may_not_see_the_settings() -> None:
    class Closed(RecordingStore):
        def read(self, statement: str, **_: object) -> list[Any]:
            raise UsageError("not permitted")

    assert overview.read_browser_url(Closed([])) is None  # type: ignore[arg-type]
