"""The saved queries for Neo4j Browser run on the sample and return rows."""

from __future__ import annotations

import pytest

from bookgraph.api.http.neo4j_files import read_queries
from bookgraph.graph.query.overview import read_browser_url
from bookgraph.graph.store import Store


@pytest.mark.parametrize("name", sorted(read_queries()))
def test_a_saved_query_returns_rows_without_gaps(sample_store: Store, name: str) -> None:
    rows = sample_store.read(read_queries()[name])
    assert rows
    assert all(value is not None for key, value in rows[0].items() if key != "map_kept_share")


def test_the_saved_query_finds_the_books_that_the_api_finds(sample_store: Store) -> None:
    from bookgraph.graph import nearest_books

    rows = sample_store.read(read_queries()["2-similar-books"])
    near = nearest_books(sample_store, ["War and Peace"], num=10)
    assert [row["title"] for row in rows] == [one.name for one in near]


def test_the_database_reports_where_neo4j_browser_is(sample_store: Store) -> None:
    url = read_browser_url(sample_store)
    assert url is not None
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/browser/")
