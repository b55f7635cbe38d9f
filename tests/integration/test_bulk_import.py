"""The offline importer against the transactions: one graph, whichever way it came."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bookgraph.core.errors import DiskFullError, LocalServerError
from bookgraph.core.processes import is_running, wait_until
from bookgraph.core.progress import Progress
from bookgraph.core.settings import Settings
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph.connection import connect
from bookgraph.graph.query.titles import nearest_titles
from bookgraph.graph.server import java
from bookgraph.graph.server import local as server_module
from bookgraph.graph.server.home import Neo4jHome
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Store
from bookgraph.graph.write import bulk
from bookgraph.graph.write.bulk import can_import, import_graph, is_empty, write_csv
from bookgraph.graph.write.indexes import await_indexes
from bookgraph.graph.write.load import GraphRows, load_graph
from bookgraph.ingest import CleaningOptions, ingest_files

ROOT = Path(__file__).resolve().parents[2]

_ODD = ['a "quoted" title', "comma, semicolon; pipe|", "back\\slash\\", "'", "戦争と平和", "x,"]


def _rows(num_books: int = 300) -> GraphRows:
    names = [f"link {n}" for n in range(40)] + [title.lower() for title in _ODD]
    links = dict.fromkeys(names, 0)
    books = []
    for n, title in enumerate([*_ODD, *(f"Book {n}" for n in range(num_books))]):
        mine = dict.fromkeys(names[n % 7 :: 5], 1 + n % 3)
        for name in mine:
            links[name] += 1
        books.append(
            BookRow(
                title,
                {
                    "author": title if n % 2 else None,
                    "authors": [title, "B"] if n % 2 else None,
                    "year": -750 if n == 0 else 1900 + n,
                    "pages": None,
                    "redirects": _ODD if n % 3 else None,
                    "infobox": json.dumps({"note": f'{title}\n"x"', "n": ""}),
                    "edited_at": "2018-09-01T00:00:00Z",
                },
                mine,
                {f'http://x.org/?q="{n % 5}",a b': 2, "mailto:a@b": 1},
            )
        )
    rows = [
        LinkRow(name, name.title(), "article", num, tuple(sorted(_ODD)[: num % 3]))
        for name, num in links.items()
        if num
    ]
    refers = [(title.lower(), title) for title in _ODD if links[title.lower()]]
    return GraphRows(books, rows, refers, ["planted"])


def _read(store: Store) -> dict[str, list[str]]:
    statements = {
        "nodes": "MATCH (n) WHERE NOT n:Dataset RETURN labels(n), properties(n)",
        "dataset": "MATCH (n:Dataset) RETURN n.name, n.sources, n.is_complete",
        "edges": "MATCH (a)-[e]->(b) RETURN coalesce(a.title, a.name), type(e), properties(e), "
        "coalesce(b.name, b.url, b.title)",
        "schema": "SHOW INDEXES YIELD name, state RETURN name, state",
    }
    return {
        name: sorted(json.dumps(row, sort_keys=True) for row in store.read_all(statement))
        for name, statement in statements.items()
    }


def test_the_importer_gives_what_transactions_give(own_server: Any) -> None:
    rows = _rows()
    with connect(own_server.settings) as store:
        seen: list[Progress] = []
        report = import_graph(own_server.server, store, rows, on_progress=seen.append)
        assert (report.num_added, report.num_removed) == (len(rows.books), 0)
        assert "Importing into the empty store" in {item.stage for item in seen}
        # What needs an index that is still being filled waits for it.
        assert nearest_titles(store, "Book 150", num=1) == ("Book 150",)
        await_indexes(store)
        imported = _read(store)
        # A load of the same rows finds nothing to write ...
        again = load_graph(store, rows)
        assert again.num_unchanged == len(rows.books)
        assert _read(store) == imported
        # ... and one into an emptied database makes the same graph.
        store.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS")
        load_graph(store, rows)
        assert _read(store) == imported
        with pytest.raises(LocalServerError, match="needs an empty database"):
            import_graph(own_server.server, store, rows)
        assert _read(store) == imported
    assert not list(own_server.settings.neo4j_home.glob("import-*"))


def test_a_failed_import_leaves_an_empty_database_that_can_be_used(
    own_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = _rows(20)

    def write_broken(rows: GraphRows, folder: Path, **options: Any) -> list[str]:
        arguments = write_csv(rows, folder, **options)
        with (folder / "links_to.csv").open("a") as file:
            file.write("no such book,1,no such link\n")
        return arguments

    with connect(own_server.settings) as store:
        with monkeypatch.context() as patch:
            patch.setattr(bulk, "write_csv", write_broken)
            with pytest.raises(LocalServerError, match="neo4j-admin database import failed"):
                import_graph(own_server.server, store, rows)
        assert store.read("MATCH (n) RETURN count(n) AS num") == [{"num": 0}]
        assert load_graph(store, rows).num_added == len(rows.books)


_SCRIPT = """
import sys
from pathlib import Path
from bookgraph.core.settings import Settings
from bookgraph.graph.write.bulk import import_graph
from bookgraph.graph.connection import connect
from bookgraph.graph.server.local import LocalServer
sys.path.insert(0, sys.argv[2])
from test_bulk_import import _rows

settings = Settings(_env_file=None, home=Path(sys.argv[1]), bolt_port=0, http_port=0, heap_mb=512,
                    neo4j_uri=None)
with connect(settings) as store:
    import_graph(LocalServer(settings), store, _rows(20_000),
                 on_progress=lambda progress: print(progress.stage, flush=True))
"""


def _start_import(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(home), str(Path(__file__).parent)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _wait_until_importing(process: subprocess.Popen[str], home: Neo4jHome) -> None:
    for line in process.stdout:
        if line.startswith("Importing"):
            break
    # The importer's JVM is writing once the database has files of some size.
    assert wait_until(
        lambda: home.import_state == "importing" and home.store_bytes("neo4j") > 100_000,
        timeout_s=60,
        pause_s=0.01,
    )


def _assert_usable_and_empty(settings: Settings) -> None:
    with connect(settings) as store:
        assert store.read("MATCH (n) RETURN count(n) AS num") == [{"num": 0}]
        assert not list(settings.neo4j_home.glob("import-*"))
        rows = _rows(20)
        assert load_graph(store, rows).num_added == len(rows.books)


@pytest.mark.parametrize("whom", ["the command", "its group", "the importer"])
def test_kill_9_in_the_middle_of_an_import_leaves_an_empty_database(
    own_server: Any, whom: str
) -> None:
    home = Neo4jHome(own_server.settings.neo4j_home.resolve())
    process = _start_import(own_server.settings.home)
    _wait_until_importing(process, home)
    # The mark is there a moment before the importer is.
    assert wait_until(lambda: bool(java.find_tools(home)), timeout_s=20)
    tools = java.find_tools(home)
    if whom == "the command":
        process.kill()
    elif whom == "its group":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        for pid in tools:
            os.kill(pid, signal.SIGKILL)
    process.wait(60)
    # Nothing writes on when the command is gone.
    assert wait_until(lambda: not any(map(is_running, tools)), timeout_s=2)
    assert process.returncode != 0
    if whom != "the importer":  # whose end the command survives, and tidies up after
        assert home.import_state == "importing"
    _assert_usable_and_empty(own_server.settings)
    assert home.import_state is None


def test_ctrl_c_ends_an_import_in_a_moment(own_server: Any) -> None:
    home = Neo4jHome(own_server.settings.neo4j_home.resolve())
    process = _start_import(own_server.settings.home)
    _wait_until_importing(process, home)
    start_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    # 2 s for a user; a busy machine of tests gets some more.
    assert time.monotonic() - start_s < 6
    assert java.find_tools(home) == []
    assert java.find_server(home.folder) is None, "nobody waits for a restart"
    _assert_usable_and_empty(own_server.settings)


def test_after_kills_at_random_moments_the_same_command_finishes(own_server: Any) -> None:
    chance = random.Random(18)
    settings = own_server.settings
    for _ in range(3):
        process = _start_import(settings.home)
        for line in process.stdout:
            if line.startswith(chance.choice(["Writing books", "Importing", "Starting Neo4j"])):
                break
        time.sleep(chance.uniform(0, 3))
        process.kill()
        process.communicate()
        with connect(settings) as store:
            if not is_empty(store):  # it was done, but for its last steps
                store.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS")
    process = _start_import(settings.home)
    process.communicate()
    assert process.returncode == 0
    with connect(settings) as store:
        (row,) = store.read("MATCH (b:Book) RETURN count(b) AS num")
        assert row["num"] == len(_rows(20_000).books)
    home = Neo4jHome(settings.neo4j_home.resolve())
    assert home.import_state is None
    assert not list(home.folder.glob("import-files-*"))
    assert java.find_tools(home) == []


def test_an_importer_that_outlived_its_parent_is_ended_by_the_next_start(
    own_server: Any, tmp_path: Path
) -> None:
    """As on a system that ends no child of a killed process."""
    server, settings = own_server.server, own_server.settings
    home = Neo4jHome(settings.neo4j_home.resolve())
    server.stop()
    server.write_arguments("admin", lambda _: None)
    home.mark_import("importing")
    files = tmp_path / "files"
    files.mkdir()
    stray = subprocess.Popen(
        [
            *java.admin_command(home),
            *(*server_module.IMPORT_COMMAND, *write_csv(_rows(20_000), files)),
        ],
        env=java.environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert wait_until(lambda: home.store_bytes("neo4j") > 100_000, timeout_s=60, pause_s=0.01)
    _assert_usable_and_empty(settings)
    assert stray.wait(1) != 0


def test_an_import_that_is_killed_before_its_first_start_is_whole(
    own_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Neo4jHome(own_server.settings.neo4j_home.resolve())
    rows = _rows(20)
    with connect(own_server.settings) as store, monkeypatch.context() as patch:
        patch.setattr(LocalServer, "_launch", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            import_graph(own_server.server, store, rows)
    assert home.import_state == "unproven"
    with connect(own_server.settings) as store:
        assert home.import_state is None
        assert load_graph(store, rows).num_unchanged == len(rows.books)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_nobody_starts_the_server_during_an_import(own_server: Any) -> None:
    rows = _rows(20)
    counts: list[int] = []

    def connect_beside() -> None:
        with connect(own_server.settings) as other:
            counts.append(other.read("MATCH (n:Book) RETURN count(n) AS num")[0]["num"])

    others: list[threading.Thread] = []

    def on_progress(progress: Progress) -> None:
        if progress.stage == "Importing into the empty store":
            others.append(threading.Thread(target=connect_beside))
            others[-1].start()

    with connect(own_server.settings) as store:
        import_graph(own_server.server, store, rows, on_progress=on_progress)
    others[0].join()
    assert counts == [len(rows.books)]


def test_too_little_room_changes_nothing(own_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(own_server.settings.home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000))
    with connect(own_server.settings) as store:
        with pytest.raises(DiskFullError, match=r"The import needs .* are free"):
            import_graph(own_server.server, store, _rows(20))
        assert store.read("MATCH (n) RETURN count(n) AS num") == [{"num": 0}]


def test_ingest_takes_the_importer_only_for_a_large_first_load(
    own_server: Any, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shared_data / "books_p15.ndjson"
    options = CleaningOptions()
    with connect(own_server.settings) as store:
        assert not can_import(store, _rows())
        monkeypatch.setattr(bulk, "MIN_EDGES", 10_000)
        stages: list[str] = []

        def ingest() -> tuple[int, int]:
            stages.clear()
            report = ingest_files(
                [path],
                store,
                options=options,
                server=own_server.server,
                on_progress=lambda progress: stages.append(progress.stage),
            )
            return report.loaded.num_added, report.loaded.num_unchanged

        arguments_file = own_server.server.status().home / "conf" / "java.args"
        assert "TieredStopAtLevel" in arguments_file.read_text("utf-8")
        # Neo4j's own files alone are as large as this graph, so that no real border parts them.
        monkeypatch.setattr(server_module, "_LARGE_STORE_BYTES", 1)
        assert ingest() == (1_411, 0)
        # What is large from now on is compiled in full.
        assert "TieredStopAtLevel" not in arguments_file.read_text("utf-8")
        assert "Importing into the empty store" in stages
        (row,) = store.read("MATCH ()-[e:LINKS_TO]->() RETURN count(e) AS n, sum(e.count) AS pairs")
        assert row == {"n": 10_968, "pairs": 13_252}
        assert ingest() == (0, 1_411)
        assert "Importing into the empty store" not in stages
