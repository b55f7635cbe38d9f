"""A store's query timeout reaches the driver, whichever way a statement runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import neo4j
import pytest

from bookgraph.graph.store import Store


class FakeDriver:
    """Keeps the timeout of every query and of every transaction."""

    def __init__(self) -> None:
        self.timeouts: list[float | None] = []

    @contextmanager
    def session(self, **_: Any) -> Iterator[FakeDriver]:
        yield self

    def run(self, query: neo4j.Query, parameters: object) -> list[Any]:
        self.timeouts.append(query.timeout)
        return []

    def execute_write(self, work: Any) -> Any:
        self.timeouts.append(work.timeout)


WAYS: list[Callable[[Store], object]] = [
    lambda store: store.run("RETURN 1"),
    lambda store: store.read("RETURN 1"),
    lambda store: list(store.read_all("RETURN 1")),
    lambda store: store.write(lambda transaction: transaction.run("RETURN 1")),
]


@pytest.mark.parametrize("run", WAYS)
def test_a_query_timeout_reaches_the_driver(run: Callable[[Store], object]) -> None:
    driver = FakeDriver()
    store = Store(driver, database="neo4j", address="bolt://db")  # type: ignore[arg-type]
    run(store)
    run(store.with_timeout(2.5))
    assert driver.timeouts == [None, 2.5]
