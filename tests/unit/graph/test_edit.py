"""The vector of a new book, counted by hand; which statements an edit runs."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.core.errors import DataMissingError, EditRefusedError
from bookgraph.core.types import BookRecord
from bookgraph.graph.store import Store
from bookgraph.graph.write.edit import EditReport, remove_book, save_book, save_books
from bookgraph.graph.write.place import fold_in
from bookgraph.graph.write.wanted import BookEdit
from bookgraph.ingest import CleaningOptions, clean_books
from bookgraph.testing.fakes import RecordingStore

NEW = {"is_known": False, "is_placed": False, "values": [], "links": []}
KNOWN = {"is_known": True, "is_placed": True, "values": [], "links": [["a", 1]]}


def recorded(*answers: dict[str, Any]) -> tuple[RecordingStore, Store]:
    """A store that gives a revision, then some answers; and the same as the type of a real one."""
    store = RecordingStore(
        [[{"revision": 7, "is_complete": True}], *([answer] for answer in answers)]
    )
    return store, cast("Store", store)


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


def test_what_is_refused_touches_nothing() -> None:
    recording, store = recorded()
    with pytest.raises(EditRefusedError, match="'#Plot' names no page"):
        save_book(store, BookEdit("x", ["a", "#Plot"]))
    with pytest.raises(EditRefusedError, match="is blank"):
        remove_book(store, " ")
    assert recording.calls == []


def test_nothing_is_added_to_a_database_that_was_not_loaded() -> None:
    store = RecordingStore()
    with pytest.raises(DataMissingError, match="bookgraph ingest"):
        save_book(cast("Store", store), BookEdit("x", ["a"]))
    with pytest.raises(DataMissingError, match="bookgraph ingest"):
        remove_book(cast("Store", store), "x")
    assert len(store.calls) == 2


def test_an_edit_locks_the_graph_before_it_reads_anything() -> None:
    for change in (
        lambda store: save_book(store, BookEdit("x", ["a"])),
        lambda store: save_books(store, [BookEdit("x", ["a"])]),
    ):
        recording, store = recorded(NEW)
        change(store)
        assert recording.calls[0][0].startswith("MATCH (data:Dataset {name: 'bookgraph'}) SET")
    recording, store = recorded({"title": "X"}, {"names": [], "urls": []})
    assert remove_book(store, "x") == "X"
    assert "SET data.revision" in recording.calls[0][0]


def test_links_are_counted_once_and_recounted_with_the_old_ones() -> None:
    recording, store = recorded({**KNOWN, "links": [["old", 1]]})
    links = ["Leo_Tolstoy", "leo tolstoy#Life", ":Category: Novels"]
    report = save_book(store, BookEdit(" A  title ", links))
    assert report == EditReport("A title", is_new=False, is_placed=False)
    linked = next(call for text, call in recording.calls if "CREATE (book)-[:LINKS_TO" in text)
    assert [(row["name"], row["count"]) for row in linked["links"]] == [
        ("category:novels", 1),
        ("leo tolstoy", 2),
    ]
    counted = next(call for text, call in recording.calls if text.startswith("UNWIND $names"))
    assert counted["names"] == ["category:novels", "leo tolstoy", "old"]


@pytest.mark.parametrize("edit", [BookEdit("X"), BookEdit("X", ["A"]), BookEdit("X", None, {})])
def test_an_edit_that_changes_nothing_writes_nothing(edit: BookEdit) -> None:
    recording, store = recorded(KNOWN)
    assert save_book(store, edit) == EditReport("X", is_new=False, is_placed=True)
    assert len(recording.calls) == 2


@pytest.mark.parametrize("edit", [BookEdit("X", None, {"year": 1900}), BookEdit("X", ["A", "a"])])
def test_a_book_whose_links_do_not_change_keeps_its_vector(edit: BookEdit) -> None:
    recording, store = recorded({**KNOWN, "values": [None] * len(edit.fields)})
    assert save_book(store, edit).is_placed
    assert not any("embedding" in text for text, _ in recording.calls[2:])
    assert recording.calls[-2][1]["number"] == 7
    assert recording.calls[-2][1]["kind"] == "SAVED"


_PIECES = st.sampled_from([*" _:#%aAé", "Image:", "category", "%20", "e\u0301", "\u200e", "Talk:"])


@given(st.text() | st.lists(_PIECES, max_size=8).map("".join))
def test_an_edit_and_an_ingest_make_the_same_link_of_a_text(text: str) -> None:
    recording, store = recorded(NEW)
    record = BookRecord("A", {}, (text,), (), edited_at="", length=0)
    options = CleaningOptions(min_links=1, too_common=frozenset())
    ingested = [(link.name, link.title, link.kind) for link in clean_books([record], options).links]
    try:
        save_book(store, BookEdit("A", [text]))
    except EditRefusedError:
        assert ingested == []
        return
    saved = next(call for called, call in recording.calls if "LINKS_TO {count" in called)["links"]
    assert [(row["name"], row["title"], row["kind"]) for row in saved] == ingested
