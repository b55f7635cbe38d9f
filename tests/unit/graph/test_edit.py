"""The vector of a new book, counted by hand; what an edit refuses before it touches anything."""

from __future__ import annotations

import numpy as np
import pytest

from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.graph.write.edit import MAX_LINKS, BookEdit, fold_in, save_book
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
        (BookEdit("  ", []), "title: 0 characters"),
        (BookEdit("x" * 256, []), "title: 256 characters"),
        (BookEdit("x", ["a"] * (MAX_LINKS + 1)), "links: 5001 were given"),
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
    edit = BookEdit(" A  title ", ["Leo_Tolstoy", "leo tolstoy", " ", "Category:Novels"])
    report = save_book(store, edit)  # type: ignore[arg-type]
    assert not report.is_new
    assert not report.is_placed
    _, (_, saved), (_, counted), *_ = store.calls
    assert saved["title"] == "A title"
    assert saved["links"] == [
        {"name": "leo tolstoy", "title": "Leo Tolstoy", "kind": "article", "count": 2},
        {"name": "category:novels", "title": "Category:Novels", "kind": "category", "count": 1},
    ]
    assert counted["names"] == ["category:novels", "leo tolstoy", "old"]
