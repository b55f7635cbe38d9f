"""The vector of a new book, counted by hand; what an edit refuses before it touches anything."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.core.types import BookRecord
from bookgraph.graph.store import Store
from bookgraph.graph.write.edit import MAX_LINKS, BookEdit, fold_in, save_book
from bookgraph.ingest import CleaningOptions, clean_books
from bookgraph.testing.fakes import RecordingStore


def test_one_link_gives_its_own_vector() -> None:
    vector = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(fold_in(vector, np.array([7.0])), [3, 4])


def test_rare_links_weigh_more() -> None:
    # Unit vectors e1 and e2, weighed 1/2 and 1; length is the mean of 2 and 4.
    found = fold_in(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([4.0, 1.0]))
    np.testing.assert_allclose(found, 3 * np.array([0.5, 1.0]) / np.hypot(0.5, 1))


def test_links_that_cancel_out_still_place_the_book() -> None:
    found = fold_in(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(found, [1, 0])


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (BookEdit("  ", []), r"title: '  ' is blank\. Change it"),
        (BookEdit("x" * 256, []), "title: 'x{80}' is longer than 255 bytes"),
        (BookEdit("ж" * 128, []), "is longer than 255 bytes"),
        (BookEdit("Template:Infobox book", []), "'Template:Infobox book' is a page of a namespace"),
        (BookEdit("x", ["a"] * (MAX_LINKS + 1)), "links: 5,001 were given; give at most 5,000"),
        (
            BookEdit("x", ["a", "#Plot", "Template:Infobox book"]),
            "links: 2 of 3 cannot be saved: '#Plot' names no page; 'Template:Infobox book' is a",
        ),
    ],
)
def test_impossible_edits_touch_nothing(edit: BookEdit, says: str) -> None:
    store = RecordingStore()
    with pytest.raises(UsageError, match=says):
        save_book(store, edit)  # type: ignore[arg-type]
    assert store.calls == []


def test_nothing_is_added_to_a_database_that_was_not_loaded() -> None:
    store = RecordingStore([[{"is_known": False, "is_loaded": False, "names": []}]])
    with pytest.raises(DataMissingError, match="bookgraph ingest"):
        save_book(store, BookEdit("x", ["a"]))  # type: ignore[arg-type]
    assert len(store.calls) == 1


def test_links_are_folded_and_counted_once() -> None:
    known = {"is_known": True, "is_loaded": True, "names": ["old"]}
    store = RecordingStore([[known]])
    links = ["Leo_Tolstoy", "leo tolstoy#Life", " ", ":Category: Novels", "Image:X.jpg"]
    edit = BookEdit(" A  title ", links)
    report = save_book(store, edit)  # type: ignore[arg-type]
    assert not report.is_new
    assert not report.is_placed
    _, (_, saved), (_, counted), *_ = store.calls
    assert saved["title"] == "A title"
    kinds = {"leo tolstoy": "article", "category:novels": "category", "file:x.jpg": "file"}
    assert [(row["name"], row["title"], row["count"]) for row in saved["links"]] == [
        ("leo tolstoy", "Leo Tolstoy", 2),
        ("category:novels", "Category:Novels", 1),
        ("file:x.jpg", "File:X.jpg", 1),
    ]
    assert {row["name"]: row["kind"] for row in saved["links"]} == kinds
    assert counted["names"] == ["category:novels", "file:x.jpg", "leo tolstoy", "old"]


_PIECES = st.sampled_from([*" _:#%aAé", "Image:", "category", "%20", "e\u0301", "\u200e", "Talk:"])


@given(st.text() | st.lists(_PIECES, max_size=8).map("".join))
def test_an_edit_and_an_ingest_make_the_same_link_of_a_text(text: str) -> None:
    known = {"is_known": False, "is_loaded": True, "names": []}
    store = RecordingStore([[known]])
    record = BookRecord("A", {}, (text,), (), edited_at="", length=0)
    options = CleaningOptions(min_links=1, too_common=frozenset())
    ingested = [(link.name, link.title, link.kind) for link in clean_books([record], options).links]
    try:
        save_book(cast("Store", store), BookEdit("A", [text]))
    except UsageError:
        assert ingested == []
        return
    saved = store.calls[1][1]["links"]
    assert [(row["name"], row["title"], row["kind"]) for row in saved] == ingested
