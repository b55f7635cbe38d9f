"""Which book mentions which link, as two integer arrays. Pure counting.

Texts are interned once, so that every count, threshold and comparison over a set of books is one
numpy expression instead of a dictionary of strings.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.ingest.report import GraphCounts

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

DROPPED = -1
"""The name row of a target that a step dropped."""


@dataclass(frozen=True, slots=True)
class Incidence:
    """Mentions as integers: book `book_rows[i]` mentions `targets[target_rows[i]]`.

    Attributes:
        targets: distinct targets as the records have them, in the order of their first mention.
        target_rows: (num_mentions,) int64, in `[0, len(targets))`.
        book_rows: (num_mentions,) int64, ascending; repeats are kept.
    """

    targets: list[str]
    target_rows: Ints
    book_rows: Ints

    def mentions_per_target(self) -> Ints:
        """(len(targets),) int64: how often each target is mentioned, repeats counted."""
        return np.bincount(self.target_rows, minlength=len(self.targets))


@dataclass(frozen=True, slots=True)
class Edges:
    """Distinct (book, name), sorted by book and then by the book's first mention.

    Attributes:
        book_rows: (num_edges,) int64.
        name_rows: (num_edges,) int64, rows of the vocabulary.
        num_mentions: (num_edges,) int64, how often the book mentions the name.
    """

    book_rows: Ints
    name_rows: Ints
    num_mentions: Ints

    def counts(self) -> GraphCounts:
        """Their numbers, for the report."""
        return GraphCounts(
            num_links=int(np.unique(self.name_rows).size),
            num_pairs=int(self.num_mentions.sum()),
            num_edges=int(self.name_rows.size),
            num_books_with_link=int(np.unique(self.book_rows).size),
        )


def build_incidence(mentions: Iterable[Sequence[str]]) -> Incidence:
    """Intern the targets that each book mentions.

    Args:
        mentions: one sequence a book, repeats kept; book rows are its positions.
    """
    rows: dict[str, int] = {}
    target_rows = array("q")
    book_rows = array("q")
    for book_row, targets in enumerate(mentions):
        target_rows.extend(rows.setdefault(target, len(rows)) for target in targets)
        book_rows.extend([book_row] * len(targets))
    return Incidence(
        list(rows), np.array(target_rows, dtype=np.int64), np.array(book_rows, dtype=np.int64)
    )


def number_names(names: Sequence[str | None]) -> tuple[list[str], Ints]:
    """Number the distinct names.

    Args:
        names: one for each target; None where a step dropped it.

    Returns:
        The vocabulary, sorted, and (len(names),) int64 with each target's row in it or `DROPPED`.
    """
    vocabulary = sorted({name for name in names if name is not None})
    rows = {name: row for row, name in enumerate(vocabulary)}
    return vocabulary, np.array(
        [DROPPED if name is None else rows[name] for name in names], dtype=np.int64
    )


def count_books(incidence: Incidence, name_rows: Ints, num_names: int, *, by_target: bool) -> Ints:
    """Count the books that mention each name.

    Args:
        incidence: who mentions which target.
        name_rows: (num_targets,) the name of each target, or `DROPPED`.
        num_names: size of the vocabulary.
        by_target: count each target of a book once instead of each name: what the reference did,
            which lowercased only after it had counted.

    Returns:
        (num_names,) int64.
    """
    names = name_rows[incidence.target_rows]
    is_named = names != DROPPED
    keys = (incidence.target_rows if by_target else names)[is_named]
    num_keys = max(len(incidence.targets), num_names, 1)
    _, first = np.unique(incidence.book_rows[is_named] * num_keys + keys, return_index=True)
    return np.bincount(names[is_named][first], minlength=num_names)


def select_edges(incidence: Incidence, name_rows: Ints, is_kept: Mask) -> Edges:
    """The edges to the names that are kept.

    Args:
        incidence: who mentions which target.
        name_rows: (num_targets,) the name of each target, or `DROPPED`.
        is_kept: (num_names,) bool.
    """
    names = name_rows[incidence.target_rows]
    # The appended False is the value for `DROPPED`, which is index -1.
    mask = np.append(is_kept, np.False_)[names]
    num_names = max(len(is_kept), 1)
    keys = incidence.book_rows[mask] * num_names + names[mask]
    distinct, first, num_mentions = np.unique(keys, return_index=True, return_counts=True)
    in_order = np.argsort(first)
    book_rows, kept_rows = np.divmod(distinct[in_order], num_names)
    return Edges(book_rows, kept_rows, num_mentions[in_order])
