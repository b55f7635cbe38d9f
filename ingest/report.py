"""The report of an ingest: what each cleaning step saw and did, and what came out.

Plain values and their rendering as JSON; no counting is done here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bookgraph.ingest.read.ndjson import BadRecord

_EXAMPLES_PER_REASON = 3


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one named step did.

    Attributes:
        name: the step.
        unit: what it counts: `records`, `books`, `link mentions` or `links`.
        num_in: units that entered the step.
        num_changed: units that it rewrote and kept.
        num_dropped: units that it took out.
        examples: a few of what it changed or dropped.
    """

    name: str
    unit: str
    num_in: int
    num_changed: int = 0
    num_dropped: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphCounts:
    """Size of a cleaned graph.

    Attributes:
        num_links: links that survive.
        num_pairs: (book, link) mentions, repeats counted.
        num_edges: distinct (book, link) pairs.
        num_books_with_link: books with at least one edge.
    """

    num_links: int
    num_pairs: int
    num_edges: int
    num_books_with_link: int


@dataclass(frozen=True, slots=True)
class CleaningReport:
    """What cleaning did, step by step.

    Attributes:
        cleaning: `default` or `reference`.
        min_links: the threshold.
        num_books: books that came out, with or without links.
        counts: what came out.
        folding_only: what folding and lowercasing alone would have given, in the default cleaning:
            the difference to `counts` is what its further steps changed.
        steps: in order.
    """

    cleaning: str
    min_links: int
    num_books: int
    counts: GraphCounts
    folding_only: GraphCounts | None
    steps: tuple[StepReport, ...]


@dataclass(slots=True)
class BadRecordLog:
    """Counts bad records by reason and keeps the first examples of each."""

    num_by_reason: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[BadRecord]] = field(default_factory=dict)

    def add(self, bad: BadRecord) -> None:
        """Count one."""
        self.num_by_reason[bad.reason] += 1
        kept = self.examples.setdefault(bad.reason, [])
        if len(kept) < _EXAMPLES_PER_REASON:
            kept.append(bad)

    def merge(self, other: BadRecordLog) -> None:
        """Count those of another log too."""
        self.num_by_reason.update(other.num_by_reason)
        for reason, examples in other.examples.items():
            kept = self.examples.setdefault(reason, [])
            kept.extend(examples[: _EXAMPLES_PER_REASON - len(kept)])

    @property
    def total(self) -> int:
        """All bad records so far."""
        return self.num_by_reason.total()
