"""Exports three CSV tables: books, links, edges."""  # named after its format

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from bookgraph.core.files import atomic_write
from bookgraph.core.progress import OnProgress, Progress
from bookgraph.graph.export.tables import (
    EDGE_COLUMNS,
    ExportReport,
    read_edges,
    read_nodes,
)
from bookgraph.graph.export.texts import guard_formulas
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.graph.store import Store


def export_csv(
    store: Store, folder: Path, on_progress: OnProgress, *, is_guarded: bool
) -> ExportReport:
    """Write `books.csv`, `links.csv` and `edges.csv`; guarded, no text in them is a formula."""
    tables: tuple[tuple[str, Sequence[str], Iterator[tuple[Any, ...]]], ...] = (
        ("books.csv", BOOK.names("export"), read_nodes(store, BOOK)),
        ("links.csv", LINK.names("export"), read_nodes(store, LINK)),
        ("edges.csv", EDGE_COLUMNS, read_edges(store)),
    )
    counts = []
    for i, (name, columns, rows) in enumerate(tables):
        with atomic_write(folder / name) as file:
            writer = csv.writer(_LineFeeds(file))
            writer.writerow(columns)
            num_rows = 0
            for row in rows:
                writer.writerow(map(guard, row) if is_guarded else row)
                num_rows += 1
        counts.append(num_rows)
        on_progress(Progress("Exporting", i + 1, len(tables), "tables"))
    return ExportReport(tuple(folder / name for name, _, _ in tables), *counts)


class _LineFeeds:
    """A file whose rows end with a line feed.

    The writer quotes a text with a carriage return only if its own line end has one. A reader would
    begin a row at a carriage return without quotes.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, row: str) -> None:
        """Write a row, which ends with a carriage return and a line feed."""
        self._file.write(row.removesuffix("\r\n") + "\n")


def guard(value: object) -> object:
    """A cell that no spreadsheet takes for a formula. Numbers stay numbers."""
    return guard_formulas(value) if isinstance(value, str) else value
