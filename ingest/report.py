"""What an ingest reports: bad records, what each cleaning step did, and what came out.

Plain values; nothing here reads or cleans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

_EXAMPLES_PER_REASON = 3


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that could not be read.

    Attributes:
        source: its file.
        position: its line number from 1 in NDJSON, its page number from 1 in a dump.
        reason: why, as a short phrase, the same for all records with this fault.
        example: the beginning of the offending text.
    """

    source: str
    position: int
    reason: str
    example: str


class SkippedPage(NamedTuple):
    """A page that names the infobox and is no book.

    Attributes:
        position: its number from 1 within what was read.
        reason: a phrase that is the same for all such pages.
        title: of the page, or another text that tells which it is.
        is_bad: whether something is wrong with it; otherwise a rule leaves it out.
    """

    position: int
    reason: str
    title: str
    is_bad: bool = True


OnBadRecord = Callable[[BadRecord], None]


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one named step did.

    Attributes:
        name: the step.
        unit: what it counts: `records`, `books`, `link mentions` or `links`.
        num_in: units that entered the step.
        num_changed: units that it rewrote and kept.
        num_dropped: units that it dropped.
        examples: a few that it changed or dropped.
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
        num_pairs: mentions: each time that a book mentions a link.
        num_edges: distinct (book, link), however often the book mentions the link.
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
        folding_only: what folding and lowercasing alone would have given, in the default cleaning;
            the difference to `counts` comes from its further steps.
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
        """Count a bad record."""
        self.num_by_reason[bad.reason] += 1
        kept = self.examples.setdefault(bad.reason, [])
        if len(kept) < _EXAMPLES_PER_REASON:
            kept.append(bad)

    def merge(self, other: BadRecordLog) -> None:
        """Add the counts and examples of another log."""
        self.num_by_reason.update(other.num_by_reason)
        for reason, examples in other.examples.items():
            kept = self.examples.setdefault(reason, [])
            kept.extend(examples[: _EXAMPLES_PER_REASON - len(kept)])

    @property
    def total(self) -> int:
        """All bad records so far."""
        return self.num_by_reason.total()
