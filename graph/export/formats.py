"""Exports the graph, its vectors and its map into files for other programs.

Each file is written beside its place and moved there when it is complete, so an interrupted export
leaves no partial file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import get_args

from bookgraph.core.choices import ExportFormat
from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.graph.export.csv import export_csv
from bookgraph.graph.export.graphml import export_graphml
from bookgraph.graph.export.npz import export_npz
from bookgraph.graph.export.parquet import export_parquet
from bookgraph.graph.export.projector import export_projector
from bookgraph.graph.export.tables import ExportReport
from bookgraph.graph.store import Store

logger = logging.getLogger(__name__)

_Writer = Callable[[Store, Path, OnProgress], ExportReport]


def export_graph(
    store: Store,
    folder: Path,
    file_format: ExportFormat,
    *,
    guard_formulas: bool = True,
    on_progress: OnProgress = ignore_progress,
) -> ExportReport:
    """Write the graph into a folder, which is created if necessary.

    Args:
        store: a loaded graph; `npz` and `projector` also need a trained model.
        folder: files of earlier exports in it are replaced.
        file_format: one of `ExportFormat`.
        guard_formulas: in `csv` and `projector`, put an apostrophe before texts that a spreadsheet
            would run as formulas. `graph.export.texts.unguard_formulas` removes it again.
        on_progress: called after each table.

    Raises:
        DataMissingError: there are no books, or no vectors where the format needs them.
        UsageError: the format does not exist, or the folder cannot be written.
    """
    if file_format not in get_args(ExportFormat):
        known = ", ".join(get_args(ExportFormat))
        raise UsageError(f"--format: {file_format!r} does not exist; use one of {known}.")
    if not store.read("MATCH (n:Book) RETURN 1 AS found LIMIT 1"):
        raise DataMissingError(
            f"The graph at {store.address} has no books to export. Run `bookgraph ingest`."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        report = _writers(is_guarded=guard_formulas)[file_format](store, folder, on_progress)
    except OSError as error:
        raise UsageError(
            f"The export cannot be written to {folder}. Choose a folder that you may write to."
        ) from error
    logger.info("exported %s", report)
    return report


def _writers(*, is_guarded: bool) -> Mapping[ExportFormat, _Writer]:
    return {
        "csv": partial(export_csv, is_guarded=is_guarded),
        "graphml": export_graphml,
        "npz": export_npz,
        "parquet": export_parquet,
        "projector": partial(export_projector, is_guarded=is_guarded),
    }
