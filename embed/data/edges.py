"""Pairs of book and link rows in numpy: checks, distinct edges with counts, split, fingerprint.

Pure functions on arrays; torch and the graph store stay outside.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import ShapeError, TrainingError, UsageError

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EdgeList:
    """The distinct edges of a bipartite graph, sorted by book, then link.

    Attributes:
        edges: (num_edges, 2) int64, rows of [book_row, link_row], distinct.
        counts: (num_edges,) int64, times each edge stood in the pairs, at least 1.
        num_books: rows of the book table; books without an edge are allowed.
        num_links: rows of the link table; links without an edge are allowed.
    """

    edges: Int64Array
    counts: Int64Array
    num_books: int
    num_links: int

    @property
    def num_pairs(self) -> int:
        """Edges with their repeats."""
        return int(self.counts.sum())

    def expand(self) -> Int64Array:
        """(num_pairs, 2) int64: each edge as often as it was counted, in sorted order."""
        return np.repeat(self.edges, self.counts, axis=0)


def check_pairs(pairs: Int64Array, *, num_books: int, num_links: int) -> Int64Array:
    """Check that an array is what every function here calls `pairs`.

    Args:
        pairs: (num_pairs, 2) int64, rows of [book_row, link_row], book_row in [0, num_books) and
            link_row in [0, num_links); repeats allowed. Not changed.
        num_books: rows of the book table.
        num_links: rows of the link table.

    Returns:
        The same array.

    Raises:
        ShapeError: another shape, dtype or range; the message names the first offending row.
    """
    array: object = pairs
    if not isinstance(array, np.ndarray):
        message = (
            f"pairs is a {type(array).__name__}; pass a numpy array of shape (num_pairs, 2) and "
            "dtype int64, for example np.asarray(pairs, dtype=np.int64)."
        )
        raise ShapeError(message)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype != np.int64:  # noqa: PLR2004
        message = (
            f"pairs has shape {array.shape} and dtype {array.dtype}; it has to be (num_pairs, 2) "
            "int64, rows of [book_row, link_row]."
        )
        raise ShapeError(message)
    for column, (noun, num_rows) in enumerate((("book", num_books), ("link", num_links))):
        values = array[:, column]
        is_outside = (values < 0) | (values >= num_rows)
        if is_outside.any():
            at = int(is_outside.argmax())
            message = (
                f"pairs[{at}] names {noun} row {int(values[at])}, outside [0, {num_rows}): "
                f"num_{noun}s is too small, or the rows were not numbered from 0."
            )
            raise ShapeError(message)
    return pairs


def build_edge_list(pairs: Int64Array, *, num_books: int, num_links: int) -> EdgeList:
    """Sort pairs into distinct edges with counts; the order of the pairs does not matter.

    Args:
        pairs: (num_pairs, 2) int64, see `check_pairs`.
        num_books: rows of the book table, at least 1.
        num_links: rows of the link table, at least 1.

    Raises:
        ShapeError: see `check_pairs`.
        TrainingError: there is no pair at all.
    """
    check_pairs(pairs, num_books=num_books, num_links=num_links)
    if len(pairs) == 0:
        message = (
            f"The graph has {num_books} books, {num_links} links and no edge between them, so "
            "there is nothing to learn from. Load books first (bookgraph ingest), or lower "
            "--min-links so that some links stay."
        )
        raise TrainingError(message)
    keys, counts = np.unique(_to_keys(pairs, num_links), return_counts=True)
    return EdgeList(_from_keys(keys, num_links), counts.astype(np.int64), num_books, num_links)


def join_relations(edges: EdgeList, external_pairs: Int64Array, *, num_external: int) -> EdgeList:
    """Count externals on after the links, so that both relations are one graph.

    Args:
        edges: the links; not changed.
        external_pairs: (n, 2) int64, rows of [book_row, external_row], see `check_pairs`.
        num_external: rows of the table of externals.

    Raises:
        ShapeError: see `check_pairs`.
    """
    try:
        check_pairs(external_pairs, num_books=edges.num_books, num_links=num_external)
    except ShapeError as error:
        raise ShapeError(f"external_{error}") from error
    moved = external_pairs + np.array([0, edges.num_links], dtype=np.int64)
    return build_edge_list(
        np.concatenate((edges.expand(), moved)),
        num_books=edges.num_books,
        num_links=edges.num_links + num_external,
    )


def split_edges(
    pairs: Int64Array,
    *,
    num_books: int,
    num_links: int,
    test_share: float = 0.2,
    seed: int = 0,
) -> tuple[Int64Array, Int64Array]:
    """Hold out a share of each book's edges; every book keeps at least one.

    All repeats of an edge go to the same side. A book's number of held-out edges is its expected
    one, rounded up or down at random, so that the share holds over all books.

    Args:
        pairs: (num_pairs, 2) int64, see `check_pairs`.
        num_books: rows of the book table.
        num_links: rows of the link table.
        test_share: share of each book's distinct edges to hold out, in [0, 1).
        seed: one seed gives one split, whatever the order of the pairs.

    Returns:
        Pairs to train on and pairs to test on, both (n, 2) int64, sorted, repeats kept; together
        they are the pairs that came in.

    Raises:
        ShapeError, TrainingError: see `build_edge_list`.
        UsageError: `test_share` is out of its range.
    """
    if not 0.0 <= test_share < 1.0:
        message = f"The share of edges to hold out is {test_share!r}; it has to be in [0, 1)."
        raise UsageError(message)
    train, test = split_edge_list(
        build_edge_list(pairs, num_books=num_books, num_links=num_links),
        test_share=test_share,
        seed=seed,
    )
    return train.expand(), test.expand()


def split_edge_list(edges: EdgeList, *, test_share: float, seed: int) -> tuple[EdgeList, EdgeList]:
    """`split_edges` on distinct edges, for callers that have them already."""
    random = np.random.default_rng(seed)
    books = edges.edges[:, 0]
    degrees = np.bincount(books, minlength=edges.num_books)
    expected = degrees * test_share
    num_held_out = np.floor(expected + random.random(edges.num_books)).astype(np.int64)
    num_held_out = np.minimum(num_held_out, np.maximum(degrees - 1, 0))
    shuffled = np.lexsort((random.random(len(books)), books))
    # Edges are sorted by book, so a book's shuffled edges stand in its own stretch.
    place_in_book = np.arange(len(books)) - (np.cumsum(degrees) - degrees)[books]
    is_test = np.empty(len(books), dtype=np.bool_)
    is_test[shuffled] = place_in_book < num_held_out[books]
    return _select(edges, ~is_test), _select(edges, is_test)


def fingerprint_pairs(pairs: Int64Array, *, num_books: int, num_links: int) -> str:
    """Name the data: a sha256 that is the same for the same edges and counts in any order.

    Args:
        pairs: (num_pairs, 2) int64, see `check_pairs`.
        num_books: rows of the book table.
        num_links: rows of the link table.

    Returns:
        64 hexadecimal digits.

    Raises:
        ShapeError, TrainingError: see `build_edge_list`.
    """
    return fingerprint_edges(build_edge_list(pairs, num_books=num_books, num_links=num_links))


def fingerprint_edges(edges: EdgeList) -> str:
    """`fingerprint_pairs` on distinct edges, for callers that have them already."""
    digest = hashlib.sha256(f"{edges.num_books} {edges.num_links}\n".encode())
    # Little-endian on every machine, so that a fingerprint can travel.
    digest.update(edges.edges.astype("<i8").tobytes())
    digest.update(edges.counts.astype("<i8").tobytes())
    return digest.hexdigest()


def _to_keys(pairs: Int64Array, num_links: int) -> Int64Array:
    return pairs[:, 0] * np.int64(num_links) + pairs[:, 1]


def _from_keys(keys: Int64Array, num_links: int) -> Int64Array:
    return np.stack(np.divmod(keys, np.int64(num_links)), axis=1)


def _select(edges: EdgeList, is_kept: NDArray[np.bool_]) -> EdgeList:
    return EdgeList(edges.edges[is_kept], edges.counts[is_kept], edges.num_books, edges.num_links)
