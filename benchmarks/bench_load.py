"""Loading a graph of the published reference's scale into a real Neo4j, against the usual ways.

    bookgraph bench load

Loads of one generated graph (37,020 books, some 41,500 links, some 770,000 edges), each into the
empty store of a local server of its own with 1 GiB of heap:

- `bare import`: `neo4j-admin database import full` alone, on our CSV files, with Java's defaults;
- `first load, prepared`: writing those files, the server's stop, the import, the server's start,
  the constraints, with the caches of `bookgraph neo4j prepare`, which are made once before; the
  same until the last index is filled, which goes on in the background; and `not prepared`;
- `online, bookgraph`: what a running or remote server gets;
- `online, maps`: UNWIND of one map an edge with MERGE, 20,000 a transaction, as most guides do.

The last two are done on servers as `bookgraph neo4j start` starts them on an empty store, and on
servers that compile in full, as a remote one does; there twice, the store emptied between, so that
the second load meets a server that has run for a while.

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
from results import write_results

from bookgraph.core.settings import Settings
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph.connection import connect
from bookgraph.graph.prepare import make_aot_caches
from bookgraph.graph.server.local import IMPORT_COMMAND, LocalServer
from bookgraph.graph.store import Store
from bookgraph.graph.write.bulk import import_graph, write_csv
from bookgraph.graph.write.indexes import await_indexes, create_schema
from bookgraph.graph.write.load import GraphRows, load_graph

NUM_BOOKS, NUM_LINKS, NUM_EDGES = 37_020, 41_758, 772_798
_ROWS_PER_TRANSACTION = 20_000
_MAX_IMPORT_RATIO = 1.5
_MIN_ONLINE_RATIO = 2.5
_OURS, _MAPS, _NEO4J = "bookgraph", "maps", "Neo4j"
_BARE = "bare import"
_PREPARED, _NOT_PREPARED = "first load, prepared", "first load, not prepared"
_AS_STARTED = "online, as bookgraph starts it"
_JUST_STARTED = "online, compiling in full"
_SECOND_TIME = "online, a second time"

Times = dict[str, float]
Load = Callable[[Store, GraphRows], object]


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


def _import_bare(folder: Path, rows: GraphRows) -> Times:
    server = LocalServer(_new_server(folder, "bare"), is_fast_start=False, has_aot_cache=False)
    files = folder / "csv"
    files.mkdir()
    arguments = write_csv(rows, files)
    server.run_admin(("dbms", "set-initial-password", "benchmark-1"))
    return {_BARE: _seconds(lambda: server.run_admin((*IMPORT_COMMAND, *arguments)))}


def _load_first(folder: Path, rows: GraphRows, *, cache: Path | None) -> Times:
    settings = _new_server(folder, "first")
    if cache is not None:
        settings = settings.model_copy(update={"cache": cache})
    server = LocalServer(settings, has_aot_cache=cache is not None)
    with _running(server) as store:
        load_s = _seconds(lambda: import_graph(server, store, rows))
        fill_s = _seconds(lambda: await_indexes(store))
    name = _PREPARED if cache is not None else _NOT_PREPARED
    return {name: load_s, f"{name}, and its indexes": load_s + fill_s}


def _load_online(folder: Path, rows: GraphRows, *, load: Load) -> Times:
    # Without Java's cache, which a remote server has not.
    with _running(LocalServer(_new_server(folder, "online"), has_aot_cache=False)) as store:
        return {_AS_STARTED: _seconds(lambda: load(store, rows))}


def _load_online_twice(folder: Path, rows: GraphRows, *, load: Load) -> Times:
    server = LocalServer(_new_server(folder, "online"), is_fast_start=False, has_aot_cache=False)
    with _running(server) as store:
        times = {_JUST_STARTED: _seconds(lambda: load(store, rows))}
        _empty(store)
        return {**times, _SECOND_TIME: _seconds(lambda: load(store, rows))}


def _empty(store: Store) -> None:
    store.run("MATCH ()-[edge]->() CALL (edge) { DELETE edge } IN TRANSACTIONS OF 20000 ROWS")
    store.run("MATCH (node) CALL (node) { DELETE node } IN TRANSACTIONS OF 20000 ROWS")


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
    times: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as cache:
        _prepare(Path(cache))
        for who, way in _ways(Path(cache)) * arguments.repeats:
            with tempfile.TemporaryDirectory() as folder:
                for name, seconds in way(Path(folder), rows).items():
                    times.setdefault(name, {}).setdefault(who, []).append(seconds)
                    print(f"{name:>41}, {who:>9}: {seconds:6.1f} s", flush=True)
    best = {
        name: {who: min(all_s) for who, all_s in by_who.items()} for name, by_who in times.items()
    }
    bare_s = best.pop(_BARE)[_NEO4J]
    over_bare = {name: ours[_OURS] / bare_s for name, ours in best.items() if _MAPS not in ours}
    over_online = {name: both[_MAPS] / both[_OURS] for name, both in best.items() if _MAPS in both}
    for name, ratio in over_bare.items():
        print(f"{name}, over the bare import: {ratio:.2f} (target {_MAX_IMPORT_RATIO})")
    for name, ratio in over_online.items():
        print(f"{name}, maps over ours: {ratio:.2f} (target {_MIN_ONLINE_RATIO})")
    results = {
        "num_books": len(rows.books),
        "num_links": len(rows.links),
        "num_edges": num_edges,
        "times_s": times,
        "first_over_bare": over_bare,
        "maps_over_online": over_online,
    }
    print(f"written to {write_results('load', results, keep=arguments.keep)}")
    is_met = (
        over_bare[_PREPARED] <= _MAX_IMPORT_RATIO and over_online[_AS_STARTED] >= _MIN_ONLINE_RATIO
    )
    return 0 if is_met else 5


def _ways(cache: Path) -> list[tuple[str, Callable[[Path, GraphRows], Times]]]:
    """Who loads, and how: what each gives is compared under its name."""
    return [
        (_NEO4J, _import_bare),
        (_OURS, partial(_load_first, cache=cache)),
        (_OURS, partial(_load_first, cache=None)),
        (_OURS, partial(_load_online, load=load_graph)),
        (_MAPS, partial(_load_online, load=load_as_most_guides)),
        (_OURS, partial(_load_online_twice, load=load_graph)),
        (_MAPS, partial(_load_online_twice, load=load_as_most_guides)),
    ]


if __name__ == "__main__":
    sys.exit(main())
