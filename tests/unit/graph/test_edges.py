"""Edges are read from the graph as sorted rows with counts; equal graphs give equal edges."""

from __future__ import annotations

import pytest

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.read.edges import read_citations, read_edges
from bookgraph.graph.read.labels import read_book_labels
from bookgraph.testing.fakes import RecordingStore

ROWS = [
    ("Emma", [["novel", 1], ["irony", 2]]),
    ("Dune", [["novel", 1]]),
    ("Lonely", []),
]


def test_edges_are_rows_of_sorted_titles_and_names() -> None:
    graph = read_edges(RecordingStore([ROWS]))
    assert graph.book_titles == ("Dune", "Emma", "Lonely")
    assert graph.link_names == ("irony", "novel")
    assert graph.edges.book_rows.tolist() == [0, 1, 1]
    assert graph.edges.link_rows.tolist() == [1, 0, 1]
    assert graph.edges.counts.tolist() == [1, 2, 1]
    assert (graph.edges.num_books, graph.edges.num_links) == (3, 2)


def test_the_order_of_the_database_does_not_matter() -> None:
    shuffled = [(title, edges[::-1]) for title, edges in ROWS[::-1]]
    one, two = (read_edges(RecordingStore([rows])) for rows in (ROWS, shuffled))
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
    one, two = (read_edges(RecordingStore([rows])) for rows in (ROWS, other))
    assert one.fingerprint() != two.fingerprint()


def test_an_empty_graph_names_the_command() -> None:
    with pytest.raises(DataMissingError, match="bookgraph ingest"):
        read_edges(RecordingStore([[("Lonely", [])]]))


def test_labels_follow_the_order_of_the_titles() -> None:
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


def test_citations_keep_the_book_rows_and_count_mentions() -> None:
    store = RecordingStore(
        [[("Emma", [["http://b", 2], ["http://a", 1]]), ("Gone", [["http://c", 1]])]]
    )
    citations = read_citations(store, ["Dune", "Emma"])
    assert citations.urls == ("http://a", "http://b")
    assert citations.edges.book_rows.tolist() == [1, 1]
    assert citations.edges.link_rows.tolist() == [0, 1]
    assert citations.edges.counts.tolist() == [1, 2]


def test_a_graph_without_citations_names_the_option() -> None:
    with pytest.raises(DataMissingError, match="--relations links"):
        read_citations(RecordingStore([[("Emma", [])]]), ["Emma"])
