"""Exports three CSV tables: books, links, edges."""  # named after its format

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bookgraph.core.files import atomic_write
from bookgraph.core.progress import OnProgress, Progress
from bookgraph.graph.export.tables import (
    EDGE_COLUMNS,
    ExportReport,
    read_edges,
    read_nodes,
)
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.graph.store import Store


def export_csv(store: Store, folder: Path, on_progress: OnProgress) -> ExportReport:
    """Write `books.csv`, `links.csv` and `edges.csv`."""
    tables: tuple[tuple[str, Sequence[str], Iterator[tuple[Any, ...]]], ...] = (
        ("books.csv", BOOK.names("export"), read_nodes(store, BOOK)),
        ("links.csv", LINK.names("export"), read_nodes(store, LINK)),
        ("edges.csv", EDGE_COLUMNS, read_edges(store)),
    )
    counts = []
    for i, (name, columns, rows) in enumerate(tables):
        with atomic_write(folder / name) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            num_rows = 0
            for row in rows:
                writer.writerow(row)
                num_rows += 1
        counts.append(num_rows)
        on_progress(Progress("Exporting", i + 1, len(tables), "tables"))
    return ExportReport(tuple(folder / name for name, _, _ in tables), *counts)
