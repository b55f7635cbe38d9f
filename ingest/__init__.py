"""From files of book records to a clean graph in Neo4j. Owns the parsers of dumps and wikitext."""

from ingest.cleaning import CleanGraph, CleaningOptions, clean_books, read_too_common
from ingest.ndjson import BadRecord
from ingest.pipeline import IngestReport, ingest_files
from ingest.records import iter_records

__all__ = [
    "BadRecord",
    "CleanGraph",
    "CleaningOptions",
    "IngestReport",
    "clean_books",
    "ingest_files",
    "iter_records",
    "read_too_common",
]
