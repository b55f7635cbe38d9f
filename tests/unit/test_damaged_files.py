"""Each file that bookgraph writes: missing, empty, garbage, or a folder in its place.

It heals by itself, or the message names the file and what to do. Nothing here starts Neo4j.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bookgraph.api import BackgroundServer
from bookgraph.core.errors import BookgraphError, DataMissingError
from bookgraph.core.files import atomic_write
from bookgraph.core.locks import process_lock
from bookgraph.core.settings import Settings
from bookgraph.embed.embeddings import load_embeddings, write_arrays
from bookgraph.graph.server.home import Neo4jHome
from bookgraph.graph.server.local import LocalServer
from bookgraph.ingest.fetch.archive import PageArchive
from bookgraph.ingest.read.spool import Spool

_CONTENTS = {
    "missing": None,
    "empty": b"",
    "zeros": bytes(100),
    "garbage": b"\xff\x00{",
    "other JSON": b"[1]",
}
damaged = pytest.mark.parametrize("content", _CONTENTS.values(), ids=_CONTENTS.keys())


def _damage(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def server(tmp_path: Path) -> LocalServer:
    settings = Settings(
        _env_file=None, home=tmp_path, bolt_port=0, http_port=0, heap_mb=512, neo4j_uri=None
    )
    (settings.neo4j_home / "data" / "databases" / "system").mkdir(parents=True)
    Neo4jHome(settings.neo4j_home).replace_password("secret")
    return LocalServer(settings)


@pytest.mark.parametrize(
    "name",
    [
        "server.json",
        "start.lock",
        "import-is-half-done",
        "conf/neo4j.conf",
        "conf/java.args",
        "logs/console.log",
        "logs/neo4j.log",
    ],
)
def test_a_folder_in_the_place_of_a_file_of_neo4j_is_named_before_a_start(
    server: LocalServer, name: str
) -> None:
    path = server.status().home / name
    path.mkdir(parents=True)
    with pytest.raises(BookgraphError, match=f"A folder is in the place of the file {path}. Move"):
        server.start()
    assert not server.status().is_running


@damaged
def test_a_damaged_state_file_counts_as_a_stopped_server(
    server: LocalServer, content: bytes | None
) -> None:
    _damage(server.status().home / "server.json", content)
    assert not server.status().is_running
    assert server.stop() is False


@damaged
def test_a_damaged_state_of_the_api_server_counts_as_none(
    tmp_path: Path, content: bytes | None
) -> None:
    background = BackgroundServer(tmp_path)
    _damage(tmp_path / "serve.json", content)
    assert background.url is None
    assert background.stop() is False
    assert not (tmp_path / "serve.json").exists()


def test_a_folder_in_the_place_of_the_state_of_the_api_server_is_named(tmp_path: Path) -> None:
    (tmp_path / "serve.json").mkdir()
    background = BackgroundServer(tmp_path)
    assert background.url is None
    with pytest.raises(BookgraphError, match=f"the file {tmp_path / 'serve.json'}. Move it away"):
        background.stop()


@damaged
def test_a_damaged_lock_file_is_a_lock(tmp_path: Path, content: bytes | None) -> None:
    _damage(tmp_path / "lock", content)
    with (
        process_lock(tmp_path / "lock", work="testing", on_progress=None),
        pytest.raises(BookgraphError, match="Another bookgraph process is testing"),
        process_lock(tmp_path / "lock", work="testing", on_progress=None),
    ):
        pytest.fail("two hold one lock")


@damaged
def test_a_damaged_model_names_the_command_that_makes_it(
    tmp_path: Path, content: bytes | None
) -> None:
    _damage(tmp_path / "model.npz", content)
    with pytest.raises(DataMissingError, match="bookgraph train"):
        load_embeddings(tmp_path / "model.npz")
    write_arrays({"a": np.zeros(1)}, tmp_path / "model.npz")  # and the command replaces it
    with pytest.raises(DataMissingError, match="bookgraph train"):
        load_embeddings(tmp_path / "model.npz")


@pytest.mark.parametrize("name", ["state.json", "records.ndjson"])
@damaged
def test_a_damaged_spool_is_read_again(tmp_path: Path, name: str, content: bytes | None) -> None:
    with Spool(tmp_path / "spool", source=tmp_path / "dump") as spool:
        spool.append(records=b'{"title": "A"}\n' * 100, redirects=b"", skipped=b"")
        spool.state.num_segments = 1
        spool.save()
        files = {path.name for path in spool.folder.iterdir()}
    assert name in files, files
    _damage(tmp_path / "spool" / name, content)
    with Spool(tmp_path / "spool", source=tmp_path / "dump") as spool:
        assert spool.state.num_segments == 0
        assert spool.state.records_bytes == 0


@damaged
def test_a_damaged_archive_of_pages_is_fetched_again(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "pages.xml.bz2"
    for name in ("pages.xml.bz2", "pages.xml.bz2.json"):
        with PageArchive(path) as archive:
            archive.append(b"x" * 10_000, {1: 2})
        _damage(tmp_path / name, content)
        if name == path.name and content:
            continue  # of the length of a few bytes only
        with PageArchive(path) as archive:
            assert archive.is_empty
            assert archive.pages == {}
        archive.remove()


def test_a_kill_leaves_no_draft_for_long(tmp_path: Path) -> None:
    draft = tmp_path / f".other.npz.{2**22 + 5}-1.part"
    draft.write_bytes(b"half")
    with atomic_write(tmp_path / "serve.json") as file:
        json.dump({}, file)
    assert [path.name for path in tmp_path.iterdir()] == ["serve.json"]
