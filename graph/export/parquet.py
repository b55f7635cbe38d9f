"""Writes the graph as three Parquet tables, vectors and both maps among the columns.

Needs pyarrow, which is an optional extra: it is larger than everything else that an export needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, LiteralString

from bookgraph.core.errors import UsageError
from bookgraph.core.files import atomic_write
from bookgraph.core.progress import OnProgress, Progress
from bookgraph.graph.export.tables import ExportReport
from bookgraph.graph.store import Store

# Column, its type in Arrow, and the expression that reads it.
_Columns = tuple[tuple[str, str, LiteralString], ...]

_BOOKS: _Columns = (
    ("title", "string", "n.title"),
    ("author", "string", "n.author"),
    ("genre", "string", "n.genre"),
    ("country", "string", "n.country"),
    ("language", "string", "n.language"),
    ("publisher", "string", "n.publisher"),
    ("authors", "list<string>", "n.authors"),
    ("genres", "list<string>", "n.genres"),
    ("countries", "list<string>", "n.countries"),
    ("languages", "list<string>", "n.languages"),
    ("publishers", "list<string>", "n.publishers"),
    ("year", "int32", "n.year"),
    ("pages", "int32", "n.pages"),
    ("num_links", "int32", "n.num_links"),
    ("x", "float", "n.x"),
    ("y", "float", "n.y"),
    ("umap_x", "float", "n.umap_x"),
    ("umap_y", "float", "n.umap_y"),
    ("embedding", "list<float>", "CASE n.embedding_version WHEN version THEN n.embedding END"),
)
_LINKS: _Columns = (
    ("name", "string", "n.name"),
    ("title", "string", "n.title"),
    ("kind", "string", "n.kind"),
    ("num_books", "int32", "n.num_books"),
    ("x", "float", "n.x"),
    ("y", "float", "n.y"),
    ("umap_x", "float", "n.umap_x"),
    ("umap_y", "float", "n.umap_y"),
    ("embedding", "list<float>", "CASE n.embedding_version WHEN version THEN n.embedding END"),
)
_EDGES: _Columns = (
    ("book", "string", "n.title"),
    ("link", "string", "l.name"),
    ("count", "int32", "r.count"),
)
_VERSION: LiteralString = "OPTIONAL MATCH (m:EmbeddingModel {is_current: true}) "
_TABLES: tuple[tuple[str, _Columns, LiteralString, LiteralString], ...] = (
    (
        "books.parquet",
        _BOOKS,
        _VERSION + "WITH m.version AS version MATCH (n:Book)",
        "ORDER BY n.title",
    ),
    (
        "links.parquet",
        _LINKS,
        _VERSION + "WITH m.version AS version MATCH (n:Link)",
        "ORDER BY n.name",
    ),
    (
        "edges.parquet",
        _EDGES,
        "MATCH (n:Book)-[r:LINKS_TO]->(l:Link)",
        "ORDER BY n.title, l.name",
    ),
)


def export_parquet(store: Store, folder: Path, on_progress: OnProgress) -> ExportReport:
    """Write `books.parquet`, `links.parquet` and `edges.parquet`.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # optional
        from pyarrow import parquet  # noqa: PLC0415  # the same
    except ImportError as error:
        raise UsageError(
            "The format 'parquet' was asked for and pyarrow is not installed. Install it with "
            "`pip install 'bookgraph[exports]'`, or use csv or npz."
        ) from error
    types = {
        "string": pa.string(),
        "int32": pa.int32(),
        "float": pa.float32(),
        "list<string>": pa.list_(pa.string()),
        "list<float>": pa.list_(pa.float32()),
    }
    counts: list[int] = []
    for i, (name, columns, match, order) in enumerate(_TABLES):
        values = _read_columns(store, columns, match, order)
        schema = pa.schema([(column, types[kind]) for column, kind, _ in columns])
        with atomic_write(folder / name, "wb") as file:
            parquet.write_table(pa.table(values, schema=schema), file, compression="zstd")
        counts.append(len(values[columns[0][0]]))
        on_progress(Progress("Exporting", i + 1, len(_TABLES), "tables"))
    return ExportReport(tuple(folder / name for name, *_ in _TABLES), *counts)


def _read_columns(
    store: Store, columns: _Columns, match: LiteralString, order: LiteralString
) -> dict[str, list[Any]]:
    expressions: LiteralString = ", ".join(expression for _, _, expression in columns)
    rows = store.read_all(match + " RETURN " + expressions + " " + order)
    by_column = list(zip(*rows, strict=True)) or [() for _ in columns]
    return {name: list(one) for (name, _, _), one in zip(columns, by_column, strict=True)}
