"""Loading a graph of the published reference's scale into a real Neo4j, against the usual ways.

    bookgraph bench load

Loads of one generated graph (37,020 books, some 41,500 links, some 770,000 edges), each into the
empty store of a local server of its own with 1 GiB of heap:

- `bare import`: `neo4j-admin database import full` alone, on our CSV files, with Java's defaults;
- `bookgraph, first load`: writing those files, the server's stop, the import, the server's start,
  the indexes, with the caches of `bookgraph neo4j prepare`, which are made once before; and the
  same without them;
- `bookgraph, online`: what a running or remote server gets;
- `UNWIND of maps with MERGE`: one map an edge, 20,000 a transaction, as most guides have it.

Each is done `--repeats` times, in turn, and the best counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.results import write_results
from core.settings import Settings
from core.types import BookRow, LinkRow
from graph.bulk import import_graph, write_csv
from graph.connection import connect
from graph.load import GraphRows, load_graph
from graph.prepare import make_aot_caches
from graph.schema import create_schema
from graph.server import IMPORT_COMMAND, LocalServer
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


def _new_server(folder: Path, name: str) -> Settings:
    return Settings(
        _env_file=None, home=folder / name, bolt_port=0, http_port=0, heap_mb=1024, neo4j_uri=None
    )  # type: ignore[call-arg]  # pydantic-settings reads this one itself


def _prepare(cache: Path) -> None:
    """Make a cache folder with the jars of the usual one and with new caches of Java's."""
    jars = Settings(_env_file=None).cache / "jars"  # type: ignore[call-arg]  # the same
    (cache / "jars").symlink_to(jars, target_is_directory=True)
    settings = _new_server(cache, "unused").model_copy(update={"cache": cache})
    print(
        f"bookgraph neo4j prepare: {_seconds(lambda: make_aot_caches(settings)):.1f} s", flush=True
    )


def _import_bare(folder: Path, rows: GraphRows) -> float:
    server = LocalServer(_new_server(folder, "bare"), is_fast_start=False, has_aot_cache=False)
    files = folder / "csv"
    files.mkdir()
    arguments = write_csv(rows, files)
    server.run_admin(("dbms", "set-initial-password", "benchmark-1"))
    return _seconds(lambda: server.run_admin((*IMPORT_COMMAND, *arguments)))


def _load_first(folder: Path, rows: GraphRows, *, cache: Path | None) -> float:
    settings = _new_server(folder, "first")
    if cache is not None:
        settings = settings.model_copy(update={"cache": cache})
    server = LocalServer(settings, has_aot_cache=cache is not None)
    with _running(server) as store:
        return _seconds(lambda: import_graph(server, store, rows))


def _load_online(
    folder: Path, rows: GraphRows, *, load: Callable[[Store, GraphRows], object]
) -> float:
    # A server that was started for a long load compiles fully, and a remote one does.
    server = LocalServer(_new_server(folder, "online"), is_fast_start=False, has_aot_cache=False)
    with _running(server) as store:
        return _seconds(lambda: load(store, rows))


@contextmanager
def _running(server: LocalServer) -> Iterator[Store]:
    server.start()
    try:
        with connect(server.settings) as store:
            yield store
    finally:
        server.stop()


def _seconds(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def main() -> int:
    """Run all; exits with 5 when a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=2, help="of which the best counts (2)")
    parser.add_argument("--keep", action="store_true", help="keep the result in the repository")
    arguments = parser.parse_args()
    rows = make_rows()
    num_edges = sum(len(book.links) for book in rows.books)
    print(f"{len(rows.books):,} books, {len(rows.links):,} links, {num_edges:,} edges", flush=True)
    with tempfile.TemporaryDirectory() as cache:
        _prepare(Path(cache))
        ways: dict[str, Callable[[Path, GraphRows], float]] = {
            "bare import": _import_bare,
            "bookgraph, first load": partial(_load_first, cache=Path(cache)),
            "the same, not prepared": partial(_load_first, cache=None),
            "bookgraph, online": partial(_load_online, load=load_graph),
            "UNWIND of maps with MERGE": partial(_load_online, load=load_as_most_guides),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for name, way in list(ways.items()) * arguments.repeats:
            with tempfile.TemporaryDirectory() as folder:
                times[name].append(way(Path(folder), rows))
            print(f"{name:>26}: {times[name][-1]:6.1f} s", flush=True)
    seconds = {name: min(all_s) for name, all_s in times.items()}
    first = seconds["bookgraph, first load"] / seconds["bare import"]
    unprepared = seconds["the same, not prepared"] / seconds["bare import"]
    online = seconds["UNWIND of maps with MERGE"] / seconds["bookgraph, online"]
    print(
        f"first load over bare import: {first:.2f} (target {_MAX_IMPORT_RATIO}); "
        f"not prepared {unprepared:.2f}"
    )
    print(f"maps with MERGE over online: {online:.2f} (target {_MIN_ONLINE_RATIO})")
    results = {
        "num_books": len(rows.books),
        "num_links": len(rows.links),
        "num_edges": num_edges,
        "times_s": times,
        "first_over_bare": first,
        "first_over_bare_not_prepared": unprepared,
        "guide_over_online": online,
    }
    print(f"written to {write_results('load', results, keep=arguments.keep)}")
    return 0 if first <= _MAX_IMPORT_RATIO and online >= _MIN_ONLINE_RATIO else 5


if __name__ == "__main__":
    sys.exit(main())
