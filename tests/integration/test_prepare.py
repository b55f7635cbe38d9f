"""Java's caches are made by real training runs, and used by a real server and importer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookgraph.core.errors import DiskFullError, LocalServerError
from bookgraph.core.settings import Settings, load_settings
from bookgraph.graph import prepare
from bookgraph.graph.connection import connect
from bookgraph.graph.prepare import make_aot_caches
from bookgraph.graph.server.java import find_aot_cache
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.write.bulk import import_graph

# Java then ends with an error where the cache cannot be used, instead of going on without.
_MUST_USE = ("-XX:AOTMode=on",)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings whose cache folder has the jars and both caches."""
    settings = own_settings(tmp_path_factory.mktemp("prepared"))
    notes: list[str] = []
    files = make_aot_caches(settings, on_progress=lambda progress: notes.append(progress.note))
    assert [file.suffix for file in files] == [".aot", ".aot"]
    assert all(file.stat().st_size > 10_000_000 for file in files)
    assert {"importing a small graph", "making the server's cache"} <= {*notes}
    yield settings
    # pytest keeps the folders of its last runs, and these are large.
    shutil.rmtree(settings.cache)


def own_settings(folder: Path) -> Settings:
    cache = folder / "cache"
    cache.mkdir()
    (cache / "jars").symlink_to(load_settings().cache / "jars", target_is_directory=True)
    return Settings(
        _env_file=None, home=folder / "home", cache=cache, bolt_port=0, http_port=0, neo4j_uri=None
    )


def test_nothing_else_is_left_behind(prepared: Settings) -> None:
    files = {find_aot_cache(prepared.cache, program) for program in ("server", "admin")}
    assert set((prepared.cache / "aot").glob("*")) - files <= {
        prepared.cache / "aot" / "training.lock"
    }
    assert not prepared.home.exists()


def test_a_server_and_the_importer_run_from_their_caches(prepared: Settings) -> None:
    server = LocalServer(prepared, java_options=_MUST_USE)
    server.start()
    try:
        with connect(prepared) as store:
            import_graph(server, store, prepare.training_rows())
            (row,) = store.read("MATCH (:Book)-[e:LINKS_TO]->(:Link) RETURN count(e) AS num")
            assert row["num"] == 40_000
    finally:
        server.stop()


@pytest.mark.parametrize("damage", [b"", b"no cache", None])
def test_a_damaged_cache_does_no_harm(
    prepared: Settings, tmp_path: Path, damage: bytes | None
) -> None:
    settings = own_settings(tmp_path)
    for program in ("server", "admin"):
        good = find_aot_cache(prepared.cache, program).read_bytes()
        bad = find_aot_cache(settings.cache, program)
        bad.parent.mkdir(exist_ok=True)
        bad.write_bytes(good[: len(good) // 2] if damage is None else damage)
    server = LocalServer(settings)
    assert server.start().is_running
    server.stop()
    shutil.rmtree(settings.cache)


def test_a_failed_run_keeps_the_earlier_cache(
    prepared: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LocalServerError("no")

    before = {file: file.stat() for file in (prepared.cache / "aot").glob("*.aot")}
    # A killed run's folder is cleared away, too.
    (prepared.cache / "aot" / "training").mkdir()
    monkeypatch.setattr(prepare, "_train_importer", fail)
    with pytest.raises(LocalServerError):
        make_aot_caches(prepared)
    assert {file: file.stat() for file in (prepared.cache / "aot").glob("*.aot")} == before
    assert not (prepared.cache / "aot" / "training").exists()


def test_too_little_disk_space_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "_ROOM_BYTES", 10**18)
    with pytest.raises(DiskFullError, match=r"needs 1,000,000,000.0 GB.* BOOKGRAPH_CACHE"):
        make_aot_caches(own_settings(tmp_path))


def test_a_cache_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    settings = own_settings(tmp_path)
    (settings.cache / "aot").write_text("in the way")
    with pytest.raises(LocalServerError, match=r"Cannot write to .*aot.*BOOKGRAPH_CACHE"):
        make_aot_caches(settings)
