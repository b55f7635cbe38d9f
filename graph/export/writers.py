"""Writes the graph, its vectors and its map into files that other programs open.

Formats: `csv` (three tables), `graphml` (NetworkX, Gephi, Cytoscape), `npz` (numpy), `parquet`
(notebooks, Apple's Embedding Atlas) and `projector` (the TensorFlow Embedding Projector). Each is
written beside its place and moved there when it is whole, so that a broken run leaves no half of a
file behind.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, LiteralString, get_args
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from bookgraph.core.choices import ExportFormat
from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.core.files import atomic_write
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.export.parquet import export_parquet
from bookgraph.graph.export.tables import (
    BOOK_COLUMNS,
    BOOK_FACTS,
    EDGE_COLUMNS,
    LINK_COLUMNS,
    LINK_FACTS,
    READ_BOOK_VECTORS,
    READ_BOOKS,
    READ_EDGES,
    READ_LINK_VECTORS,
    READ_LINKS,
    ExportReport,
    vector_rows,
)
from bookgraph.graph.store import Store

logger = logging.getLogger(__name__)

__all__ = ["BOOK_COLUMNS", "LINK_COLUMNS", "ExportFormat", "ExportReport", "export_graph"]


_GRAPHML_TYPES = {
    "year": "int",
    "pages": "int",
    "num_links": "int",
    "num_books": "int",
    "count": "int",
    "x": "double",
    "y": "double",
}


def export_graph(
    store: Store,
    folder: Path,
    file_format: ExportFormat,
    *,
    on_progress: OnProgress = ignore_progress,
) -> ExportReport:
    """Write the graph into a folder, which is made where it is missing.

    Args:
        store: a loaded graph; `npz` and `projector` also need a trained model.
        folder: files of earlier exports in it are replaced.
        file_format: `csv`, `graphml`, `npz` or `projector`.
        on_progress: told after each file.

    Raises:
        DataMissingError: there are no books, or no vectors where the format needs them.
        UsageError: the format is unknown or the folder cannot be written.
    """
    if file_format not in get_args(ExportFormat):
        known = ", ".join(get_args(ExportFormat))
        raise UsageError(f"The format {file_format!r} is unknown; use one of {known}.")
    writers: dict[str, Callable[[Store, Path, OnProgress], ExportReport]] = {
        "csv": _export_csv,
        "graphml": _export_graphml,
        "npz": _export_npz,
        "parquet": export_parquet,
        "projector": _export_projector,
    }
    if not store.read("MATCH (n:Book) RETURN 1 AS found LIMIT 1"):
        raise DataMissingError(
            f"The graph at {store.address} holds no books, so there is nothing to export. "
            "Run `bookgraph ingest`."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        report = writers[file_format](store, folder, on_progress)
    except OSError as error:
        raise UsageError(f"The export cannot be written to {folder}: {error}.") from error
    logger.info("exported %s", report)
    return report


def _export_csv(store: Store, folder: Path, on_progress: OnProgress) -> ExportReport:
    tables: tuple[tuple[str, Sequence[str], LiteralString], ...] = (
        ("books.csv", BOOK_COLUMNS, READ_BOOKS),
        ("links.csv", LINK_COLUMNS, READ_LINKS),
        ("edges.csv", EDGE_COLUMNS, READ_EDGES),
    )
    counts = []
    for i, (name, columns, statement) in enumerate(tables):
        with atomic_write(folder / name) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            counts.append(_write_rows(writer.writerow, store.read_all(statement)))
        on_progress(Progress("Exporting", i + 1, len(tables), "tables"))
    return ExportReport(tuple(folder / name for name, _, _ in tables), *counts)


def _export_graphml(store: Store, folder: Path, on_progress: OnProgress) -> ExportReport:
    path = folder / "bookgraph.graphml"
    with atomic_write(path) as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        node_names = dict.fromkeys(("label", "type", *BOOK_COLUMNS, *LINK_COLUMNS))
        for name in node_names:
            kind = _GRAPHML_TYPES.get(name, "string")
            file.write(f'<key id="{name}" for="node" attr.name="{name}" attr.type="{kind}"/>\n')
        file.write('<key id="count" for="edge" attr.name="count" attr.type="int"/>\n')
        file.write('<graph edgedefault="directed">\n')

        def write_book(row: Sequence[Any]) -> None:
            facts = dict(zip(BOOK_COLUMNS, row, strict=True))
            _write_node(file, f"b:{row[0]}", {"label": row[0], "type": "Book", **facts})

        def write_link(row: Sequence[Any]) -> None:
            facts = dict(zip(LINK_COLUMNS, row, strict=True))
            _write_node(file, f"l:{row[0]}", {"label": row[1], "type": "Link", **facts})

        def write_edge(row: Sequence[Any]) -> None:
            source, target = (
                _xml_text(f"{kind}:{key}") for kind, key in zip("bl", row, strict=False)
            )
            ends = f"source={quoteattr(source)} target={quoteattr(target)}"
            file.write(f'<edge {ends}><data key="count">{row[2]}</data></edge>\n')

        num_books = _write_rows(write_book, store.read_all(READ_BOOKS))
        num_links = _write_rows(write_link, store.read_all(READ_LINKS))
        num_edges = _write_rows(write_edge, store.read_all(READ_EDGES))
        file.write("</graph>\n</graphml>\n")
    on_progress(Progress("Exporting", 1, 1, "graphs"))
    return ExportReport((path,), num_books, num_links, num_edges)


def _export_npz(store: Store, folder: Path, on_progress: OnProgress) -> ExportReport:
    books = vector_rows(store, READ_BOOK_VECTORS)
    links = list(store.read_all(READ_LINK_VECTORS))
    book_rows = {row[1]: i for i, row in enumerate(books)}
    link_rows = {row[1]: i for i, row in enumerate(links)}
    edges = [
        (book_rows[book], link_rows[link], count)
        for book, link, count in store.read_all(READ_EDGES)
        if book in book_rows and link in link_rows
    ]
    table = np.array(edges, dtype=np.int64).reshape(-1, 3)
    path = folder / "bookgraph.npz"
    with atomic_write(path, "wb") as file:
        np.savez_compressed(
            file,
            book_titles=np.array([row[1] for row in books]),
            book_vectors=np.array([row[0] for row in books], dtype=np.float32),
            book_positions=np.array([row[-2:] for row in books], dtype=np.float32),
            link_names=np.array([row[1] for row in links]),
            link_vectors=np.array([row[0] for row in links], dtype=np.float32),
            link_positions=np.array([row[-2:] for row in links], dtype=np.float32),
            pairs=table[:, :2],
            counts=table[:, 2],
        )
    on_progress(Progress("Exporting", 1, 1, "archives"))
    return ExportReport((path,), len(books), len(links), len(edges))


def _export_projector(store: Store, folder: Path, on_progress: OnProgress) -> ExportReport:
    tables = (
        ("books", BOOK_FACTS, vector_rows(store, READ_BOOK_VECTORS)),
        ("links", LINK_FACTS, list(store.read_all(READ_LINK_VECTORS))),
    )
    files: list[Path] = []
    config: list[dict[str, object]] = []
    for name, columns, rows in tables:
        vectors, facts = folder / f"{name}.vectors.tsv", folder / f"{name}.metadata.tsv"
        with atomic_write(vectors) as file:
            for row in rows:
                # Nine digits bring back every float32.
                file.write("\t".join(f"{np.float32(value):.9g}" for value in row[0]) + "\n")
        with atomic_write(facts) as file:
            file.write("\t".join(columns) + "\n")
            for row in rows:
                file.write("\t".join(map(_one_line, row[1 : 1 + len(columns)])) + "\n")
        files += [vectors, facts]
        config.append(
            {
                "tensorName": name,
                "tensorShape": [len(rows), len(rows[0][0]) if rows else 0],
                "tensorPath": vectors.name,
                "metadataPath": facts.name,
            }
        )
        on_progress(Progress("Exporting", len(config), len(tables), "tables"))
    # The projector as a page of its own reads the one, as a part of TensorBoard the other.
    with atomic_write(folder / "projector_config.json") as file:
        json.dump({"embeddings": config}, file, indent=2)
    with atomic_write(folder / "projector_config.pbtxt") as file:
        for one in config:
            file.write(
                f'embeddings {{\n  tensor_name: "{one["tensorName"]}"\n'
                f'  tensor_path: "{one["tensorPath"]}"\n'
                f'  metadata_path: "{one["metadataPath"]}"\n}}\n'
            )
    files += [folder / "projector_config.json", folder / "projector_config.pbtxt"]
    return ExportReport(tuple(files), len(tables[0][2]), len(tables[1][2]), 0)


def _write_rows(write: Callable[[Sequence[Any]], object], rows: Iterator[tuple[Any, ...]]) -> int:
    count = 0
    for row in rows:
        write(row)
        count += 1
    return count


def _write_node(file: IO[Any], node_id: str, facts: dict[str, Any]) -> None:
    known = "".join(
        f'<data key="{name}">{escape(_xml_text(value))}</data>'
        for name, value in facts.items()
        if value is not None
    )
    file.write(f"<node id={quoteattr(_xml_text(node_id))}>{known}</node>\n")


def _xml_text(value: object) -> str:
    """XML 1.0 has no control characters, not even escaped; titles of real dumps have some."""
    return "".join(one for one in str(value) if one >= " " or one in "\t\n\r")


def _one_line(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())
