"""A vector for a new book from its links alone, without training again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import UsageError
from bookgraph.core.fold_in import weigh_links
from bookgraph.embed.data.edges import Int64Array, check_pairs
from bookgraph.embed.embeddings import Embeddings


def fold_in(embeddings: Embeddings, pairs: Int64Array, *, num_books: int) -> NDArray[np.float32]:
    """Give new books the direction of their links' mean, in the space of a trained model.

    That is what smoothing gives a book that has no vector of its own yet. A link that many books
    have says less about each of them, and counts less by the root of its popularity.

    Args:
        embeddings: a trained model; not changed.
        pairs: (num_pairs, 2) int64, rows of [new_book_row, link_row], new_book_row in
            [0, num_books), link_row a row of `embeddings.link`; repeats weigh more.
        num_books: how many new books, at least 1.

    Returns:
        (num_books, dim) float32 unit vectors; zero for a book none of whose links is trained.

    Raises:
        ShapeError: `pairs` is not as described.
        UsageError: the model keeps no numbers of books a link, because an older version saved it.
    """
    check_pairs(pairs, num_books=num_books, num_links=len(embeddings.link))
    if embeddings.link_degrees is None:
        raise UsageError(
            "This model keeps no numbers of books a link, so that new books cannot be folded in; "
            "train it again with: bookgraph train"
        )
    weighed = weigh_links(embeddings.link, embeddings.link_degrees)
    sums = np.zeros((num_books, embeddings.dim))
    np.add.at(sums, pairs[:, 0], weighed[pairs[:, 1]])
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    folded: NDArray[np.float32] = np.divide(
        sums, norms, out=np.zeros_like(sums), where=norms > 0
    ).astype(np.float32)
    return folded
