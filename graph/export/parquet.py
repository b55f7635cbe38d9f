"""Exports three Parquet tables, with vectors and both maps among their columns.

It needs pyarrow, an optional extra, because pyarrow is larger than all other exports' needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, LiteralString

from bookgraph.core.errors import UsageError
from bookgraph.core.files import atomic_write
from bookgraph.core.progress import OnProgress, Progress
from bookgraph.graph.export.tables import ExportReport
from bookgraph.graph.schema import BOOK, LINK, NodeKind, ValueType
from bookgraph.graph.store import Store
from bookgraph.graph.vectors.models import CURRENT_MODEL

_Columns = list[tuple[str, ValueType, LiteralString]]
"""Column, its type, and the expression that reads it."""

# The table's columns are grouped by type, in this order.
_TYPES: tuple[ValueType, ...] = ("string", "strings", "int", "float", "floats")

_EDGES: _Columns = [
    ("book", "string", "n.title"),
    ("link", "string", "l.name"),
    ("count", "int", "r.count"),
]


def export_parquet(store: Store, folder: Path, on_progress: OnProgress) -> ExportReport:
    """Write `books.parquet`, `links.parquet` and `edges.parquet`.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # optional
        from pyarrow import parquet  # noqa: PLC0415  # optional
    except ImportError as error:
        raise UsageError(
            "The format 'parquet' needs pyarrow, which is not installed. Install it with "
            "`pip install 'bookgraph[exports]'`, or use --format csv or --format npz."
        ) from error
    types = dict(
        zip(
            _TYPES,
            (
                pa.string(),
                pa.list_(pa.string()),
                pa.int32(),
                pa.float32(),
                pa.list_(pa.float32()),
            ),
            strict=True,
        )
    )
    tables: tuple[tuple[str, _Columns, LiteralString], ...] = (
        ("books.parquet", node_columns(BOOK), _match_nodes(BOOK)),
        ("links.parquet", node_columns(LINK), _match_nodes(LINK)),
        ("edges.parquet", _EDGES, "MATCH (n:Book)-[r:LINKS_TO]->(l:Link)"),
    )
    counts: list[int] = []
    for i, (name, columns, match) in enumerate(tables):
        values = _read_columns(store, columns, match)
        schema = pa.schema([(column, types[kind]) for column, kind, _ in columns])
        with atomic_write(folder / name, "wb") as file:
            parquet.write_table(pa.table(values, schema=schema), file, compression="zstd")
        counts.append(len(values[columns[0][0]]))
        on_progress(Progress("Exporting", i + 1, len(tables), "tables"))
    return ExportReport(tuple(folder / name for name, *_ in tables), *counts)


_VECTOR: LiteralString = (
    "CASE version WHEN n.embedding_version THEN n.embedding "
    "WHEN n.embedding_2_version THEN n.embedding_2 END"
)


def node_columns(kind: NodeKind) -> _Columns:
    """The columns of a kind's table, the vector last."""
    known: dict[LiteralString, ValueType] = {}
    known.update(kind.stored("export"))
    known.update(kind.stored("parquet"))
    columns: _Columns = []
    for name, value_type in known.items():
        expression: LiteralString = "n." + name
        columns.append((name, value_type, expression))
    columns.append(
        (
            "embedding",
            "floats",
            _VECTOR,
        )
    )
    return sorted(columns, key=lambda column: _TYPES.index(column[1]))


def _match_nodes(kind: NodeKind) -> LiteralString:
    return "WITH " + CURRENT_MODEL + ".version AS version MATCH (n:" + kind.label + ")"


def _read_columns(store: Store, columns: _Columns, match: LiteralString) -> dict[str, list[Any]]:
    expressions: list[LiteralString] = [expression for _, _, expression in columns]
    # The first column of each table is its key; edges are ordered by the second one too.
    order = ", ".join(expressions[: 2 if columns is _EDGES else 1])
    rows = store.read_all(match + " RETURN " + ", ".join(expressions) + " ORDER BY " + order)
    by_column = list(zip(*rows, strict=True)) or [() for _ in columns]
    return {name: list(one) for (name, _, _), one in zip(columns, by_column, strict=True)}
