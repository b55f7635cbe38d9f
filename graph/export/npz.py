"""Exports one numpy archive: vectors, map positions and edges as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bookgraph.core.files import atomic_write
from bookgraph.core.progress import OnProgress, Progress
from bookgraph.graph.export.tables import ExportReport, read_edges, read_vectors
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.graph.store import Store


def export_npz(store: Store, folder: Path, on_progress: OnProgress) -> ExportReport:
    """Write `bookgraph.npz`.

    Raises:
        DataMissingError: the graph has no embeddings.
    """
    books, links = read_vectors(store, BOOK), read_vectors(store, LINK)
    book_rows = {one.key: row for row, one in enumerate(books)}
    link_rows = {one.key: row for row, one in enumerate(links)}
    edges = [
        (book_rows[book], link_rows[link], count)
        for book, link, count in read_edges(store)
        if book in book_rows and link in link_rows
    ]
    table = np.array(edges, dtype=np.int64).reshape(-1, 3)
    path = folder / "bookgraph.npz"
    with atomic_write(path, "wb") as file:
        np.savez_compressed(
            file,
            book_titles=np.array([one.key for one in books]),
            book_vectors=np.array([one.vector for one in books], dtype=np.float32),
            book_positions=np.array([one.position for one in books], dtype=np.float32),
            link_names=np.array([one.key for one in links]),
            link_vectors=np.array([one.vector for one in links], dtype=np.float32),
            link_positions=np.array([one.position for one in links], dtype=np.float32),
            pairs=table[:, :2],
            counts=table[:, 2],
        )
    on_progress(Progress("Exporting", 1, 1, "archives"))
    return ExportReport((path,), len(books), len(links), len(edges))
