"""A map with many books, for tests and benchmarks."""

from __future__ import annotations

import numpy as np

from bookgraph.graph.store import Store

_NUM_CLUSTERS = 60
_BATCH = 20_000


def load_crowd(store: Store, num_books: int) -> None:
    """Load books in clusters of uneven size, as t-SNE makes them, each cluster of one genre."""
    random = np.random.default_rng(0)
    centres = random.normal(scale=30, size=(_NUM_CLUSTERS, 2))
    sizes = random.dirichlet(np.full(_NUM_CLUSTERS, 2.0))
    group = random.choice(_NUM_CLUSTERS, size=num_books, p=sizes)
    places = centres[group] + random.normal(scale=3, size=(num_books, 2))
    rows = [
        {
            "title": f"Book {i}",
            "x": float(places[i, 0]),
            "y": float(places[i, 1]),
            "genre": f"Genre {group[i] % 20}",
            "author": f"Author {random.integers(9000)}",
            "year": int(1800 + random.integers(220)),
            "num_links": int(random.integers(4, 200)),
        }
        for i in range(num_books)
    ]
    for start in range(0, num_books, _BATCH):
        store.run(
            "UNWIND $rows AS row CREATE (n:Book) SET n = row", rows=rows[start : start + _BATCH]
        )
