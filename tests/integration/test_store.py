"""The store on a real database: what a program that uses it sees."""

from __future__ import annotations

import pytest

from bookgraph.graph.store import Store


def test_a_query_on_an_empty_graph_logs_no_warning_of_the_server(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    assert store.read("MATCH (a:Book)-[:REFERS_TO]->(b:NoSuchLabel) RETURN a.title AS title") == []
    assert caplog.records == []
