"""The first load of a large graph into the local Neo4j, by Neo4j's offline importer.

It writes the store's files directly, three times as fast as transactions, but only into an empty
database of a stopped server. The result equals, to the last property, that of
`bookgraph.graph.write.load.load_graph`, which every later load uses.
"""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bookgraph.core.errors import LocalServerError
from bookgraph.core.files import check_free_space
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.core.types import BookRow
from bookgraph.graph.schema import SCHEMA_VERSION
from bookgraph.graph.server.home import Neo4jHome
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Fence, Store
from bookgraph.graph.write.indexes import create_schema, refuse_foreign_data
from bookgraph.graph.write.load import (
    NUM_TITLES,
    GraphRows,
    LoadReport,
    book_checksum,
    mark_dataset,
    url_host,
)

logger = logging.getLogger(__name__)

MIN_EDGES = 150_000
"""From this size on the importer is faster, stop and start of the server included."""

# U+001F, the unit separator; cleaning folds it, so no value contains it.
_ARRAY_SEPARATOR = "\x1f"
_REPORT_EVERY_BOOKS = 2_000
_IMPORT_LEASE_S = 3600.0
_BYTES_PER_EDGE = 400
"""CSV files and store together, with a margin."""


def can_import(store: Store, rows: GraphRows) -> bool:
    """Whether a graph is large enough for the importer and the database is empty."""
    num_edges = sum(len(book.links) + len(book.external_links) for book in rows.books)
    return num_edges >= MIN_EDGES and is_empty(store)


def is_empty(store: Store) -> bool:
    """Whether the database has no nodes, but perhaps a lease."""
    return not store.read("MATCH (n) WHERE NOT n:Lease RETURN 1 AS one LIMIT 1")


def import_graph(
    server: LocalServer,
    store: Store,
    rows: GraphRows,
    *,
    on_progress: OnProgress = ignore_progress,
) -> LoadReport:
    """Load a graph into the empty database of the local Neo4j, which is stopped meanwhile.

    After an interruption, the database is empty again at the next start. Neo4j is still filling
    its indexes when this returns, see `create_schema`.

    Args:
        server: the local server.
        store: connected to that server; usable again afterwards.
        rows: the whole graph; not changed.
        on_progress: called at each stage.

    Raises:
        LocalServerError: the database is not empty, or the importer failed and left it empty.
        DiskFullError: there is not enough disk space; nothing was changed.
        StoreUnreachableError: the server does not answer afterwards.
    """
    start_s = time.monotonic()
    home = server.status().home
    _check_room(home, rows)
    with (
        Neo4jHome(home).import_folder() as folder,
        ThreadPoolExecutor(1, thread_name_prefix="check") as pool,
    ):
        # A server that has just started takes half a second for its first statements.
        checked = pool.submit(_refuse_filled, store)
        arguments = write_csv(rows, folder, on_progress=on_progress)
        if store.lease is not None:
            arguments += _write_lease(store.lease, folder)
        checked.result()
        server.import_database(arguments, on_progress=on_progress)
    on_progress(Progress("Building indexes", 0))
    create_schema(store)
    mark_dataset(store, rows.sources, is_complete=True, is_changed=True)
    elapsed_s = time.monotonic() - start_s
    logger.info("imported %d books in %.1f s", len(rows.books), elapsed_s)
    return LoadReport(
        num_added=len(rows.books),
        num_changed=0,
        num_unchanged=0,
        num_removed=0,
        elapsed_s=elapsed_s,
        added=tuple(book.title for book in rows.books[:NUM_TITLES]),
    )


def _refuse_filled(store: Store) -> None:
    refuse_foreign_data(store)
    if not is_empty(store):
        raise LocalServerError(
            f"The offline importer needs an empty database, and the one at {store.address} is not "
            "empty. Load into it with `bookgraph ingest`."
        )


def write_csv(
    rows: GraphRows, folder: Path, *, on_progress: OnProgress = ignore_progress
) -> list[str]:
    """Write a graph as the importer's files.

    Args:
        rows: the graph.
        folder: an empty folder.
        on_progress: called after each few thousand books.

    Returns:
        The importer's arguments for these files.
    """
    properties = _property_types(rows.books)
    _write(
        folder / "books.csv",
        ["title:ID(Book)", *(f"{name}:{kind}" for name, kind in properties.items())],
        (_book_values(book, properties) for book in _counted(rows.books, on_progress)),
    )
    _write(
        folder / "links.csv",
        ["name:ID(Link)", "title", "kind", "num_books:long", "redirects:string[]"],
        (
            (link.name, link.title, link.kind, link.num_books, _cell(list(link.redirects)))
            for link in rows.links
        ),
    )
    num_books: dict[str, int] = {}
    for book in rows.books:
        for url in book.external_links:
            num_books[url] = num_books.get(url, 0) + 1
    urls = ((url, url_host(url), num) for url, num in num_books.items())
    _write(folder / "urls.csv", ["url:ID(Url)", "host", "num_books:long"], urls)
    link_edges = (
        (book.title, count, name)
        for book in rows.books
        for name, count in sorted(book.links.items())
    )
    _write(folder / "links_to.csv", [":START_ID(Book)", "count:long", ":END_ID(Link)"], link_edges)
    url_edges = (
        (book.title, count, url)
        for book in rows.books
        for url, count in book.external_links.items()
    )
    _write(folder / "cites.csv", [":START_ID(Book)", "count:long", ":END_ID(Url)"], url_edges)
    # Imported with the rest, so that the graph counts as bookgraph's from the start.
    _write(
        folder / "dataset.csv",
        ["name", "is_complete:boolean", "schema_version:long"],
        [("bookgraph", "false", SCHEMA_VERSION)],
    )
    _write(folder / "refers_to.csv", [":START_ID(Link)", ":END_ID(Book)"], rows.refers_to)
    return [
        f"--nodes=Book={folder / 'books.csv'}",
        f"--nodes=Link={folder / 'links.csv'}",
        f"--nodes=ExternalLink={folder / 'urls.csv'}",
        f"--nodes=Dataset={folder / 'dataset.csv'}",
        f"--relationships=LINKS_TO={folder / 'links_to.csv'}",
        f"--relationships=CITES={folder / 'cites.csv'}",
        f"--relationships=REFERS_TO={folder / 'refers_to.csv'}",
        "--array-delimiter=U+001F",
        "--id-type=string",
        "--multiline-fields=true",
        f"--report-file={folder / 'report'}",
    ]


def _write_lease(lease: Fence, folder: Path) -> list[str]:
    """Write a lease as one of the importer's files: the import replaces the whole database."""
    properties = lease.properties()
    types = {str: "", int: ":long", float: ":double"}
    header = [f"{name}{types[type(value)]}" for name, value in properties.items()]
    # Nobody can renew it during the import. Those who wait are on this machine, as the server is,
    # and see by its process whether the holder is still there.
    until_ms = int((time.time() + _IMPORT_LEASE_S) * 1000)
    _write(folder / "lease.csv", [*header, "until:long"], [(*properties.values(), until_ms)])
    return [f"--nodes=Lease={folder / 'lease.csv'}"]


def _property_types(books: Iterable[BookRow]) -> dict[str, str]:
    """Every property that some book has, with the importer's name for its type."""
    types = {"num_links": "long", "checksum": "string"}
    for book in books:
        for name, value in book.properties.items():
            if value is not None and name not in types:
                types[name] = _type_name(value)
    return types


def _type_name(value: object) -> str:
    if isinstance(value, list):
        return "string[]"
    return "long" if isinstance(value, int) else "string"


def _book_values(book: BookRow, properties: Iterable[str]) -> list[object]:
    values = {
        **book.properties,
        "num_links": len(book.links),
        "checksum": book_checksum(book),
    }
    return [book.title, *(_cell(values.get(name)) for name in properties)]


def _cell(value: object) -> object:
    # An empty list is not stored, as in a transaction.
    return _ARRAY_SEPARATOR.join(map(str, value)) or None if isinstance(value, list) else value


def _counted(books: Sequence[BookRow], on_progress: OnProgress) -> Iterator[BookRow]:
    for row, book in enumerate(books, start=1):
        yield book
        if row % _REPORT_EVERY_BOOKS == 0 or row == len(books):
            on_progress(Progress("Writing books for the importer", row, len(books), "books"))


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    # The importer reads Python's default dialect, RFC 4180; None becomes an empty cell.
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _check_room(home: Path, rows: GraphRows) -> None:
    num_edges = sum(len(book.links) + len(book.external_links) for book in rows.books)
    num_texts = sum(len(str(book.properties.get("infobox", ""))) for book in rows.books)
    needed = num_edges * _BYTES_PER_EDGE + 4 * num_texts
    check_free_space(home, needed, purpose="The import")
