"""How much a link says about a book that mentions it: the one formula behind every fold-in.

Both who edits the graph and who has a trained model at hand give new books a vector by it. Pure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TINY = np.finfo(np.float32).tiny


def weigh_links(
    vectors: NDArray[np.floating[Any]], popularity: NDArray[np.number[Any]]
) -> NDArray[np.float64]:
    """Each link's direction over the root of its popularity, as in LightGCN (He et al. 2020).

    Args:
        vectors: (num_links, dim), of any length; a vector of zeros says nothing.
        popularity: (num_links,), how often each link is mentioned; below 1 counts as 1.

    Returns:
        (num_links, dim); their sum over a book's links is the book's direction.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = vectors / np.maximum(lengths, _TINY)
    weighed: NDArray[np.float64] = directions / np.sqrt(np.maximum(popularity, 1))[:, None]
    return weighed
