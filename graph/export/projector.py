"""Exports vectors with their metadata, for the TensorFlow Embedding Projector."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bookgraph.core.files import atomic_write
from bookgraph.core.progress import OnProgress, Progress
from bookgraph.graph.export.csv import guard
from bookgraph.graph.export.tables import ExportReport, read_vectors
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.graph.store import Store


def export_projector(
    store: Store, folder: Path, on_progress: OnProgress, *, is_guarded: bool
) -> ExportReport:
    """Write vectors and metadata of books and of links, and the projector's configuration.

    Guarded, no text in the metadata is a formula to a spreadsheet.

    Raises:
        DataMissingError: the graph has no embeddings.
    """
    tables = [(kind, read_vectors(store, kind)) for kind in (BOOK, LINK)]
    files: list[Path] = []
    config: list[dict[str, object]] = []
    for kind, rows in tables:
        name = f"{kind.word}s"
        vectors, metadata = folder / f"{name}.vectors.tsv", folder / f"{name}.metadata.tsv"
        with atomic_write(vectors) as file:
            for row in rows:
                # Nine digits restore every float32.
                file.write("\t".join(f"{np.float32(value):.9g}" for value in row.vector) + "\n")
        with atomic_write(metadata) as file:
            file.write("\t".join(kind.names("projector")) + "\n")
            for row in rows:
                cells = map(guard, row.metadata) if is_guarded else row.metadata
                file.write("\t".join(map(_one_line, cells)) + "\n")
        files += [vectors, metadata]
        config.append(
            {
                "tensorName": name,
                "tensorShape": [len(rows), len(rows[0].vector)],
                "tensorPath": vectors.name,
                "metadataPath": metadata.name,
            }
        )
        on_progress(Progress("Exporting", len(config), len(tables), "tables"))
    files += _write_config(folder, config)
    return ExportReport(tuple(files), len(tables[0][1]), len(tables[1][1]), 0)


def _write_config(folder: Path, config: list[dict[str, object]]) -> list[Path]:
    """Write the configuration twice: for the projector's own page, and for TensorBoard."""
    page, tensorboard = folder / "projector_config.json", folder / "projector_config.pbtxt"
    with atomic_write(page) as file:
        json.dump({"embeddings": config}, file, indent=2)
    with atomic_write(tensorboard) as file:
        for one in config:
            file.write(
                f'embeddings {{\n  tensor_name: "{one["tensorName"]}"\n'
                f'  tensor_path: "{one["tensorPath"]}"\n'
                f'  metadata_path: "{one["metadataPath"]}"\n}}\n'
            )
    return [page, tensorboard]


def _one_line(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())
