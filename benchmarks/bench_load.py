"""Loading a graph of the published reference's scale into a real Neo4j, against the usual ways.

    python benchmarks/bench_load.py

Four loads of one generated graph (37,020 books, some 41,500 links, some 770,000 edges), each into
an empty database of a local server with 1 GiB of heap:

- `bare import`: `neo4j-admin database import full` alone, on our CSV files;
- `bookgraph, first load`: writing those files, the import, the start of the server, the indexes;
- `bookgraph, online`: what a running or remote server gets;
- `UNWIND of maps with MERGE`: one map an edge, 20,000 a transaction, as most guides have it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.progress import Progress
from core.settings import Settings
from core.types import BookRow, LinkRow
from graph.bulk import import_graph, write_csv
from graph.connection import connect
from graph.load import GraphRows, load_graph
from graph.schema import create_schema
from graph.server import LocalServer
from graph.store import Store

NUM_BOOKS, NUM_LINKS, NUM_EDGES = 37_020, 41_758, 772_798
_ROWS_PER_TRANSACTION = 20_000
_MAX_IMPORT_RATIO = 1.5
_MIN_ONLINE_RATIO = 2.5


def make_rows(seed: int = 0) -> GraphRows:
    """Draw a graph whose links are as unevenly popular as Wikipedia's."""
    random = np.random.default_rng(seed)
    weights = 1 / (np.arange(NUM_LINKS) + 10.0) ** 0.9
    weights /= weights.sum()
    shares = random.lognormal(2.8, 0.7, NUM_BOOKS)
    sizes = np.maximum(1, shares / shares.sum() * NUM_EDGES * 0.98).astype(int)
    num_books = np.zeros(NUM_LINKS, dtype=int)
    books = []
    for row, size in enumerate(sizes.tolist()):
        links = np.unique(random.choice(NUM_LINKS, size=size + 1, p=weights))
        num_books[links] += 1
        books.append(
            BookRow(
                f"Book {row}",
                {
                    "author": f"Author {row % 9_000}",
                    "authors": [f"Author {row % 9_000}"],
                    "genre": "Novel",
                    "genres": ["Novel", "Satire"],
                    "year": 1_900 + row % 100,
                    "pages": row % 700 + 1,
                    "infobox": '{"author": "Author", "genre": "Novel, Satire"}',
                    "edited_at": "2018-09-01T00:00:00Z",
                },
                {f"link {link}": 1 for link in links.tolist()},
            )
        )
    names = [
        LinkRow(f"link {row}", f"Link {row}", "article", num)
        for row, num in enumerate(num_books.tolist())
        if num
    ]
    return GraphRows(books, names, (), ["generated"])


def load_as_most_guides(store: Store, rows: GraphRows) -> None:
    """One map an edge, all merged."""
    create_schema(store)
    edges = [
        {"book": book.title, "link": name, "count": count, "properties": book.properties}
        for book in rows.books
        for name, count in book.links.items()
    ]
    for start in range(0, len(edges), _ROWS_PER_TRANSACTION):
        store.run(
            "UNWIND $rows AS row MERGE (b:Book {title: row.book}) SET b += row.properties "
            "MERGE (l:Link {name: row.link}) MERGE (b)-[e:LINKS_TO]->(l) SET e.count = row.count",
            rows=edges[start : start + _ROWS_PER_TRANSACTION],
        )


def _wipe(store: Store) -> None:
    # Edges first: the most popular links have more of them than one transaction holds.
    store.run("MATCH ()-[e]->() CALL (e) { DELETE e } IN TRANSACTIONS OF 50000 ROWS")
    store.run("MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 50000 ROWS")


def _timed(name: str, work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    work()
    elapsed_s = time.perf_counter() - start_s
    print(f"{name:>28}: {elapsed_s:6.1f} s", flush=True)
    return elapsed_s


def _new_server(folder: Path, name: str) -> Settings:
    return Settings(
        _env_file=None, home=folder / name, bolt_port=0, http_port=0, heap_mb=1024, neo4j_uri=None
    )  # type: ignore[call-arg]  # pydantic-settings reads this one itself


def _import_bare(folder: Path, rows: GraphRows) -> float:
    settings = _new_server(folder, "bare")
    server = LocalServer(settings, is_fast_start=False)
    files = folder / "csv"
    files.mkdir()
    arguments = write_csv(rows, files)
    server.run_admin(("dbms", "set-initial-password", "benchmark-1"))
    command = ("database", "import", "full", "neo4j", "--overwrite-destination", *arguments)
    return _timed("bare import", lambda: server.run_admin(command))


def main() -> int:
    """Run all four; exits with 5 when a target is missed."""
    rows = make_rows()
    num_edges = sum(len(book.links) for book in rows.books)
    print(f"{len(rows.books):,} books, {len(rows.links):,} links, {num_edges:,} edges")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bare_s = _import_bare(folder, rows)
        settings = _new_server(folder, "ours")
        server = LocalServer(settings, is_fast_start=False)
        server.start()
        try:
            with connect(settings) as store:
                marks: dict[str, float] = {}

                def note(progress: Progress) -> None:
                    marks.setdefault(progress.stage, time.perf_counter())

                start_s = time.perf_counter()
                first_s = _timed(
                    "bookgraph, first load",
                    lambda: import_graph(server, store, rows, on_progress=note),
                )
                stages = [*marks.items(), ("", start_s + first_s)]
                for (name, begin_s), (_, end_s) in pairwise(stages):
                    print(f"{name:>40}: {end_s - begin_s:5.1f} s")
                _wipe(store)
                online_s = _timed("bookgraph, online", lambda: load_graph(store, rows))
                _wipe(store)
                guide_s = _timed(
                    "UNWIND of maps with MERGE", lambda: load_as_most_guides(store, rows)
                )
        finally:
            server.stop()
    print(f"first load over bare import: {first_s / bare_s:.2f} (target {_MAX_IMPORT_RATIO})")
    print(f"maps with MERGE over online: {guide_s / online_s:.2f} (target {_MIN_ONLINE_RATIO})")
    is_met = first_s / bare_s <= _MAX_IMPORT_RATIO and guide_s / online_s >= _MIN_ONLINE_RATIO
    return 0 if is_met else 5


if __name__ == "__main__":
    sys.exit(main())
