"""A store that records statements and answers from a list; nothing of Neo4j is imitated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any


class RecordingStore:
    """Remembers every statement with its parameters and gives the next prepared answer."""

    address = "bolt://recorded"

    def __init__(self, answers: Sequence[list[Any]] = ()) -> None:
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
