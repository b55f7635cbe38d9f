"""From the caller's pairs to an `EdgeList`, and what training does with edges. Only numpy."""

from __future__ import annotations

import numpy as np

from bookgraph.core.edges import EdgeList, Int64Array, count_edges
from bookgraph.core.errors import ShapeError, TrainingError, UsageError


def check_pairs(
    pairs: Int64Array, *, num_books: int, num_links: int, name: str = "pairs"
) -> Int64Array:
    """Check the shape, dtype and range of a `pairs` array.

    Args:
        pairs: (num_pairs, 2) int64, rows of [book_row, link_row], book_row in [0, num_books) and
            link_row in [0, num_links); repeats allowed. Not changed.
        num_books: rows of the book table.
        num_links: rows of the link table.
        name: of the argument, for messages.

    Returns:
        The same array.

    Raises:
        ShapeError: another shape, dtype or range; the message names the first offending row.
    """
    array: object = pairs
    if not isinstance(array, np.ndarray):
        raise ShapeError(
            f"{name} is a {type(array).__name__}. Pass a numpy array of shape (num_pairs, 2) and "
            f"dtype int64, for example np.asarray({name}, dtype=np.int64)."
        )
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype != np.int64:  # noqa: PLR2004
        raise ShapeError(
            f"{name} has shape {array.shape} and dtype {array.dtype}. Pass shape (num_pairs, 2) "
            "and dtype int64, rows of [book_row, link_row]."
        )
    for column, (noun, num_rows) in enumerate((("book", num_books), ("link", num_links))):
        values = array[:, column]
        is_outside = (values < 0) | (values >= num_rows)
        if is_outside.any():
            at = int(is_outside.argmax())
            raise ShapeError(
                f"{name}[{at}] has {noun} row {int(values[at])}, outside [0, {num_rows}). Number "
                f"the rows from 0, or pass a larger number of {noun}s."
            )
    return pairs


def build_edge_list(
    pairs: Int64Array, *, num_books: int, num_links: int, name: str = "pairs"
) -> EdgeList:
    """Turn pairs into edges with counts; the order of the pairs does not matter.

    Args:
        pairs: (num_pairs, 2) int64, see `check_pairs`.
        num_books: rows of the book table, at least 1.
        num_links: rows of the link table, at least 1.
        name: of the argument, for messages.

    Raises:
        ShapeError: see `check_pairs`.
    """
    check_pairs(pairs, num_books=num_books, num_links=num_links, name=name)
    return count_edges(pairs[:, 0], pairs[:, 1], num_books=num_books, num_links=num_links)


def build_pairs(edges: EdgeList) -> Int64Array:
    """(num_pairs, 2) int64: each edge once for each mention, in sorted order."""
    return np.stack((edges.book_rows, edges.link_rows), axis=1).repeat(edges.counts, axis=0)


def check_not_empty(edges: EdgeList) -> None:
    """Refuse a graph that has nothing to learn from.

    Raises:
        TrainingError: there is no edge.
    """
    if len(edges) == 0:
        raise TrainingError(
            f"The graph has {edges.num_books} books, {edges.num_links} links and no edges. Load "
            "books first (bookgraph ingest), or lower --min-links to keep more links."
        )


def join_relations(edges: EdgeList, external: EdgeList) -> EdgeList:
    """Number external links after links, so that both relations are one graph.

    Args:
        edges: between books and links; not changed.
        external: between the same books and external links; not changed.
    """
    return count_edges(
        np.concatenate((edges.book_rows, external.book_rows)),
        np.concatenate((edges.link_rows, external.link_rows + edges.num_links)),
        counts=np.concatenate((edges.counts, external.counts)),
        num_books=edges.num_books,
        num_links=edges.num_links + external.num_links,
    )


def split_edge_list(edges: EdgeList, *, test_share: float, seed: int) -> tuple[EdgeList, EdgeList]:
    """Hold out a share of each book's edges; every book keeps at least one.

    A book's number of held-out edges is the expected one, rounded up or down at random, so that
    the share holds over all books. All mentions of an edge go to one side.

    Args:
        edges: not changed.
        test_share: share of each book's edges to hold out, in [0, 1).
        seed: one seed gives one split.

    Returns:
        Edges to train on and held-out edges, over the same tables.

    Raises:
        UsageError: `test_share` is out of its range.
    """
    if not 0.0 <= test_share < 1.0:
        raise UsageError(
            f"The share of edges to hold out is {test_share!r}. Use a number from 0 to below 1."
        )
    random = np.random.default_rng(seed)
    books = edges.book_rows
    degrees = np.bincount(books, minlength=edges.num_books)
    expected = degrees * test_share
    num_held_out = np.floor(expected + random.random(edges.num_books)).astype(np.int64)
    num_held_out = np.minimum(num_held_out, np.maximum(degrees - 1, 0))
    shuffled = np.lexsort((random.random(len(books)), books))
    # Edges are sorted by book, so a book's shuffled edges keep the book's positions.
    position_in_book = np.arange(len(books)) - (np.cumsum(degrees) - degrees)[books]
    is_test = np.empty(len(books), dtype=np.bool_)
    is_test[shuffled] = position_in_book < num_held_out[books]
    return edges.select(~is_test), edges.select(is_test)
