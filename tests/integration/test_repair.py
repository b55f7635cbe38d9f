"""A damaged home of the local Neo4j: it heals by itself, or names the one command that does it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bookgraph.core.errors import DiskFullError, LocalServerError, StoreDamagedError
from bookgraph.core.settings import Settings
from bookgraph.graph.connection import connect
from bookgraph.graph.server import java
from bookgraph.graph.server.home import Neo4jHome
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.server.repair import repair_store, reset_password
from bookgraph.graph.store import Store

_WRITE = "UNWIND range(1, 5000) AS x CREATE (:Book {title: $text + toString(x)})"


def _count(store: Store) -> int:
    return int(store.read("MATCH (n) RETURN count(n) AS num")[0]["num"])


def _fill(settings: Settings, *titles: str) -> None:
    with connect(settings) as store:
        for title in titles:
            store.run("CREATE (:Book {title: $title})", title=title)


def _assert_nothing_runs_on(home: Neo4jHome) -> None:
    assert java.find_tools(home) == []
    assert not (home.folder / "conf-repair").exists()


def test_missing_transaction_logs_are_recovered_by_the_command_that_the_error_names(
    own_server: Any,
) -> None:
    settings, server = own_server.settings, own_server.server
    home = Neo4jHome(settings.neo4j_home.resolve())
    _fill(settings, "a", "b")
    assert not repair_store(server).kept_in, "a server that starts is left alone"
    server.stop()
    shutil.rmtree(home.folder / "data" / "transactions" / "neo4j")
    for _ in range(2):
        with pytest.raises(StoreDamagedError, match=r"`bookgraph neo4j repair`.*ransaction log"):
            server.start()
        assert not server.status().is_running
    report = repair_store(server)
    assert report.is_recovered
    assert report.kept_in is not None
    assert (report.kept_in / "databases" / "neostore").exists()
    with connect(settings) as store:
        assert _count(store) == 2
    assert home.import_state is None
    _assert_nothing_runs_on(home)


def test_a_store_that_cannot_be_recovered_is_kept_and_an_empty_one_starts(own_server: Any) -> None:
    settings, server = own_server.settings, own_server.server
    home = Neo4jHome(settings.neo4j_home.resolve())
    _fill(settings, "a")
    server.stop()
    damaged = home.folder / "data" / "databases" / "neo4j" / "neostore"
    damaged.write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreDamagedError, match="bookgraph neo4j repair"):
        server.start()
    report = repair_store(server)
    assert not report.is_recovered
    assert report.kept_in is not None
    assert (report.kept_in / "databases" / "neostore").read_bytes() == b"garbage" * 1000
    with connect(settings) as store:
        assert _count(store) == 0
        store.run("CREATE (:Book {title: 'b'})")
    server.stop()
    # With its database of users damaged too, Neo4j lives and never listens.
    (home.folder / "data" / "databases" / "system" / "neostore").write_bytes(b"x" * 9000)
    with pytest.raises(StoreDamagedError, match=r"bookgraph neo4j repair.*The graph stays"):
        server.start()
    report = repair_store(server)
    assert report.kept_in is not None
    with connect(settings) as store:
        assert _count(store) == 1
    _assert_nothing_runs_on(home)


def test_a_lost_password_is_reset_and_the_graph_and_other_users_stay(own_server: Any) -> None:
    settings, server = own_server.settings, own_server.server
    home = Neo4jHome(settings.neo4j_home.resolve())
    _fill(settings, "a")
    with connect(settings) as store:
        store.run("CREATE USER other SET PASSWORD 'a-long-password' CHANGE NOT REQUIRED")
    old = server.password
    home.password_file.unlink()
    with pytest.raises(LocalServerError, match="bookgraph neo4j reset-password"):
        connect(settings)
    reset_password(server)
    assert server.password != old
    with connect(settings) as store:
        assert _count(store) == 1
        users = [row["user"] for row in store.run("SHOW USERS YIELD user RETURN user")]
    assert sorted(users) == ["neo4j", "other"]
    # Another password in the file: the server refuses it, and the message names the command.
    home.replace_password("wrong-password")
    with pytest.raises(LocalServerError, match="bookgraph neo4j reset-password"):
        server.start()
    reset_password(server)
    with connect(settings) as store:
        assert _count(store) == 1
    for auth in (("neo4j", ""), ("neo4j", old)):
        with pytest.raises(Exception, match="refuses"):
            Store.open(server.status().bolt_uri, auth, database="neo4j", retry_limit_s=0)
    _assert_nothing_runs_on(home)


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A file system of 800 MB, unmounted afterwards."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=800m", "tmpfs", str(disk)]
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small file system")
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine mounts no tmpfs: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_after_a_full_disk_the_same_command_goes_on(small_disk: Path) -> None:
    settings = Settings(
        _env_file=None,
        home=small_disk / "home",
        bolt_port=0,
        http_port=0,
        heap_mb=512,
        neo4j_uri=None,
    )
    server = LocalServer(settings)
    try:
        with connect(settings) as store:
            store.run("CREATE (:Book {title: 'acknowledged'})")
            _fill_disk(small_disk, leave_bytes=3_000_000)
            with pytest.raises(DiskFullError) as caught:
                _write_on(store)
            assert f"mounted at {small_disk} and has" in str(caught.value)
            with pytest.raises(DiskFullError):
                store.read("RETURN 1")
        pid = server.status().pid
        assert pid is not None, "the process lives on without its database"
        # No room yet: the same message, with the space that is needed.
        with pytest.raises(DiskFullError, match=r"needs 200 MB, and \d+ MB are free"):
            connect(settings)
        (small_disk / "ballast").unlink()
        with connect(settings) as store:
            assert _count(store) % 5000 == 1
            store.run(_WRITE, text="y")
        assert server.status().pid != pid
    finally:
        server.stop()


def _write_on(store: Store) -> None:
    for _ in range(100):
        store.run(_WRITE, text="x" * 500)


def _fill_disk(disk: Path, *, leave_bytes: int) -> None:
    left = shutil.disk_usage(disk).free - leave_bytes
    with (disk / "ballast").open("wb") as file:
        while left > 0:
            left -= file.write(bytes(min(left, 2**20)))


def test_a_database_that_has_failed_is_restarted(
    own_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can mount a small disk: the process lives, and its database does not."""
    settings, server = own_server.settings, own_server.server
    _fill(settings, "a")
    data = settings.neo4j_home / "data"
    server.stop()
    (data / "transactions" / "neo4j").rename(data / "logs-elsewhere")
    monkeypatch.setattr(LocalServer, "_end", lambda *_, **__: None)
    with pytest.raises(StoreDamagedError):
        server.start()
    monkeypatch.undo()
    dead = server.status().pid
    assert dead is not None
    shutil.rmtree(data / "transactions" / "neo4j", ignore_errors=True)
    (data / "logs-elsewhere").rename(data / "transactions" / "neo4j")
    with connect(settings) as store:
        assert _count(store) == 1
    assert server.status().pid not in {None, dead}
