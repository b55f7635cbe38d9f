"""Compares two models: how far they agree on which books are near to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.schema import BOOK
from bookgraph.graph.vectors.models import Reading, read_table
from bookgraph.graph.vectors.table import VectorTable, Wanted

_MOST_COMPARED = 2_000
_NUM_NAMED = 10


@dataclass(frozen=True, slots=True)
class ChangedBook:
    """A book whose nearest books differ.

    Attributes:
        title: the book.
        share: share of its nearest books that both models have.
    """

    title: str
    share: float


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Two models side by side.

    Attributes:
        versions: the two.
        num_books: books with a vector in both.
        num_only: books with a vector in the first only, and in the second only.
        num_compared: books whose nearest ones were compared; all of them, or a sample.
        k: number of nearest books of each.
        share: mean share of the k nearest books that both models have, in [0, 1].
        most_changed: books with the smallest share.
    """

    versions: tuple[str, str]
    num_books: int
    num_only: tuple[int, int]
    num_compared: int
    k: int
    share: float
    most_changed: Sequence[ChangedBook]


def compare_models(
    store: Reading, versions: tuple[str, str], *, k: int = 10, seed: int = 0
) -> ModelComparison:
    """Compare two models that the graph holds.

    Args:
        store: the graph.
        versions: the two.
        k: nearest books of each book.
        seed: of the sample, where there are more than 2,000 books in both.

    Raises:
        DataMissingError: the graph does not hold one of them, or they have no two books in common.
    """
    tables = [read_table(store, BOOK, version) for version in versions]
    keys = [{*table.keys} for table in tables]
    both = sorted(keys[0] & keys[1])
    if len(both) < 2:  # noqa: PLR2004  # a book has no near one
        raise DataMissingError("The two models have no two books in common.")
    chosen = both
    if len(both) > _MOST_COMPARED:
        rows = np.random.default_rng(seed).choice(len(both), _MOST_COMPARED, replace=False)
        chosen = [both[row] for row in sorted(rows)]
    nearest = [_nearest(table, chosen, {*both}, k) for table in tables]
    shares = [
        len(one & other) / max(1, min(k, len(both) - 1))
        for one, other in zip(*nearest, strict=True)
    ]
    changed = sorted(zip(shares, chosen, strict=True))[:_NUM_NAMED]
    return ModelComparison(
        versions=versions,
        num_books=len(both),
        num_only=(len(keys[0]) - len(both), len(keys[1]) - len(both)),
        num_compared=len(chosen),
        k=k,
        share=float(np.mean(shares)),
        most_changed=[ChangedBook(title, share) for share, title in changed],
    )


def _nearest(table: VectorTable, titles: Sequence[str], among: set[str], k: int) -> list[set[str]]:
    others = [row for row, key in enumerate(table.keys) if key not in among]
    rows = [int(row) for row in table.rows_of(titles)]
    wanted = [Wanted(table.unit(row), k, hidden=[row, *others]) for row in rows]
    return [{table.keys[int(row)] for row in found.rows} for found in table.rank(wanted, "cosine")]
