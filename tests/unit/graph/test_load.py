"""Loading: batches by edges, checksums that change with the book, hosts of URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.core.errors import ForeignDataError
from bookgraph.core.types import BookRow
from bookgraph.graph.write import load
from bookgraph.graph.write.load import GraphRows, load_graph
from bookgraph.testing.fakes import RecordingStore


def book(title: str = "Emma", **changes: object) -> BookRow:
    return BookRow(title, {"year": 1815}, {"novel": 1, "satire": 2}, {"http://x.org": 1})


def test_a_checksum_does_not_depend_on_the_order_of_links() -> None:
    one = BookRow("T", {"a": 1, "b": 2}, {"x": 1, "y": 2}, {"u": 1, "v": 1})
    two = BookRow("T", {"b": 2, "a": 1}, {"y": 2, "x": 1}, {"v": 1, "u": 1})
    assert load.book_checksum(one) == load.book_checksum(two)


@pytest.mark.parametrize(
    "other",
    [
        BookRow("T", {"year": 1816}, {"x": 1}, {"u": 1}),
        BookRow("T", {"year": 1815}, {"x": 2}, {"u": 1}),
        BookRow("T", {"year": 1815}, {"y": 1}, {"u": 1}),
        BookRow("T", {"year": 1815}, {"x": 1}, {}),
        BookRow("T", {"year": 1815}, {"x": 1}, {"u": 2}),
    ],
)
def test_every_change_changes_the_checksum(other: BookRow) -> None:
    assert load.book_checksum(
        BookRow("T", {"year": 1815}, {"x": 1}, {"u": 1})
    ) != load.book_checksum(other)


@given(st.lists(st.integers(0, 60), max_size=60))
def test_batches_keep_every_book_in_order_and_their_size(sizes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(load, "_EDGES_PER_BATCH", 50)
        books = [
            BookRow(f"b{row}", {}, {f"l{link}": 1 for link in range(size)})
            for row, size in enumerate(sizes)
        ]
        batches = list(load._batches_of_edges(books))
    assert [one for batch in batches for one in batch] == books
    for batch in batches[:-1]:
        edges = [1 + len(one.links) for one in batch]
        assert sum(edges) >= 50 > sum(edges[:-1])


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://www.Example.org/a", "example.org"),
        ("//example.org/a", "example.org"),
        ("example.org/a?b#c", "example.org"),
        ("https://user:pw@example.org:8080/", "example.org"),
        ("http://[::1/", None),
    ],
)
def test_the_host_of_a_url(url: str, host: str | None) -> None:
    assert load.url_host(url) == host


def test_a_graph_of_another_program_is_left_alone() -> None:
    store = RecordingStore([[{"is_ours": False, "is_filled": True}]])
    with pytest.raises(ForeignDataError, match="Nothing was changed"):
        load_graph(store, GraphRows([book()], []))
    assert len(store.calls) == 1
