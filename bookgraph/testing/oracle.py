"""What a server may answer while its graph is edited, loaded and given new models.

Plain Python over what clients sent and what was acknowledged; it asks no server. A reader gives the
times at which its request began and ended, and is told what is wrong with the response.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_ERROR = 1e-6
_MODEL_DELAY_S = 60.0
"""How long the model before may answer while a server reads the new one, on a loaded machine."""

Links = frozenset[str] | None
"""Names of the links of a book; None if there is no such book."""


@dataclass
class _Change:
    value: Any
    sent_s: float
    done_s: float = float("inf")


class History:
    """One thing that changes over time, by one writer."""

    def __init__(self, value: Any) -> None:
        self._changes = [_Change(value, float("-inf"), float("-inf"))]

    def begin(self, value: Any) -> None:
        """A change is about to be sent."""
        self._changes.append(_Change(value, time.monotonic()))

    def end(self) -> None:
        """The last change was acknowledged."""
        self._changes[-1].done_s = time.monotonic()

    def possible(self, start_s: float, end_s: float, *, delay_s: float = 0.0) -> list[Any]:
        """The values that a read between two times may find.

        Args:
            start_s: when the read began, by `time.monotonic`.
            end_s: when it ended.
            delay_s: how long after a change readers may still find the value before it.
        """
        changes = list(self._changes)
        known = [place for place, one in enumerate(changes) if one.done_s + delay_s <= start_s]
        return [
            one.value
            for place, one in enumerate(changes)
            if place >= known[-1] and one.sent_s <= end_s
        ]


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it was written.

    Attributes:
        rows: title to row.
        unit: (num_books, dim) float64, the vectors with length 1.
    """

    rows: Mapping[str, int]
    unit: NDArray[np.float64]

    @classmethod
    def of(cls, titles: Sequence[str], vectors: NDArray[np.float32]) -> Model:
        """From titles and their vectors."""
        exact = vectors.astype(np.float64)
        unit = exact / np.linalg.norm(exact, axis=1, keepdims=True)
        return cls({title: row for row, title in enumerate(titles)}, unit)

    def cosines(self, title: str) -> NDArray[np.float64]:
        """(num_books,), of one book with each."""
        found: NDArray[np.float64] = self.unit @ self.unit[self.rows[title]]
        return found


@dataclass
class Oracle:
    """Everything that was sent.

    Attributes:
        books: title to the history of its links.
        models: version to the model.
        current: the history of the current model's version.
    """

    books: dict[str, History] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    current: History = field(default_factory=lambda: History(None))

    def check_book(
        self, title: str, data: Mapping[str, Any], start_s: float, end_s: float
    ) -> list[str]:
        """The response to `book(title)` with its links."""
        book = data["book"]
        found: Links = None
        if book is not None:
            names = [node["name"] for node in book["links"]["nodes"]]
            found = frozenset(names)
            counts = {len(names), book["links"]["totalCount"], book["numLinks"]}
            if len(counts) != 1:
                return [f"{title}: the counts of its links are {sorted(counts)}"]
        possible = self.books[title].possible(start_s, end_s)
        if found in possible:
            return []
        shown = [None if one is None else sorted(one) for one in possible]
        return [f"{title} has the links {found and sorted(found)}, which is none of {shown}"]

    def check_similar(
        self, title: str, data: Mapping[str, Any], start_s: float, end_s: float, *, num: int
    ) -> list[str]:
        """The response to `similarBooks(like: [title], first: num)`."""
        answer = data["similarBooks"]
        version = answer["modelVersion"]
        problems = self._check_version(version, start_s, end_s)
        if problems:
            return problems
        model = self.models[version]
        cosines = model.cosines(title)
        edges = [(edge["node"]["title"], edge["score"]) for edge in answer["edges"]]
        titles = [one for one, _ in edges]
        scores = [score for _, score in edges]
        if len(edges) != num or len({*titles, title}) != num + 1:
            problems.append(f"similar to {title}: {titles}, not {num} other books")
        if scores != sorted(scores, reverse=True):
            problems.append(f"similar to {title}: scores in disorder: {scores}")
        for one, score in edges:
            if one in model.rows:
                if abs(cosines[model.rows[one]] - score) > _MAX_ERROR:
                    right = cosines[model.rows[one]]
                    problems.append(f"{version}: {title} and {one}: {score}, not {right}")
            elif all(value is None for value in self._possible(one, start_s, end_s)):
                problems.append(f"similar to {title}: {one}, which does not exist")
        cosines[model.rows[title]] = -2
        for row in np.flatnonzero(cosines > scores[-1] + _MAX_ERROR):
            if (missing := [*model.rows][row]) not in titles:
                problems.append(f"{version}: similar to {title}: {missing} is missing")
        return problems

    def check_compared(
        self, pair: tuple[str, str], data: Mapping[str, Any], start_s: float, end_s: float
    ) -> list[str]:
        """The response to `compare(a, b)`."""
        answer = data["compare"]
        version = answer["modelVersion"]
        problems = self._check_version(version, start_s, end_s)
        if problems:
            return problems
        model = self.models[version]
        right = model.cosines(pair[0])[model.rows[pair[1]]]
        if abs(right - answer["score"]) > _MAX_ERROR:
            return [f"{version}: {pair[0]} and {pair[1]}: {answer['score']}, not {right}"]
        return []

    def _possible(self, title: str, start_s: float, end_s: float) -> list[Any]:
        history = self.books.get(title)
        return history.possible(start_s, end_s) if history else [None]

    def _check_version(self, version: str, start_s: float, end_s: float) -> list[str]:
        possible = self.current.possible(start_s, end_s, delay_s=_MODEL_DELAY_S)
        return [] if version in possible else [f"model {version}, which is none of {possible}"]
