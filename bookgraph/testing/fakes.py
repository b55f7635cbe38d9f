"""Stores that remember the statements they receive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bookgraph.core.errors import StoreUnreachableError
from bookgraph.core.processes import wait_until
from bookgraph.graph.vectors.models import Models


class RecordingStore:
    """Remembers every statement with its parameters and gives the next prepared answer."""

    address = "bolt://recorded"
    pin = None
    lease = None

    def __init__(self, answers: Sequence[list[Any]] = ()) -> None:
        self.models = Models()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers = iter(answers)

    def run(self, statement: str, **parameters: object) -> list[Any]:
        self.calls.append((" ".join(statement.split()), parameters))
        return next(self._answers, [])

    read = run

    def read_all(self, statement: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        return iter(self.run(statement, **parameters))

    def write(self, work: Callable[[RecordingStore], Any]) -> Any:
        return work(self)

    write_schema = write

    def pinned(self) -> RecordingStore:
        return self


class FailingStore(RecordingStore):
    """Raises what it is given."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def read(self, statement: str, **parameters: object) -> list[Any]:
        raise self._error


class ChangingStore(RecordingStore):
    """A graph whose state the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.state: dict[str, Any] | None = {
            "loaded_at": "1",
            "is_complete": True,
            "model": "a",
            "num_books": 3,
            "revision": 0,
        }
        self.edits: list[dict[str, str]] = []

    def read(self, statement: str, **parameters: object) -> list[Any]:
        self.calls.append((statement, parameters))
        if self.state is None:
            raise StoreUnreachableError("gone")
        if "e:Edit" in statement:
            return list(self.edits)
        return [dict(self.state)]

    def change(self, **state: Any) -> None:
        """Set it after the feed has read the present one."""
        self.wait_for_polls()
        self.state = {**(self.state or {}), **state}

    def wait_for_polls(self) -> None:
        """Wait until a poll that starts from now on has ended."""
        seen = len(self.calls)
        assert wait_until(lambda: len(self.calls) >= seen + 2, timeout_s=10)


class CountingStore:
    """A real store whose reading statements are remembered."""

    def __init__(self, store: Any, statements: list[str] | None = None) -> None:
        self._store = store
        self.address, self.models, self.pin = store.address, store.models, store.pin
        self.statements: list[str] = [] if statements is None else statements

    def read(self, statement: str, **parameters: object) -> list[Any]:
        self.statements.append(statement)
        rows: list[Any] = self._store.read(statement, **parameters)
        return rows

    run = read

    def read_all(self, statement: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        self.statements.append(statement)
        rows: Iterator[tuple[Any, ...]] = self._store.read_all(statement, **parameters)
        return rows

    def pinned(self) -> CountingStore:
        return CountingStore(self._store.pinned(), self.statements)
