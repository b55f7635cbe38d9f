"""From files of book records to a clean graph in Neo4j. Owns the parsers of dumps and wikitext."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookgraph.ingest.clean.graph import CleanGraph, clean_books
    from bookgraph.ingest.clean.options import CleaningOptions, default_too_common, read_too_common
    from bookgraph.ingest.pipeline import IngestReport, ingest_files
    from bookgraph.ingest.read.records import iter_records
    from bookgraph.ingest.report import BadRecord

__all__ = [
    "BadRecord",
    "CleanGraph",
    "CleaningOptions",
    "IngestReport",
    "clean_books",
    "default_too_common",
    "ingest_files",
    "iter_records",
    "read_too_common",
]

# Each process that reads a part of a dump imports this package but never loads a graph: importing
# the driver and pandas would cost each of them half a second.
_MODULES = {
    "BadRecord": "report",
    "CleanGraph": "clean.graph",
    "CleaningOptions": "clean.options",
    "IngestReport": "pipeline",
    "clean_books": "clean.graph",
    "default_too_common": "clean.options",
    "ingest_files": "pipeline",
    "iter_records": "read.records",
    "read_too_common": "clean.options",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
