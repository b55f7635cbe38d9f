"""Edges come out of the graph as sorted rows, repeats kept, equal graphs alike."""

from __future__ import annotations

import pytest

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.read.edges import read_citations, read_pairs
from bookgraph.graph.read.labels import read_book_labels
from bookgraph.testing.fakes import RecordingStore

ROWS = [
    ("Emma", [["novel", 1], ["irony", 2]]),
    ("Dune", [["novel", 1]]),
    ("Lonely", []),
]


def test_pairs_are_rows_of_sorted_titles_and_names() -> None:
    graph = read_pairs(RecordingStore([ROWS]))
    assert graph.book_titles == ("Dune", "Emma", "Lonely")
    assert graph.link_names == ("irony", "novel")
    assert graph.pairs.tolist() == [[0, 1], [1, 0], [1, 0], [1, 1]]
    assert graph.pairs.dtype == "int64"


def test_the_order_of_the_database_does_not_matter() -> None:
    shuffled = [(title, edges[::-1]) for title, edges in ROWS[::-1]]
    one, two = (read_pairs(RecordingStore([rows])) for rows in (ROWS, shuffled))
    assert one.fingerprint() == two.fingerprint()


@pytest.mark.parametrize(
    "other",
    [
        [("Emma", [["novel", 1], ["irony", 1]]), *ROWS[1:]],
        [("Emma 2", ROWS[0][1]), *ROWS[1:]],
        [("Emma", [["novel", 1], ["satire", 2]]), *ROWS[1:]],
        ROWS[:2],
    ],
)
def test_every_change_changes_the_fingerprint(other: list[tuple[str, list[list[object]]]]) -> None:
    one, two = (read_pairs(RecordingStore([rows])) for rows in (ROWS, other))
    assert one.fingerprint() != two.fingerprint()


def test_an_empty_graph_names_the_command() -> None:
    with pytest.raises(DataMissingError, match="bookgraph ingest"):
        read_pairs(RecordingStore([[("Lonely", [])]]))


def test_labels_follow_the_order_that_was_asked() -> None:
    store = RecordingStore(
        [
            [
                ("Emma", ["Jane Austen"], [], "{}"),
                ("Dune", [], ["Novel"], '{"series": " Dune  Saga"}'),
            ]
        ]
    )
    labels = read_book_labels(store, ["Dune", "Emma", "Unknown"])
    assert labels["author"] == [frozenset(), {"Jane Austen"}, frozenset()]
    assert labels["genre"] == [{"Novel"}, frozenset(), frozenset()]
    assert labels["series"] == [{"dune saga"}, frozenset(), frozenset()]


def test_citations_keep_the_book_rows_and_their_repeats() -> None:
    store = RecordingStore(
        [[("Emma", [["http://b", 2], ["http://a", 1]]), ("Gone", [["http://c", 1]])]]
    )
    citations = read_citations(store, ["Dune", "Emma"])
    assert citations.urls == ("http://a", "http://b")
    assert citations.pairs.tolist() == [[1, 0], [1, 1], [1, 1]]


def test_no_citations_name_the_way_out() -> None:
    with pytest.raises(DataMissingError, match="--relations links"):
        read_citations(RecordingStore([[("Emma", [])]]), ["Emma"])
