"""Makes Java's ahead-of-time caches, with which later runs of the local Neo4j start faster."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bookgraph.core.errors import LocalServerError
from bookgraph.core.files import check_free_space
from bookgraph.core.locks import process_lock
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.core.settings import Settings
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph.connection import connect
from bookgraph.graph.server.home import Neo4jHome
from bookgraph.graph.server.java import Program, create_aot_cache, find_aot_cache
from bookgraph.graph.server.local import IMPORT_COMMAND, LocalServer
from bookgraph.graph.write.bulk import write_csv
from bookgraph.graph.write.indexes import await_indexes, create_schema
from bookgraph.graph.write.load import GraphRows, load_graph

_STAGE = "Preparing Java"
_ROOM_BYTES = 1_000_000_000
# Java writes its record when it ends, which takes longer than an ordinary stop.
_STOP_TIMEOUT_S = 300.0
_NUM_BOOKS, _NUM_LINKS, _LINKS_PER_BOOK = 2_000, 500, 20


def make_aot_caches(
    settings: Settings, *, on_progress: OnProgress = ignore_progress
) -> tuple[Path, ...]:
    """Make both caches, by training runs on a temporary server with a small graph.

    Args:
        settings: `cache` and `heap_mb` are used; the user's server and graph are not touched.
        on_progress: receives the steps.

    Returns:
        The files. Each replaces an earlier one at once, and servers that use that keep running.

    Raises:
        DownloadError: a jar cannot be downloaded.
        DiskFullError: the disk has no space for them.
        LocalServerError: the cache folder cannot be written, or Java cannot make them.
    """
    cache = settings.cache.absolute()
    trainings: dict[Program, Callable[[Settings, Path, OnProgress], None]] = {
        "admin": _train_importer,
        "server": _train_server,
    }
    targets = {program: find_aot_cache(cache, program) for program in trainings}
    folder = targets["server"].parent
    with _scratch_folder(folder, on_progress) as home:
        own = settings.model_copy(
            update={"home": home, "bolt_port": 0, "http_port": 0, "neo4j_uri": None}
        )
        # A killed run may have left a server and files.
        LocalServer(own).stop(on_progress=on_progress)
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        check_free_space(
            folder, _ROOM_BYTES, purpose="Making Java's caches", setting="BOOKGRAPH_CACHE"
        )
        for making_step, (program, train) in zip((2, 5), trainings.items(), strict=True):
            record, made = (home / f"{program}.{kind}" for kind in ("record", "aot"))
            train(own, record, on_progress)
            on_progress(_at_step(making_step, f"making the {program}'s cache"))
            create_aot_cache(Neo4jHome(own.neo4j_home), record=record, target=made)
            made.replace(targets[program])
    return tuple(targets.values())


@contextmanager
def _scratch_folder(folder: Path, on_progress: OnProgress) -> Iterator[Path]:
    """A folder for the training runs of one process at a time, deleted afterwards."""
    home = folder / "training"
    with process_lock(
        folder / "training.lock",
        work="preparing Java",
        on_progress=on_progress,
        setting="BOOKGRAPH_CACHE",
        error_type=LocalServerError,
    ):
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _train_importer(own: Settings, record: Path, on_progress: OnProgress) -> None:
    on_progress(_at_step(1, "importing a small graph"))
    server = LocalServer(
        own, is_fast_start=False, has_aot_cache=False, java_options=_recording(record)
    )
    files = own.home / "csv"
    files.mkdir()
    arguments = write_csv(training_rows(), files)
    server.run_admin((*IMPORT_COMMAND, *arguments))


def _train_server(own: Settings, record: Path, on_progress: OnProgress) -> None:
    server = LocalServer(
        own, is_fast_start=True, has_aot_cache=False, java_options=_recording(record)
    )
    try:
        server.start(on_progress=on_progress)
        on_progress(_at_step(3, "loading a small graph"))
        with connect(own) as store:
            # On the imported graph, so that indexes are filled at once, as after a first load.
            create_schema(store)
            await_indexes(store)
            load_graph(store, training_rows(count=2))
    finally:
        on_progress(_at_step(4, "recording what the server used"))
        server.stop(timeout_s=_STOP_TIMEOUT_S)


def _at_step(step: int, note: str) -> Progress:
    return Progress(_STAGE, step, 5, "steps", note)


def _recording(record: Path) -> tuple[str, ...]:
    return ("-XX:AOTMode=record", f"-XX:AOTConfiguration={record}")


def training_rows(*, count: int = 1) -> GraphRows:
    """A graph large enough for Java to see which methods a load uses often."""
    books = [
        BookRow(
            f"Book {row}",
            {"author": f"Author {row % 100}", "genres": ["Novel", "Satire"], "year": 1900},
            {
                f"link {(row * 7 + place * 13) % _NUM_LINKS}": count
                for place in range(_LINKS_PER_BOOK)
            },
        )
        for row in range(_NUM_BOOKS)
    ]
    num_books = _NUM_BOOKS * _LINKS_PER_BOOK // _NUM_LINKS
    links = [
        LinkRow(f"link {row}", f"Link {row}", "article", num_books) for row in range(_NUM_LINKS)
    ]
    return GraphRows(books, links, (), ["training"])
