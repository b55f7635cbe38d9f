"""Rows that cannot be searched by cosine are refused before anything is sent."""

from __future__ import annotations

import numpy as np
import pytest

from bookgraph.core.errors import ShapeError
from bookgraph.graph.write.vectors import EmbeddingRows


def make(books: np.ndarray, links: np.ndarray | None = None) -> EmbeddingRows:
    return EmbeddingRows(
        version="v",
        book_titles=["a", "b"],
        book_vectors=books,
        link_names=["x"],
        link_vectors=np.ones((1, 3), np.float32) if links is None else links,
        properties={},
    )


def test_rows_that_fit_are_taken() -> None:
    assert make(np.ones((2, 3), np.float32)).book_vectors.shape == (2, 3)


@pytest.mark.parametrize(
    ("books", "says"),
    [
        (np.ones((3, 3), np.float32), r"book_vectors has shape \(3, 3\); expected \(2, dim\)"),
        (np.ones(2, np.float32), r"book_vectors has shape \(2,\)"),
        (np.array([[1, 0], [0, 0]], np.float32), "all zeros or not finite"),
        (np.array([[1, 0], [np.nan, 1]], np.float32), "all zeros or not finite"),
        (np.array([[1, 0], [np.inf, 1]], np.float32), "all zeros or not finite"),
    ],
)
def test_rows_that_do_not_fit_are_refused(books: np.ndarray, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        make(books)


def test_links_are_checked_like_books() -> None:
    with pytest.raises(ShapeError, match="link_vectors"):
        make(np.ones((2, 3), np.float32), np.zeros((1, 3), np.float32))
