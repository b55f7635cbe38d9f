"""The one formula of fold-in: a vector for a new book from its links, without training. Only numpy.

Both editing the graph and `embed.fold_in` use it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TINY = np.finfo(np.float32).tiny


def fold_in_directions(
    link_vectors: NDArray[np.floating[Any]],
    popularity: NDArray[np.number[Any]],
    *,
    book_rows: NDArray[np.int64],
    link_rows: NDArray[np.int64],
    num_books: int,
) -> NDArray[np.float64]:
    """Give each book the direction of its links' sum, each link over the root of its popularity.

    Smoothing (LightGCN, He et al. 2020, section 3.1) gives a book without a vector of its own the
    same direction. A link that many books mention says less about each of them.

    Args:
        link_vectors: (num_links, dim), of any length; a vector of zeros contributes nothing.
        popularity: (num_links,), how often each link is mentioned; below 1 counts as 1.
        book_rows: (n,) int64, in [0, num_books).
        link_rows: (n,) int64, in [0, num_links); repeats weigh more.
        num_books: how many new books, at least 1.

    Returns:
        (num_books, dim) unit vectors; zero for a book whose links contribute nothing.
    """
    lengths = np.linalg.norm(link_vectors, axis=1, keepdims=True)
    directions = link_vectors / np.maximum(lengths, _TINY)
    weighed = directions / np.sqrt(np.maximum(popularity, 1))[:, None]
    sums = np.zeros((num_books, link_vectors.shape[1]))
    np.add.at(sums, book_rows, weighed[link_rows])
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)
    return unit


def fold_in_direction(
    link_vectors: NDArray[np.floating[Any]], popularity: NDArray[np.number[Any]]
) -> NDArray[np.float64]:
    """The direction of one new book that mentions each of some links once; (dim,)."""
    rows = np.arange(len(link_vectors))
    (direction,) = fold_in_directions(
        link_vectors, popularity, book_rows=np.zeros_like(rows), link_rows=rows, num_books=1
    )
    found: NDArray[np.float64] = direction
    return found
