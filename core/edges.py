"""The edges of a bipartite graph, as `graph` reads them and `embed` trains on them. Only numpy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EdgeList:
    """Distinct edges with their mentions, sorted by book row, then link row.

    Attributes:
        book_rows: (num_edges,) int64, in [0, num_books), ascending.
        link_rows: (num_edges,) int64, in [0, num_links), ascending within a book.
        counts: (num_edges,) int64, mentions of each edge, at least 1.
        num_books: rows of the book table; books without an edge are allowed.
        num_links: rows of the link table; links without an edge are allowed.
    """

    book_rows: Int64Array
    link_rows: Int64Array
    counts: Int64Array
    num_books: int
    num_links: int

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def num_mentions(self) -> int:
        """Mentions of all edges."""
        return int(self.counts.sum())

    def count_links(self) -> Int64Array:
        """(num_links,) int64: mentions of each link."""
        sums = np.bincount(self.link_rows, weights=self.counts, minlength=self.num_links)
        return sums.astype(np.int64)

    def select(self, is_kept: NDArray[np.bool_]) -> EdgeList:
        """Some of the edges, over the same tables.

        Args:
            is_kept: (num_edges,) bool.
        """
        return EdgeList(
            self.book_rows[is_kept],
            self.link_rows[is_kept],
            self.counts[is_kept],
            self.num_books,
            self.num_links,
        )

    def fingerprint(self, *names: Sequence[str]) -> str:
        """The sha256 of the edges: equal for equal edges and counts, on any machine.

        Args:
            names: what the rows stand for, such as titles; part of the digest.

        Returns:
            64 hexadecimal digits.
        """
        digest = hashlib.sha256(f"{self.num_books} {self.num_links}\n".encode())
        # Little-endian on every machine, so that a fingerprint can travel.
        digest.update(np.stack((self.book_rows, self.link_rows), axis=1).astype("<i8").tobytes())
        digest.update(self.counts.astype("<i8").tobytes())
        for some in names:
            digest.update("\n".join(some).encode() + b"\0")
        return digest.hexdigest()


def count_edges(
    book_rows: Int64Array,
    link_rows: Int64Array,
    *,
    counts: Int64Array | None = None,
    num_books: int,
    num_links: int,
) -> EdgeList:
    """Sort edges and add up repeats.

    Args:
        book_rows: (n,) int64, in [0, num_books), in any order.
        link_rows: (n,) int64, in [0, num_links).
        counts: (n,) int64, mentions of each; 1 each where None.
        num_books: rows of the book table.
        num_links: rows of the link table.
    """
    keys = book_rows * np.int64(num_links) + link_rows
    if counts is None:
        distinct, sums = np.unique(keys, return_counts=True)
    else:
        distinct, places = np.unique(keys, return_inverse=True)
        sums = np.bincount(places, weights=counts, minlength=len(distinct))
    books, links = np.divmod(distinct, np.int64(num_links))
    return EdgeList(books, links, sums.astype(np.int64), num_books, num_links)
